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
from typing import Any, Literal

from pydantic import Field

from xinc.errors import InputError
from xinc.settings import StrictModel, validate
from xinc.storage.locations import METADATA, Location, read_file

FORMAT = "xinc-canvas"
VERSION = 1

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


class StageRecord(StrictModel):
    """A later layer, as far as contributions on their way to the output are concerned."""

    kernel_size: int = Field(ge=1, description="Side of the box filter of the proximity correction.")
    upscale: int = Field(ge=1, description="Nearest-neighbour upsampling factor.")
    activation: str = Field(description="Activation after the box filter.")


class LayerRecord(StrictModel):
    """The ``xinc`` attribute of a layer's group."""

    format: Literal["xinc-canvas"] = "xinc-canvas"
    version: int = Field(VERSION, description="Version of the schema.")
    layout: Literal["dense", "factored"] = Field(description="How maps are stored.")
    layer: str = Field(description="Name of the layer.")
    layer_type: Literal["Linear", "Convolution"] = Field(description="Type of the layer.")
    granularity: Literal["kernel", "input", "output"] = Field(description="What a neuron is.")
    activation: str = Field(description="Activation of the layer itself.")
    frequency: float = Field(1.0, description="Factor on the pre-activation (SIREN's ω0).")
    upscale: int = Field(1, description="PixelShuffle factor of the layer itself.")
    later: tuple[StageRecord, ...] = Field((), description="The layers that follow, in order.")
    head_activation: str = Field("identity", description="Activation applied to the maps of the last layer.")
    shared_weights: bool = Field(description="Whether all frames share one set of weights (NeRV) or not (FFN).")
    resolution: tuple[int, int] = Field(description="Height and width of a map in pixels.")
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
    kernel = () if record.layer_type == "Linear" else ("kernel_y", "kernel_x")
    lead = () if record.shared_weights else ("frame",)
    gained = "in" if record.granularity == "input" else "out"
    gain = {"gain": ("frame", gained, "source_y", "source_x")} if record.gain == "kept" else {}
    return {
        "input": ("frame", "in", "source_y", "source_x"),
        "weight": (*lead, "out", "in", *kernel),
        "bias": (*lead, "out"),
    } | gain


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


def read_record(path: Location) -> LayerRecord:
    """The record of the layer group at ``path``; `InputError` where there is none or it is not of this version."""
    content = read_file(path / METADATA)
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
    if record.get("version") != VERSION:
        raise InputError(
            f"{path} has version {record.get('version')} of the canvas schema; this xinc reads version {VERSION}: use "
            "the xinc that wrote it, or compute the canvas again."
        )
    return validate(LayerRecord, record, f"{path} xinc")
