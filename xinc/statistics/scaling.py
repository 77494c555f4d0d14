"""Values scaled to the unit interval, or to mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr


def minmax(values: xr.DataArray, dims: Sequence[str] = ("y", "x")) -> xr.DataArray:
    """Values scaled to [0, 1] over ``dims``; NaN where they are constant."""
    low, high = values.min(dims), values.max(dims)
    return (values - low) / (high - low).where(high > low)


def standard(values: np.ndarray) -> np.ndarray | None:
    """Values with mean 0 and variance 1; None where they are constant or not finite."""
    centred = values - values.mean(dtype=np.float64)
    deviation = float(np.sqrt((centred**2).mean()))
    if not np.isfinite(deviation) or deviation <= 1e-9 * (abs(values).max() or 1.0):
        return None
    return np.asarray(centred / deviation)
