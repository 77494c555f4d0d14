"""Names and numbers that the analysis of groupings and its claims share."""

from __future__ import annotations

import warnings

import xarray as xr

#: In the order of the figures; grid last, it is what the others are compared with.
GROUPINGS = ("instances", "rgb", "gabor", "grid")
#: Quantile of the variances above which a neuron is in the top quarter.
TOP = 0.75


def quantiles_of_neurons(values: xr.DataArray, of: list[float]) -> xr.DataArray:
    """Quantiles over neurons; NaN, and no warning, where all are dead."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice")
        return values.quantile(of, "neuron")
