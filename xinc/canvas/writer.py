"""Writing a layer's canvas, frame by frame, in bounded memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from torch import Tensor
from zarr.codecs import BloscCodec, Crc32cCodec

from xinc.canvas.layer import (
    choose_frames,
    choose_layers,
    make_record,
    map_resolution,
    neuron_coordinates,
    trace_layer,
)
from xinc.canvas.lazy import expand_into
from xinc.canvas.schema import ATTRIBUTES, NEURON_COORDINATES, LayerRecord, data_arrays
from xinc.canvas.settings import CanvasSettings
from xinc.contributions.compiled import expander
from xinc.contributions.maps import LayerMaps, block_size
from xinc.devices import pick_device
from xinc.models.base import INR
from xinc.progress import Progress
from xinc.settings import validate
from xinc.stores import whole_directory

#: How other xarray readers learn that these arrays are coordinates (CF conventions, section 5).
_LABELS = " ".join(NEURON_COORDINATES)

#: Size of a chunk of dense maps in bytes, before compression.
CHUNK_BYTES = 8e6


def write_layer(
    model: INR,
    path: str | Path,
    layer: str,
    frames: Sequence[int] | None = None,
    settings: CanvasSettings | None = None,
) -> None:
    """Write the canvas of one layer as the group ``path`` (``…/canvas.zarr/<layer>``), whole or not at all.

    Memory is bounded by ``settings.memory_mb`` plus one frame's layer inputs, whatever the number of frames.

    Parameters
    ----------
    model : the network.
    path : where the layer's group goes; its parent becomes a Zarr group too.
    layer : name of the layer.
    frames : indices of the frames (default: all that the network represents).
    settings : see `CanvasSettings`.

    Raises
    ------
    InputError : a frame, layer or granularity that the network does not have, or a place that cannot be written.
    """
    settings = settings or CanvasSettings()
    chosen = choose_frames(model, frames)
    name = choose_layers(model, [layer])[0]
    model.to(pick_device(settings.device))

    def layer_at(frame: int) -> tuple[LayerMaps, Tensor]:
        trace = model.trace(frame)
        return trace_layer(trace, name, settings.granularity, settings.head_activation, model), trace.inputs()[name]

    maps, v = layer_at(chosen[0])
    record = make_record(model, maps, settings.layout, map_resolution(maps, v))
    with whole_directory(path) as partial:
        group = zarr.create_group(partial, attributes={"xinc": record.model_dump(mode="json")}, zarr_format=3)
        _write_coordinates(group, record, chosen, maps)
        with Progress(len(chosen), f"canvas {name} ({len(maps.neurons)} neurons)") as progress:
            write = _write_dense if settings.layout == "dense" else _write_factored
            for _ in write(group, record, chosen, layer_at, settings.memory_mb):
                progress.update()
    _ensure_root(Path(path).parent)


def write_canvas_layer(model_path: str | Path, path: str | Path, layer: str, settings: dict[str, Any]) -> None:
    """`write_layer` from files: the network in ``model.pt``, settings as plain builtins.

    Parameters
    ----------
    model_path, path, layer : the network's file, the group to write, the layer's name.
    settings : the fields of `CanvasSettings`, and ``frames``, see `xinc.frames.select_frames`.
    """
    from xinc.frames import select_frames
    from xinc.models.checkpoints import load_model

    model = load_model(model_path)
    frames = settings.get("frames", "all")
    chosen = select_frames(model.frames, frames, of="the model")
    rest = {name: value for name, value in settings.items() if name != "frames"}
    write_layer(model, path, layer, chosen, validate(CanvasSettings, rest, "canvas"))


def _array(group: zarr.Group, name: str, dims: tuple[str, ...], shape: tuple[int, ...], chunks: Any, dtype: Any) -> Any:
    """A new array; chunks carry checksums, and a missing chunk of floats would read as NaN."""
    floating = np.issubdtype(dtype, np.floating)
    labels: dict[str, Any] = {"coordinates": _LABELS} if name == "contribution" else {}
    return group.create_array(
        name,
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        fill_value=np.nan if floating else 0,
        compressors=(BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"), Crc32cCodec()),
        dimension_names=dims,
        attributes=ATTRIBUTES.get(name, {}) | labels,
        config={"write_empty_chunks": True},
    )


def _write_coordinates(group: zarr.Group, record: LayerRecord, frames: list[int], maps: LayerMaps) -> None:
    height, width = record.resolution
    axes = {"frame": np.asarray(frames), "neuron": np.arange(len(maps.neurons))}
    axes |= {"y": np.arange(height), "x": np.arange(width)}
    for name, values in axes.items():
        _array(group, name, (name,), values.shape, values.shape, np.int32)[:] = values.astype(np.int32)
    for name, values in neuron_coordinates(maps.neurons, record.upscale).items():
        _array(group, name, ("neuron",), values.shape, values.shape, np.int32)[:] = values


def _write_dense(
    group: zarr.Group, record: LayerRecord, frames: list[int], layer_at: Any, memory_mb: float
) -> Iterator[None]:
    """Every map, in blocks of neurons that coincide with chunks."""
    maps, _ = layer_at(frames[0])
    count, (height, width) = len(maps.neurons), record.resolution
    size = min(count, max(1, int(CHUNK_BYTES / (4 * height * width))), block_size(record.resolution, memory_mb))
    shape = (len(frames), count, height, width)
    dims = data_arrays(record)["contribution"]
    array = _array(group, "contribution", dims, shape, (1, size, height, width), np.float32)
    chunk = np.empty((size, height, width), np.float32)
    for at, frame in enumerate(frames):
        expand = expander(*layer_at(frame))
        for start in range(0, count, size):
            select = np.arange(start, min(start + size, count))
            array[at, start : start + len(select)] = expand_into(expand, select, chunk[: len(select)])
        yield


def _write_factored(
    group: zarr.Group, record: LayerRecord, frames: list[int], layer_at: Any, memory_mb: float
) -> Iterator[None]:
    """The layer's input of each frame; its weights once, or of each frame where networks differ."""
    maps, v = layer_at(frames[0])
    dims, arrays = data_arrays(record), {}
    pieces = {"input": v, "weight": maps.layer.weight, "bias": maps.layer.bias}
    for name, tensor in pieces.items():
        shape = tuple(tensor.shape)
        framed = dims[name][0] == "frame"
        arrays[name] = _array(
            group, name, dims[name], (len(frames), *shape) if framed else shape, (1, *shape) if framed else shape, "f4"
        )
        if not framed:
            arrays[name][...] = tensor.cpu().numpy()
    for at, frame in enumerate(frames):
        maps, v = layer_at(frame)
        for name, tensor in {"input": v, "weight": maps.layer.weight, "bias": maps.layer.bias}.items():
            if dims[name][0] == "frame":
                arrays[name][at] = tensor.cpu().numpy()
        yield


def _ensure_root(root: Path) -> None:
    """Make the parent a Zarr group, so that any reader opens the canvas as a tree; harmless when done twice at once."""
    metadata = root / "zarr.json"
    if metadata.exists():
        return
    temporary = root / f".zarr.json.{os.getpid()}"
    temporary.write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}}), encoding="utf-8")
    os.replace(temporary, metadata)
