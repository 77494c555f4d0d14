"""Scaled values, and values that have no scale."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xinc.statistics.scaling import minmax, standard


def test_minmax() -> None:
    values = xr.DataArray([[1.0, 3.0], [2.0, 5.0]], dims=("y", "x"))
    np.testing.assert_array_equal(minmax(values), [[0, 0.5], [0.25, 1]])
    assert minmax(values * 0 + 7).isnull().all()


def test_standard() -> None:
    scaled = standard(np.array([1.0, 2, 3, 6]))
    assert scaled is not None
    np.testing.assert_allclose([scaled.mean(), scaled.std()], [0, 1], atol=1e-15)
    assert standard(np.full(4, 0.1)) is None
    assert standard(np.array([1.0, np.nan])) is None
