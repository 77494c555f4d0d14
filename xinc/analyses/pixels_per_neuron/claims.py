"""The paper's sentences about pixels per neuron, as numbers of a result (paper sections 1 and 4.4)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.stats import binom, mannwhitneyu

from xinc.analyses.claim import Claim
from xinc.analyses.pixels_per_neuron.thresholds import ALMOST_NOTHING, DRAWN
from xinc.statistics.standing import NULL, labelled

#: Share of the pixels that the median neuron represents where contributions are normally distributed, in percent:
#: P(|Z| > E|Z|).
NORMAL_MEDIAN = 42.5
_EXCHANGED = (
    "an i.i.d. network of the same structure: neurons exchanged between the two layers (Mann-Whitney test of their "
    "pixels, each a mean over frames), after the difference of the medians that it has was taken off"
)
_DRAWN = "an i.i.d. network of the same structure (binomial test with the share of its neurons)"
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
    """Standing (layer, null) of each layer's comparison: neurons of layer ``more`` represent more than of ``fewer``.

    More than by structure, that is, by more than in an i.i.d. network; of layers made by hand nothing is taken off.
    """
    pixels = result["pixels"].mean("frame").transpose("layer", "neuron").values
    drawn = result["null_median"].values
    out = np.full((len(pixels), len(NULL)), np.nan)
    for at, (a, b) in enumerate(zip(more, fewer, strict=True)):
        if a != b:
            known = [pixels[k][np.isfinite(pixels[k])] for k in (a, b)]
            out[at, 1] = drawn[a] - drawn[b]
            structure = np.nan_to_num(out[at, 1]) * result.attrs["pixels_of_a_frame"] / 100
            out[at, 0] = mannwhitneyu(known[0] - structure, known[1], alternative="greater", method="asymptotic").pvalue
    return labelled(out, ("layer",)).assign_coords(layer=result["layer"].values)


def _last_to_each(result: xr.Dataset) -> xr.DataArray:
    count = result.sizes["layer"]
    return _exchanged(result, [count - 1] * count, list(range(count)))


def _each_to_before(result: xr.Dataset) -> xr.DataArray:
    count = result.sizes["layer"]
    return _exchanged(result, list(range(count)), [0, *range(count - 1)])


def _drawn(result: xr.Dataset) -> xr.DataArray:
    """Standing (layer, frame, null) of the number of neurons that represent almost nothing."""
    share = result["almost_none"].transpose("layer", "frame")
    count = (share * result["neurons"]).round()
    expected = result["null_almost_none"].broadcast_like(share)
    # None among those drawn is less than one in as many.
    p_value = xr.apply_ufunc(binom.sf, count - 1, result["neurons"], expected.clip(min=1 / DRAWN))
    return xr.concat([p_value, expected, expected * np.nan], dim="null").assign_coords(null=list(NULL))


def _idle(result: xr.Dataset) -> xr.DataArray:
    """Share of the dead neurons without effect (layer, frame); NaN where none is dead."""
    return result["dead_no_effect"] / result["dead"].where(result["dead"] > 0)


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
        "Nearly half of the neurons of FFN layer 2 contribute almost nothing, by the paper's definition.",
        f"{_LITTLE}; threshold: nearly half",
        lambda result: result["almost_none"],
        threshold=0.4,
        null=_drawn,
        chance=_DRAWN,
        architectures=("ffn",),
        layers=("layer2",),
    ),
    Claim(
        "dead_neurons_elsewhere",
        "4.4",
        "There are dead neurons in the other layers, too, by the paper's definition.",
        f"{_LITTLE}; threshold: one in a hundred",
        lambda result: result["almost_none"],
        threshold=0.01,
        null=_drawn,
        chance=_DRAWN,
        applies=lambda result: (result["layer"] != "layer2") | (result.attrs.get("architecture") != "ffn"),
        unless="FFN layer 2 has a row of its own",
    ),
    Claim(
        "dead_neurons_do_nothing",
        "4.4",
        "Neurons without contribution are dead: the network does without them.",
        "share of the neurons with Σ|C| = 0 whose ablation changes no pixel; threshold: half",
        _idle,
        threshold=0.5,
        chance="none: each of them is ablated",
        missing="no neuron has Σ|C| = 0",
    ),
)
