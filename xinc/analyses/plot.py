"""Figures of a result, in any size: ``xinc.plot``."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Iterator, Mapping
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
    with style.context(_look(size, cmap, title, columns)), _lost_dimensions(result):
        figures = _figures(result, settings)
        name = next(iter(figures)) if part is None else part
        if name not in figures:
            analysis = opened(result).attrs["analysis"]
            raise InputError(f"The result of '{analysis}' has no figure '{part}': {nearest(str(part), figures)}.")
        fit(figures[name])
    return figures[name]


@contextlib.contextmanager
def _lost_dimensions(result: Result) -> Iterator[None]:
    """Say where a selection has dropped a dimension that the figure then lacks."""
    try:
        yield
    except (IndexError, KeyError, TypeError, ValueError) as error:
        coords = opened(result).coords if isinstance(result, xr.Dataset) else {}
        lost = {str(label): values.item() for label, values in coords.items() if not values.dims}
        if isinstance(error, InputError) or not lost:
            raise
        name, value = next(iter(lost.items()))
        raise InputError(
            f"This result has lost the dimension {name}, it is of {value!r} alone: select with lists, which keep it, "
            f"as in result.sel({name}=[{value!r}])."
        ) from error


def parts(result: Result) -> list[str]:
    """Names of a result's figures, as `plot` takes them: layers, frames, or what they show."""
    with style.context():
        return list(_figures(result, {}))


def plot_all(result: Result, size: Size = "page", title: bool = True) -> dict[str, Figure]:
    """All figures of a result by name, drawn at once; see `plot`."""
    with style.context(_look(size, None, title, None)):
        figures = dict(_figures(result, {}))
        for figure in figures.values():
            fit(figure)
    return figures


def _figures(result: Result, settings: dict[str, Any]) -> Mapping[str, Figure]:
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
    width, height = wanted if isinstance(wanted, (tuple, list)) and len(wanted) == 2 else (wanted, None)
    if not _inches(width, 2) or not (height is None or _inches(height, 1)):
        raise InputError(
            f"The size is {size!r}: expected a width from 2 to 40 inches, or that and a height, or one of "
            f"{', '.join(SIZES)}."
        )
    if cmap is not None and str(cmap) not in matplotlib.colormaps:
        close = difflib.get_close_matches(str(cmap), matplotlib.colormaps, n=1)
        hint = f"did you mean '{close[0]}'?" if close else "the name of one of Matplotlib was expected."
        raise InputError(f"There is no colour map '{cmap}': {hint}")
    if columns is not None and (isinstance(columns, bool) or not isinstance(columns, int) or columns < 1):
        raise InputError(f"columns is {columns!r}: a number of panels from 1 on was expected.")
    if not isinstance(title, bool):
        raise InputError(
            f"title is {title!r}: expected True or False; for one of your own, figure.suptitle(…) of what is returned."
        )
    scale = max(1.0, round(float(width) / (style.SLIDE / style.SLIDE_SCALE), 3))
    return style.Look(float(width), height, scale, title, cmap or style.MAGNITUDE, columns)


def _inches(value: Any, least: float) -> bool:
    """Whether a length is a number of inches that a figure can have."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= 40


def _for_notebooks() -> None:
    """Let notebooks show figures: IPython learns how to when pyplot is imported."""
    if "IPython" in sys.modules:
        import matplotlib.pyplot  # noqa: F401
