"""Compilation of kernels by Numba, kept for other processes where there is a place for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys


class Kept(FunctionCache):
    """Numba's cache of a function, from which code is loaded without getting ready to compile.

    Numba itself imports all that compiled code may be made of first, SciPy's linear algebra too: two thirds of the time
    of the first use of a kernel in a process. Code that is there needs none of it but the counting of references;
    where it has to be compiled after all, the compiler gets itself ready.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = None  # also where the file system fails
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            found = self._load_overload(sig, target_context)
        return found


def njit(**options: Any) -> Callable[[Any], Any]:
    """Numba's decorator with its cache, or without one where neither the package nor the home can be written.

    Compiled code may call what Numba gives arrays and ``math``, no dictionaries, no parallel loops: what these call is
    there only after Numba got ready to compile, see `Kept`.
    """

    def compiled(function: Any) -> Any:
        dispatcher = numba.njit(**options)(function)
        try:
            dispatcher._cache = Kept(function)
        except RuntimeError:
            warnings.warn(
                "Compiled code cannot be kept, because neither the folder of xinc nor the home can be written; "
                "every process compiles anew, for seconds: set NUMBA_CACHE_DIR to a folder that can be.",
                stacklevel=1,  # for all kernels once
            )
        return dispatcher

    return compiled
