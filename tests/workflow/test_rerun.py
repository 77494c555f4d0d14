"""What Snakemake makes again after an edit: exactly what depends on it, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.small import changed
from tests.workflow.edits import EDITS, EVERY_MODEL
from tests.workflow.files import FILES
from tests.workflow.runs import Workspace, jobs, studied
from tests.workflow.sources import SOURCES
from tests.workflow.tables import PAGE, render, tests_exist

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

#: Every edit is judged in test_plan.py, without Snakemake; these also by it.
ASKED = [
    "an analysis", "a figure", "a model", "two values swapped", "a canvas's layout", "a layer less", "a seed more",
    "the order of everything",
]  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_an_edit_of_the_configuration(finished: Workspace, tmp_path: Path, name: str) -> None:
    values, expected = EDITS[name]
    assert finished.pending(values, tmp_path / "config.yaml") == expected


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_files(workspace: Workspace, name: str) -> None:
    space = FILES[name].apply(workspace) or workspace
    assert space.pending() == FILES[name].jobs


@pytest.mark.parametrize("name", SOURCES)
def test_an_edit_of_the_library(workspace: Workspace, name: str) -> None:
    SOURCES[name].apply(workspace)
    assert workspace.pending() == SOURCES[name].jobs


def _times(run: Path) -> dict[str, int]:
    """When each file of the results was written."""
    root = run / "results"
    return {str(p.relative_to(root)): p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()}


def test_nothing_else_is_written(workspace: Workspace) -> None:
    """A figure, an analysis, and a layer less, one after the other, for real."""
    edits = [
        ("analyses.maps.zoom", 3, jobs("figure", video="clip", model=EVERY_MODEL, seed=0, analysis="maps"), {"maps"}),
        ("analyses.quality.bits", [6], set().union(*(studied(m, ["quality"]) for m in EVERY_MODEL)), {"quality"}),
        ("models.nerv.canvas", {"layers": ["head"]}, studied("nerv", ["maps", "intensity"]), {"maps", "intensity"}),
    ]
    values = None
    for path, value, expected, names in edits:
        values = changed(path, value, values)
        before = _times(workspace.run)
        assert workspace.pending(values) == expected
        workspace.make()
        after = _times(workspace.run)
        written = {name for name in after if after[name] != before.get(name)}
        parts = {part for name in written for part in name.split("/")}
        assert names <= parts
        assert all(names & set(name.split("/")) for name in written)
        assert workspace.pending() == set()


def test_the_page_says_what_the_tests_prove() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(page), "run: python -m tests.workflow.tables > page, and put it in the place of the page"
    tests_exist()
