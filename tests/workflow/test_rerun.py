"""What Snakemake makes again after an edit: exactly what depends on it, and nothing else is written.

Every edit of the tables in docs/explanation/re-running.md is made in a copy of a finished run. With XINC_EXHAUSTIVE=1,
as in continuous integration, each is then run, and all other results keep their times; otherwise three are, and a few
are dry runs. What each job depends on is compared for every edit, without Snakemake, in tests/experiment/test_plan.py.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.tiers import EXHAUSTIVE, exhaustive
from tests.helpers.workflow.edits import EDITS
from tests.helpers.workflow.everything import EDITS_OF_EVERYTHING, EVERYTHING, SETTINGS, brought_about
from tests.helpers.workflow.files import FILES
from tests.helpers.workflow.runs import Workspace
from tests.helpers.workflow.sources import SOURCES

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

#: Edits that are always run, and those that are always asked about: of the configuration, of files, of the library.
RUN = {"a setting of a figure", "a result deleted", "how one analysis computes"}
ASKED = {
    "a setting of training",
    "the order of all keys",
    "every file touched, as a fresh checkout does",
    "a docstring",
}


def tried(names: Iterable[str]) -> list[Any]:
    """Names of edits, of which most are for continuous integration."""
    return [pytest.param(name, marks=[] if name in RUN | ASKED else exhaustive) for name in names]


def made_again(space: Workspace, name: str) -> set[str]:
    """The jobs that an edit brings about."""
    return space.remake() if EXHAUSTIVE or name in RUN else space.pending()


def test_the_edits_that_are_always_run_exist() -> None:
    assert {*EDITS, *FILES, *SOURCES} >= RUN | ASKED


@pytest.mark.parametrize("name", tried(EDITS))
def test_an_edit_of_the_configuration(before_edits: Workspace, tmp_path: Path, name: str) -> None:
    values, expected = EDITS[name]
    workspace = before_edits.copy(tmp_path / "space")
    workspace.configure(values)
    assert made_again(workspace, name) == expected


@exhaustive
@pytest.mark.parametrize("name", EDITS_OF_EVERYTHING)
def test_an_edit_of_an_analysis(complete: Workspace, tmp_path: Path, name: str) -> None:
    values, expected = EDITS_OF_EVERYTHING[name]
    assert complete.pending(values, tmp_path / "config.yaml") == expected


@exhaustive
@pytest.mark.parametrize("drawn", [True, False], ids=["drawing", "computing"])
def test_the_edits_of_all_analyses(complete_workspace: Workspace, drawn: bool) -> None:
    """One run for all of them: every file has one job that may write it."""
    values = copy.deepcopy(EVERYTHING)
    expected: set[str] = set()
    for analysis, edits in SETTINGS.items():
        for name, value in edits[1:] if drawn else edits[:1]:
            values["analyses"][analysis][name] = value
            expected |= brought_about(analysis, drawn)
    if not drawn:
        for section in ("regions", "flow"):
            edited, jobs = EDITS_OF_EVERYTHING[section]
            values[section] = edited[section]
            expected |= jobs
    complete_workspace.configure(values)
    assert complete_workspace.remake() == expected


@pytest.mark.parametrize("name", tried(FILES))
def test_a_change_of_files(before_changes: Workspace, tmp_path: Path, name: str) -> None:
    workspace = before_changes.copy(tmp_path / "space")
    space = FILES[name].apply(workspace) or workspace
    assert made_again(space, name) == FILES[name].jobs


@pytest.mark.parametrize("name", tried(SOURCES))
def test_an_edit_of_the_library(before_edits: Workspace, tmp_path: Path, name: str) -> None:
    workspace = before_edits.copy(tmp_path / "space")
    SOURCES[name].apply(workspace)
    assert made_again(workspace, name) == SOURCES[name].jobs


@exhaustive
def test_what_was_made_again_is_not_made_once_more(before_edits: Workspace, tmp_path: Path) -> None:
    workspace = before_edits.copy(tmp_path / "space")
    values, expected = EDITS["a setting of one model's canvas"]
    workspace.configure(values)
    assert workspace.remake() == expected
    assert workspace.remake() == set()
