"""Claims that compare two kinds of networks of one video."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xinc.analyses.claim import Claim
from xinc.analyses.results import Record
from xinc.statistics.standing import NULL, labelled, standing_of


@dataclass(frozen=True)
class Pair:
    """Results of one analysis for two networks of one video: the one that a row is about, and the other."""

    own: xr.Dataset
    other: xr.Dataset


@dataclass(frozen=True)
class Comparison:
    """A claim about a pair: its ``statistic`` and ``null`` take a `Pair`."""

    analysis: str
    of: str
    against: str
    claim: Claim


def pairs_of(comparison: Comparison, records: list[tuple[Record, xr.Dataset]]) -> list[tuple[Record, Record, Pair]]:
    """Every network of the one architecture with the first of the other on the same video, of its seed if there is."""
    of_analysis = [(r, d) for r, d in records if r.analysis == comparison.analysis]
    found = []
    for record, result in of_analysis:
        if result.attrs.get("architecture") != comparison.of:
            continue
        others = [
            (other, data)
            for other, data in of_analysis
            if data.attrs.get("architecture") == comparison.against and other.video == record.video
        ]
        others.sort(key=lambda one: one[0].seed != record.seed)
        if others:
            found.append((record, others[0][0], Pair(result, others[0][1])))
    return found


def _from_the_end(pair: Pair, of: Callable[[xr.Dataset], np.ndarray], last: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Values (layer, …) of the last layers of both networks, the last one first."""
    few = min(last, pair.own.sizes["layer"], pair.other.sizes["layer"])
    return of(pair.own)[::-1][:few], of(pair.other)[::-1][:few]


def _named(pair: Pair, values: np.ndarray) -> xr.DataArray:
    """Values (layer, …), the last layer first, by the names of the layers that rows are about."""
    names = pair.own["layer"].values[::-1][: len(values)]
    if values.ndim == 2:
        return labelled(values, ("layer",)).assign_coords(layer=names)
    return xr.DataArray(values, {"layer": names}, ("layer",))


def _subdued(other: str, percent: int) -> dict[str, Any]:
    """Correlation of NeRV's density minus that of the FFN's, as it is and under shifts of the frame."""

    def differences(pair: Pair) -> np.ndarray:
        own, against = _from_the_end(
            pair,
            lambda result: (
                result["pearson_shifted"]
                .sel({"with": other})
                .isel(percent=percent)
                .transpose("layer", "shift")
                .values.astype(np.float64)
            ),
        )
        if own.shape[1] != against.shape[1]:
            return np.full((len(own), 1), np.nan)
        return against - own

    return {
        "statistic": lambda pair: _named(pair, differences(pair)[:, 0]),
        "null": lambda pair: _named(pair, np.stack([standing_of(one) for one in differences(pair)])),
        "chance": "999 toroidal shifts of the frame against both networks' maps of densities",
        "missing": "a layer contributes nothing, or the networks' frames differ in size",
    }


def _variations(result: xr.Dataset) -> np.ndarray:
    """Coefficient of variation of the density at the highest threshold, mean over frames, (layer,)."""
    return result["variation"].isel(percent=-1).mean("frame").values


def _more_even(pair: Pair) -> xr.DataArray:
    own, other = _from_the_end(pair, _variations)
    return _named(pair, other - own)


def _more_even_overall(pair: Pair) -> xr.DataArray:
    own, other = (float(np.nanmean(_variations(one))) for one in (pair.own, pair.other))
    return xr.DataArray([other - own], {"layer": ["all"]}, ("layer",))


def _space_gap(result: xr.Dataset) -> np.ndarray:
    """log2 of other groupings' deviation over the grid's, mean over groupings, (layer, 1 + shifts)."""
    ratio = result["over_grid_shifted"].transpose("grouping", "layer", "shift").values.astype(np.float64)
    ratio = ratio[[str(g) != "grid" for g in result["grouping"].values]]
    known = np.isfinite(ratio) & (ratio > 0)
    logs = np.where(known, np.log2(np.where(known, ratio, 1)), 0).sum(0)
    count = known.sum(0)
    out: np.ndarray = logs / np.where(count > 0, count, np.nan)
    return out


def _weaker(pair: Pair) -> xr.DataArray:
    """The other network's gap, mean over its layers, minus that of each middle layer, (layer, 1 + shifts)."""
    own, other = _space_gap(pair.own), _space_gap(pair.other).mean(0)
    few = min(own.shape[1], len(other))
    values = np.full((len(own), few), np.nan)
    values[1:-1] = other[None, :few] - own[1:-1, :few]
    return xr.DataArray(values, {"layer": pair.own["layer"].values}, ("layer", "shift"))


def _weaker_null(pair: Pair) -> xr.DataArray:
    values = _weaker(pair)
    standings = [standing_of(one) for one in values.values]
    return labelled(np.reshape(standings, (-1, len(NULL))), ("layer",)).assign_coords(layer=values["layer"])


_R = "Pearson correlation over pixels of the density of neurons with the"
_MINUS = "NeRV's minus that of this layer of the FFN, both counted from the last"
_SUBDUED = "This trend is greatly subdued for the FFN, at its head and its penultimate layer:"

COMPARISONS: tuple[Comparison, ...] = (
    Comparison(
        "neurons_per_pixel",
        "ffn",
        "nerv",
        Claim(
            "ffn_brightness_subdued",
            "4.4",
            f"{_SUBDUED} more neurons where it is bright.",
            f"{_R} intensity, at the lowest threshold: {_MINUS}",
            **_subdued("intensity", 0),
        ),
    ),
    Comparison(
        "neurons_per_pixel",
        "ffn",
        "nerv",
        Claim(
            "ffn_texture_subdued",
            "4.4",
            f"{_SUBDUED} more neurons where it is textured.",
            f"{_R} edges, at the lowest threshold: {_MINUS}",
            **_subdued("edges", 0),
        ),
    ),
    Comparison(
        "neurons_per_pixel",
        "ffn",
        "nerv",
        Claim(
            "ffn_edge_bias_subdued",
            "4.4",
            f"{_SUBDUED} the densest pixels are edges.",
            f"{_R} edges, at the highest threshold: {_MINUS}",
            **_subdued("edges", -1),
        ),
    ),
    Comparison(
        "neurons_per_pixel",
        "ffn",
        "nerv",
        Claim(
            "ffn_more_even_at_the_end",
            "4.4",
            "The FFN's representation is more evenly distributed over pixels than NeRV's, at head and penultimate "
            "layer.",
            f"coefficient of variation over pixels of the density of neurons, at the highest threshold: {_MINUS}",
            _more_even,
            chance="none: a difference between two networks, each trained once",
            missing="a layer contributes nothing",
        ),
    ),
    Comparison(
        "neurons_per_pixel",
        "ffn",
        "nerv",
        Claim(
            "ffn_more_even",
            "7.3",
            "Pixels tend to be represented by similar numbers of neurons in FFN layers, and by varying ones in NeRV's.",
            "coefficient of variation over pixels of the density of neurons, at the highest threshold, mean over "
            "layers: NeRV's minus the FFN's",
            _more_even_overall,
            chance="none: a difference between two networks, each trained once",
            missing="no layer contributes",
        ),
    ),
    Comparison(
        "grouping",
        "nerv",
        "ffn",
        Claim(
            "nerv_middle_weaker_on_space",
            "7.2",
            "That space explains little is a weaker trend in the middle layers of NeRV than in the FFN.",
            "log2 of the standard deviation over the other groupings' regions / over grid cells, median over the "
            "sampled neurons, mean over groupings: the FFN's mean over its layers minus that of this layer of NeRV",
            lambda pair: _weaker(pair).isel(shift=0),
            null=_weaker_null,
            chance="999 toroidal shifts of the label maps, the same for both networks",
            applies=lambda pair: xr.DataArray(
                [0 < at < pair.own.sizes["layer"] - 1 for at in range(pair.own.sizes["layer"])],
                {"layer": pair.own["layer"].values},
                ("layer",),
            ),
            unless="not a middle layer",
            missing="no live neuron, or two layers only",
        ),
    ),
)
