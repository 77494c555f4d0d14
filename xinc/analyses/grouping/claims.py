"""Sentences of the paper about groupings of pixels (sections 1, 4.2 and 7.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from xinc.analyses.claim import Claim
from xinc.analyses.grouping.numbers import GROUPINGS

#: Standard deviations of a normal null that 95 % of it do not reach.
BEYOND = 1.645
#: Probability, under shifts of its regions, of what a grouping explains, up to which it is compared with another.
LEVEL = 0.05


def _to_instances(result: xr.Dataset, grouping: str) -> xr.DataArray:
    """Ratio of the medians of the standard deviations, grouping to instances."""
    middle = result["std"].median("neuron")
    whole = _of(middle, "instances")
    return _of(middle, grouping) / whole.where(whole > 0)


def _explains(result: xr.Dataset, grouping: str) -> xr.DataArray:
    """Whether a grouping or instances explain more than their shifted regions, (layer,): two that do not are alike."""
    found = []
    for one in (grouping, "instances"):
        z, p = (
            _of(result["median_z"], one).mean("frame"),
            _of(result["median_z_null"], one).sel(null="p_value", drop=True),
        )
        found.append((z > BEYOND) & (p <= LEVEL))
    return found[0] | found[1]


def _least_over_space(result: xr.Dataset) -> xr.DataArray:
    """The smallest of the ratios to the grid, over the groupings that the video has."""
    return xr.concat([_of(result["over_grid"], g) for g in GROUPINGS[:-1]], "grouping").min("grouping")


def _least_over_space_null(result: xr.Dataset) -> xr.DataArray:
    """Of the grouping with the largest p-value: all have to beat their null (an intersection-union test)."""
    null = result["over_grid_null"].sel(grouping=[g for g in GROUPINGS[:-1] if g in result["grouping"].values])
    worst = null.sel(null="p_value", drop=True).fillna(-1).argmax("grouping")
    return null.isel(grouping=worst, drop=True)


def _space_to_others(result: xr.Dataset) -> xr.DataArray:
    """Median standard deviation over grid cells / the highest of the other layers; ``layer`` and ``frame``."""
    space = result["std"].sel(grouping="grid", drop=True).median("neuron")
    if space.sizes["layer"] < 2:
        return xr.full_like(space, np.nan)
    others = [space.drop_sel(layer=layer).max("layer") for layer in space["layer"].values]
    return space / xr.concat(others, space["layer"])


def _of(values: xr.DataArray, grouping: str) -> xr.DataArray:
    """Values of one grouping; NaN where the video does not have it."""
    if grouping in values["grouping"].values.tolist():
        return values.sel(grouping=grouping, drop=True)
    return xr.full_like(values.isel(grouping=0, drop=True), np.nan, dtype=float)


def _part(variable: str, grouping: str) -> Callable[[xr.Dataset], xr.DataArray]:
    return lambda result: _of(result[variable], grouping)


def _with(statistic: Callable[[xr.Dataset, str], xr.DataArray], grouping: str) -> Callable[[xr.Dataset], xr.DataArray]:
    return lambda result: statistic(result, grouping)


_NAMES = {"instances": "instances", "rgb": "colours", "gabor": "edges and texture (Gabor responses)"}
_SHIFTS = "toroidal shifts of the label map; over the sampled neurons"
_BEYOND = (
    "variance over {} regions beyond its mean over shifted label maps, in standard deviations of these; median over "
    "the sampled neurons; threshold: what 95 % of a normal distribution do not reach"
)


def _claims() -> tuple[Claim, ...]:
    each: list[Claim] = []
    for grouping, words in _NAMES.items():
        missing = "no live neuron" if grouping != "instances" else "the frames have no masks, or no live neuron"
        each += [
            Claim(
                f"{grouping}_over_space",
                "4.2",
                f"Space explains less of the contributions than {words}.",
                f"standard deviation over {grouping} regions / over grid cells, median over the sampled neurons",
                _part("over_grid", grouping),
                threshold=1.0,
                null=_part("over_grid_null", grouping),
                chance=_SHIFTS,
                missing=missing,
            ),
            Claim(
                f"{grouping}_top_over_highest_space",
                "4.2",
                f"Almost all of the top quarter of variances over {words} are above the highest over grid cells.",
                f"share of the quarter of the sampled neurons with the highest variance over {grouping} regions that "
                "exceeds the largest variance over grid cells of any of them",
                _part("top", grouping),
                threshold=0.9,
                null=_part("top_null", grouping),
                chance=_SHIFTS,
                missing=missing,
            ),
            Claim(
                f"{grouping}_beyond_shifts",
                "4.2",
                f"Contributions correspond to {words}, not just to regions of the same areas and shapes.",
                _BEYOND.format(grouping),
                _part("median_z", grouping),
                threshold=BEYOND,
                null=_part("median_z_null", grouping),
                chance=_SHIFTS,
                missing=missing,
            ),
        ]
    like = [
        Claim(
            f"{grouping}_like_instances",
            "7.2",
            f"{words[0].upper()}{words[1:]} explain contributions as well as instances do.",
            f"median standard deviation over {grouping} regions / over instances, which are fewer",
            _with(_to_instances, grouping),
            threshold=2.0,
            direction="within",
            chance="none: the two are compared with each other; each with chance above",
            premise=_with(_explains, grouping),
            without=f"neither {words} nor instances explain more than shifted regions do",
            missing="the frames have no masks",
        )
        for grouping, words in _NAMES.items()
        if grouping != "instances"
    ]
    return (*_overall(), *each, *like)


def _overall() -> tuple[Claim, ...]:
    """Claims about several groupings or layers together."""
    return (
        Claim(
            "attend_to_colours",
            "1",
            "Neurons attend to objects in terms of low-level features: colours.",
            _BEYOND.format("rgb"),
            _part("median_z", "rgb"),
            threshold=BEYOND,
            null=_part("median_z_null", "rgb"),
            chance=_SHIFTS,
            missing="no live neuron",
        ),
        Claim(
            "attend_to_edge_textures",
            "1",
            "Neurons attend to objects in terms of low-level features: edges and textures.",
            _BEYOND.format("gabor"),
            _part("median_z", "gabor"),
            threshold=BEYOND,
            null=_part("median_z_null", "gabor"),
            chance=_SHIFTS,
            missing="no live neuron",
        ),
        Claim(
            "space_agnostic",
            "1",
            "Contributions lack correlations that come from coordinate proximity: space explains least.",
            "standard deviation over the regions of a grouping / over grid cells, median over the sampled neurons; "
            "the smallest over the groupings",
            _least_over_space,
            threshold=1.0,
            null=_least_over_space_null,
            chance=f"{_SHIFTS}; of the grouping with the largest p",
            missing="no live neuron",
        ),
        Claim(
            "ffn_layers_progress_to_image",
            "4.2",
            "The FFN progresses from Fourier features in early layers to more of the image in the last.",
            f"{_BEYOND.format('rgb').partition(';')[0]}; the median over the sampled neurons: the last layer's minus "
            "the first's",
            lambda result: result["progress"],
            null=lambda result: result["progress_null"],
            chance=f"{_SHIFTS}, both layers alike",
            architectures=("ffn",),
            applies=lambda result: result["layer"] == result["layer"].values[-1],
            unless="a comparison of the last layer with the first",
            missing="no live neuron, or one layer only",
        ),
        Claim(
            "nerv_block3_follows_space",
            "4.2",
            "NeRV's block 3 has some meaningful correlation with grid cells, unlike the other layers.",
            "median standard deviation over grid cells / the highest of the other layers",
            _space_to_others,
            threshold=1.0,
            chance="none: shifted grid cells are grid cells again",
            architectures=("nerv",),
            layers=("block3",),
            missing="one layer only",
        ),
    )


CLAIMS: tuple[Claim, ...] = _claims()
