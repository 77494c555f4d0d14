"""Sorted contributions of every layer, a panel a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.distribution import Distribution

_LINES: Any = ("-", "--", "-.", ":")
_MARKERS = "os^Dv"


def plot(analysis: Distribution, result: xr.Dataset) -> dict[str, Figure]:
    frames = result["frame"].values
    columns = layout.columns(len(frames), 2.2, 3)
    rows = -(-len(frames) // columns)
    width = layout.page() if columns > 1 else min(layout.page(), 4.4)
    lines = (result.sizes["layer"] + 2) * 0.15
    height = 0.55 + (2.0 if layout.page() > 5 else 1.7) * rows + lines
    figure = layout.new_figure(width, height, analysis.question, layout.about(result.attrs))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axis, frame in zip(axes.flat, frames, strict=False):
        _curves(axis, result.sel(frame=frame), analysis.settings)
        axis.set_title(f"frame {frame}")
    for axis in axes.flat[len(frames) :]:
        axis.axis("off")
    for axis in axes[:, 0]:
        axis.set_ylabel("|C| relative to the\nlayer's largest")
    for axis in layout.lowest(axes, len(frames)):
        axis.set_xlabel("contributions of the layer, sorted (%)")
        axis.tick_params(labelbottom=True)
    left = min(_first_drawn(result.sel(frame=frame), analysis.settings.floor) for frame in frames)
    axes[0, 0].set_xlim(left, 100)
    _legend(figure, result, analysis.settings)
    return {"all": figure}


def _curves(axis: Axes, result: xr.Dataset, settings: Distribution.Settings) -> None:
    for at, layer in enumerate(result["layer"].values):
        one = result.sel(layer=layer)
        largest = float(one["maximum"]) or 1.0
        values = one["curve"] / largest
        (line,) = axis.plot(one["position"], values.where(values >= settings.floor), linestyle=_LINES[at % 4])
        for percent, marker in zip(_marked(result, settings), _MARKERS, strict=False):
            there = one.sel(percent=percent)
            axis.plot(
                there["rank"], there["tau"] / largest, marker, color=line.get_color(), ms=style.points(4.5), mec="white"
            )
    axis.set(yscale="log", ylim=(settings.floor, 1.5))
    axis.minorticks_off()


def _legend(figure: Figure, result: xr.Dataset, settings: Distribution.Settings) -> None:
    """One for all panels: what is said of a layer is of all frames."""
    colours = style.palette(result.sizes["layer"])
    handles, labels = [], []
    for at, layer in enumerate(result["layer"].values):
        one = result.sel(layer=layer)
        alive = f"Gini {_range(one['gini'].values, 2)}, {_range(100 * one['below_mean'].values, 0)} % below the mean"
        zeros = 100 * np.array([_zeros(one.sel(frame=frame), settings.floor) for frame in one["frame"].values])
        alive += f", {_range(zeros, 0)} % are 0" if zeros.max() >= 1 else ""
        handles.append(Line2D([], [], color=colours[at], linestyle=_LINES[at % 4]))
        labels.append(f"{layer}: {alive if np.isfinite(one['gini']).any() else 'no contributions'}")
    for percent, marker in zip(_marked(result, settings), _MARKERS, strict=False):
        handles.append(Line2D([], [], ls="", marker=marker, color="0.4", ms=style.points(4.5), mec="white"))
        labels.append(rf"$\tau_{{{percent:g}}}$: {percent:g} % of the total lies to the left")
    layout.legend_below(figure, handles, labels)


def _marked(result: xr.Dataset, settings: Distribution.Settings) -> list[float]:
    return [p for p in result["percent"].values.tolist() if p in settings.marked]


def _zeros(one: xr.Dataset, floor: float) -> float:
    """The share of a layer's contributions that are 0, or so close to it that no curve shows it."""
    values = (one["curve"] / (float(one["maximum"]) or 1.0)).values
    return float(one["position"].values[values >= floor][:1].sum()) / 100


def _range(values: np.ndarray, digits: int) -> str:
    """``0.61–0.65``, or one number where all round to it."""
    known = values[np.isfinite(values)]
    ends = [f"{value:.{digits}f}" for value in (known.min(initial=np.inf), known.max(initial=-np.inf))]
    return "–".join(dict.fromkeys(ends))


def _first_drawn(result: xr.Dataset, floor: float) -> float:
    """Where the first curve of a frame comes above the floor, in percent, on a ten: zeros leave no empty half."""
    largest = result["maximum"].where(result["maximum"] > 0)
    drawn = (result["curve"] / largest >= floor).any("layer")
    return 10 * float(np.floor(result["position"].values[drawn.values][0] / 10)) if drawn.any() else 0.0
