"""Agreement over pixels and over neurons, layer by layer, and maps of a neuron beside its effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from xinc.analyses.faithfulness.names import EFFECTS, MAPS, TOTALS
from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.faithfulness import Faithfulness


def plot(analysis: Faithfulness, result: xr.Dataset) -> dict[str, Figure]:
    return {"all": _agreement(analysis, result), "examples": _examples(analysis, result)}


def lines(result: xr.Dataset) -> dict[str, str]:
    """By layer, how far maps agree with effects, for the figures of maps."""
    found = {}
    for layer in result["layer"].values:
        plain, gained = (
            _number(result["median_agreement"].sel(layer=layer, map=m)) for m in ("contribution", "gained")
        )
        found[str(layer)] = f"maps agree with effects to r = {plain}, gained {gained} (faithfulness)"
    return found


def _number(value: Any) -> str:
    """``.45``, as correlations are written."""
    number = float(value)
    if not np.isfinite(number):
        return "undefined"
    return f"{round(number, 2) + 0.0:.2f}".replace("0.", ".", 1)


def _agreement(analysis: Faithfulness, result: xr.Dataset) -> Figure:
    of = layout.about(result.attrs, f"{_frames(result)}, up to {result.sizes['sample']} neurons a layer")
    columns = layout.columns(2, 2.5)
    figure = layout.new_figure(layout.page(), 3.6 if columns == 2 else 6.6, analysis.question, of)
    left, right = figure.subplots(2 // columns, columns)
    _dots(left, result, ("median_agreement", "agreement_low", "agreement_high"), "map", MAPS)
    left.set(ylabel="Pearson's r over pixels", title="maps with the effect of ablation, median over neurons")
    ranks = result.sel(effect="absolute")
    _dots(right, ranks, ("ranking", "ranking_low", "ranking_high"), "total", TOTALS)
    right.set(ylabel="Spearman's ρ over neurons", title=f"totals with {EFFECTS['absolute']} of ablation")
    return figure


def _dots(axis: Any, result: xr.Dataset, names: tuple[str, str, str], dim: str, words: dict[str, str]) -> None:
    """For each layer a group of values with their intervals, one for each map or total."""
    layers = [str(name) for name in result["layer"].values]
    kinds = [str(name) for name in result[dim].values]
    for k, kind in enumerate(kinds):
        values, low, high = (result[name].sel({dim: kind}).values for name in names)
        x = np.arange(len(layers)) + (k - (len(kinds) - 1) / 2) * 0.8 / len(kinds)
        ends = np.stack([values - np.minimum(low, values), np.maximum(high, values) - values])
        axis.errorbar(
            x, values, ends, marker="os^vDPX"[k], ms=style.points(4), linestyle="none", lw=0.8, label=words[kind]
        )
    for between in np.arange(len(layers) - 1) + 0.5:
        axis.axvline(between, color="0.9", lw=0.6, zorder=0)
    axis.axhline(0, color="0.7", lw=0.6, zorder=0)
    axis.set_xticks(np.arange(len(layers)), layers)
    axis.set_ylim(min(-0.3, axis.get_ylim()[0]), 1.05)
    axis.legend(
        loc="upper center",
        bbox_to_anchor=(0.45, -0.1),
        ncols=2 if layout.page() > 5 else 1,
        fontsize="x-small",
        frameon=False,
    )


def _examples(analysis: Faithfulness, result: xr.Dataset) -> Figure:
    """One neuron of each layer, a row each: |C|, gained map, effect."""
    layers = [str(name) for name in result["layer"].values]
    of = layout.about(result.attrs, "one neuron of each layer, each map scaled to its maximum")
    aspect = result.sizes["y"] / result.sizes["x"]
    figure, axes = layout.image_grid(len(layers), 3, aspect, analysis.question, about=of)
    for row, layer in zip(axes, layers, strict=True):
        one = result.sel(layer=layer)
        effect = one["example"].sel(picture="effect").values
        for axis, kind in zip(row, ("contribution", "gained", "effect"), strict=True):
            picture = one["example"].sel(picture=kind).values
            title = "effect of ablation" if kind == "effect" else f"{MAPS[kind]}, r {_number(_r(picture, effect))}"
            name = f"n {int(one['example_neuron'])}: " if kind == "contribution" else ""
            layout.show(axis, picture, name + title, style.magnitude(), vmin=0, vmax=float(picture.max()) or 1.0)
        layout.side_label(row[0], layer)
    return figure


def _r(a: np.ndarray, b: np.ndarray) -> float:
    if not np.ptp(a) or not np.ptp(b):
        return float("nan")
    return float(np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1])


def _frames(result: xr.Dataset) -> str:
    frames = list(result.attrs["frames"])
    return f"frame {frames[0]}" if len(frames) == 1 else f"{len(frames)} frames"
