"""Running an analysis on the files of the workflow, and drawing its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from xinc.analyses import analyses
from xinc.analyses.base import Analysis, Subject
from xinc.settings import validate
from xinc.stores import quiet_zarr, whole_directory


def make_analysis(name: str, settings: Any = None) -> Analysis:
    """The analysis called ``name`` with these settings (plain builtins); `InputError` for what is not known."""
    cls = analyses[name]
    analysis = cls(validate(cls.Settings, settings, f"analyses.{name}"))
    assert isinstance(analysis, Analysis)
    return analysis


def subject_of(video: str, model: str | None = None, history: str | None = None, layers: Sequence[str] = ()) -> Subject:
    """The subject made of these files; ``layers`` are the groups of a canvas, in network order, named by folder."""
    paths = [Path(layer) for layer in ([layers] if isinstance(layers, str) else layers)]
    return Subject(
        Path(video),
        None if model is None else Path(model),
        None if history is None else Path(history),
        {path.name: path for path in paths},
    )


def run_analysis(name: str, settings: Any, subject: Subject, output: str | Path) -> None:
    """Compute an analysis and write its result as a Zarr store, with the table, where it has one, as ``table.csv``.

    Nothing is written where the computation fails.
    """
    analysis = make_analysis(name, settings)
    result = analysis.compute(subject)
    result.attrs |= {"analysis": name, "question": analysis.question, "paper_section": analysis.section}
    with whole_directory(output) as partial:
        _plain_strings(result).to_zarr(partial / "result.zarr", zarr_format=3, consolidated=False)
        table = analysis.table(result)
        if table is not None:
            table.to_csv(partial / "table.csv", index=False)


def _plain_strings(result: xr.Dataset) -> xr.Dataset:
    """Strings of variable length, as Zarr v3 specifies them; of fixed length it does not."""
    fixed = [name for name, variable in result.variables.items() if variable.dtype.kind == "U"]
    return result.assign_coords({name: result[name].astype(object) for name in fixed if name in result.coords})


def _with_portable_text(result: xr.Dataset) -> xr.Dataset:
    """Names as text of any length: Zarr has no specification of text of fixed length, which numpy makes of them."""
    text = {name: values.astype(object) for name, values in result.variables.items() if values.dtype.kind == "U"}
    return result.assign({name: values for name, values in text.items() if name not in result.coords}).assign_coords(
        {name: values for name, values in text.items() if name in result.coords}
    )


def open_result(path: str | Path) -> xr.Dataset:
    """The result that `run_analysis` wrote to ``path``."""
    with quiet_zarr():
        return xr.open_zarr(Path(path) / "result.zarr", consolidated=False, chunks=None)


def draw_figures(name: str, settings: Any, result: str | Path, output: str | Path) -> None:
    """Draw an analysis's figures (svg and png) and animations (gif) from its result into the directory ``output``."""
    from xinc import figures

    analysis = make_analysis(name, settings)
    data = open_result(result).load()
    with figures.style(), whole_directory(output) as partial:
        for part, figure in analysis.plot(data).items():
            figures.save(figure, partial / part)
        for part, images in analysis.animate(data).items():
            figures.save_animation(images, partial / f"{part}.gif")
