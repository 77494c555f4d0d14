"""A layer of a canvas: the record that ties its maps to a network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from xinc.canvas.schema import LayerRecord, StageRecord
from xinc.contributions.maps import LayerMaps, Stage
from xinc.contributions.neurons import Neurons, enumerate_neurons
from xinc.errors import InputError, nearest
from xinc.frames import frame_list
from xinc.trace.layers import Array, Convolution, Layer, Linear, Trace

if TYPE_CHECKING:
    from xinc.models.base import INR


_DIMENSIONS = ("frame", "neuron", "y", "x")


def as_layer(layer: Any) -> xr.Dataset:
    """A layer of a canvas as a dataset, from what it is read as: a node of the tree, a dataset, or its maps alone.

    Raises
    ------
    InputError : a whole canvas, maps of other dimensions, or something else.
    """
    if isinstance(layer, xr.DataTree):
        if layer.children:
            raise InputError(
                f"A whole canvas was given: choose one of its layers {', '.join(layer.children)}, e.g. "
                f"canvas['{next(iter(layer.children))}']."
            )
        layer = layer.to_dataset()
    found = layer.to_dataset(name="contribution") if isinstance(layer, xr.DataArray) else layer
    if not isinstance(found, xr.Dataset):
        raise InputError(
            f"An object of type {type(layer).__module__}.{type(layer).__qualname__} was given: a layer of a canvas was "
            "expected, e.g. xinc.open_canvas(path)['head']."
        )
    if "contribution" not in found:
        raise InputError(
            f"The dataset has the variables {', '.join(map(str, found.variables)) or 'none'}: a layer of a canvas was "
            "expected, with the variable contribution (frame, neuron, y, x)."
        )
    dims = found["contribution"].dims
    if set(dims) != set(_DIMENSIONS):
        raise InputError(
            f"The maps have the dimensions ({', '.join(map(str, dims))}): (frame, neuron, y, x) were expected; select "
            "with lists, which keep the dimension, e.g. .sel(frame=[0])."
        )
    return found


def make_record(
    model: INR,
    network: str,
    maps: LayerMaps,
    layout: str,
    resolution: tuple[int, int],
    gain: Literal["none", "kept", "applied"] = "none",
    probes: int = 0,
) -> LayerRecord:
    """The record of a layer of a model's canvas; ``network`` is `xinc.models.storage.identity`."""
    layer = maps.layer
    return LayerRecord(
        layout="dense" if layout == "dense" else "factored",
        layer=layer.name,
        layer_type="Linear" if isinstance(layer, Linear) else "Convolution",
        granularity=maps.neurons.granularity,
        activation=layer.activation,
        frequency=layer.frequency,
        upscale=layer.upscale,
        later=tuple(StageRecord(**stage.as_dict()) for stage in maps.later),
        head_activation=maps.head_activation,
        shared_weights=not model.per_frame,
        resolution=resolution,
        architecture=model.name,
        network=network,
        gain=gain,
        probes=0 if gain == "none" else probes,
    )


def restore_maps(record: LayerRecord, weight: Array, bias: Array, gain: Array | None = None) -> LayerMaps:
    """The `LayerMaps` that a record and one frame's weights describe; gained maps with its gains."""
    layer: Layer
    if record.layer_type == "Linear":
        layer = Linear(record.layer, weight, bias, record.activation, record.frequency)
    else:
        layer = Convolution(record.layer, weight, bias, record.activation, record.upscale)
    neurons = enumerate_neurons(layer.channels, record.granularity, record.upscale)
    later = tuple(Stage(**stage.model_dump()) for stage in record.later)
    return LayerMaps(layer, neurons, later, record.head_activation, gain)


def neuron_coordinates(neurons: Neurons, upscale: int) -> dict[str, np.ndarray]:
    """Coordinates along the neuron axis, by name, each (N,) int32."""
    return {
        "in_channel": neurons.in_channel,
        "out_channel": neurons.out_channel,
        "phase_y": neurons.phase // upscale,
        "phase_x": neurons.phase % upscale,
    }


def choose_layers(known: Sequence[str], layers: str | Iterable[str] | None, of: str) -> list[str]:
    """The layers asked for, in network order (default: all).

    Parameters
    ----------
    known : names of the layers that there are, in network order.
    layers : names, or one name.
    of : what has these layers, for messages.

    Raises
    ------
    InputError : an unknown layer, none, or what is not names.
    """
    if layers is None:
        return list(known)
    asked = [layers] if isinstance(layers, str) else list(layers) if isinstance(layers, Iterable) else None
    if not asked:
        raise InputError(
            f"layers is {layers!r}: names of layers of {of} were expected, {nearest('', known)}; leave layers out for "
            "all."
        )
    for name in asked:
        if name not in known:
            raise InputError(f"Unknown layer '{name}' of {of}: {nearest(name, known)}.")
    return [name for name in known if name in set(asked)]


def choose_frames(model: INR, frames: Sequence[int] | np.ndarray | None) -> list[int]:
    """The frames asked for (default: all that the model represents); `InputError` for none, or one it does not."""
    if frames is None:
        return list(model.frames)
    chosen = frame_list(frames)
    if not chosen:
        raise InputError(f"No frames of this {model.name} were chosen: give at least one, or leave frames out for all.")
    return [model.check_frame(f) for f in chosen]


def map_resolution(maps: LayerMaps, v: Array) -> tuple[int, int]:
    """Height and width of a map, given the layer's input."""
    return v.shape[-2] * maps.scale(), v.shape[-1] * maps.scale()


def trace_layer(trace: Trace, name: str, granularity: str | None, head_activation: bool, model: INR) -> LayerMaps:
    """The maps of one layer of a trace; ``head_activation`` as in section 3.2.1."""
    activation = {"tanh": "tanh", "sigmoid": "sigmoid"}.get(model.output_activation, "identity")
    return LayerMaps.of(trace, name, granularity, activation if head_activation else "identity")
