"""Shares of sampled neurons over time, and numbers of all neurons (paper figures 8 and 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xinc.analyses.annotated import annotated_note
from xinc.plotting import layout, style
from xinc.statistics.nan_reductions import nan_mean

if TYPE_CHECKING:
    from xinc.analyses.objects import Objects

_MARKERS = "os^DvPX*<>ph"
_LEGEND: dict[str, Any] = {
    "frameon": False, "fontsize": "x-small", "handlelength": 1, "handletextpad": 0.4, "labelspacing": 0.25,
}  # fmt: skip
#: Colour, marker and line.
_Look = tuple[Any, str, Any]


def plot(analysis: Objects, result: xr.Dataset) -> dict[str, Figure]:
    if "share" not in result:
        return {"all": _no_objects(result, analysis.question)}
    return {
        "neurons": _shares_figure(result, analysis.question),
        "numbers": _numbers_figure(result, analysis.question),
    }


def _no_objects(result: xr.Dataset, question: str) -> Figure:
    """In place of the figures, if there are no masks."""
    text = "The frames of the canvas have no masks: there are no objects to look at."
    return layout.note_figure(question, text, layout.about(result.attrs))


def _shares_figure(result: xr.Dataset, question: str) -> Figure:
    """Shares of the sampled neurons over the frames: a row for each layer, a panel for each neuron, one scale."""
    layers = [str(name) for name in result["layer"].values]
    shared = bool(result["shared_weights"].any())
    count = result.sizes["sample"]
    columns = layout.columns(count, 0.95)
    bands = -(-count // columns)
    looks = _looks(result)
    of = "share over frames and instances" if shared else "share of the frame"
    legend = 0.2 + 0.16 * -(-len(looks) // max(1, int(layout.page() / 1.1)))
    height = 0.65 + 1.2 * len(layers) * bands + legend
    about = layout.about(result.attrs, "sampled neurons")
    figure = layout.new_figure(layout.page(), height, question, about)
    axes = figure.subplots(len(layers) * bands, columns, squeeze=False, sharex=True, sharey=True)
    for axis in axes.flat:
        axis.axis("off")
    for row, layer in enumerate(layers):
        one = result.sel(layer=layer)
        for place, axis in enumerate(axes[row * bands : (row + 1) * bands].ravel()[:count]):
            _draw_shares(axis, one.isel(sample=place), layer, looks, columns)
    frames = result["frame"].values.tolist()
    places = range(len(frames)) if not shared else frames
    high = 100 * float(result["share"].max())
    axes[0, 0].set_ylim(0, 1.08 * high if high > 0 else 1)
    axes[0, 0].set_xticks(_ticks(list(places)), [str(f) for f in _ticks(frames)])
    for axis in axes[:, 1:].flat:
        axis.tick_params(labelleft=False)
    figure.supylabel(f"{of} (%)", fontsize="small")
    note = annotated_note(result.attrs)
    # On a middle panel: the layout of the figure leaves room for it there.
    axes[-1, (columns - 1) // 2].set_xlabel(
        f"frame\n{layout.wrapped(note, layout.page() - 0.5, 8)}" if note else "frame"
    )
    handles = [_handle(look, shared) for look in looks.values()]
    layout.legend_below(figure, handles, list(looks))
    return figure


def _numbers_figure(result: xr.Dataset, question: str) -> Figure:
    """Numbers of all neurons."""
    shared = bool(result["shared_weights"].any())
    note = annotated_note(result.attrs)
    of = layout.about(result.attrs, "all neurons") + (f"\n{note}" if note else "")
    layers = [str(name) for name in result["layer"].values]
    panels = 3 if shared else 2
    columns = layout.columns(panels, 2.0)
    rows = -(-panels // columns)
    height = 0.5 + rows * (2.1 + 0.14 * len(layers))
    figure = layout.new_figure(layout.page() if columns > 1 else min(layout.page(), 4.4), height, question, of)
    figure.get_layout_engine().set(w_pad=0.06)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[panels:]:
        axis.axis("off")
    places = np.arange(len(layers))
    colours = style.palette(2)
    drawn = {label: values for label, values in _pair_means(result).items() if np.isfinite(values).any()}
    for at, (label, values) in enumerate(drawn.items()):
        width = 0.76 / len(drawn)
        x = places + width * 1.05 * (at - (len(drawn) - 1) / 2)
        axes[0].bar(x, 100 * values, width, color=colours[at], label=label)
    axes[0].set(xticks=places, ylabel="distance of shares (points)", title="pairs of instances")
    axes[0].set_xticklabels(layers, rotation=30 if len(layers) > 3 else 0)
    axes[0].margins(y=0.05)
    if drawn:
        axes[0].legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), **_LEGEND)
    _draw_ranks(axes[1], result, result["intensity"].mean("frame"), "mean_share", "intensity")
    whole = "over frames\nand instances" if shared else "of the frame"
    axes[1].set(xlabel="intensity (0 to 1)", ylabel=f"mean share {whole} (%)", title="instances")
    if shared:
        _draw_ranks(axes[2], result, result["displacement"].mean("frame"), "fluctuation", "motion")
        axes[2].set(xlabel="displacement (pixels a step)", ylabel="change of share\nper step (%)", title="instances")
    return figure


def _pair_means(result: xr.Dataset) -> dict[str, np.ndarray]:
    """Mean distance (layer,) of pairs of instances of the same and of different categories."""
    categories = result["category"].values
    same = categories[:, None] == categories
    upper = np.triu(np.ones(same.shape, bool), 1)
    distance = result["distance"].transpose("layer", "instance", "other").values
    return {
        "same category": nan_mean(distance[:, upper & same], 1),
        "different": nan_mean(distance[:, upper & ~same], 1),
    }


def _looks(result: xr.Dataset) -> dict[str, _Look]:
    """Colour, of the instance, marker, of its category, and line, of things or stuff, by name."""
    categories = [str(c) for c in result["category"].values]
    known = list(dict.fromkeys(categories))
    markers = [_MARKERS[known.index(category) % len(_MARKERS)] for category in categories]
    lines = ["-" if thing else "--" for thing in result["isthing"].values]
    names = [str(name) for name in result["instance"].values]
    looks = zip(style.instance_colours(categories), markers, lines, strict=True)
    return dict(zip(names, looks, strict=True))


def _handle(look: _Look, joined: bool) -> Any:
    colour, marker, line = look
    joint: Any = line if joined else "none"
    return Line2D([], [], color=colour, marker=marker, linestyle=joint, markersize=style.points(4), linewidth=0.8)


def _ticks(frames: list[int]) -> list[int]:
    return frames if len(frames) <= 4 else frames[:: -(-len(frames) // 4)]


def _draw_shares(axis: Axes, neuron: xr.Dataset, layer: str, looks: dict[str, _Look], columns: int) -> None:
    """Shares of one neuron over the frames, a line for each instance, without lines where each frame has a network.

    ``columns`` is the number of panels beside each other.
    """
    number = int(neuron["sampled_neuron"])
    if number < 0:
        return
    axis.axis("on")
    shared = bool(neuron["shared_weights"])
    for at, (name, (colour, marker, line)) in enumerate(looks.items()):
        values = 100 * neuron["share"].sel(instance=name)
        # Each frame a network of its own: side by side, so that equal shares can be told apart.
        aside = np.arange(neuron.sizes["frame"]) + 0.7 * ((at + 0.5) / len(looks) - 0.5)
        axis.plot(
            neuron["frame"] if shared else aside, values, color=colour, marker=marker, linewidth=0.8,
            linestyle=line if shared else "none",
            markersize=style.points(3 if shared else 4), markeredgecolor="white", markeredgewidth=0.3,
        )  # fmt: skip
    narrow = layout.page() / columns < 0.4 * neuron.sizes["frame"]
    for at in np.flatnonzero(neuron["share"].isnull().all("instance").values).tolist():
        x, across = float(neuron["frame"][at]) if shared else at, axis.get_xaxis_transform()
        axis.text(
            x, 0.5, "dead", ha="center", va="center", fontsize="x-small", color="0.4", transform=across,
            rotation=90 if narrow else 0,
        )  # fmt: skip
    axis.set_title(f"{layer}, n {number}", pad=3)
    axis.margins(x=0.08)
    if not shared:
        axis.set_xlim(-0.6, neuron.sizes["frame"] - 0.4)
    axis.grid(axis="y", linewidth=0.3, color="0.85")


def _draw_ranks(axis: Axes, result: xr.Dataset, x: xr.DataArray, name: str, number: str) -> None:
    """An instance's value against ``x``, a colour for each layer, with the rank correlations and their p-values."""
    layers = [str(layer) for layer in result["layer"].values]
    for layer, colour, marker in zip(layers, style.palette(len(layers)), _MARKERS, strict=False):
        one = result.sel(layer=layer)
        rank, p = float(one[f"{number}_correlation"]), float(one[f"{number}_null"].sel(null="p_value"))
        label = layer if np.isnan(rank) else f"{layer}: ρ {round(rank, 2) + 0.0:.2f}, p {layout.probability(p)}"
        axis.plot(
            x, 100 * one[name], linestyle="none", color=colour, marker=marker, markersize=style.points(4), label=label
        )
    axis.margins(x=0.1, y=0.12)
    highest = 100 * float(result[name].max())
    axis.set_ylim(0, 1.12 * highest if highest > 0 else 1)
    # Below the panel: within it, the legend would hide some of the few points.
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), **_LEGEND)
