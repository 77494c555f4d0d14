"""Schema of a canvas on disk, and its validation; docs/reference/canvas-schema.md describes it for users.

A canvas is a Zarr v3 hierarchy, ``canvas.zarr/<layer>``, one self-contained group a layer. The group attribute ``xinc``
says how its maps are stored:

- layout ``dense``: the array ``contribution`` (frame, neuron, y, x), readable by any Zarr reader;
- layout ``factored``: the layer's ``input`` (frame, in_channel, source_y, source_x) with ``weight`` and ``bias``, from
  which the maps follow without loss, and are computed when they are read.

With gains (entry ``gain``: ``kept``) both layouts hold these arrays and ``gain``, from which gained maps are computed.

Both carry the same coordinates, so that both open as the same xarray dataset.
"""

from __future__ import annotations

import json
import warnings
from typing import Annotated, Any, Literal

from pydantic import Field

from xinc.errors import InputError
from xinc.settings import StrictModel, validate
from xinc.storage.locations import Location
from xinc.trace.layers import layer_type
from xinc.trace.route import Interpolation, Route, activations_in, route_as_dicts, route_from_dicts
from xinc.trace.windows import Padding

FORMAT = "xinc-canvas"
VERSION = 2

#: Versions that can be read: of 1, records are those of 2 that say nothing of what was added.
READABLE = (1, VERSION)

#: Of version 1, the activations of which maps were φ(e): they are φ(e) − φ(0) now.
_CHANGED = ("sigmoid", "softplus")

#: What `LayerRecord.error` says of maps that were not rounded.
NO_ERROR = "none: maps are float32 as computed"

#: Coordinates along the neuron axis, in both layouts.
NEURON_COORDINATES = ("in_channel", "out_channel", "phase_y", "phase_x")

#: Attributes of the variable ``contribution`` where it holds gained maps.
GAINED = {"long_name": "gained contribution"}

#: What is true of sums, magnitudes and shares of an array as well, because xarray hands attributes on to them. The
#: paper's maps are called what their variable is, so that ``rename`` changes the label of what is made of them.
ATTRIBUTES: dict[str, dict[str, str]] = {
    "contribution": {},
    "frame": {"long_name": "frame"},
    "neuron": {"long_name": "neuron"},
    "y": {"long_name": "row", "units": "pixel"},
    "x": {"long_name": "column", "units": "pixel"},
    "in_channel": {"long_name": "input channel", "description": "-1: all of them"},
    "out_channel": {"long_name": "output channel, before PixelShuffle", "description": "-1: all of them"},
    "phase_y": {"long_name": "row of the sub-pixel that PixelShuffle gives the neuron"},
    "phase_x": {"long_name": "column of the sub-pixel that PixelShuffle gives the neuron"},
}


Positive = Annotated[int, Field(ge=1)]


class StageRecord(StrictModel):
    """A later layer, as far as contributions on their way to the output are concerned."""

    kernel_size: Positive | tuple[Positive, Positive] = Field(
        description="Side of the box filter of the proximity correction, or its rows and columns."
    )
    upscale: Positive | tuple[Positive, Positive] = Field(description="Upsampling factor, or its rows and columns.")
    activation: str = Field(description="Activation after the box filter.")
    interpolation: Interpolation = Field("nearest", description="How values are upsampled, after the activation.")
    align_corners: bool = Field(False, description="Of bilinear upsampling, as PyTorch has it.")
    stride: Positive | tuple[Positive, Positive] = Field(1, description="Stride of the box filter.")
    dilation: Positive | tuple[Positive, Positive] = Field(1, description="Dilation of the box filter.")
    padding: Padding = Field("zeros", description="What lies beyond the edges; valid: the filter stays inside.")
    margins: tuple[int, int, int, int] | None = Field(
        None, description="Pixels of it at the top, bottom, left and right; by default those that keep the size."
    )


class SumRecord(StrictModel):
    """Branches from the same place whose maps are added: residual connections, skips and concatenations."""

    routes: tuple[tuple[StageRecord | SumRecord, ...], ...] = Field(
        min_length=1, description="The branches; an empty one is the identity."
    )


def route_record(route: Route) -> tuple[StageRecord | SumRecord, ...]:
    """A route as a record has it."""
    return SumRecord.model_validate({"routes": [route_as_dicts(route)]}).routes[0]


def route_of(later: tuple[StageRecord | SumRecord, ...]) -> Route:
    """The route that a record has."""
    return route_from_dicts(step.model_dump() for step in later)


class LayerRecord(StrictModel):
    """The ``xinc`` attribute of a layer's group."""

    format: Literal["xinc-canvas"] = "xinc-canvas"
    version: int = Field(VERSION, description="Version of the schema.")
    layout: Literal["dense", "factored"] = Field(description="How maps are stored.")
    layer: str = Field(description="Name of the layer.")
    layer_type: str = Field(description="Type of the layer: Linear, Convolution, or another that xinc knows.")
    options: dict[str, Any] = Field({}, description="What else layers of this type are described by.")
    granularity: Literal["kernel", "input", "output"] = Field(description="What a neuron is.")
    activation: str = Field(description="Activation of the layer itself.")
    frequency: float = Field(1.0, description="Factor on the pre-activation (SIREN's ω0).")
    upscale: int = Field(1, description="PixelShuffle factor of the layer itself.")
    later: tuple[StageRecord | SumRecord, ...] = Field((), description="The route to the output, step by step.")
    head_activation: str = Field("identity", description="Activation applied to the maps of the last layer.")
    distributions: dict[str, str] = Field(
        default_factory=dict, description="Distributions of activations that are not xinc's, by the activation's name."
    )
    shared_weights: bool = Field(description="Whether all frames share one set of weights (NeRV) or not (FFN).")
    varying: tuple[str, ...] = Field(
        (), description="Arrays of shared weights that differ from frame to frame all the same (COIN++'s biases)."
    )
    resolution: tuple[int, int] = Field(description="Height and width of a map in pixels.")
    order: int = Field(-1, description="Place among the network's layers, from 0 on; -1 where it is not noted.")
    architecture: str = Field("", description="Registered name of the network's architecture.")
    network: str = Field("", description="Digest of the network's weights and settings.")
    dtype: Literal["float32", "float16"] = Field("float32", description="Type of dense maps on disk.")
    error: str = Field(NO_ERROR, description="Error of the stored maps, if any.")
    gain: Literal["none", "kept", "applied"] = Field(
        "none", description="Whether gains are kept beside the maps, or applied: then these are gained maps."
    )
    probes: int = Field(0, description="Probes from which gains were estimated; 0 without gains.")


def data_arrays(record: LayerRecord) -> dict[str, tuple[str, ...]]:
    """Names and dimensions of the data arrays that a group with this record must hold."""
    found = {} if record.layout == "dense" and record.gain != "kept" else factor_arrays(record)
    if record.layout == "dense":
        found["contribution"] = ("frame", "neuron", "y", "x")
    return found


def factor_arrays(record: LayerRecord) -> dict[str, tuple[str, ...]]:
    """Names and dimensions of the arrays from which maps are computed."""
    gained: tuple[str, ...] = ("in", "source_y", "source_x")
    if record.granularity != "input":
        gained = ("out", *layer_type(record.layer_type).response_dims(record.options))
    gain = {"gain": ("frame", *gained)} if record.gain == "kept" else {}
    return {
        "input": ("frame", "in", "source_y", "source_x"),
        **{
            name: ("frame", *dims) if name in framed_arrays(record) else dims
            for name, dims in layer_arrays(record).items()
        },
    } | gain


def framed_arrays(record: LayerRecord) -> tuple[str, ...]:
    """Names of the arrays that describe the layer in each frame anew."""
    return tuple(name for name in layer_arrays(record) if not record.shared_weights or name in record.varying)


def layer_arrays(record: LayerRecord) -> dict[str, tuple[str, ...]]:
    """Names and dimensions of the arrays that describe the layer in one frame: its weights, and whatever else."""
    return layer_type(record.layer_type).array_dims(record.options)


def coordinate_arrays() -> dict[str, tuple[str, ...]]:
    """Names and dimensions of the coordinate arrays that every group must hold."""
    own: dict[str, tuple[str, ...]] = {name: (name,) for name in ("frame", "neuron", "y", "x")}
    return own | dict.fromkeys(NEURON_COORDINATES, ("neuron",))


def record_of(layer: Any) -> LayerRecord:
    """The record of a layer's dataset: its attribute ``xinc``, or the JSON of it, as netCDF files can hold it."""
    found = layer.attrs.get("xinc")
    if found is None:
        raise InputError(
            "The layer has no attribute xinc, its record: arithmetic of xarray drops attributes; keep them "
            "(xarray.set_options(keep_attrs=True)), or take the layer as it was opened."
        )
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except json.JSONDecodeError as error:
            raise InputError(f"The layer's attribute xinc is text, but not valid JSON ({error}).") from None
    return validate(LayerRecord, found, "the layer's attribute xinc")


def read_record(path: Location, content: bytes | None) -> LayerRecord:
    """The record of the layer group at ``path``, from the content of its ``zarr.json``.

    Raises
    ------
    InputError : there is none, or it is not of this version.
    """
    if content is None:
        raise InputError(f"{path} is not a layer of a canvas: it has no zarr.json.")
    try:
        metadata = json.loads(content.decode("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise InputError(f"{path} is damaged: its zarr.json is not valid JSON; compute this canvas again.") from None
    attributes: Any = metadata.get("attributes") if isinstance(metadata, dict) else None
    record: Any = attributes.get("xinc") if isinstance(attributes, dict) else None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"{path} is not a layer of a canvas: its attributes hold no record of format '{FORMAT}'.")
    if record.get("version") not in READABLE:
        raise InputError(
            f"{path} has version {record.get('version')} of the canvas schema; this xinc reads version "
            f"{' and '.join(map(str, READABLE))}: use the xinc that wrote it, or compute the canvas again."
        )
    found = validate(LayerRecord, record, f"{path} xinc")
    return _of_today(found, path) if found.version < VERSION and found.layout == "factored" else found


def _of_today(record: LayerRecord, path: Location) -> LayerRecord:
    """A factored layer of an earlier version: its maps are computed by today's rules; a warning where these differ."""
    own = "identity" if record.granularity == "output" else record.activation
    said = {own, *activations_in(route_of(record.later)), record.head_activation}
    changed = [name for name in _CHANGED if name in said]
    if changed and record.gain != "applied":
        warnings.warn(
            f"{path} was written when maps of {' and '.join(changed)} were φ(e): they are computed as φ(e) − φ(0) now, "
            "so that a neuron that does nothing contributes nothing, and differ from what this canvas showed before.",
            stacklevel=2,
        )
    return record.model_copy(update={"version": VERSION})
