"""How much is tested: everything, as in continuous integration, or what there is time for."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

#: Whether there is time for everything.
EXHAUSTIVE = bool(os.environ.get("XINC_EXHAUSTIVE"))

#: A test that there is otherwise no time for.
exhaustive = pytest.mark.skipif(not EXHAUSTIVE, reason="only with XINC_EXHAUSTIVE=1, as in continuous integration")


def examples(count: int) -> settings:
    """So many examples of a property, or a third of them."""
    return settings(max_examples=count if EXHAUSTIVE else count // 3)
