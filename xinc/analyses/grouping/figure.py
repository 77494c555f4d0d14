"""Figures of groupings of pixels: variances over regions, and neurons among shifts (paper figures 4 and 16)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.analyses.grouping.numbers import GROUPINGS
from xinc.plotting import layout, style
from xinc.plotting.drawn import Figures

if TYPE_CHECKING:
    from xinc.analyses.grouping import Grouping

#: The axis of the curves spans this many times its lowest value.
_DECADES = 1e8


def plot(analysis: Grouping, result: xr.Dataset) -> Figures:
    frames = result["frame"].values
    return Figures({f"frame{int(f)}": partial(_frame_figure, result.sel(frame=f), analysis.question) for f in frames})


def _frame_figure(result: xr.Dataset, question: str) -> Figure:
    """A frame: for each layer the curves of the groupings, and below them the null."""
    layers = [str(name) for name in result["layer"].values]
    columns = layout.columns(len(layers), 1.6, 4)
    bands = -(-len(layers) // columns)
    names = [str(g) for g in result["grouping"].values]
    lower = 0.2 + 0.19 * len(names)
    size = (layout.page(), 0.65 + bands * (2.6 + lower))
    figure = layout.new_figure(*size, question, layout.about(result.attrs, _frame(result)))
    axes = figure.subplots(2 * bands, columns, squeeze=False, height_ratios=[1.7, lower] * bands)
    for axis in axes.flat:
        axis.axis("off")
    limits = _limits(result["variance"].values)
    for at, layer in enumerate(layers):
        row, column = 2 * (at // columns), at % columns
        one = result.sel(layer=layer)
        _draw_curves(axes[row, column], one, layer, limits, column == 0)
        _draw_null(axes[row + 1, column], one, names, column == 0)
    known = dict(pair for axis in axes.flat for pair in zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    shown = [name for name in names if name in known]
    if shown:
        layout.legend_below(figure, [known[n] for n in shown], shown)
    return figure


def _frame(result: xr.Dataset) -> str:
    """Which frame it is, and, where only some have masks, whether it has."""
    number = int(result["frame"])
    known, held = (list(result.attrs.get(name, ())) for name in ("annotated_frames", "canvas_frames"))
    if len(known) == len(held):
        return f"frame {number}"
    return f"frame {number} ({'with masks' if number in known else 'without masks: no instances'})"


def _limits(variance: np.ndarray) -> tuple[float, float]:
    """Common limits of the curves, which hold all neurons but those so close to constant that they flatten the rest."""
    positive = variance[variance > 0]
    if not positive.size:
        return 0.1, 1.0
    high = float(positive.max())
    return max(float(positive.min()), high / _DECADES) / 1.2, high * 1.2


def _draw_curves(axis: Axes, result: xr.Dataset, layer: str, limits: tuple[float, float], first: bool) -> None:
    """Sorted variances of the live neurons of a layer, a curve for each grouping."""
    axis.axis("on")
    for name, (colour, line) in _looks(result).items():
        values = np.sort(result["variance"].sel(grouping=name).dropna("neuron").values)
        if len(values):
            layout.sorted_curve(axis, values, colour, line, name)
    neurons, dead, constant = (int(result[name]) for name in ("neurons", "dead", "constant"))
    text = f", {_percent(constant, neurons)} constant" if constant else ""
    low = int((result["variance"] < limits[0]).any("grouping").sum()) - constant
    # On a line of its own: all three beside each other are wider than a panel.
    text += f",\n{_percent(low, neurons)} below axis" if low > 0 else ""
    axis.set_title(f"{layer}: {neurons:,} neurons\n{_percent(dead, neurons)} dead{text}", pad=3)
    axis.set(yscale="log", ylim=limits, xlim=(0, 100), xlabel="neurons, sorted (%)")
    near = limits[1] / limits[0] < 300
    axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if near else (1,)))
    axis.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g") if near else ticker.LogFormatterSciNotation())
    axis.yaxis.set_minor_formatter(ticker.NullFormatter())
    axis.grid(axis="y", linewidth=0.3, color="0.85")
    if dead == neurons:
        _note(axis, "all neurons dead")
    if first:
        axis.set_ylabel("variance of δ\nover regions")
    else:
        axis.tick_params(labelleft=False)


def _draw_null(axis: Axes, result: xr.Dataset, names: list[str], first: bool) -> None:
    """Standardised effects of the sampled neurons of a layer, a box for each grouping."""
    axis.axis("on")
    looks = _looks(result)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_yticks(range(len(names)), names if first else [""] * len(names))
    axis.set_xlabel("z above chance")
    effects = {name: result["z"].sel(grouping=name).dropna("sample").values for name in names}
    if not any(len(values) for values in effects.values()):
        axis.set_xticks([])
        _note(axis, "no null")
        return
    for at, (name, values) in enumerate(effects.items()):
        if not len(values):
            continue
        box = axis.boxplot(
            [values], positions=[at], orientation="horizontal", widths=0.6, patch_artist=True, showfliers=False,
            whis=(5, 95), medianprops={"color": "black"}, manage_ticks=False,
        )  # fmt: skip
        box["boxes"][0].set(facecolor=looks[name][0], linewidth=0.6)
        share = f"{float(result['share_significant'].sel(grouping=name)):.0%}"
        axis.text(0.97, at, share, transform=axis.get_yaxis_transform(), ha="right", va="center", fontsize="x-small")
    axis.axvline(0, color="0.4", linewidth=0.6, zorder=0)
    low, high = axis.get_xlim()
    axis.set_xlim(low, high + 0.4 * (high - low))
    axis.set_title("significant", loc="right", fontsize="x-small", pad=2)


def _note(axis: Axes, text: str) -> None:
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", fontsize="x-small", color="0.4")


def _looks(result: xr.Dataset) -> dict[str, tuple[Any, str]]:
    """Colour and line of each grouping, the same whatever groupings there are."""
    colours = dict(zip(GROUPINGS, style.palette(len(GROUPINGS)), strict=True))
    lines = dict(zip(GROUPINGS, ("-", "--", "-.", ":"), strict=True))
    return {str(g): (colours[str(g)], lines[str(g)]) for g in result["grouping"].values}


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return "0 %" if part == 0 else f"{share:.2g} %" if share < 10 else f"{share:.0f} %"
