"""Mean, variance and median of the values that are known, that is, not NaN; no warning where none is."""

from __future__ import annotations

import numpy as np


def mean(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Mean of what is not NaN; NaN of nothing."""
    there = ~np.isnan(values)
    count = there.sum(axis)
    out: np.ndarray = np.where(there, values, 0).sum(axis) / np.where(count > 0, count, np.nan)
    return out


def spread(values: np.ndarray, axis: int) -> np.ndarray:
    """Variance (ddof 1) of what is not NaN; NaN of fewer than two values."""
    there = ~np.isnan(values)
    count = there.sum(axis)
    from_mean = np.where(there, values - np.expand_dims(mean(values, axis), axis), 0)
    out: np.ndarray = (from_mean**2).sum(axis) / np.where(count > 1, count - 1, np.nan)
    return out


def median(values: np.ndarray) -> float:
    """Median of what is not NaN; NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")
