"""A row for each family: dots of its networks and of its layers, and beside the figure the page with the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from xinc.analyses.families.page import NAME, Families, page
from xinc.analyses.page_numbers import rounded, written
from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.families import Families as Analysis

#: Of the columns, from left to right: what is shown, and the words above it.
_COLUMNS = (
    "PSNR (dB)",
    "training,\nCPU min",
    "inequality of |C|",
    "without\ncontribution",
    "agreement\nwith effect",
    "",
)

#: Of criteria that are none.
_REMOVED = {"random": "removed at random"}


def plot(analysis: Analysis, result: xr.Dataset) -> dict[str, Figure]:
    title = "What have families of networks in common, and where do they differ?"
    families = Families(result)
    if not families.models:
        return {NAME: layout.note_figure(title, "no network has learned its video")}
    return {NAME: _figure(families, title)}


def pages(analysis: Analysis, result: xr.Dataset) -> dict[str, str]:
    """The page, and its numbers."""
    kept = rounded(result)
    return {f"{NAME}.md": page(kept), f"{NAME}.json": written(kept)}


def _figure(families: Families, title: str) -> Figure:
    count = len(families.models)
    columns = layout.columns(len(_COLUMNS), 1.1)
    rows = -(-len(_COLUMNS) // columns)
    figure = layout.new_figure(layout.page(), rows * max(1.6, 0.75 + 0.2 * count) + 0.6, title)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    axes = grid.ravel()
    for axis in axes[len(_COLUMNS) :]:
        axis.axis("off")
    lost = f"PSNR lost with\n{families.share:.0%} of weights (dB)"
    for axis, name in zip(axes, (*_COLUMNS[:-1], lost), strict=False):
        axis.set_title(name, pad=4, fontsize="small")
        axis.grid(axis="x", linewidth=0.3, color="0.85")
        axis.tick_params(left=False, labelsize="small")
        for edge in ("left", "top", "right"):
            axis.spines[edge].set_visible(False)
        for row in range(0, count, 2):
            axis.axhspan(row - 0.5, row + 0.5, color="0.95", zorder=0, linewidth=0)
    for row, model in enumerate(families.models):
        own = families.networks_of(model)
        _dots(axes[0], row, own["psnr"].to_numpy(float))
        minutes = own["cpu_seconds"].to_numpy(float) / 60
        _dots(axes[1], row, minutes[minutes > 0])
        _layers(axes[2], row, families, model, "gini")
        _layers(axes[3], row, families, model, "dead")
        _layers(axes[4], row, families, model, "agreement")
        _layers(axes[4], row, families, model, "gained_agreement", ring=True)
        _lost(axes[5], row, families, model)
    axes[0].set_yticks(range(count), families.labels)
    axes[0].set_ylim(count - 0.5, -0.5)
    if axes[1].lines:
        axes[1].set_xscale("log")
        axes[1].xaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=20))
        axes[1].xaxis.set_major_formatter("{x:g}")
        axes[1].xaxis.set_minor_formatter(NullFormatter())
    axes[2].set_xlim(-0.03, 1.03)
    axes[3].set_xlim(-0.03, 1.03)
    axes[4].set_xlim(min(-0.03, axes[4].get_xlim()[0]), 1.03)
    _legend(figure, axes[5])
    return figure


def _dots(axis: Axes, row: int, values: np.ndarray) -> None:
    known = values[np.isfinite(values)]
    if len(known):  # a line of nothing that is not clipped has no place, and breaks the layout
        axis.plot(known, np.full(len(known), row), "o", color=style.palette(1)[0], markersize=3.5, clip_on=False)


def _layers(axis: Axes, row: int, families: Families, model: str, measure: str, ring: bool = False) -> None:
    """Medians over networks, a dot for each layer; of the last layer it is light."""
    for last, colour in ((False, style.palette(1)[0]), (True, "0.6")):
        values = families.layers_of(model, measure, last)
        if not len(values):
            continue
        face = "none" if ring else colour
        axis.plot(
            values, np.full(len(values), row), "o", color=colour, markerfacecolor=face, markersize=4.5 if ring else 3.5,
            markeredgewidth=0.8, clip_on=False,
        )  # fmt: skip


def _lost(axis: Axes, row: int, families: Families, model: str) -> None:
    marks = dict(zip(families.criteria, (("o", "#0072B2"), ("s", "#D55E00"), ("x", "0.5")), strict=True))
    for criterion, (mark, colour) in marks.items():
        value = families.lost_of(model, criterion)
        if np.isfinite(value):
            axis.plot([value], [row], mark, color=colour, markersize=4, label=criterion if row == 0 else "_")


def _legend(figure: Figure, axis: Axes) -> None:
    handles, labels = axis.get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    if known:
        layout.legend_below(figure, list(known.values()), [_REMOVED.get(name, f"removed by {name}") for name in known])
