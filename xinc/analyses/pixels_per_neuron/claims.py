"""The paper's sentences about pixels per neuron, as numbers of a result (paper sections 1 and 4.4)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.stats import mannwhitneyu

from xinc.analyses.claim import Claim
from xinc.analyses.pixels_per_neuron.thresholds import ALMOST_NOTHING
from xinc.statistics.standing import NULL, labelled

#: Share of the pixels that the median neuron represents where contributions are normally distributed, in percent:
#: P(|Z| > E|Z|).
NORMAL_MEDIAN = 42.5
_EXCHANGED = "neurons exchanged between the two layers (Mann-Whitney test of their pixels, each a mean over frames)"
_MEDIAN = "percentage of the pixels that the median neuron represents"
_LITTLE = f"share of the neurons that represent less than {ALMOST_NOTHING:g} % of the pixels, dead ones among them"


def _over_earlier_layers(result: xr.Dataset) -> xr.DataArray:
    """Median of the last layer minus that of each earlier one (layer, frame); NaN for the last."""
    median, last = result["median"], result["layer"].values[-1]
    return (median.sel(layer=last, drop=True) - median).where(result["layer"] != last)


def _over_layer_before(result: xr.Dataset) -> xr.DataArray:
    """Median of each layer minus that of the layer before it (layer, frame); NaN for the first."""
    return result["median"] - result["median"].shift(layer=1)


def _exchanged(result: xr.Dataset, more: list[int], fewer: list[int]) -> xr.DataArray:
    """Standing (layer, null) of each layer's comparison: neurons of layer ``more`` represent more than of ``fewer``."""
    pixels = result["pixels"].mean("frame").transpose("layer", "neuron").values
    out = np.full((len(pixels), len(NULL)), np.nan)
    for at, (a, b) in enumerate(zip(more, fewer, strict=True)):
        if a != b:
            known = [pixels[k][np.isfinite(pixels[k])] for k in (a, b)]
            out[at, 0] = mannwhitneyu(*known, alternative="greater", method="asymptotic").pvalue
    return labelled(out, ("layer",)).assign_coords(layer=result["layer"].values)


def _last_to_each(result: xr.Dataset) -> xr.DataArray:
    count = result.sizes["layer"]
    return _exchanged(result, [count - 1] * count, list(range(count)))


def _each_to_before(result: xr.Dataset) -> xr.DataArray:
    count = result.sizes["layer"]
    return _exchanged(result, list(range(count)), [0, *range(count - 1)])


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "many_pixels_per_neuron",
        "1",
        "Representation is distributed: each neuron represents many pixels.",
        f"{_MEDIAN}; threshold: half of what it is where all contributions are normally distributed",
        lambda result: result["median"],
        threshold=NORMAL_MEDIAN / 2,
        chance="none: compared with half of what normally distributed contributions give",
    ),
    Claim(
        "outermost_layer_represents_most",
        "4.4",
        "The outermost layer's neurons represent the most pixels.",
        f"{_MEDIAN}: the outermost layer's minus this layer's",
        _over_earlier_layers,
        null=_last_to_each,
        chance=_EXCHANGED,
        applies=lambda result: result["layer"] != result["layer"].values[-1],
        unless="the outermost layer is what others are compared with",
    ),
    Claim(
        "fewer_pixels_in_earlier_layers",
        "4.4",
        "The number of pixels per neuron decreases towards the earlier layers.",
        f"{_MEDIAN}: this layer's minus that of the layer before it",
        _over_layer_before,
        null=_each_to_before,
        chance=_EXCHANGED,
        applies=lambda result: result["layer"] != result["layer"].values[0],
        unless="there is no layer before the first",
    ),
    Claim(
        "ffn_layer2_half_dead",
        "4.4",
        "Nearly half of the neurons of FFN layer 2 contribute almost nothing.",
        f"{_LITTLE}; threshold: nearly half",
        lambda result: result["almost_none"],
        threshold=0.4,
        chance="none: a share that the paper states",
        architectures=("ffn",),
        layers=("layer2",),
    ),
    Claim(
        "dead_neurons_elsewhere",
        "4.4",
        "There are dead neurons in the other layers, too.",
        f"{_LITTLE}; threshold: one in a hundred",
        lambda result: result["almost_none"],
        threshold=0.01,
        chance="none: a share, which is there or not",
        applies=lambda result: (result["layer"] != "layer2") | (result.attrs.get("architecture") != "ffn"),
        unless="FFN layer 2 has a row of its own",
    ),
)
