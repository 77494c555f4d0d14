"""A layer of a canvas: the record that ties its maps to a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xinc.canvas.schema import LayerRecord, route_of, route_record
from xinc.contributions.maps import LayerMaps
from xinc.contributions.neurons import Neurons, layer_neurons
from xinc.errors import InputError, nearest
from xinc.frames import frame_list
from xinc.trace.activations import activations
from xinc.trace.layers import Array, BaseTrace, Layer, layer_type
from xinc.trace.route import activations_in

if TYPE_CHECKING:
    import xarray as xr

    from xinc.models.base import INR


_DIMENSIONS = ("frame", "neuron", "y", "x")


def as_layer(layer: Any) -> xr.Dataset:
    """A layer of a canvas as a dataset, from what it is read as: a node of the tree, a dataset, or its maps alone.

    Raises
    ------
    InputError : a whole canvas, maps of other dimensions, or something else.
    """
    import xarray as xr  # half a second, which a job that writes a canvas spares

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
    layer, known = maps.layer, model.layer_names()
    said = (layer.activation, *activations_in(maps.later), maps.head_activation)
    return LayerRecord(
        layout="dense" if layout == "dense" else "factored",
        layer=layer.name,
        layer_type=layer.layer_type,
        options=layer.options(),
        granularity=maps.neurons.granularity,
        activation=layer.activation,
        frequency=layer.frequency,
        upscale=layer.upscale,
        later=route_record(maps.later),
        head_activation=maps.head_activation,
        distributions=activations.distributions(said),
        shared_weights=not model.per_frame,
        varying=() if model.per_frame else model.varying,
        resolution=resolution,
        order=known.index(layer.name) if layer.name in known else -1,
        architecture=model.name,
        network=network,
        gain=gain,
        probes=0 if gain == "none" else probes,
    )


def restore_layer(record: LayerRecord, arrays: Mapping[str, Array]) -> Layer:
    """The layer that a record and one frame's arrays, weights and all, describe."""
    fields = {
        "name": record.layer,
        "activation": record.activation,
        "frequency": record.frequency,
        "upscale": record.upscale,
    }
    return layer_type(record.layer_type).restore(fields, record.options, arrays)


def check_activations(record: LayerRecord) -> None:
    """`InputError` that says what to install where a record has activations of a distribution that is not here."""
    for name, distribution in record.distributions.items():
        activations.get(name, distribution)


def restore_maps(record: LayerRecord, arrays: Mapping[str, Array], gain: Array | None = None) -> LayerMaps:
    """The `LayerMaps` that a record and one frame's arrays describe; gained maps with its gains.

    Raises
    ------
    InputError : it has an activation that is not known here; the message says which distribution to install.
    """
    check_activations(record)
    layer = restore_layer(record, arrays)
    return LayerMaps(
        layer, layer_neurons(layer, record.granularity), route_of(record.later), record.head_activation, gain
    )


def recorded_neurons(record: LayerRecord, shapes: Mapping[str, tuple[int, ...]]) -> Neurons:
    """The neurons of a layer whose arrays have these shapes, of which nothing is read; nor is its activation."""
    stand_in = np.zeros((), np.float32)
    arrays = {name: np.broadcast_to(stand_in, shape) for name, shape in shapes.items()}
    plain = record.model_copy(update={"activation": "identity"})
    return layer_neurons(restore_layer(plain, arrays), record.granularity)


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
    return maps.resolution((v.shape[-2], v.shape[-1]))


def trace_layer(trace: BaseTrace, name: str, granularity: str | None, head_activation: bool, model: INR) -> LayerMaps:
    """The maps of one layer of a trace; ``head_activation`` as in section 3.2.1."""
    return LayerMaps.of(trace, name, granularity, model.head_activation if head_activation else "identity")
