"""Sorted curves of the pixels of each neuron, a panel a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.plotting import layout

if TYPE_CHECKING:
    from xinc.analyses.pixels_per_neuron import PixelsPerNeuron


def plot(analysis: PixelsPerNeuron, result: xr.Dataset) -> dict[str, Figure]:
    frames = result["frame"].values
    columns = min(len(frames), 3)
    rows = -(-len(frames) // columns)
    width = layout.PAGE if columns > 1 else 0.6 * layout.PAGE
    lines = result.sizes["layer"] * 0.15
    figure = layout.new_figure(width, 0.35 + (2.5 + lines) * rows, analysis.question, layout.about(result.attrs))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axis, frame in zip(axes.flat, frames, strict=False):
        _curves(axis, result.sel(frame=frame))
        axis.set_title(f"frame {frame}")
    for axis in axes.flat[len(frames) :]:
        axis.axis("off")
    share = "1/N" if analysis.settings.share is None else f"{analysis.settings.share:g}"
    for axis in axes[:, 0]:
        axis.set_ylabel(f"pixels with a share above {share} (%)")
    return {"all": figure}


def _curves(axis: Axes, result: xr.Dataset) -> None:
    for at, layer in enumerate(result["layer"].values):
        one = result.sel(layer=layer)
        label = f"{layer}: {int(one['neurons']):,} neurons, {int(one['dead']):,} dead"
        style = ("-", "--", "-.", ":")[at % 4]
        axis.plot(one["position"], one["curve"], linestyle=style, label=label)
    # Room below 0, so that a layer without pixels is seen.
    axis.set(xlim=(0, 100), ylim=(-2, 100), xlabel="neurons of the layer, sorted (%)")
    axis.tick_params(labelbottom=True)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), frameon=False)
