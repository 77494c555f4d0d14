"""A small folder of results, made once, and a session on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.explored import write_results
from tests.helpers.once import once
from xinc.explorer.session import Session


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "explored", write_results) / "results"


@pytest.fixture(scope="session")
def session(results: Path) -> Session:
    return Session(results)
