"""Maps of the densities, a row for each threshold and a column for each layer, beside the frame and its edges."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.plotting import layout, style
from xinc.plotting.drawn import Figures

if TYPE_CHECKING:
    from xinc.analyses.neurons_per_pixel import NeuronsPerPixel


def plot(analysis: NeuronsPerPixel, result: xr.Dataset) -> Figures:
    frames = result["frame"].values
    return Figures({f"frame{int(f)}": partial(_figure, analysis, result.sel(frame=f)) for f in frames})


def _figure(analysis: NeuronsPerPixel, result: xr.Dataset) -> Figure:
    """Frame and edges stand in the first column, or, where there is room for few layers, in a row of their own."""
    layers, percents = [str(name) for name in result["layer"].values], result["percent"].values.tolist()
    aspect = result.sizes["y"] / result.sizes["x"]
    of = layout.about(result.attrs, f"frame {int(result['frame'])}")
    beside = layout.columns(len(layers) + 1, 1.35) == len(layers) + 1
    columns = len(layers) + 1 if beside else max(2, layout.columns(len(layers), 1.5))
    bands = 1 if beside else -(-len(layers) // columns)
    rows = max(len(percents), 2) if beside else 1 + bands * len(percents)
    figure, axes = layout.image_grid(rows, columns, aspect, analysis.question, extra=0.5 * rows, about=of)
    source, edges = axes[:2, 0] if beside else axes[0, :2]
    layout.show(source, result["source"].values, "source")
    layout.show(edges, result["edges"].values, "edges (sobel)", style.magnitude())
    for row, percent in enumerate(percents):
        own = axes[row, 1:] if beside else axes[1 + bands * row : 1 + bands * (row + 1)].ravel()
        for axis, layer in zip(own, layers, strict=False):
            _density(figure, axis, result.sel(layer=layer, percent=percent), layer)
    return figure


def _density(figure: Figure, axis: Axes, one: xr.Dataset, layer: str) -> None:
    """The map of one layer and percentage, with a colour bar of its own."""
    values = 100 * one["density"].values
    if np.isnan(values).all():
        layout.show(axis, np.ones((*values.shape, 3)), layer)
        axis.text(0.5, 0.5, "no contributions", transform=axis.transAxes, ha="center", va="center", fontsize="x-small")
        return
    image = layout.show(axis, values, _title(one, layer), style.magnitude(), vmin=0, vmax=values.max() or 1.0)
    layout.bar_below(figure, axis, image, "% of neurons")


def _title(one: xr.Dataset, layer: str) -> str:
    """``block1, |C| > τ₁₀ (cv 0.20)``, and below it the correlations."""
    r = {name: _signed(float(one["pearson"].sel({"with": name}))) for name in ("intensity", "edges")}
    head = rf"{layer}: |C| > $\tau_{{{float(one['percent']):g}}}$, cv {float(one['variation']):.2f}"
    return f"{head}\nr {r['intensity']} intensity, {r['edges']} edges"


def _signed(correlation: float) -> str:
    """``−.55``."""
    # Rounded first, and 0 added: no "−.00".
    return f"{round(correlation, 2) + 0.0:.2f}".replace("0.", ".", 1).replace("-", "−")
