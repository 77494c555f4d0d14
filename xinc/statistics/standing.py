"""P-values: the standing of an observed statistic among those of chance, and p-values of several frames as one.

Where a statistic is averaged over frames, chance is the average too, of frames that are shifted or relabelled alike, so
that its p-value is that of the average itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

#: What is told of a null: the probability, under it, of a statistic as far as the observed one or farther; the mean of
#: the statistic; and its edge, the value that 95 % of the null do not reach.
NULL = ("p_value", "mean", "edge")
#: Part of a null that lies before its edge.
WITHIN = 0.95


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


def labelled(values: Any, dims: tuple[str, ...]) -> xr.DataArray:
    """Standings (…, 3) as a variable with these dimensions and ``null``."""
    return xr.DataArray(np.asarray(values, np.float64), {"null": list(NULL)}, (*dims, "null"))


def percentile_and_p_value(observed: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where observed values lie in their null, with ties, up to rounding, counted against them.

    Parameters
    ----------
    observed : (n,)
    null : (n, shifts)

    Returns
    -------
    percentile : (n,) per cent of the null below the observed value.
    p_value : (n,) (1 + number of shifts with a value at least as large) / (1 + number of shifts).
    """
    slack = 1e-9 * abs(observed) + 1e-14
    reached = (null >= (observed - slack)[:, None]).sum(1)
    shifts = null.shape[1]
    p_value = (1 + reached) / (1 + shifts)
    undefined = np.isnan(observed)
    percentile = 100 * (1 - reached / max(shifts, 1))
    return np.where(undefined, np.nan, percentile), np.where(undefined, np.nan, p_value)


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
