"""Figures of a result, in any size: ``xinc.plot``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import xarray as xr
from matplotlib.figure import Figure

from xinc.analyses.draw import quotes_of
from xinc.analyses.making import make_analysis
from xinc.analyses.results import Result, beside, opened
from xinc.errors import InputError, nearest
from xinc.plotting import style
from xinc.plotting.fitting import fit

#: Width and height in inches by name; the height is the most that there is.
SIZES: dict[str, tuple[float, float | None]] = {
    "column": (3.4, None),
    "page": (style.PAGE, None),
    "slide": (style.SLIDE, style.SLIDE_HEIGHT),
}

Size = float | tuple[float, float] | Literal["column", "page", "slide"]


def plot(
    result: Result,
    part: str | None = None,
    *,
    size: Size = "page",
    cmap: str | None = None,
    title: bool = True,
    columns: int | None = None,
    **settings: Any,
) -> Figure:
    """A figure of a result of an analysis.

    It has the same look whatever your settings of Matplotlib, and keeps it when it is saved; text stays text in SVG
    and PDF. Nothing is computed.

    Parameters
    ----------
    result : a result as `xinc.analyses.results.open_result` gives it, or its folder, such as
        ``results/bunny/nerv/seed0/grouping``.
    part : one of the result's figures, see `parts`; by default the first.
    size : width in inches, or width and the most height; or ``"column"`` of a journal (3.4 in), ``"page"`` (7 in),
        ``"slide"`` (13.3 x 7.5 in). Letters are larger where a figure is wider than a page.
    cmap : the colour map of magnitudes, by default that of the house (magma).
    title : whether the question that the figure answers, and what it is of, stand above it.
    columns : panels beside each other in a grid of them, by default as many as can be read.
    **settings : of the analysis that only its drawing uses, such as ``shown`` of ``clusters``.

    Raises
    ------
    InputError : a result, a part, a size, a colour map or a setting that is not known; the message names the nearest.

    Examples
    --------
    >>> figure = xinc.plot("results/bunny/nerv/seed0/grouping", size=3.4, title=False)  # doctest: +SKIP
    >>> figure.savefig("figure4.pdf")  # doctest: +SKIP
    """
    _for_notebooks()
    with style.context(_look(size, cmap, title, columns)):
        figures = _figures(result, settings)
        name = next(iter(figures)) if part is None else part
        if name not in figures:
            analysis = opened(result).attrs["analysis"]
            raise InputError(f"The result of '{analysis}' has no figure '{part}': {nearest(str(part), figures)}.")
        fit(figures[name])
    return figures[name]


def parts(result: Result) -> list[str]:
    """Names of a result's figures, as `plot` takes them: layers, frames, or what they show."""
    with style.context():
        return list(_figures(result, {}))


def plot_all(result: Result, size: Size = "page", title: bool = True) -> dict[str, Figure]:
    """All figures of a result by name, drawn at once; see `plot`."""
    with style.context(_look(size, None, title, None)):
        figures = _figures(result, {})
        for figure in figures.values():
            fit(figure)
    return figures


def _figures(result: Result, settings: dict[str, Any]) -> dict[str, Figure]:
    data = opened(result).load()
    name, distribution = str(data.attrs["analysis"]), data.attrs.get("distribution", "")
    known = make_analysis(name, None, distribution).figure_settings
    for key in settings:
        if key not in known:
            expected = nearest(key, known) if known else "it has none"
            raise InputError(f"Unknown setting '{key}' of the figures of '{name}': {expected}.")
    analysis = make_analysis(name, {**data.attrs.get("settings", {}), **settings}, distribution)
    if not isinstance(result, xr.Dataset):
        found = [beside(Path(result), other) for other in sorted(analysis.figure_quotes)]
        data.attrs["quoted"] = quotes_of([path for path in found if path is not None])
    return analysis.plot(data)


def _look(size: Size, cmap: str | None, title: bool, columns: int | None) -> style.Look:
    import matplotlib

    if isinstance(size, str) and size not in SIZES:
        raise InputError(f"There is no size '{size}': {nearest(size, SIZES)}, or a width in inches.")
    wanted: Any = SIZES[size] if isinstance(size, str) else size
    width, height = wanted if isinstance(wanted, (tuple, list)) else (wanted, None)
    if not 2 <= width <= 40 or (height is not None and not 1 <= height <= 40):
        raise InputError(f"The size is {size!r}: expected a width from 2 to 40 inches, or that and a height.")
    if cmap is not None and cmap not in matplotlib.colormaps:
        close = nearest(cmap, matplotlib.colormaps).split(" Expected")[0]
        raise InputError(f"There is no colour map '{cmap}': {close}.")
    if columns is not None and columns < 1:
        raise InputError(f"There are {columns} columns: expected 1 or more.")
    scale = max(1.0, round(float(width) / (style.SLIDE / style.SLIDE_SCALE), 3))
    return style.Look(float(width), height, scale, title, cmap or style.MAGNITUDE, columns)


def _for_notebooks() -> None:
    """Let notebooks show figures: IPython learns how to when pyplot is imported."""
    if "IPython" in sys.modules:
        import matplotlib.pyplot  # noqa: F401
