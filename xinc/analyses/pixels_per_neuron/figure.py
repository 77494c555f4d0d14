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
    width = layout.page() if columns > 1 else 0.6 * layout.page()
    lines = (1 + result.sizes["layer"] * (1 + int(result["no_effect"].notnull().any()))) * 0.15
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
    for layer in result["layer"].values:
        one = result.sel(layer=layer)
        (line,) = axis.plot(one["position"], one["curve"], label=_counted(one))
        if one["null_curve"].notnull().any():
            axis.plot(one["position"], one["null_curve"], linestyle="--", linewidth=0.9, color=line.get_color())
    if result["null_curve"].notnull().any():
        axis.plot([], [], linestyle="--", linewidth=0.9, color="0.5", label="i.i.d. network of the same structure")
    # Room below 0, so that a layer without pixels is seen.
    axis.set(xlim=(0, 100), ylim=(-2, 100), xlabel="neurons of the layer, sorted (%)")
    axis.tick_params(labelbottom=True)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), frameon=False)


def _counted(one: xr.Dataset) -> str:
    """A layer's neurons, those that are dead, and what is known of their inputs and effects."""
    text = f"{one['layer'].item()}: {int(one['neurons']):,} neurons, {int(one['dead']):,} dead"
    if one["output_dead"].notnull():
        text += f" ({int(one['output_dead']):,} as outputs)"
    if one["no_effect"].notnull():
        return f"{text}\n{int(one['zero_input']):,} with zero input, {int(one['no_effect']):,} without effect"
    if one["dead"] > 0 and one["dead_no_effect"].notnull():
        zero, idle = int(one["dead_zero_input"]), int(one["dead_no_effect"])
        return f"{text}\nof these {zero:,} with zero input, {idle:,} without effect"
    return text
