"""The paper's sentences about neurons per pixel, as numbers of a result (paper sections 1, 4.4 and 7.3)."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xinc.analyses.claim import Claim

#: Share of the neurons whose |C| lies above τ₁₀ where contributions are normally distributed: P(|Z| > √(−2 ln 0.9)).
NORMAL_OVER_TENTH = 0.646
_CHANCE = "all toroidal shifts of the frame against the map of densities"
_MISSING = "the layer contributes nothing, the frame is of one colour, or there is one threshold only"
_R = "Pearson correlation over pixels of the density of neurons with the"
_SHIFTS: dict[str, Any] = {"chance": _CHANCE, "missing": _MISSING}


def _with(other: str, result: xr.Dataset, percent: int = 0) -> xr.DataArray:
    """Correlation (layer, frame) of the density with intensity or edges, at the percent of this position."""
    return result["pearson"].sel({"with": other}, drop=True).isel(percent=percent, drop=True)


def _null(other: str, result: xr.Dataset, percent: int = 0) -> xr.DataArray:
    """How the mean over frames of that correlation stands among all shifts."""
    return result["pearson_null"].sel({"with": other}, drop=True).isel(percent=percent, drop=True)


def _sharper(result: xr.Dataset) -> xr.DataArray:
    """Coefficient of variation at the highest threshold: the last layer's minus that of each earlier one."""
    top = result["variation"].isel(percent=-1, drop=True)
    last = result["layer"].values[-1]
    return (top.sel(layer=last, drop=True) - top).where(result["layer"] != last)


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "many_neurons_per_pixel",
        "1",
        "Representation is distributed: many neurons are involved in the representation of a pixel.",
        "share of the layer's neurons above the lowest threshold, mean over pixels; threshold: half of what it is "
        "at τ₁₀ where all contributions are normally distributed",
        lambda result: result["mean_density"].isel(percent=0, drop=True),
        threshold=NORMAL_OVER_TENTH / 2,
        chance="none: compared with half of what normally distributed contributions give",
    ),
    Claim(
        "more_neurons_where_bright",
        "4.4",
        "High-intensity areas have more neurons dedicated to them.",
        f"{_R} intensity, at the lowest threshold",
        lambda result: _with("intensity", result),
        null=lambda result: _null("intensity", result),
        **_SHIFTS,
    ),
    Claim(
        "more_neurons_where_textured",
        "4.4",
        "Highly textured areas have more neurons dedicated to them.",
        f"{_R} edges, at the lowest threshold",
        lambda result: _with("edges", result),
        null=lambda result: _null("edges", result),
        **_SHIFTS,
    ),
    Claim(
        "nerv_densest_pixels_are_edges",
        "4.4",
        "At the higher threshold NeRV shows an overwhelming bias for edges.",
        f"{_R} edges, at the highest threshold",
        lambda result: _with("edges", result, -1),
        null=lambda result: _null("edges", result, -1),
        architectures=("nerv",),
        **_SHIFTS,
    ),
    Claim(
        "nerv_threshold_reveals_edges",
        "4.4",
        "Increasing the threshold reveals NeRV's bias for edges.",
        f"{_R} edges, at the highest threshold minus that at the lowest",
        lambda result: (_with("edges", result, -1) - _with("edges", result)).where(result.sizes["percent"] > 1),
        null=lambda result: result["edges_gain_null"],
        architectures=("nerv",),
        **_SHIFTS,
    ),
    Claim(
        "last_layer_is_sharpest",
        "7.3",
        "How many neurons represent a pixel varies more sharply in the last layer than in earlier ones.",
        "coefficient of variation over pixels of the density of neurons, at the highest threshold: the last "
        "layer's minus this layer's",
        _sharper,
        chance="none: a difference between layers, which have no pixels to exchange",
        applies=lambda result: result["layer"] != result["layer"].values[-1],
        unless="the last layer is what others are compared with",
        missing="the result has one threshold only",
    ),
)
