"""Scaling values to the unit interval."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr


def minmax(values: xr.DataArray, dims: Sequence[str] = ("y", "x")) -> xr.DataArray:
    """Values scaled to [0, 1] over ``dims``; NaN where they are constant."""
    low, high = values.min(dims), values.max(dims)
    return (values - low) / (high - low).where(high > low)
