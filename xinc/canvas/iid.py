"""Layers of an i.i.d. network: the maps that a layer's structure makes of numbers drawn at random.

What an analysis finds in them is due to kernels, strides, activations and edges of the frame, not to what a network has
learned.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import xarray as xr

from xinc.canvas.layer import restore_maps
from xinc.canvas.lazy import expanded_maps, lazy_dataset
from xinc.canvas.reductions import sum_abs
from xinc.canvas.schema import LayerRecord, record_of
from xinc.contributions.kernels.linear import LinearExpansion
from xinc.contributions.maps import LayerMaps
from xinc.contributions.neurons import enumerate_neurons, layer_neurons
from xinc.trace.layers import Array, Convolution, Linear

#: The fewest neurons that stand for a layer's in one draw.
_NEURONS = 100
#: The most draws, whatever the maps of a small layer.
_DRAWS = 30
#: The longest side of maps whose pixels are all alike.
_SIDE = 32


def iid_layers(layers: Mapping[str, xr.Dataset], maps: int, seed: int = 0) -> dict[str, xr.Dataset]:
    """Layers of an i.i.d. network of the same structure, in the place of a canvas's own.

    A layer's weights are independent and normal, of such a variance that its responses have variance 1 where its inputs
    do, without biases; its inputs are independent over channels and pixels, the activation of the layer before it in
    the canvas of standard normal numbers (before the first: these themselves). What follows is as in the canvas: the
    layer's kernel, PixelShuffle and activation, and the stages between it and the output. Of a layer of many kernels a
    draw has fewer output channels, all sub-pixels of PixelShuffle among them; of one that treats all pixels alike, as
    in networks of coordinates, fewer pixels.

    Parameters
    ----------
    layers : of a canvas by name, in network order; gained maps are left out, and those
        without a record, made by hand.
    maps : of a layer, in as many draws as it takes, at most 30.
    seed : of what is drawn, which depends on it, on the layer's name and on the number of the draw alone.

    Returns
    -------
    By name, datasets like a canvas's, whose ``frame`` is the number of the draw.
    """
    known = {name: record_of(layer) for name, layer in layers.items() if "xinc" in layer.attrs}
    records = {
        name: record.model_copy(update={"gain": "none"}) for name, record in known.items() if record.gain != "applied"
    }
    before = ["identity", *(record.activation for record in records.values())]
    return {
        name: _iid_layer(record, layers[name], _kernel_size(record, layers[name], records), activation, maps, seed)
        for (name, record), activation in zip(records.items(), before, strict=False)
    }


def expected_sum_abs(layer: xr.Dataset) -> np.ndarray:
    """The expectation of Σ_n |C_n| (y, x) of a layer of `iid_layers`, float64: a mean over draws and over like places.

    Reflections of the frame do not change it, nor do steps of a source pixel where the frame's edges are out of reach.
    """
    drawn = expanded_maps(layer["contribution"].variable)
    assert drawn is not None
    maps, v = drawn.layer_at(0)
    scale = maps.layer.upscale
    edge = float(maps.layer.kernel_size // 2 if isinstance(maps.layer, Convolution) else 0)
    for stage in maps.later:
        edge += (stage.kernel_size // 2) / scale
        scale *= stage.upscale
    border = int(np.ceil(edge))
    values = sum_abs(layer).mean("frame").values
    values = values.reshape(v.shape[-2], scale, v.shape[-1], scale)
    for axis in (0, 2):
        values = (values + np.flip(values, (axis, axis + 1))) / 2
        inner = np.arange(values.shape[axis])[border : values.shape[axis] - border]
        if len(inner):
            index = (slice(None),) * axis + (inner,)
            values[index] = values[index].mean(axis, keepdims=True)
    return np.asarray(values.reshape(layer.sizes["y"], layer.sizes["x"]))


def _iid_layer(record: LayerRecord, layer: xr.Dataset, size: int, before: str, maps: int, seed: int) -> xr.Dataset:
    linear = record.layer_type == "Linear"
    if linear and not record.later:
        height, width = record.resolution
        record = record.model_copy(update={"resolution": (min(height, _SIDE), min(width, _SIDE))})
    c_in, c_out = _channels(record, layer)
    neurons = enumerate_neurons((c_in, c_out), record.granularity, record.upscale)
    kernel = () if linear else (size, size)
    scale = record.upscale * int(np.prod([stage.upscale for stage in record.later]))
    shape = (c_in, *(side // scale for side in record.resolution))
    deviation = 1 / (record.frequency * np.sqrt(c_in * np.prod(kernel)))

    def draw(number: int) -> tuple[LayerMaps, Array]:
        generator = np.random.default_rng([seed, zlib.crc32(record.layer.encode()), number])
        weight = generator.standard_normal((c_out, c_in, *kernel), np.float32) * np.float32(deviation)
        inputs = _activated(before, generator.standard_normal(shape, np.float32))
        return restore_maps(record, weight, np.zeros(c_out, np.float32)), inputs

    return lazy_dataset(record, range(min(-(-maps // len(neurons)), _DRAWS)), neurons, draw)


def _channels(record: LayerRecord, layer: xr.Dataset) -> tuple[int, int]:
    """Channels (C_in, C_out) of a draw."""
    if record.granularity != "kernel":
        return layer.sizes["neuron"], layer.sizes["neuron"]  # of the other side nothing is known, nor matters
    c_in, c_out = (int(layer[name].max()) + 1 for name in ("in_channel", "out_channel"))
    phases = record.upscale**2
    return c_in, min(c_out, phases * -(-_NEURONS // (c_in * phases)))


def _kernel_size(record: LayerRecord, layer: xr.Dataset, records: Mapping[str, LayerRecord]) -> int:
    """Side of a layer's own kernels: known to a factored layer, and to those before it.

    A dense layer that is the first of its canvas is taken to have kernels as large as the next layer's.
    """
    for other in records.values():
        if len(other.later) > len(record.later):
            return other.later[-len(record.later) - 1].kernel_size
    maps = expanded_maps(layer["contribution"].variable)
    own = None if maps is None else maps.layer_at(0)[0].layer
    if isinstance(own, Convolution):
        return own.kernel_size
    return record.later[0].kernel_size if record.later else 1


def _activated(name: str, values: np.ndarray) -> np.ndarray:
    """What responses (C, h, w) float32 come to after an activation: each a neuron of a layer that changes nothing."""
    one = Linear("", np.eye(len(values), dtype=np.float32), np.zeros(len(values), np.float32), name)
    return LinearExpansion(LayerMaps(one, layer_neurons(one), ()), values).expand(np.arange(len(values)))
