"""A frame with the places of one entry, its error and collisions; and what they cost at each level."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from xinc.plotting import layout, style
from xinc.plotting.drawn import Figures

if TYPE_CHECKING:
    from xinc.analyses.collisions import Collisions

#: Inches of a row of curves.
_CURVES = 1.75
#: Better with the entry, better without it.
_HELPED, _HARMED = style.PALETTE[2], style.PALETTE[3]


def plot(analysis: Collisions, result: xr.Dataset) -> Figures:
    frames = result["frame"].values
    return Figures({f"frame{int(f)}": partial(_figure, analysis, result.sel(frame=f)) for f in frames})


def _figure(analysis: Collisions, result: xr.Dataset) -> Figure:
    beside = layout.page() > 5
    across = 3 if beside else 1
    aspect = result.sizes["y"] / result.sizes["x"]
    images = 3 // across * ((layout.page() / across - 0.06) * aspect + 0.66)
    curves = _CURVES * (1 if beside else 2) + 0.2
    images = layout.fitted(images, curves + 0.5)
    of = layout.about(result.attrs, f"frame {int(result['frame'])}")
    figure = layout.new_figure(layout.page(), images + curves + 0.2, analysis.question, of)
    parts: Any = figure.subfigures(2, 1, height_ratios=[images, curves])
    _images(parts[0], result, parts[0].subplots(3 // across, across, squeeze=False).ravel())
    _curves(parts[1], result, parts[1].subplots(*((1, 4) if beside else (2, 2))).ravel())
    return figure


def _images(figure: Any, result: xr.Dataset, axes: np.ndarray) -> None:
    spots = result["example"].values
    known = np.isfinite(spots).all(1)
    if known.any():
        change, spots = result["example_change"].values[known], spots[known]
        title = f"one entry of level {int(result['example_level'])}: {len(spots)} places"
        layout.show(axes[0], result["source"].values, title)
        size = np.sqrt(np.abs(change) / np.abs(change).max())
        colours = [_HELPED if one > 0 else _HARMED for one in change]
        marks = style.points(1) ** 2 * (30 + 150 * size)
        for edges, width in (("white", 3.0), (colours, 1.6)):
            axes[0].scatter(spots[:, 1], spots[:, 0], marks, facecolors="none", edgecolors=edges, linewidths=width)
        axes[0].text(
            0.5, -0.03, "green: needs it; orange: better without", transform=axes[0].transAxes, ha="center", va="top",
            fontsize="x-small",
        )  # fmt: skip
    else:
        layout.show(axes[0], result["source"].values, "no entry has several places")
    root = np.sqrt(result["squared_error"].values)
    high = float(np.quantile(root, 0.999)) or 1.0
    image = layout.show(axes[1], root, "error", style.magnitude(), vmin=0, vmax=high)
    layout.bar_below(figure, axes[1], image, "root of squared error")
    image = layout.show(axes[2], result["collides"].values, "collisions", style.magnitude(), vmin=0, vmax=1)
    layout.bar_below(figure, axes[2], image, "share of what a pixel reads, hashed levels")


def _curves(figure: Any, result: xr.Dataset, axes: np.ndarray) -> None:
    level = result["level"].values
    look: dict[str, Any] = {"marker": "o", "ms": style.points(2.5), "lw": 1.2}
    axes[0].plot(level, result["pixels_of_entry"], label="pixels", color=style.PALETTE[7], **look)
    axes[0].plot(level, result["places_of_entry"], label="places", color=style.PALETTE[0], **look)
    axes[0].set_yscale("log")
    axes[0].yaxis.set_minor_formatter(NullFormatter())
    axes[0].set_title("of an entry, mean")
    axes[1].plot(level, 100 * result["colliding"], color=style.PALETTE[0], **look)
    axes[1].set(title="% of what is read collides", ylim=(-4, 104))
    axes[2].axhline(1, color="0.7", lw=0.8)
    axes[2].plot(level, result["error_ratio"], label="ratio", color=style.PALETTE[0], **look)
    edge = result["error_ratio_null"].sel(null="edge")
    axes[2].plot(level, edge, label="95 % of shifts", color="0.5", ls="--", lw=1)
    axes[2].set_title("error where it collides")
    for kind, colour in zip(result["kind"].values, (style.PALETTE[7], style.PALETTE[0]), strict=True):
        axes[3].plot(level, 100 * result["worse_off"].sel(kind=kind), label=str(kind), color=colour, **look)
    axes[3].set_title("% of places better without")
    sure = (result["worse_off_null"].sel(null="p_value") <= 0.05).values
    several = 100 * result["worse_off"].sel(kind="several").values
    axes[3].plot(
        level[sure], several[sure], "o", ms=style.points(6), mfc="none", color=style.PALETTE[0], label="p ≤ .05"
    )
    for axis in axes:
        axis.set_xlabel("level")
        axis.xaxis.get_major_locator().set_params(integer=True)
    for axis in (axes[0], axes[2], axes[3]):
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize="x-small", frameon=False, borderpad=0.1, handlelength=1.4, labelspacing=0.2)
