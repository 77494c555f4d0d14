"""Kernels are compiled where nothing can be written, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


#: Of what the kernels of xinc are made: arrays that are made and given back, mathematics, errors, other kernels.
KERNELS = """
import math
import numpy as np
from xinc.runtime.compiling import njit

@njit(nogil=True)
def inner(row):
    for i in range(row.shape[0]):
        row[i] = np.float32(math.expm1(row[i]) + math.sin(row[i]) + math.tanh(row[i]) + math.log1p(abs(row[i])))

@njit(nogil=True)
def outer(maps):
    total, line = np.zeros(maps.shape[0]), np.empty(maps.shape[1], maps.dtype)
    for n in range(maps.shape[0]):
        line[:] = maps[n]
        inner(line.reshape(-1))
        for x in range(maps.shape[1]):
            total[n] += line[x] / maps.shape[1]
    return total
"""

USE = """
import sys
import numpy as np
from kernels import outer
found = outer(np.arange(6, dtype=np.float32).reshape(2, 3))
print(sum(outer.stats.cache_hits.values()), "numba.np.linalg" in sys.modules, found.tolist())
# Another kind of array has to be compiled.
assert np.allclose(outer(np.arange(6, dtype=np.float64).reshape(2, 3)), found)
"""


@pytest.mark.slow
def test_code_is_loaded_without_getting_ready_to_compile_and_more_is_compiled_then(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text(KERNELS)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": path, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    said = [
        subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, check=True, env=environment).stdout
        for _ in range(2)
    ]
    first, second = (line.split(maxsplit=2) for line in said)
    assert first[:2] == ["0", "True"]
    assert second[:2] == ["1", "False"]
    assert first[2] == second[2]


def _refuse(_: object) -> None:
    raise PermissionError(13, "Permission denied")
