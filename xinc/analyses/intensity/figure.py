"""Heatmaps of every layer, beside intensity and edges, their difference from the intensity, and their structure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from xinc.plotting import layout, style
from xinc.plotting.drawn import Figures

if TYPE_CHECKING:
    from xinc.analyses.intensity import Intensity


#: What heatmaps are correlated with, in the words of the figure.
_WITH = {"intensity": "intensity", "edges": "edges", "mid_grey_distance": "|colour − ½|"}


def plot(analysis: Intensity, result: xr.Dataset) -> Figures:
    draw = partial(_figure, question=analysis.question, divided=analysis.settings.divided)
    return Figures({f"frame{int(f)}": partial(draw, result.sel(frame=f)) for f in result["frame"].values})


def _figure(result: xr.Dataset, question: str, divided: bool) -> Figure:
    """What heatmaps are compared with; then, for as many layers as there is room for, a row of each kind of picture."""
    layers = [str(name) for name in result["layer"].values]
    aspect = result.sizes["y"] / result.sizes["x"]
    of = layout.about(result.attrs, f"frame {int(result['frame'])}")
    structured = bool(result["structure"].notnull().any())
    columns = layout.columns(max(len(layers), 4), 1.5)
    first, kinds = -(-4 // columns), 2 + structured
    bands = [layers[at : at + columns] for at in range(0, len(layers), columns)]
    rows = first + kinds * len(bands)
    figure, axes = layout.image_grid(rows, columns, aspect, question, 0.6, of)
    _inputs(axes[:first].ravel(), result)
    shown, prefix = ("divided", "divided_") if divided else ("heatmap", "")
    difference = result[shown] - result["intensity"]
    for band, members in enumerate(bands):
        own = axes[first + kinds * band : first + kinds * (band + 1)]
        for at, layer in enumerate(members):
            one = result.sel(layer=layer)
            name = f"{layer}: Σ|C|" + (" / structure" if divided and one["structure"].notnull().any() else "")
            title = "\n".join([name, *(_correlations(one, other, prefix) for other in _WITH)])
            heat = layout.show(own[0, at], one[shown].values, title, style.magnitude(), vmin=0, vmax=1)
            values = difference.sel(layer=layer).values
            image = layout.show(own[1, at], values, layer, style.SIGNED, vmin=-1, vmax=1)
            if structured:
                title = f"{layer}, i.i.d.\n{_correlations(one, 'structure', '')}"
                layout.show(own[2, at], one["structure"].values, title, style.magnitude(), vmin=0, vmax=1)
        for row, text in zip(own, ("divided" if divided else "heatmap", "difference", "structure"), strict=False):
            layout.side_label(row[0], text)
    _bars(figure, axes[-1], heat, image)
    said = [f"{layer}: {line}" for layer in layers if (line := layout.quoted(result.attrs, layer).strip())]
    if said:
        figure.supxlabel("\n".join(said), fontsize="x-small")
    return figure


def _inputs(axes: Any, result: xr.Dataset) -> None:
    """What heatmaps are compared with."""
    layout.show(axes[0], result["source"].values, "source")
    layout.show(axes[1], result["intensity"].values, "intensity", style.magnitude())
    layout.show(axes[2], result["edges"].values, f"edges ({result.attrs['edge_filter']})", style.magnitude())
    layout.show(axes[3], result["mid_grey_distance"].values, _WITH["mid_grey_distance"], style.magnitude())


def _bars(figure: Figure, axes: Any, heat: Any, image: Any) -> None:
    """The two scales of all pictures, beside each other."""
    where: Any = {"location": "bottom", "aspect": 30, "pad": 0.03, "shrink": 0.8}
    half = len(axes) // 2
    room = layout.page() / 2 - 0.3
    scaled = layout.wrapped("Σ|C|, intensity, edges and |colour − ½|, scaled to [0, 1]", room, 7)
    bars = [
        figure.colorbar(heat, ax=axes[:half].tolist(), label=scaled, ticks=[0, 0.5, 1], **where),
        figure.colorbar(image, ax=axes[half:].tolist(), label="heatmap − intensity", ticks=[-1, 0, 1], **where),
    ]
    for bar in bars:
        bar.ax.tick_params(labelsize="x-small")
        bar.ax.xaxis.label.set_fontsize("x-small")


def _correlations(one: xr.Dataset, other: str, prefix: str) -> str:
    """``intensity: r 0.41, ρ 0.38``, the correlations of a layer's heatmap over pixels; undefined of a constant."""
    # Rounded first, and 0 added: no "-0.00".
    measures = (prefix + "pearson", prefix + "spearman")
    r, rho = (round(float(one[name].sel({"with": other})), 2) + 0.0 for name in measures)
    said = f"r {r:.2f}, ρ {rho:.2f}" if np.isfinite([r, rho]).all() else "undefined"
    return f"{_WITH.get(other, 'heatmap')}: {said}"
