"""Sorted contributions of every layer, a panel a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.plotting import layout

if TYPE_CHECKING:
    from xinc.analyses.distribution import Distribution


def plot(analysis: Distribution, result: xr.Dataset) -> dict[str, Figure]:
    frames = result["frame"].values
    columns = min(len(frames), 3)
    rows = -(-len(frames) // columns)
    width = layout.page() if columns > 1 else 0.6 * layout.page()
    lines = (result.sizes["layer"] + 1) * 0.15
    figure = layout.new_figure(width, 0.35 + (2.5 + lines) * rows, analysis.question, layout.about(result.attrs))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axis, frame in zip(axes.flat, frames, strict=False):
        _curves(axis, result.sel(frame=frame), analysis.settings)
        axis.set_title(f"frame {frame}")
    for axis in axes.flat[len(frames) :]:
        axis.axis("off")
    for axis in axes[:, 0]:
        axis.set_ylabel("|C| relative to the layer's largest")
    return {"all": figure}


def _curves(axis: Axes, result: xr.Dataset, settings: Distribution.Settings) -> None:
    floor = settings.floor
    marked = [p for p in result["percent"].values.tolist() if p in settings.marked]
    for at, layer in enumerate(result["layer"].values):
        one = result.sel(layer=layer)
        largest = float(one["maximum"]) or 1.0
        values = one["curve"] / largest
        alive = f"Gini {float(one['gini']):.2f}, {100 * float(one['below_mean']):.0f} % below the mean"
        zeros = float(one["position"].values[(values >= floor).values][:1].sum())
        alive += f", {zeros:.0f} % are 0" if zeros >= 1 else ""
        label = f"{layer}: {alive if np.isfinite(one['gini']) else 'no contributions'}"
        style = ("-", "--", "-.", ":")[at % 4]
        (line,) = axis.plot(one["position"], values.where(values >= floor), linestyle=style, label=label)
        for percent, marker in zip(marked, "os^Dv", strict=False):
            there = one.sel(percent=percent)
            axis.plot(there["rank"], there["tau"] / largest, marker, color=line.get_color(), ms=4.5, mec="white")
    for percent, marker in zip(marked, "os^Dv", strict=False):
        label = rf"$\tau_{{{percent:g}}}$: {percent:g} % of the total lies to the left"
        axis.plot([], [], marker, color="0.4", ms=4.5, mec="white", label=label)
    axis.set(
        xlim=(_first_drawn(result, floor), 100),
        yscale="log",
        ylim=(floor, 1.5),
        xlabel="contributions of the layer, sorted (%)",
    )
    axis.tick_params(labelbottom=True)
    axis.minorticks_off()
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), frameon=False)


def _first_drawn(result: xr.Dataset, floor: float) -> float:
    """Where the first curve of a frame comes above the floor, in percent, on a ten: zeros leave no empty half."""
    largest = result["maximum"].where(result["maximum"] > 0)
    drawn = (result["curve"] / largest >= floor).any("layer")
    return 10 * float(np.floor(result["position"].values[drawn.values][0] / 10)) if drawn.any() else 0.0
