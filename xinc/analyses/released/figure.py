"""Figure 4 twice, as released and as written, and the other definitions in pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.analyses.released.numbers import GROUPINGS, variants_of
from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.released import Released

#: From top to bottom.
_ROWS = ("released", "written")
#: The axis spans this many times its lowest value, at most.
_SPAN = 1e5
#: The closed form's name in the legend.
_CONSTANT = "constant kernel"


def plot(analysis: Released, result: xr.Dataset) -> dict[str, Figure]:
    return {f"frame{int(f)}": _figure(result.sel(frame=f), analysis.question) for f in result["frame"].values}


def _figure(result: xr.Dataset, question: str) -> Figure:
    """A frame: for each layer the curves of the groupings as released, and below them as written."""
    layers = [str(name) for name in result["layer"].values]
    columns = layout.columns(len(layers), 1.55, 4)
    bands = -(-len(layers) // columns)
    figure = layout.new_figure(layout.page(), 0.75 + bands * 3.6, question, layout.about(result.attrs, _frame(result)))
    axes = figure.subplots(2 * bands, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    lattice = str(result["lattice"].values[0])
    curves = {
        (definition, layer): _curves(result.sel(layer=layer), definition, lattice)
        for definition in _ROWS
        for layer in layers
    }
    limits = _limits(curves)
    for at, layer in enumerate(layers):
        band, column = divmod(at, columns)
        for row, definition in enumerate(_ROWS):
            axis = axes[2 * band + row, column]
            _draw(axis, curves[definition, layer], limits, f"{layer}, as {definition}")
            if definition == "released":
                _mark(axis, float(result["constant_kernel"].sel(layer=layer, lattice=lattice)))
                axis.tick_params(labelbottom=False)
            else:
                axis.set_xlabel("neurons, sorted (%)")
            if column == 0:
                axis.set_ylabel("variance of δ\nover regions")
            else:
                axis.tick_params(labelleft=False)
    known = dict(pair for axis in axes.flat for pair in zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    names = [name for name in (*GROUPINGS, _CONSTANT) if name in known]
    shown = {"grid": f"grid {lattice} (released: lattice)", _CONSTANT: "kernel that is constant over the frame"}
    if names:
        labels = [shown.get(name, name) for name in names]
        layout.legend_below(figure, [known[n] for n in names], labels)
    return figure


def _frame(result: xr.Dataset) -> str:
    """Which frame it is, and that of the picture where it is another."""
    number, picture = int(result["frame"]), int(result["picture_frame"])
    return f"frame {number}" + (f" beside the picture's frame {picture}" if picture != number else "")


def _curves(result: xr.Dataset, definition: str, lattice: str) -> dict[str, np.ndarray]:
    """Sorted variances of the live neurons by grouping, of those that the frame has."""
    found = {}
    for grouping in GROUPINGS:
        regions, delta = variants_of(grouping, lattice)[definition]
        if regions in result["regions"].values:
            values = result["variance"].sel(regions=regions, delta=delta).values
            found[grouping] = np.sort(values[~np.isnan(values)])
    return {grouping: values for grouping, values in found.items() if len(values)}


def _limits(curves: dict[Any, dict[str, np.ndarray]]) -> tuple[float, float]:
    """Common limits of all panels, which hold all curves but their lowest ends."""
    every = [values[values > 0] for one in curves.values() for values in one.values() if (values > 0).any()]
    if not every:
        return 0.1, 1.0
    high = max(float(values[-1]) for values in every)
    return max(min(float(np.quantile(values, 0.05)) for values in every), high / _SPAN) / 1.2, high * 1.2


def _draw(axis: Axes, curves: dict[str, np.ndarray], limits: tuple[float, float], title: str) -> None:
    axis.axis("on")
    for grouping, colour, line in zip(GROUPINGS, style.palette(len(GROUPINGS)), ("-", "--", "-.", ":"), strict=True):
        values = curves.get(grouping)
        if values is None:
            continue
        layout.sorted_curve(axis, values, colour, line, grouping)
    axis.set_title(title, pad=3)
    axis.set(yscale="log", ylim=limits, xlim=(0, 100))
    axis.grid(axis="y", linewidth=0.3, color="0.85")
    if not curves:
        axis.text(
            0.5, 0.5, "no variance", transform=axis.transAxes, ha="center", va="center", fontsize="x-small", color="0.4"
        )


def _mark(axis: Axes, value: float) -> None:
    """The closed form, where the layer has one."""
    if not np.isnan(value):
        axis.axhline(value, color="0.2", linestyle=(0, (4, 2)), linewidth=0.8, label=_CONSTANT)
        axis.text(2, value * 1.12, f"{value:.3f}", fontsize="x-small", color="0.2", va="bottom")
