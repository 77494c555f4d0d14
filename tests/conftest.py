"""What all tests share: one CPU thread, hypothesis without deadlines, and tiny networks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tests.helpers.tiers import EXHAUSTIVE
from xinc.models.base import INR
from xinc.models.storage import build

torch.set_num_threads(1)

# The first example pays for imports; wall time says nothing on a shared machine.
settings.register_profile("quick", deadline=None, max_examples=10)
settings.register_profile("all", deadline=None, max_examples=30)
settings.load_profile("all" if EXHAUSTIVE else "quick")

#: A project of its own, of which nothing is imported here: it would register what it brings for all tests.
collect_ignore = ["helpers/outside"]

#: The design notes beside the checkout; absent where only the repository is.
SHARED = Path(__file__).resolve().parents[2] / "shared"


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
    """16×24, four frames: block1 (4→12), block2 (3→8), head (2→3)."""
    settings = {"embed_levels": 6, "strides": [2, 2], "widths": [4, 3, 2], "output_activation": "sigmoid"}
    return build("nerv", settings, (16, 24), range(4), 4, seed=1)


@pytest.fixture
def ffn() -> INR:
    """Frames 0 and 2 of three, 6×9: layer1 (10→7), layer2 (7→7), layer3 (7→3)."""
    return build("ffn", {"fourier_features": 5, "hidden_width": 7}, (6, 9), [0, 2], 3, seed=1)
