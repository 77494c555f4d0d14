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
    """Shares of the sampled neurons over the frames: a row for each layer, a panel for each neuron."""
    layers = [str(name) for name in result["layer"].values]
    shared = bool(result["shared_weights"].any())
    columns = result.sizes["sample"]
    looks = _looks(result)
    legend_columns = max(2, min(6, len(looks), int(80 / (4 + max(len(name) for name in looks)))))
    legend = 0.2 + 0.16 * -(-len(looks) // legend_columns)
    height = 0.45 + 1.25 * len(layers) + legend
    figure = layout.new_figure(layout.page(), height, question, layout.about(result.attrs, "sampled neurons"))
    axes = figure.subplots(len(layers), columns, squeeze=False, sharex=True, sharey="row")
    for row, layer in enumerate(layers):
        one = result.sel(layer=layer)
        for column in range(columns):
            _draw_shares(axes[row, column], one.isel(sample=column), layer, looks)
        label = "share over frames\nand instances (%)" if shared else "share of the\nframe (%)"
        axes[row, 0].set_ylabel(label)
    frames = result["frame"].values.tolist()
    places = range(len(frames)) if not shared else frames
    note = annotated_note(result.attrs)
    for axis in axes[-1]:
        axis.set_xlabel("frame")
        axis.set_xticks(_ticks(list(places)), [str(f) for f in _ticks(frames)])
    if note:
        # On the middle panel: the layout of the figure leaves room for it there.
        axes[-1][columns // 2].set_xlabel(f"frame\n{note}", fontsize="x-small")
    handles = [_handle(look, shared) for look in looks.values()]
    figure.legend(handles, list(looks), loc="outside lower center", ncols=legend_columns, frameon=False)
    return figure


def _numbers_figure(result: xr.Dataset, question: str) -> Figure:
    """Numbers of all neurons."""
    shared = bool(result["shared_weights"].any())
    note = annotated_note(result.attrs)
    of = layout.about(result.attrs, "all neurons") + (f"\n{note}" if note else "")
    layers = [str(name) for name in result["layer"].values]
    legend = 0.13 * -(-len(layers) // 2)
    figure = layout.new_figure(layout.page(), 2.6 + legend + 0.15 * bool(note), question, of)
    figure.get_layout_engine().set(w_pad=0.06)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(1, 3 if shared else 2, squeeze=False)[0]
    places = np.arange(len(layers))
    colours = style.palette(2)
    for at, (label, values) in enumerate(_pair_means(result).items()):
        axes[0].bar(places + 0.4 * (at - 0.5), 100 * values, 0.38, color=colours[at], label=label)
    axes[0].set(xticks=places, ylabel="distance of shares (points)", title="pairs of instances")
    axes[0].set_xticklabels(layers, rotation=30 if len(layers) > 3 else 0)
    axes[0].margins(y=0.3)
    axes[0].legend(frameon=False, fontsize="x-small", loc="upper center", ncols=2, columnspacing=0.8, handlelength=1.2)
    _draw_ranks(axes[1], result, result["intensity"].mean("frame"), "mean_share", "intensity")
    whole = "over frames\nand instances" if shared else "of the frame"
    axes[1].set(xlabel="intensity of the instance (0 to 1)", ylabel=f"mean share {whole} (%)")
    if shared:
        _draw_ranks(axes[2], result, result["displacement"].mean("frame"), "fluctuation", "motion")
        axes[2].set(xlabel="displacement (pixels per step)", ylabel="change of share per step (%)")
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
    style: Any = line if joined else "none"
    return Line2D([], [], color=colour, marker=marker, linestyle=style, markersize=4, linewidth=0.8)


def _ticks(frames: list[int]) -> list[int]:
    return frames if len(frames) <= 4 else frames[:: -(-len(frames) // 4)]


def _draw_shares(axis: Axes, neuron: xr.Dataset, layer: str, looks: dict[str, _Look]) -> None:
    """Shares of one neuron over the frames, a line for each instance, without lines where each frame has a network."""
    number = int(neuron["sampled_neuron"])
    if number < 0:
        axis.axis("off")
        return
    shared = bool(neuron["shared_weights"])
    for at, (name, (colour, marker, line)) in enumerate(looks.items()):
        values = 100 * neuron["share"].sel(instance=name)
        # Each frame a network of its own: side by side, so that equal shares can be told apart.
        aside = np.arange(neuron.sizes["frame"]) + 0.7 * ((at + 0.5) / len(looks) - 0.5)
        axis.plot(
            neuron["frame"] if shared else aside, values, color=colour, marker=marker, linewidth=0.8,
            linestyle=line if shared else "none",
            markersize=3 if shared else 4, markeredgecolor="white", markeredgewidth=0.3,
        )  # fmt: skip
    for at in np.flatnonzero(neuron["share"].isnull().all("instance").values).tolist():
        x, across = float(neuron["frame"][at]) if shared else at, axis.get_xaxis_transform()
        axis.text(x, 0.5, "dead", ha="center", va="center", fontsize="x-small", color="0.4", transform=across)
    axis.set_title(f"{layer}, n {number}", pad=3)
    axis.margins(x=0.08, y=0.12)
    if not shared:
        axis.set_xlim(-0.6, neuron.sizes["frame"] - 0.4)
    axis.grid(axis="y", linewidth=0.3, color="0.85")


def _draw_ranks(axis: Axes, result: xr.Dataset, x: xr.DataArray, name: str, number: str) -> None:
    """An instance's value against ``x``, a colour for each layer, with the rank correlations."""
    layers = [str(layer) for layer in result["layer"].values]
    for layer, colour, marker in zip(layers, style.palette(len(layers)), _MARKERS, strict=False):
        one = result.sel(layer=layer)
        rank = float(one[f"{number}_correlation"])
        label = layer if np.isnan(rank) else f"{layer}: ρ = {rank:.2f}"
        axis.plot(x, 100 * one[name], linestyle="none", color=colour, marker=marker, markersize=4, label=label)
    axis.margins(x=0.1, y=0.12)
    # Below the panel: within it, the legend would hide some of the few points.
    axis.legend(
        frameon=False, fontsize="x-small", handlelength=1, handletextpad=0.2, columnspacing=0.8, ncols=2,
        loc="upper center", bbox_to_anchor=(0.5, -0.2),
    )  # fmt: skip
