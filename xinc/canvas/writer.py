"""Writing of canvases, layer by layer and frame by frame, in bounded memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from torch import Tensor

from xinc.canvas.dense import REMEDY, check_dense, create_array, create_group, write_dense
from xinc.canvas.layer import (
    choose_frames,
    choose_layers,
    make_record,
    map_resolution,
    neuron_coordinates,
    trace_layer,
)
from xinc.canvas.network import as_network
from xinc.canvas.schema import LayerRecord, coordinate_arrays, data_arrays
from xinc.canvas.settings import CanvasSettings
from xinc.contributions.expansion import Expander, expander
from xinc.contributions.gains import gains
from xinc.contributions.maps import LayerMaps
from xinc.contributions.neurons import Neurons
from xinc.models.base import INR
from xinc.models.loading import load
from xinc.models.storage import identity
from xinc.runtime.devices import full_precision, pick_device
from xinc.runtime.gpu_memory import Room
from xinc.runtime.progress import Progress
from xinc.settings import validate
from xinc.storage.atomic import whole_directory
from xinc.storage.finite import require_finite
from xinc.storage.locations import Location, Remote, ensure_group, locate, whole_group


def write_layer(
    model: INR,
    path: str | Path | Remote,
    layer: str,
    frames: Sequence[int] | None = None,
    settings: CanvasSettings | None = None,
) -> None:
    """Write the canvas of one layer as the group ``path`` (``…/canvas.zarr/<layer>``), whole or not at all.

    Once, for the last of the frames, the network's trace is compared with its `forward`. Memory is bounded by
    ``settings.memory_mb`` plus one frame's layer inputs, or what that comparison takes, whatever the number of frames.

    Parameters
    ----------
    model : the network.
    path : where the layer's group goes, a directory or on object storage (``s3://…``); its parent becomes a Zarr group
        too.
    layer : name of the layer.
    frames : indices of the frames (default: all that the network represents).
    settings : see `CanvasSettings`.

    Raises
    ------
    InputError : a frame, layer or granularity that the network does not have, a trace that is not the network
        (`xinc.models.base.INR.check_trace`), values that are not finite, or a place that cannot be written.
    """
    write_layers(model, {layer: locate(path)}, frames, settings)


def write_layers(
    model: INR,
    places: Mapping[str, Location],
    frames: Sequence[int] | None = None,
    settings: CanvasSettings | None = None,
) -> None:
    """Write layers one after the other, each to its place; see `write_layer`."""
    settings = settings or CanvasSettings()
    model = as_network(model)
    chosen = choose_frames(model, frames)
    names = choose_layers(model.layer_names(), list(places), f"this {model.name}")
    device, passes = pick_device(settings.device), Room(f"a pass through this {model.name}")
    passes.fit(1, lambda _: model.to(device), lambda: model.to("cpu"))
    model.check_trace(chosen[-1], passes)
    network = identity(model)
    for name in names:
        _write(model, network, places[name], name, chosen, settings, passes)


def _write(
    model: INR, network: str, path: Location, name: str, chosen: list[int], settings: CanvasSettings, passes: Room
) -> None:
    """One layer of a network, whose trace was checked and whose identity is ``network``, where ``passes`` fit."""

    @functools.lru_cache(maxsize=1)
    def layer_at(frame: int) -> tuple[LayerMaps, Tensor]:
        def traced(network: INR) -> tuple[LayerMaps, Tensor]:
            trace = network.trace(frame)
            v = trace.input_of(name)
            return trace_layer(trace, name, settings.granularity, settings.head_activation, model), v

        with full_precision():
            return passes.run(model, traced)

    maps, v = layer_at(chosen[0])
    resolution = map_resolution(maps, v)
    layout = settings.layout_of(name, prefers_dense(maps, v, resolution))
    if layout == "dense":
        check_dense(maps.layer.layer_type, name)
    kept: Literal["none", "kept"] = "kept" if settings.gain else "none"
    record = make_record(model, network, maps, layout, resolution, kept, settings.probes)

    def factors_at(frame: int) -> dict[str, np.ndarray]:
        def found(network: INR) -> Tensor:
            trace = network.trace(frame)
            return gains(trace, network.colours_of, [name], settings.granularity, settings.probes, (frame,))[name]

        own, v = layer_at(frame)
        with full_precision():
            return _factors(replace(own, gain=passes.run(model, found) if settings.gain else None), v, frame)

    with whole_group(path) as store:
        small: dict[str, Any] = coordinates(record, chosen, np.arange(len(maps.neurons)), maps.neurons)
        factors = {name: dims for name, dims in data_arrays(record).items() if name != "contribution"}
        framed = {name: dims for name, dims in factors.items() if dims[0] == "frame"}
        values = _factors(maps, v, chosen[0])
        small |= {name: (dims, values[name]) for name, dims in factors.items() if name not in framed}
        group = create_group(store, {"xinc": record.model_dump(mode="json")}, small)
        steps = len(chosen) * (bool(factors) + (layout == "dense"))
        with Progress(steps, f"canvas {name} ({len(maps.neurons)} neurons)") as progress:
            if framed:
                for done in _write_factored(group, framed, chosen, factors_at):
                    progress.update(done - progress.done)
            if layout == "dense":
                before = progress.done
                shape = (len(chosen), len(maps.neurons), *resolution)
                every = np.arange(len(maps.neurons))
                room = Room(f"a map of {name}", f"maps of {name}")

                def expander_at(position: int) -> Expander:
                    return expander(*layer_at(chosen[position]), room)

                for done, _, _ in write_dense(group, expander_at, shape, every, settings.memory_mb, name):
                    progress.update(before + done - progress.done)
    ensure_group(path.parent)


def prefers_dense(maps: LayerMaps, v: Tensor, resolution: tuple[int, int]) -> bool:
    """Whether dense maps take at most four times the bytes of the layer's input: then a layer is kept dense."""
    return not maps.layer.sparse and len(maps.neurons) * resolution[0] * resolution[1] <= 4 * v.numel()


def write_canvas_of(
    model_path: str | Path, path: str | Path, layers: Sequence[str], settings: dict[str, Any], module: str = ""
) -> None:
    """The canvas of the network in a ``model.pt``, all of its layers or nothing; settings as plain builtins.

    Parameters
    ----------
    model_path, path, layers : the network's file, the canvas to write, names of its layers.
    settings : the fields of `CanvasSettings`, and ``frames``, see `xinc.frames.select_frames`.
    module : the function that the user declares to make the network, see `xinc.models.declared`.
    """
    from xinc.frames import select_frames

    model = load(model_path, module)
    frames = settings.get("frames", "all")
    chosen = select_frames(model.frames, frames, of="the model")
    rest = {name: value for name, value in settings.items() if name != "frames"}
    how = validate(CanvasSettings, rest, "canvas")
    with whole_directory(path) as root:
        write_layers(model, {name: root / name for name in layers}, chosen, how)


def coordinates(
    record: LayerRecord, frames: Sequence[int], numbers: np.ndarray, neurons: Neurons
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """By name, dimensions and values of a group's coordinates: these frames, neurons of these numbers, all pixels."""
    height, width = record.resolution
    axes = {"frame": np.asarray(frames), "neuron": numbers, "y": np.arange(height), "x": np.arange(width)}
    labels = {name: values[numbers] for name, values in neuron_coordinates(neurons, record.upscale).items()}
    dims = coordinate_arrays()
    return {name: (dims[name], values.astype(np.int32)) for name, values in (axes | labels).items()}


def _factors(maps: LayerMaps, v: Tensor, frame: int) -> dict[str, np.ndarray]:
    """What a factored layer keeps of a frame, by the name of its array; `InputError` where it is not finite."""
    tensors = {"input": v, **maps.layer.arrays(), "gain": maps.gain}
    values = {name: tensor.cpu().numpy() for name, tensor in tensors.items() if tensor is not None}
    for name, array in values.items():
        require_finite(array, f"'{name}' of the layer '{maps.layer.name}' in frame {frame}", REMEDY)
    return values


def _write_factored(
    group: zarr.Group,
    framed: dict[str, tuple[str, ...]],
    frames: list[int],
    factors_at: Callable[[int], dict[str, np.ndarray]],
) -> Iterator[int]:
    """The arrays that differ from frame to frame, by name with their dimensions; yields after every frame."""
    arrays: dict[str, Any] = {}
    for at, frame in enumerate(frames):
        values = factors_at(frame)
        for name, dims in framed.items():
            own = values[name].shape
            if name not in arrays:
                dtype = np.complex64 if np.iscomplexobj(values[name]) else np.float32
                arrays[name] = create_array(group, name, dims, (len(frames), *own), dtype, (1, *own))
            arrays[name][at] = values[name]
        yield at + 1
