"""Small experiments, run once for all tests of a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.once import once
from tests.helpers.small import config, write_clip, write_table
from tests.helpers.workflow import edits
from tests.helpers.workflow.everything import EVERYTHING
from tests.helpers.workflow.files import siren
from tests.helpers.workflow.runs import Workspace, announced
from tests.helpers.workflow.watched import watch


def _run_once(factory: pytest.TempPathFactory, name: str, values: dict[str, Any]) -> Workspace:
    """A workspace after a complete run, shared by all workers of the session."""

    def make(root: Path) -> None:
        space = Workspace.create(root)
        watch(space)
        write_clip(space.run)
        write_table(space.run)
        space.configure(values)
        space.make()

    return Workspace(once(factory, name, make))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The smallest experiment after its run: only dry runs and reading here."""
    return _run_once(tmp_path_factory, "finished", config())


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A model of it with every analysis, and what its jobs imported."""
    return _run_once(tmp_path_factory, "complete", EVERYTHING)


def _of_another(factory: pytest.TempPathFactory, name: str, finished: Workspace, values: dict[str, Any]) -> Workspace:
    """The finished run, after one with another configuration, for which only the report is made again."""

    def make(root: Path) -> None:
        space = finished.copy(root)
        space.configure(values)
        assert announced(space.make()) == {"report"}

    return Workspace(once(factory, name, make))


@pytest.fixture(scope="session")
def before_edits(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """What edits of the configuration and of the library begin with."""
    return _of_another(tmp_path_factory, "before_edits", finished, edits.config())


@pytest.fixture(scope="session")
def before_changes(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """What changes of files begin with."""
    return _of_another(tmp_path_factory, "before_changes", finished, siren())


@pytest.fixture
def workspace(finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the finished run for one test."""
    return finished.copy(tmp_path / "space")


@pytest.fixture
def complete_workspace(complete: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the run with every analysis for one test."""
    return complete.copy(tmp_path / "space")
