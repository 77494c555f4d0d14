"""Heatmaps of every layer, beside intensity and edges, their difference from the intensity, and their structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr
from matplotlib.figure import Figure

from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.intensity import Intensity


#: What heatmaps are correlated with, in the words of the figure.
_WITH = {"intensity": "intensity", "edges": "edges", "mid_grey_distance": "|colour − ½|"}


def plot(analysis: Intensity, result: xr.Dataset) -> dict[str, Figure]:
    divided = analysis.settings.divided
    return {f"frame{int(f)}": _figure(result.sel(frame=f), analysis.question, divided) for f in result["frame"].values}


def _figure(result: xr.Dataset, question: str, divided: bool) -> Figure:
    layers = [str(name) for name in result["layer"].values]
    aspect = result.sizes["y"] / result.sizes["x"]
    of = layout.about(result.attrs, f"frame {int(result['frame'])}")
    structured = bool(result["structure"].notnull().any())
    figure, axes = layout.image_grid(3 + structured, max(len(layers), 4), aspect, question, extra=0.75, about=of)
    layout.show(axes[0, 0], result["source"].values, "source")
    layout.show(axes[0, 1], result["intensity"].values, "intensity", style.magnitude())
    layout.show(axes[0, 2], result["edges"].values, f"edges ({result.attrs['edge_filter']})", style.magnitude())
    layout.show(axes[0, 3], result["mid_grey_distance"].values, _WITH["mid_grey_distance"], style.magnitude())
    shown, prefix = ("divided", "divided_") if divided else ("heatmap", "")
    difference = result[shown] - result["intensity"]
    for at, layer in enumerate(layers):
        one = result.sel(layer=layer)
        name = f"{layer}: Σ|C|" + (" / structure" if divided and one["structure"].notnull().any() else "")
        title = "\n".join([name, *(_correlations(one, other, prefix) for other in _WITH)])
        heat = layout.show(axes[1, at], one[shown].values, title, style.magnitude(), vmin=0, vmax=1)
        image = layout.show(axes[2, at], difference.sel(layer=layer).values, layer, style.SIGNED, vmin=-1, vmax=1)
        if structured:
            title = f"{layer}, i.i.d.\n{_correlations(one, 'structure', '')}"
            layout.show(axes[3, at], one["structure"].values, title, style.magnitude(), vmin=0, vmax=1)
    if structured:
        layout.side_label(axes[3, 0], "structure")
    layout.side_label(axes[1, 0], "divided" if divided else "heatmap")
    layout.side_label(axes[2, 0], "difference")
    where: Any = {"location": "bottom", "aspect": 30, "pad": 0.03, "shrink": 0.8}
    half = axes.shape[1] // 2
    scaled = "Σ|C|, intensity, edges and |colour − ½|, scaled to [0, 1]"
    bars = [
        figure.colorbar(heat, ax=axes[-1, :half].tolist(), label=scaled, **where),
        figure.colorbar(image, ax=axes[-1, half:].tolist(), label="heatmap − intensity", **where),
    ]
    for bar in bars:
        bar.ax.tick_params(labelsize="x-small")
        bar.ax.xaxis.label.set_fontsize(6)
    return figure


def _correlations(one: xr.Dataset, other: str, prefix: str) -> str:
    """``intensity: r 0.41, ρ 0.38``, the correlations of a layer's heatmap over pixels."""
    # Rounded first, and 0 added: no "-0.00".
    measures = (prefix + "pearson", prefix + "spearman")
    r, rho = (round(float(one[name].sel({"with": other})), 2) + 0.0 for name in measures)
    return f"{_WITH.get(other, 'heatmap')}: r {r:.2f}, ρ {rho:.2f}"
