"""Running an analysis on the files of the workflow, and drawing its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from xinc.analyses import analyses
from xinc.analyses.base import Analysis, Project, Record, Subject
from xinc.settings import validate
from xinc.stores import quiet_zarr, whole_directory


def make_analysis(name: str, settings: Any = None) -> Analysis:
    """The analysis called ``name`` with these settings (plain builtins); `InputError` for what is not known."""
    cls = analyses[name]
    analysis = cls(validate(cls.Settings, settings, f"analyses.{name}"))
    assert isinstance(analysis, Analysis)
    return analysis


def subject_from(name: str, files: dict[str, Any]) -> Any:
    """What the analysis called ``name`` looks at, made of files: the arguments of the function for its scope."""
    make = {"network": subject_of, "seeds": subjects_of, "project": project_of}[analyses[name].scope]
    return make(**files)  # type: ignore[operator]


def subject_of(
    video: str,
    model: str | None = None,
    history: str | None = None,
    regions: str | None = None,
    flow: str | None = None,
    layers: Sequence[str] = (),
) -> Subject:
    """The subject made of these files; ``layers`` are the groups of a canvas, in network order, named by folder."""
    model_path, history_path, regions_path, flow_path = (
        None if path is None else Path(path) for path in (model, history, regions, flow)
    )
    paths = {Path(layer).name: Path(layer) for layer in _listed(layers)}
    return Subject(Path(video), model_path, history_path, paths, regions_path, flow_path)


def subjects_of(
    video: str, layers: Sequence[str], regions: str | None = None, flow: str | None = None
) -> dict[int, Subject]:
    """One subject per seed, from the layers ``…/seed<k>/canvas.zarr/<layer>`` of all of them."""
    found: dict[int, list[str]] = {}
    for layer in _listed(layers):
        found.setdefault(int(Path(layer).parts[-3].removeprefix("seed")), []).append(layer)
    return {seed: subject_of(video, regions=regions, flow=flow, layers=own) for seed, own in sorted(found.items())}


def project_of(videos: Sequence[str], results: Sequence[str] = ()) -> Project:
    """The project made of stores ``<video>/video.zarr`` and results ``<video>/<model>/<run>/<analysis>``."""
    records = []
    for path in _listed(results):
        video, model, run, analysis = Path(path).parts[-4:]
        seed = None if run == "seeds" else int(run.removeprefix("seed"))
        records.append(Record(analysis, video, model, seed, Path(path)))
    return Project({Path(path).parts[-2]: Path(path) for path in _listed(videos)}, tuple(records))


def _listed(paths: Sequence[str]) -> list[str]:
    """A list, also of a single path."""
    return [paths] if isinstance(paths, str) else list(paths)


def run_analysis(name: str, settings: Any, subject: Any, output: str | Path) -> None:
    """Compute an analysis and write its result as a Zarr store, with the table, where it has one, as ``table.csv``.

    Nothing is written where the computation fails.
    """
    analysis = make_analysis(name, settings)
    result = analysis.compute(subject)
    about = {"analysis": name, "question": analysis.question, "paper_section": analysis.section}
    result.attrs |= about | {"architecture": _architecture(subject)}
    with whole_directory(output) as partial:
        _with_portable_text(result).to_zarr(partial / "result.zarr", zarr_format=3, consolidated=False)
        table = analysis.table(result)
        if table is not None:
            table.to_csv(partial / "table.csv", index=False)


def _architecture(subject: Any) -> str:
    """Registered name of the architecture that a result is of, empty for a project."""
    if isinstance(subject, dict):
        return _architecture(next(iter(subject.values())))
    if not isinstance(subject, Subject):
        return ""
    if subject.layer_paths:
        return str(next(iter(subject.canvas.values())).attrs["xinc"]["architecture"])
    return str(subject.model.name) if subject.model_path is not None else ""


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
    """Draw an analysis's figures (svg, png), animations (gif) and pages (html) from its result into ``output``."""
    from xinc import figures

    analysis = make_analysis(name, settings)
    data = open_result(result).load()
    with figures.style(), whole_directory(output) as partial:
        for part, figure in analysis.plot(data).items():
            figures.save(figure, partial / part)
        for part, images in analysis.animate(data).items():
            figures.save_animation(images, partial / f"{part}.gif")
        for part, page in analysis.pages(data).items():
            (partial / f"{part}.html").write_text(page, encoding="utf-8")
