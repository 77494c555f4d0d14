"""What Snakemake makes again after an edit: exactly what depends on it, and nothing else is written.

Every edit of the tables in docs/re-running.md is made in a copy of a finished run, and run.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tests.workflow.edits import EDITS, config
from tests.workflow.everything import EDITS_OF_EVERYTHING, EVERYTHING, SETTINGS, brought_about
from tests.workflow.files import FILES, siren
from tests.workflow.runs import Workspace
from tests.workflow.sources import SOURCES
from tests.workflow.tables import PAGE, render, tests_exist

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_the_configuration(workspace: Workspace, name: str) -> None:
    values, expected = EDITS[name]
    workspace.configure(values)
    assert workspace.remake() == expected


@pytest.mark.parametrize("name", EDITS_OF_EVERYTHING)
def test_an_edit_of_an_analysis(complete: Workspace, tmp_path: Path, name: str) -> None:
    values, expected = EDITS_OF_EVERYTHING[name]
    assert complete.pending(values, tmp_path / "config.yaml") == expected


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
    assert space.remake() == FILES[name].jobs


@pytest.mark.parametrize("name", SOURCES)
def test_an_edit_of_the_library(workspace: Workspace, name: str) -> None:
    workspace.configure(config())
    SOURCES[name].apply(workspace)
    assert workspace.remake() == SOURCES[name].jobs


def test_what_was_made_again_is_not_made_once_more(workspace: Workspace) -> None:
    values, expected = EDITS["one model's canvas"]
    workspace.configure(values)
    assert workspace.remake() == expected
    assert workspace.remake() == set()


def test_the_page_says_what_the_tests_prove() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(page), "run: python -m tests.workflow.tables > page, and put it in the place of the page"
    tests_exist()
