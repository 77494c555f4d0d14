"""Figure 4 as released and as written, and beside it the page and the numbers that it is written from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.analyses.page_numbers import rounded, written
from xinc.analyses.paper_claims.page import NAME, page
from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.paper_claims import PaperClaims

#: From top to bottom.
_ROWS = ("released", "written")
_LINES = ("-", "--", "-.", ":")
#: The axis spans this many times its lowest value, at most.
_SPAN = 3e4


def plot(analysis: PaperClaims, result: xr.Dataset) -> dict[str, Figure]:
    title = "Which grouping of pixels do contributions respect, as released and as written?"
    if not result.sizes["panel"]:
        return {NAME: layout.note_figure(title, "no network of the paper's size and quality")}
    return {NAME: _figure(result, title)}


def pages(analysis: PaperClaims, result: xr.Dataset) -> dict[str, str]:
    """The page, and its numbers."""
    kept = rounded(result)
    return {f"{NAME}.md": page(kept), f"{NAME}.json": written(kept)}


def _figure(result: xr.Dataset, title: str) -> Figure:
    # The network with the most layers first: it sets the columns.
    of_panels = result["panel_model"].values.tolist()
    models = sorted(set(of_panels), key=lambda model: (-of_panels.count(model), model))
    columns = layout.columns(of_panels.count(models[0]), 1.5)
    panels = {model: np.flatnonzero(result["panel_model"].values == model) for model in models}
    # Bands of two rows: of each network as many as its layers need.
    bands = [(model, own[at : at + columns]) for model, own in panels.items() for at in range(0, len(own), columns)]
    figure = layout.new_figure(layout.page(), 0.7 + 2 * len(bands) * 1.55, title)
    axes = figure.subplots(2 * len(bands), columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    limits = _limits(result["curve"].values)
    for band, (model, places) in enumerate(bands):
        for row, definition in enumerate(_ROWS):
            for column, panel in enumerate(places):
                axis = axes[2 * band + row, column]
                own = result.isel(panel=panel)
                _draw(axis, own.sel(definition=definition), f"{model} {own['panel_layer'].item()}, as {definition}")
                axis.set(yscale="log", ylim=limits, xlim=(0, 100))
                if definition == "released" and np.isfinite(value := float(own["constant_kernel"])):
                    axis.axhline(value, color="0.2", linestyle=(0, (4, 2)), linewidth=0.8, label="constant")
                    axis.text(2, value * 1.15, f"{value:.3f}", fontsize="x-small", color="0.2", va="bottom")
                axis.tick_params(labelleft=column == 0, labelbottom=definition == "written")
                if column == 0:
                    axis.set_ylabel("variance of δ")
                if definition == "written" and band == len(bands) - 1:
                    axis.set_xlabel("neurons, sorted (%)")
    _legend(figure, axes)
    return figure


def _draw(axis: Axes, panel: xr.Dataset, title: str) -> None:
    """The curves of a layer by one definition."""
    axis.axis("on")
    names = panel["grouping"].values.tolist()
    for name, colour, line in zip(names, style.palette(len(names)), _LINES, strict=True):
        curve = panel["curve"].sel(grouping=name).values
        if np.isfinite(curve).any():
            shown = np.where(curve > 0, curve, np.nan)
            axis.plot(panel["position"].values, shown, color=colour, linestyle=line, label=name, linewidth=1.4)
    axis.set_title(title, pad=3)
    axis.grid(axis="y", linewidth=0.3, color="0.85")


def _legend(figure: Figure, axes: np.ndarray) -> None:
    known: dict[str, Any] = {}
    for axis in axes.flat:
        known |= dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    shown = {"grid": "grid (released: lattice 4×8)", "constant": "kernel that is constant over the frame"}
    names = [name for name in ("instances", "rgb", "gabor", "grid", "constant") if name in known]
    labels = [shown.get(name, name) for name in names]
    layout.legend_below(figure, [known[n] for n in names], labels)


def _limits(curves: np.ndarray) -> tuple[float, float]:
    """Common limits of all panels, which hold all curves but their lowest ends."""
    known = curves[np.isfinite(curves) & (curves > 0)]
    if not len(known):
        return 0.1, 1.0
    high = float(known.max())
    return max(float(np.quantile(known, 0.01)), high / _SPAN) / 1.2, high * 1.2
