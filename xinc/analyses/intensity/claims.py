"""Sentences of the paper about contribution, intensity and edges (sections 1, 4.3 and 4.4)."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xinc.analyses.claim import Claim
from xinc.analyses.intensity.numbers import DESCRIPTIONS

_SHIFTED = "all toroidal shifts of the frame against the heatmap"


def _claim(name: str, section: str, sentence: str, number: str, threshold: float = 0.0, **others: Any) -> Claim:
    """A claim about one of the numbers, against the null of shifts."""
    chosen: dict[str, Any] = {
        "null": lambda result: result["attention_null"].sel(number=number, drop=True),
        "chance": _SHIFTED,
        "missing": "the layer contributes nothing, or the frame is of one colour",
    }
    statistic = lambda result: result["attention"].sel(number=number, drop=True)  # noqa: E731
    return Claim(name, section, sentence, DESCRIPTIONS[number], statistic, threshold, **(chosen | others))


def _explained(result: xr.Dataset) -> xr.DataArray:
    """Share of the variance that the intensity explains (layer, frame), of what structure cannot take from it."""
    both = [result[name].sel({"with": "intensity"}, drop=True) ** 2 for name in ("pearson", "divided_pearson")]
    return xr.concat(both, dim="of").max("of", skipna=False)


#: Responses are large where colours are far from what a response of zero shows: black without an activation at the
#: output, mid-grey with a tanh or a sigmoid.
_OUTPUT: dict[str, Any] = {"depends": "the output activation (identity, or tanh and sigmoid)"}
_PEOPLE: dict[str, Any] = {"missing": "no frame looked at has masks of people"}

CLAIMS: tuple[Claim, ...] = (
    _claim("intensity_biased", "1", "Representations are intensity-biased.", "intensity", **_OUTPUT),
    _claim(
        "represent_to_omit",
        "1",
        "INRs must represent even what is missing, where the colours are near zero: no less than elsewhere.",
        "dark",
        1.0,
        **_OUTPUT,
    ),
    _claim(
        "more_than_magnitude",
        "1",
        "Representations are not dictated by pixel magnitude alone: dark pixels get more than their intensity.",
        "dark_excess",
        chance="none: compared with a heatmap that is the intensity, not with chance",
        null=None,
        **_OUTPUT,
    ),
    _claim(
        "attend_to_edges",
        "1",
        "Neurons attend to low-level features: edges, beside colour and intensity.",
        "partial_edges",
    ),
    _claim(
        "contribution_follows_intensity",
        "4.3",
        "Areas of large contributions correspond to areas of high intensity.",
        "intensity",
        **_OUTPUT,
    ),
    Claim(
        "not_intensity_alone",
        "4.3",
        "Intensity does not fully explain where a layer contributes.",
        "share of the variance of Σ|C| over pixels that a line through the intensity explains, or of Σ|C| divided by "
        "that of an i.i.d. network of the same structure, whichever is larger",
        _explained,
        threshold=0.9,
        direction="<",
        chance="none: a bound on what intensity explains",
        depends=_OUTPUT["depends"],
        missing="the layer contributes nothing, or the frame is of one colour",
    ),
    _claim(
        "edges_beside_intensity",
        "4.3",
        "In addition to intensity, layers attend to edges and textures.",
        "partial_edges",
    ),
    _claim(
        "nerv_over_represents_people",
        "4.3",
        "NeRV's layers over-represent people, relative to intensity.",
        "people",
        architectures=("nerv",),
        **_PEOPLE,
        **_OUTPUT,
    ),
    _claim(
        "ffn_layer2_over_represents_people",
        "4.3",
        "Layer 2 of the FFN over-represents people, relative to intensity.",
        "people",
        architectures=("ffn",),
        layers=("layer2",),
        **_PEOPLE,
    ),
    _claim(
        "ffn_layer3_is_intensity",
        "4.3",
        "The contributions of FFN layer 3 are largely consistent with intensity.",
        "intensity",
        0.8,
        architectures=("ffn",),
        layers=("layer3",),
    ),
    _claim(
        "edges_not_alike",
        "4.3",
        "Not all edges are treated equally: NeRV has large contributions for some and small ones for others.",
        "edge_spread",
        0.5,
        absence=True,
        chance=f"{_SHIFTED}; p: of edges as alike as here",
        architectures=("nerv",),
    ),
    _claim(
        "ffn_magnitude_is_intensity",
        "4.4",
        "The magnitude of the FFN's contributions at head and penultimate layer correlates almost perfectly with "
        "intensity.",
        "intensity",
        0.9,
        architectures=("ffn",),
        layers=("layer2", "layer3"),
    ),
)
