"""Reconstructions, errors and heatmaps of all layers, a column for each of a few frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from xinc.frames import select_frames
from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.overview import Overview


def plot(analysis: Overview, result: xr.Dataset) -> dict[str, Figure]:
    """Rows: reconstruction, error, then a heatmap of each layer; columns: frames."""
    frames = select_frames(result["frame"].values.tolist(), analysis.settings.shown, "the result")
    frames = frames[: layout.columns(len(frames), 1.3)]
    layers = [str(name) for name in result["layer"].values]
    one = result.sel(frame=frames)
    aspect = result.sizes["y"] / result.sizes["x"]
    of = layout.about(result.attrs)
    figure, axes = layout.image_grid(len(layers) + 2, len(frames), aspect, analysis.question, 0.35, of)
    high = float(one["error"].max()) or 1.0
    for at, frame in enumerate(frames):
        column, here = axes[:, at], one.isel(frame=at)
        layout.show(column[0], here["reconstruction"].values, f"frame {frame}")
        error = float(np.sqrt(np.square(here["error"]).mean()))
        shown = layout.show(column[1], here["error"].values, f"{error:.2g}", style.magnitude(), vmin=0, vmax=high)
        for axis, layer in zip(column[2:], layers, strict=True):
            heat = here["sum_abs"].sel(layer=layer).values
            top = float(heat.max())
            layout.show(axis, heat, f"up to {top:.3g}", style.magnitude(), vmin=0, vmax=top or 1.0)
    for axis, text in zip(axes[:, 0], ("network", "error", *layers), strict=True):
        layout.side_label(axis, text)
    layout.bar_below(figure, axes[-1, -1], shown, "error")
    return {"all": figure}
