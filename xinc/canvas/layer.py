"""A layer of a canvas: the record that ties its maps to a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xinc.canvas.schema import LayerRecord, StageRecord
from xinc.contributions.maps import LayerMaps, Stage
from xinc.contributions.neurons import Neurons, enumerate_neurons
from xinc.errors import InputError, nearest
from xinc.trace.layers import Array, Convolution, Layer, Linear, Trace

if TYPE_CHECKING:
    from xinc.models.base import INR


def make_record(model: INR, network: str, maps: LayerMaps, layout: str, resolution: tuple[int, int]) -> LayerRecord:
    """The record of a layer of a model's canvas; ``network`` is `xinc.models.storage.identity`."""
    layer = maps.layer
    return LayerRecord(
        layout="dense" if layout == "dense" else "factored",
        layer=layer.name,
        layer_type="Linear" if isinstance(layer, Linear) else "Convolution",
        granularity=maps.neurons.granularity,
        activation=layer.activation,
        frequency=layer.frequency if isinstance(layer, Linear) else 1.0,
        upscale=layer.upscale if isinstance(layer, Convolution) else 1,
        later=tuple(StageRecord(**stage.as_dict()) for stage in maps.later),
        head_activation=maps.head_activation,
        shared_weights=not model.per_frame,
        resolution=resolution,
        architecture=model.name,
        network=network,
    )


def restore_maps(record: LayerRecord, weight: Array, bias: Array) -> LayerMaps:
    """The `LayerMaps` that a record and one frame's weights describe."""
    layer: Layer
    if record.layer_type == "Linear":
        layer = Linear(record.layer, weight, bias, record.activation, record.frequency)
    else:
        layer = Convolution(record.layer, weight, bias, record.activation, record.upscale)
    neurons = enumerate_neurons(layer.channels, record.granularity, record.upscale)
    later = tuple(Stage(**stage.model_dump()) for stage in record.later)
    return LayerMaps(layer, neurons, later, record.head_activation)


def neuron_coordinates(neurons: Neurons, upscale: int) -> dict[str, np.ndarray]:
    """Coordinates along the neuron axis, by name, each (N,) int32."""
    return {
        "in_channel": neurons.in_channel,
        "out_channel": neurons.out_channel,
        "phase_y": neurons.phase // upscale,
        "phase_x": neurons.phase % upscale,
    }


def choose_layers(model: INR, layers: Sequence[str] | None) -> list[str]:
    """The layers asked for in network order (default: all); `InputError` for an unknown one."""
    known = model.layer_names()
    if layers is None:
        return known
    for name in layers:
        if name not in known:
            raise InputError(f"Unknown layer '{name}' of this {model.name}: {nearest(name, known)}.")
    return [name for name in known if name in set(layers)]


def choose_frames(model: INR, frames: Sequence[int] | None) -> list[int]:
    """The frames asked for (default: all that the model represents); `InputError` for none, or one it does not."""
    if frames is not None and len(frames) == 0:
        raise InputError(f"No frames of this {model.name} were chosen: give at least one, or leave frames out for all.")
    return [model.check_frame(f) for f in (model.frames if frames is None else frames)]


def map_resolution(maps: LayerMaps, v: Array) -> tuple[int, int]:
    """Height and width of a map, given the layer's input."""
    return v.shape[-2] * maps.scale(), v.shape[-1] * maps.scale()


def trace_layer(trace: Trace, name: str, granularity: str | None, head_activation: bool, model: INR) -> LayerMaps:
    """The maps of one layer of a trace; ``head_activation`` as in section 3.2.1."""
    activation = {"tanh": "tanh", "sigmoid": "sigmoid"}.get(model.output_activation, "identity")
    return LayerMaps.of(trace, name, granularity, activation if head_activation else "identity")
