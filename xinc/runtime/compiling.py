"""Compilation of kernels by Numba, kept for other processes where there is a place for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numba


def njit(**options: Any) -> Callable[[Any], Any]:
    """Numba's decorator with its cache, or without one where neither the package nor the home can be written."""

    def compiled(function: Any) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:
            warnings.warn(
                "Compiled code cannot be kept, because neither the folder of xinc nor the home can be written; "
                "every process compiles anew, for seconds: set NUMBA_CACHE_DIR to a folder that can be.",
                stacklevel=1,  # for all kernels once
            )
            return numba.njit(**options)(function)

    return compiled
