"""Subjects of analyses, made from the files of a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xinc.analyses import analyses
from xinc.analyses.results import Project, Record
from xinc.analyses.subject import Subject, subject_of
from xinc.errors import InputError
from xinc.experiment.paths import parse


def subject_from(name: str, files: dict[str, Any]) -> Any:
    """What the analysis called ``name`` looks at, made of files: the arguments of the function for its scope."""
    make: dict[str, Callable[..., Any]] = {
        "network": subject_of,
        "seeds": subjects_of,
        "pair": pair_of,
        "project": project_of,
    }
    return make[analyses[name].scope](**files)


def subjects_of(
    video: str,
    canvas: Sequence[str],
    regions: str | None = None,
    flow: str | None = None,
    layers: Sequence[str] | None = None,
) -> dict[int, Subject]:
    """One subject per seed, from the canvases of all of them."""
    found = {int(_wildcards(path)["seed"]): path for path in _listed(canvas)}
    return {
        seed: subject_of(video, regions=regions, flow=flow, canvas=own, layers=layers)
        for seed, own in sorted(found.items())
    }


def pair_of(
    video: str,
    model: str | None = None,
    other_model: str | None = None,
    canvas: str | None = None,
    other_canvas: str | None = None,
    regions: str | None = None,
    flow: str | None = None,
    layers: Sequence[str] | None = None,
    other_layers: Sequence[str] | None = None,
    module: str = "",
    other_module: str = "",
) -> tuple[Subject, Subject]:
    """Two subjects of one video."""
    both = ((model, canvas, layers, module), (other_model, other_canvas, other_layers, other_module))
    first, second = (
        subject_of(video, of, regions=regions, flow=flow, canvas=own, layers=names, module=by)
        for of, own, names, by in both
    )
    return first, second


def project_of(videos: Sequence[str], results: Sequence[str] = ()) -> Project:
    """The project made of stores of videos and of results of networks and of seeds."""
    records = []
    for path in _listed(results):
        of = _wildcards(path)
        seed = int(of["seed"]) if "seed" in of else None
        records.append(Record(of["analysis"], of["video"], of["model"], seed, Path(path)))
    return Project({_wildcards(path)["video"]: Path(path) for path in _listed(videos)}, tuple(records))


def _wildcards(path: str) -> dict[str, str]:
    made = parse(str(path))
    if made is None:
        raise InputError(f"'{path}' is not a result of the workflow, whose paths begin with results/.")
    return made.wildcards


def _listed(paths: Sequence[str]) -> list[str]:
    """A list, also of a single path."""
    return [paths] if isinstance(paths, str) else list(paths)
