"""Running of an analysis on the workflow's files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from xinc.analyses import analyses
from xinc.analyses.making import make_analysis
from xinc.analyses.subject import Subject
from xinc.errors import InputError
from xinc.storage.atomic import whole_directory
from xinc.storage.datasets import write_dataset
from xinc.storage.finite import unknown_values


def run_analysis(
    name: str, settings: Any, subject: Any, output: str | Path, of: Mapping[str, str] | None = None
) -> None:
    """Compute an analysis and write its result as a Zarr store, with its table, if it has one, as ``table.csv``.

    Nothing is written if the computation fails, or gives values that are not finite where the analysis does not say
    (`xinc.analyses.base.Analysis.undefined`) that its definition allows them.

    Parameters
    ----------
    name, settings : of the analysis.
    subject : see `xinc.analyses.base.Analysis.compute`.
    output : directory of the result.
    of : names of the ``video``, the ``model`` and the ``seed`` that it is of, as far as it is of one, and of the
        ``other`` model and ``other_seed`` of a pair; attributes of the result, and below the title of its figures.

    Raises
    ------
    InputError : values that are not finite; the message names the variable and their number.
    """
    analysis = make_analysis(name, settings)
    result = computed(analysis, subject, of)
    with whole_directory(output) as partial:
        write_dataset(_with_portable_text(result), partial / "result.zarr")
        table = analysis.table(result)
        if table is not None:
            table.to_csv(partial / "table.csv", index=False)


def computed(analysis: Any, subject: Any, of: Mapping[str, Any] | None = None) -> xr.Dataset:
    """The result of an analysis, with what it is of, how it was made and what its coordinates are.

    Parameters
    ----------
    analysis : one of four kinds, each of which computes on another subject.
    subject, of : see `run_analysis`.

    Raises
    ------
    InputError : see `run_analysis`.
    """
    result = _defined(analysis.compute(subject), analysis.name, analysis.undefined)
    about = {"analysis": analysis.name, "question": analysis.question, "paper_section": analysis.section}
    distribution = str(analyses.origin(analysis.name))
    about |= {"distribution": distribution} if distribution else {}
    about["settings"] = analysis.settings.model_dump(mode="json", exclude=set(analysis.figure_settings))
    result.attrs |= about | _network(subject) | dict(of or {})
    return _described(result)


def _defined(result: xr.Dataset, name: str, undefined: Mapping[str, str] | None) -> xr.Dataset:
    """The result, with where its variables may be NaN among their attributes; `InputError` where others are."""
    for key, values in result.variables.items():
        if str(key) in (undefined or {}):
            continue
        count = unknown_values(values.data)
        if count and undefined is None:
            warnings.warn(
                f"{count} of {values.size} values of '{key}' in the result of '{name}' are not finite; if that is "
                "meant, let the analysis say where, in its attribute undefined.",
                stacklevel=2,
            )
        elif count:
            raise InputError(
                f"The analysis '{name}' gives {count} of {values.size} values of '{key}' that are not finite, which "
                "its definition does not allow: look for values that are not finite, or very large, in the network and "
                "the canvas that it looks at."
            )
    said = {key: f"NaN: {text}" for key, text in (undefined or {}).items() if key in result.variables}
    for key, text in said.items():
        result[key].attrs["undefined"] = text
    return result


def _network(subject: Any) -> dict[str, Any]:
    """Of what a result is: registered name of the architecture, and whether all frames share one network.

    The name is empty for a project.
    """
    if isinstance(subject, dict):
        return _network(next(iter(subject.values())))
    if isinstance(subject, tuple):
        first, second = (_network(one) for one in subject)
        return first | {f"other_{name}": value for name, value in second.items()}
    if isinstance(subject, Subject) and subject.canvas_path is not None:
        layer = next(iter(subject.canvas.values())).attrs["xinc"]
        return {"architecture": str(layer["architecture"]), "shared_weights": bool(layer["shared_weights"])}
    if isinstance(subject, Subject) and subject.model_path is not None:
        return {"architecture": str(subject.model.name), "shared_weights": not subject.model.per_frame}
    return {"architecture": ""}


def _with_portable_text(result: xr.Dataset) -> xr.Dataset:
    """Names as text of any length: Zarr has no specification of text of fixed length, which numpy makes of them."""
    text = {name: values.astype(object) for name, values in result.variables.items() if values.dtype.kind == "U"}
    return result.assign({name: values for name, values in text.items() if name not in result.coords}).assign_coords(
        {name: values for name, values in text.items() if name in result.coords}
    )


#: What the coordinates of results are, and their units. Analyses describe what only they have.
COORDINATES = {
    "frame": ("frame of the video, counted from 0", "1"),
    "y": ("row of pixels, counted from the top", "pixel"),
    "x": ("column of pixels, counted from the left", "pixel"),
    "channel": ("colour channel", "1"),
    "layer": ("layer of the network, in network order", "1"),
    "neuron": ("number of the neuron in its layer", "1"),
    "in_channel": ("input channel of the kernel, -1 for a neuron that is none", "1"),
    "out_channel": ("output channel of the kernel, -1 for a neuron that is none", "1"),
    "sample": ("place among the neurons drawn", "1"),
    "seed": ("seed of the network", "1"),
    "grouping": ("grouping of the pixels", "1"),
    "percent": ("part of the total contribution below the threshold", "%"),
    "with": ("image that is correlated with the layer's", "1"),
    "shown": ("frame of the video that is shown, counted from 0", "1"),
    "bits": ("bits per stored parameter", "bit"),
    "epoch": ("epoch of the training, counted from 1", "1"),
    "instance": ("annotated segment: its category and number", "1"),
    "other": ("the other segment of a pair", "1"),
    "component": ("component of the displacement, right and down", "1"),
    "motion": ("which motion is measured", "1"),
    "area": ("area of the frame", "1"),
    "film_frame": ("frame of the animation, counted from 0", "1"),
    "film_layer": ("layer in the animation", "1"),
    "cluster": ("cluster of neurons", "1"),
    "axis": ("axis of the layout", "1"),
    "region": ("region of the grouping", "1"),
    "video": ("video", "1"),
    "null": ("what chance gives: probability of the observed number, mean and edge", "1"),
    "number": ("number that is compared with shifted frames", "1"),
}


def _described(result: xr.Dataset) -> xr.Dataset:
    """Coordinates with descriptions and units, as far as they are known and have none."""
    known = {str(name): values.variable for name, values in result.coords.items() if name in COORDINATES}
    said = {name: dict(zip(("long_name", "units"), COORDINATES[name], strict=True)) for name in known}
    return result.assign_coords(
        {name: (values.dims, values.data, said[name] | values.attrs) for name, values in known.items()}
    )
