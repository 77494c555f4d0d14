"""What chance does with a statistic: maps shifted around the frame against each other, and labels exchanged.

A toroidal shift of one of two maps keeps the values, areas and smoothness of both, and breaks how they lie to each
other. A circular cross-correlation by Fourier transforms gives sums under all shifts at once. Where a statistic is
averaged over frames, all frames are shifted alike, so that its p-value is that of the average itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

#: What is told of a null: the probability, under it, of a statistic as far as the observed one or farther; the mean of
#: the statistic; and its edge, the value that 95 % of the null do not reach.
NULL = ("p_value", "mean", "edge")
#: Part of a null that lies before its edge.
WITHIN = 0.95


def all_shifts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Σ_p a(p)·b(p − s) for all toroidal shifts s, (y, x); [0, 0] is unshifted."""
    return np.asarray(np.fft.irfft2(np.fft.rfft2(a) * np.conj(np.fft.rfft2(b)), s=a.shape))


def correlations_of_shifts(values: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Pearson's r of a map (y, x) with others under every shift of theirs, (other, y · x); NaN where one is constant.

    A shift keeps mean and variance, so that one transform gives all. The first shift is none.
    """
    a = standard(values)
    out = np.full((len(others), values.size), np.nan)
    for at, other in enumerate(others):
        b = standard(other)
        if a is not None and b is not None:
            out[at] = all_shifts(a, b).ravel() / values.size
    return out


def means_of_shifts(values: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Mean of a map that is not negative, (y, x), over an area (y, x) under every shift of it, (y · x,)."""
    if not area.any():
        return np.full(values.size, np.nan)
    # Rounding may make them negative.
    out: np.ndarray = np.maximum(all_shifts(values, area.astype(float)), 0).ravel() / area.sum()
    return out


def standard(values: np.ndarray) -> np.ndarray | None:
    """Values with mean 0 and variance 1; None where they are constant or not finite."""
    centred = values - values.mean(dtype=np.float64)
    deviation = float(np.sqrt((centred**2).mean()))
    if not np.isfinite(deviation) or deviation <= 1e-9 * (abs(values).max() or 1.0):
        return None
    return np.asarray(centred / deviation)


def at_least(shifted: np.ndarray, below: bool = False) -> float:
    """Share of the values that reach the first one, the observed one, up to rounding; ``below``: from above."""
    sign = -1 if below else 1
    own = sign * shifted.ravel()[0]
    return float((sign * shifted >= own - 1e-9 * max(1.0, abs(own))).mean())


def standing_of(values: np.ndarray, below: bool = False) -> np.ndarray:
    """The three numbers `NULL` of a statistic: the observed value, which counts as one of chance, and those of chance.

    Parameters
    ----------
    values : (1 + n,) the observed one first.
    below : whether small values are the ones that chance should not reach.

    Returns
    -------
    (3,); NaN where the observed value is, or where there is nothing to compare it with.
    """
    values = np.asarray(values, np.float64).ravel()
    if values.size < 2 or not np.isfinite(values[0]):
        return np.full(len(NULL), np.nan)
    known = values[np.isfinite(values)]
    edge = np.quantile(known, 1 - WITHIN if below else WITHIN)
    return np.array([at_least(known, below), known[1:].mean() if len(known) > 1 else np.nan, edge])


def mean_over_frames(shifted: Iterable[np.ndarray]) -> np.ndarray:
    """Mean over frames (frame, …) of what is known; NaN, and no warning, where nothing is."""
    values = np.stack(list(shifted))
    known = np.isfinite(values)
    count = known.sum(0)
    out: np.ndarray = np.where(known, values, 0).sum(0) / np.where(count > 0, count, np.nan)
    return out


def labelled(values: Any, dims: tuple[str, ...]) -> xr.DataArray:
    """Standings (…, 3) as a variable with these dimensions and ``null``."""
    return xr.DataArray(np.asarray(values, np.float64), {"null": list(NULL)}, (*dims, "null"))


def drawn_shifts(pixels: int, count: int) -> np.ndarray:
    """Positions (1 + n,) of no shift and of ``count`` others among all, the same for every frame of this size."""
    generator = np.random.default_rng(0)
    few = min(count, pixels - 1)
    return np.concatenate([[0], 1 + np.sort(generator.choice(pixels - 1, few, replace=False))])


def combined(p_values: np.ndarray) -> float:
    """One p-value of several that may depend on each other in any way: twice their mean, at most 1.

    Valid whatever the dependence (Rüschendorf 1982; Vovk and Wang 2020, "Combining p-values via averaging"), unlike
    their mean or median. NaN are left out.
    """
    known = np.asarray(p_values, float).ravel()
    known = known[np.isfinite(known)]
    if known.size < 2:
        return float(known[0]) if known.size else float("nan")
    return float(min(1.0, 2 * known.mean()))
