"""Sorted curves of the pixels of each neuron, a panel a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.pixels_per_neuron import PixelsPerNeuron

_NULL: Any = {"linestyle": "--", "linewidth": 0.9}


def plot(analysis: PixelsPerNeuron, result: xr.Dataset) -> dict[str, Figure]:
    frames = result["frame"].values
    columns = layout.columns(len(frames), 2.2, 3)
    rows = -(-len(frames) // columns)
    width = layout.page() if columns > 1 else min(layout.page(), 4.4)
    handles, labels = _legend(result)
    lines = 0.15 * (sum(label.count("\n") + 1 for label in labels) + 1)
    height = 0.55 + (2.0 if layout.page() > 5 else 1.7) * rows + lines
    figure = layout.new_figure(width, height, analysis.question, layout.about(result.attrs))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axis, frame in zip(axes.flat, frames, strict=False):
        _curves(axis, result.sel(frame=frame))
        axis.set_title(f"frame {frame}")
    for axis in axes.flat[len(frames) :]:
        axis.axis("off")
    share = "1/N" if analysis.settings.share is None else f"{analysis.settings.share:g}"
    for axis in axes[:, 0]:
        axis.set_ylabel(f"pixels with a share\nabove {share} (%)")
    for axis in layout.lowest(axes, len(frames)):
        axis.set_xlabel("neurons of the layer, sorted (%)")
        axis.tick_params(labelbottom=True)
    layout.legend_below(figure, handles, labels)
    return {"all": figure}


def _curves(axis: Axes, result: xr.Dataset) -> None:
    for layer, colour in zip(result["layer"].values, style.palette(result.sizes["layer"]), strict=True):
        one = result.sel(layer=layer)
        axis.plot(one["position"], one["curve"], color=colour)
        if one["null_curve"].notnull().any():
            axis.plot(one["position"], one["null_curve"], color=colour, **_NULL)
    # Room below 0, so that a layer without pixels is seen.
    axis.set(xlim=(0, 100), ylim=(-2, 100))


def _legend(result: xr.Dataset) -> tuple[list[Line2D], list[str]]:
    """One for all panels: counts are of all frames, from the fewest to the most."""
    colours = style.palette(result.sizes["layer"])
    handles = [Line2D([], [], color=colour) for colour in colours]
    labels = [_counted(result.sel(layer=layer)) for layer in result["layer"].values]
    if result["null_curve"].notnull().any():
        handles.append(Line2D([], [], color="0.5", **_NULL))
        labels.append("i.i.d. network of the same structure")
    return handles, labels


def _counted(one: xr.Dataset) -> str:
    """A layer's neurons, those that are dead, and what is known of their inputs and effects."""
    text = f"{one['layer'].item()}: {_count(one['neurons'])} neurons, {_count(one['dead'])} dead"
    if one["output_dead"].notnull().any():
        text += f" ({_count(one['output_dead'])} as outputs)"
    if one["no_effect"].notnull().any():
        return f"{text}\n{_count(one['zero_input'])} with zero input, {_count(one['no_effect'])} without effect"
    if (one["dead"] > 0).any() and one["dead_no_effect"].notnull().any():
        zero, idle = _count(one["dead_zero_input"]), _count(one["dead_no_effect"])
        return f"{text}\nof these {zero} with zero input, {idle} without effect"
    return text


def _count(values: xr.DataArray) -> str:
    """``1,203``, or ``1,150–1,203`` where it differs from frame to frame."""
    known = values.dropna("frame") if "frame" in values.dims else values
    return "–".join(dict.fromkeys(f"{int(number):,}" for number in (known.min(), known.max())))
