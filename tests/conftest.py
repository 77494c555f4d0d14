"""What all tests share: one CPU thread, hypothesis without deadlines, and tiny networks."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.helpers.tiers import EXHAUSTIVE

if TYPE_CHECKING:
    from xinc.models.base import INR

# The first example pays for imports; wall time says nothing on a shared machine.
settings.register_profile("quick", deadline=None, max_examples=10)
settings.register_profile("all", deadline=None, max_examples=30)
settings.load_profile("all" if EXHAUSTIVE else "quick")

#: A project of its own, of which nothing is imported here: it would register what it brings for all tests.
collect_ignore = ["helpers/outside"]

#: The design notes beside the checkout; absent where only the repository is.
SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection() -> None:
    gc.disable()


def pytest_collection_finish() -> None:
    """Where tests run, which the master of several workers does not: it does without PyTorch."""
    import torch

    torch.set_num_threads(1)
    # A million objects of modules and tests, which Python would look through again and again: a tenth of all time.
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first, the longest and whole runs before others, so that no worker is left with one at the end."""
    longest = ("test_kill.py", "test_benchmarks.py", "test_outside_package.py")
    items.sort(
        key=lambda item: (
            not item.get_closest_marker("slow"),
            item.path.name not in longest,
            not item.get_closest_marker("workflow"),
        )
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"the reference material is not there: {SHARED}")
    return SHARED


@pytest.fixture
def nerv() -> INR:
    """See `tests.helpers.tiny.tiny`."""
    from tests.helpers.tiny import tiny

    return tiny("nerv")


@pytest.fixture
def ffn() -> INR:
    """See `tests.helpers.tiny.tiny`."""
    from tests.helpers.tiny import tiny

    return tiny("ffn")
