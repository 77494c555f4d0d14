"""The smallest experiment, run once for all tests of a session."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from tests.small import config, write_clip, write_table
from tests.workflow.runs import Workspace


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace after a complete run, shared by all workers of the session: only dry runs and reading here."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    root, log = base / "finished", base / "finished.log"
    with open(base / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not log.exists():
            log.write_text("")
            space = Workspace.create(root)
            write_clip(space.run)
            write_table(space.run)
            space.configure(config())
            log.write_text(space.make())
    if not log.read_text():
        pytest.fail("the run of the smallest experiment failed; another test shows how")
    return Workspace(root)


@pytest.fixture
def workspace(finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the finished run for one test."""
    return finished.copy(tmp_path / "space")
