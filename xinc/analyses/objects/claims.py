"""The paper's sentences about objects, as numbers of a result (paper sections 1, 4.5 and 7.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from xinc.analyses.claim import Claim
from xinc.statistics.standing import NULL, labelled

#: Fewest pairs of instances of one category that can tell whether categories are grouped.
PAIRS = 5
#: Difference of intensity between instances and frames, of at most 1, that 8 bits do not tell.
ONE_INTENSITY = 0.5 / 255
_MASKS = "the video has no masks"
_ORDERS = "permutations of the instances, all or 5040 of them"


def _measured(name: str) -> Callable[[xr.Dataset], xr.DataArray]:
    """A variable of the result; NaN for a video without masks."""

    def of(result: xr.Dataset) -> xr.DataArray:
        if name in result:
            return result[name]
        nothing = xr.full_like(result["neurons"], np.nan, dtype=float)
        return labelled(np.full((nothing.size, len(NULL)), np.nan), ("layer",)) if name.endswith("_null") else nothing

    return of


def _less_even(result: xr.Dataset) -> xr.DataArray:
    """Evenness of a layer's shares minus the highest of the other layers."""
    evenness = _measured("evenness")(result)
    if evenness.sizes["layer"] < 2:
        return xr.full_like(evenness, np.nan)
    values = evenness.values
    others = [np.delete(values, at) for at in range(len(values))]
    highest = np.array([np.nan if np.isnan(rest).all() else np.nanmax(rest) for rest in others])
    return evenness - highest


def _enough_pairs(result: xr.Dataset) -> xr.DataArray:
    """Whether the video has enough pairs of instances of one category to see a grouping, (layer,)."""
    if "category" not in result:
        return xr.zeros_like(result["neurons"], dtype=bool)
    categories = result["category"].values
    known = result["distance"].transpose("layer", "instance", "other").notnull().values
    same = np.triu(categories[:, None] == categories, 1)
    return xr.DataArray((known & same).sum((1, 2)) >= PAIRS, result["neurons"].coords, ("layer",))


def _seen(result: xr.Dataset) -> xr.DataArray:
    """Whether instances differ in intensity, as those of a frame of one colour do not, (layer,)."""
    same = False
    if "intensity" in result:
        known = result["intensity"].values[np.isfinite(result["intensity"].values)]
        same = known.size > 0 and float(np.ptp(known)) < ONE_INTENSITY
    return xr.full_like(result["neurons"], not same, dtype=bool)


_CONSTANT: dict[str, Any] = {
    "measure": "standard deviation of a neuron's shares between instances (of their means over time) / that over "
    "time (root mean square over instances), median over live neurons",
    "statistic": _measured("constancy"),
    "threshold": 1.0,
    "null": _measured("constancy_null"),
    "chance": "99 draws of an order of the instances for every frame, the same for all of 256 neurons at most",
    "architectures": ("nerv",),
    "premise": _seen,
    "without": "nothing to see: all instances have one intensity, in all frames",
    "missing": f"{_MASKS}, or one frame only",
}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "constant_even_with_motion",
        "1",
        "Contributions to an object remain fairly constant over time, even with motion.",
        **_CONSTANT,
    ),
    Claim(
        "categories_not_grouped",
        "4.5",
        "Contributions to instances of the same category are not grouped together.",
        "mean distance of a neuron's shares of two instances of the same category / of different categories: 0 "
        "where categories are grouped, 1 where they say nothing",
        _measured("category_ratio"),
        threshold=0.5,
        null=_measured("category_null"),
        chance=f"{_ORDERS}, among the categories; p: of categories as grouped as here",
        absence=True,
        enough=_enough_pairs,
        missing="no two instances of one category, or no masks",
    ),
    Claim(
        "constant_over_time",
        "4.5",
        "A neuron's contribution to an instance stays relatively constant over time.",
        **_CONSTANT,
    ),
    Claim(
        "moving_instances_fluctuate",
        "4.5",
        "Contributions fluctuate more for instances that move.",
        "Spearman correlation over instances of the mean displacement of the centroid between frames with the mean "
        "change of the shares, relative to the shares",
        _measured("motion_correlation"),
        null=_measured("motion_null"),
        chance=_ORDERS,
        architectures=("nerv",),
        missing=f"{_MASKS}, fewer than three instances, or one frame only",
    ),
    Claim(
        "bright_instances_get_more",
        "4.5",
        "Contributions to bright instances are higher.",
        "Spearman correlation over instances of the mean intensity with the mean share",
        _measured("intensity_correlation"),
        null=_measured("intensity_null"),
        chance=_ORDERS,
        missing=f"{_MASKS}, or fewer than three instances",
    ),
    Claim(
        "first_block_even_over_objects",
        "7.4",
        "The first block spreads its contributions more evenly over the objects than the other layers.",
        "entropy of the shares of a frame's instances / its highest possible value, median over live neurons; "
        "minus the highest such median of the other layers",
        _less_even,
        chance="none: a difference between layers, each of one network",
        architectures=("nerv",),
        layers=("block1",),
        missing=f"{_MASKS}, or one layer only",
    ),
)
