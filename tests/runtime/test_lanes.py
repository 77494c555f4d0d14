"""Vectors in compiled code, against NumPy."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from xinc.runtime.lanes import LANES, exceeds, higher, load, lower, magnitude, store, sum_each, transpose


@numba.njit
def compared(a: Any, b: Any, out: Any) -> None:
    one, other = load(a, 0), load(b, 0)
    store(out, 0, exceeds(one, other))
    store(out, 1, lower(magnitude(one), magnitude(other)))
    store(out, 2, higher(magnitude(one), magnitude(other)))


@numba.njit
def summed(square: Any, out: Any) -> None:
    store(out, 0, sum_each(square))


@numba.njit
def transposed(square: Any, out: Any) -> None:
    transpose(square, 0, LANES, out, 0, LANES)


@pytest.fixture
def square() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(LANES, LANES)).astype(np.float32)


def test_comparisons(square: np.ndarray) -> None:
    """NaN exceeds nothing, and its pattern is above all magnitudes."""
    a, b = square[0].copy(), square[1].copy()
    a[2], b[5], a[7], b[7] = np.nan, np.nan, -np.inf, np.inf
    a[9] = b[9] = 0.5
    out = np.empty((3, LANES), np.float32)
    compared(a, b, out.reshape(-1))
    np.testing.assert_array_equal(out[0], (a > b).astype(np.float32))
    patterns = np.abs([a, b]).view(np.uint32)
    np.testing.assert_array_equal(out[1:].view(np.uint32), [patterns.min(0), patterns.max(0)])


def test_sums_of_sixteen_vectors(square: np.ndarray) -> None:
    out = np.empty(LANES, np.float32)
    summed(square.reshape(-1), out)
    np.testing.assert_allclose(out, square.sum(1), rtol=1e-5, atol=1e-6)
    summed(np.eye(LANES, dtype=np.float32).reshape(-1) * np.repeat(np.arange(LANES, dtype=np.float32), LANES), out)
    np.testing.assert_array_equal(out, np.arange(LANES))


def test_transposition(square: np.ndarray) -> None:
    out = np.empty_like(square)
    transposed(square.reshape(-1), out.reshape(-1))
    np.testing.assert_array_equal(out, square.T)
