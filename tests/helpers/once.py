"""Work that all workers of a session share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder in which ``make`` has worked, in the first process that asks for it, while the others wait."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    root, state = base / name, base / f"{name}.state"
    with open(base / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not state.exists():
            state.write_text("failed")
            root.mkdir()
            make(root)
            state.write_text("done")
    if state.read_text() != "done":
        pytest.fail(f"what this test begins with, {name}, failed in another test, which shows how")
    return root
