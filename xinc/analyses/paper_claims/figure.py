"""Figure 4 as released and as written, and beside it the page and the numbers that it is written from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.analyses.paper_claims.page import NAME, page
from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.paper_claims import PaperClaims

#: From top to bottom.
_ROWS = ("released", "written")
_LINES = ("-", "--", "-.", ":")
#: The axis spans this many times its lowest value, at most.
_SPAN = 3e4
#: Significant digits of the numbers that are kept beside the page.
_DIGITS = 4


def plot(analysis: PaperClaims, result: xr.Dataset) -> dict[str, Figure]:
    title = "Which grouping of pixels do contributions respect, as released and as written?"
    if not result.sizes["panel"]:
        return {NAME: layout.note_figure(title, "no network of the paper's size and quality")}
    return {NAME: _figure(result, title)}


def pages(analysis: PaperClaims, result: xr.Dataset) -> dict[str, str]:
    """The page, and its numbers."""
    kept = rounded(result)
    return {f"{NAME}.md": page(kept), f"{NAME}.json": written(kept)}


def rounded(result: xr.Dataset) -> xr.Dataset:
    """The result with numbers of a few digits, so that the page can be written from what is kept of them."""
    found = result.copy()
    for name, values in result.data_vars.items():
        if values.dtype.kind == "f":
            few = [float(f"{value:.{_DIGITS}g}") for value in values.values.flat]
            found[name] = values.copy(data=np.array(few).reshape(values.shape))
    return found


def written(result: xr.Dataset) -> str:
    """A result as JSON, a line for each variable; null is NaN."""
    parts = []
    for section, variables in (("coords", result.coords), ("data_vars", result.data_vars)):
        lines = []
        for name, values in variables.items():
            plain = np.where(values.isnull().to_numpy(), np.array(None), values.to_numpy().astype(object))
            kept = {"dims": values.dims, "shape": values.shape, "data": plain.ravel().tolist()}
            lines.append(f"  {json.dumps(name)}: {json.dumps(kept, ensure_ascii=False)}")
        parts.append(f' "{section}": {{\n' + ",\n".join(lines) + "\n }")
    parts.append(f' "attrs": {json.dumps(result.attrs)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read(text: str) -> xr.Dataset:
    """The result in such a text."""
    return xr.Dataset.from_dict(json.loads(text, object_hook=_variable))


def _variable(section: dict[str, Any]) -> dict[str, Any]:
    """The array of a variable, of other sections as they are."""
    if section.keys() != {"dims", "shape", "data"}:
        return section
    holed = None in section["data"]
    plain = [float("nan") if value is None else value for value in section["data"]] if holed else section["data"]
    kind = object if any(isinstance(value, str) for value in plain) else None
    return {"dims": section["dims"], "data": np.array(plain, kind).reshape(section["shape"])}


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
