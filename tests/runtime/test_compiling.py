"""Kernels are compiled where nothing can be written, too."""

from __future__ import annotations

import pytest
from numba.core import caching

from xinc.runtime.compiling import njit


def double(x: float) -> float:
    return 2 * x


def test_compiled_code_is_kept() -> None:
    assert njit(nogil=True)(double).stats.cache_path


def test_without_a_place_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a package that is read-only, and without a home directory."""
    for locator in caching.CacheImpl._locator_classes:
        monkeypatch.setattr(locator, "ensure_cache_path", _refuse)
    with pytest.warns(UserWarning, match="set NUMBA_CACHE_DIR"):
        compiled = njit(nogil=True)(double)
    assert compiled(3.0) == 6.0


def _refuse(_: object) -> None:
    raise PermissionError(13, "Permission denied")
