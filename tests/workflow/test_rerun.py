"""What Snakemake makes again after an edit: exactly what depends on it, and nothing else is written.

Every edit of the tables in docs/explanation/re-running.md is made in a copy of a finished run. With XINC_EXHAUSTIVE=1,
as in continuous integration, it is then run, and all other results keep their times; otherwise that is done for a few,
and the others are dry runs. The edits of single analyses' settings are dry runs each, and then run together.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tests.helpers.workflow.edits import EDITS, config
from tests.helpers.workflow.everything import EDITS_OF_EVERYTHING, EVERYTHING, SETTINGS, brought_about
from tests.helpers.workflow.files import FILES, siren
from tests.helpers.workflow.runs import EXHAUSTIVE, Workspace
from tests.helpers.workflow.sources import SOURCES
from tests.helpers.workflow.tables import PAGE, render, tests_exist

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

#: Edits that are always run, one or two of each kind.
ALWAYS = {
    "a figure", "a model", "a layer less", "a result deleted", "a frame added to a video",
    "every file touched, as a fresh checkout does", "how one figure is drawn", "a docstring",
}  # fmt: skip

exhaustive = pytest.mark.skipif(not EXHAUSTIVE, reason="nine minutes on two cores: set XINC_EXHAUSTIVE=1")


def made_again(space: Workspace, name: str) -> set[str]:
    """The jobs that an edit brings about."""
    return space.remake() if EXHAUSTIVE or name in ALWAYS else space.pending()


def test_the_edits_that_are_always_run_exist() -> None:
    assert {*EDITS, *FILES, *SOURCES} >= ALWAYS


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_the_configuration(workspace: Workspace, name: str) -> None:
    values, expected = EDITS[name]
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


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_files(workspace: Workspace, name: str) -> None:
    workspace.configure(siren())
    space = FILES[name].apply(workspace) or workspace
    assert made_again(space, name) == FILES[name].jobs


@pytest.mark.parametrize("name", SOURCES)
def test_an_edit_of_the_library(workspace: Workspace, name: str) -> None:
    workspace.configure(config())
    SOURCES[name].apply(workspace)
    assert made_again(workspace, name) == SOURCES[name].jobs


def test_what_was_made_again_is_not_made_once_more(workspace: Workspace) -> None:
    values, expected = EDITS["one model's canvas"]
    workspace.configure(values)
    assert workspace.remake() == expected
    assert workspace.remake() == set()


def test_the_page_says_what_the_tests_prove() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(page), (
        "run: python -m tests.helpers.workflow.tables > page, and put it in the place of the page"
    )
    tests_exist()
