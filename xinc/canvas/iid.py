"""Layers of an i.i.d. network: the maps that a layer's structure makes of numbers drawn at random.

What an analysis finds in them is due to kernels, strides, activations and edges of the frame, not to what a network has
learned.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import xarray as xr

from xinc.canvas.iid_complex import Chain, complex_chains, initial
from xinc.canvas.layer import check_activations, recorded_neurons, restore_maps
from xinc.canvas.lazy import ExpandedMaps, expanded_maps, lazy_dataset
from xinc.canvas.reductions import sum_abs
from xinc.canvas.schema import LayerRecord, StageRecord, record_of
from xinc.contributions.expansion import expand_into, expander
from xinc.contributions.maps import LayerMaps
from xinc.contributions.neurons import layer_neurons
from xinc.errors import InputError
from xinc.runtime.kept import DEFAULT_MB, kept_mb
from xinc.trace.activations import activation, spelt
from xinc.trace.layers import Array, Linear, layer_type
from xinc.trace.route import Stage, is_plain
from xinc.trace.windows import Size, pair

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

    Complex layers, whose activations depend on the scale of responses, are those of a network as its training begins:
    real and imaginary parts of all weights U(±1/√C_in), as PyTorch draws them, and inputs that the layers before make
    of places U(±1), one for each pixel; in the maps there are no biases. That takes all layers before it in the canvas.

    Parameters
    ----------
    layers : of a canvas by name, in network order; gained maps are left out, those without a record, made by hand, and
        layers that do not consist of weights.
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
    for record in records.values():
        check_activations(record)
    before = ["identity", *(spelt(one.activation, frequency=one.frequency) for one in records.values())]
    found = {
        name: _iid_layer(_with_kernels(record, layers[name], records), layers[name], said, maps, seed)
        for (name, record), said in zip(records.items(), before, strict=False)
        if not layer_type(record.layer_type).complex_valued
    }
    for name, chain in complex_chains(records, layers).items():
        found[name] = _complex_layer(chain, maps, seed)
    drawn = {name: found.get(name) for name in records}
    return {name: layer for name, layer in drawn.items() if layer is not None}


def expected_sum_abs(layer: xr.Dataset) -> np.ndarray:
    """The expectation of Σ_n |C_n| (y, x) of a layer of `iid_layers`, float64: a mean over draws and over like places.

    Reflections of the frame do not change it, nor do steps of a source pixel where the frame's edges are out of reach;
    but where a kernel is not centred, or moves by strides, every pixel is a place of its own.
    """
    drawn = expanded_maps(layer["contribution"].variable)
    assert drawn is not None
    draws = drawn.layer_at
    values = np.mean(list(_sums(layer, drawn)), axis=0)
    if not isinstance(draws, _Draws) or not draws.maps.layer.local or not is_plain(draws.maps.later):
        return np.asarray(values)
    maps = draws.maps
    scale = maps.layer.upscale
    edge = float(max(maps.layer.reach))
    for stage in maps.later:
        assert isinstance(stage, Stage)
        edge += max(stage.kernel.reach) / scale
        scale *= pair(stage.upscale)[0]
    border = int(np.ceil(edge))
    _, rows, columns = draws.shape
    values = values.reshape(rows, scale, columns, scale)
    for axis in (0, 2):
        values = (values + np.flip(values, (axis, axis + 1))) / 2
        inner = np.arange(values.shape[axis])[border : values.shape[axis] - border]
        if len(inner):
            index = (slice(None),) * axis + (inner,)
            values[index] = values[index].mean(axis, keepdims=True)
    return np.asarray(values.reshape(layer.sizes["y"], layer.sizes["x"]))


def _sums(layer: xr.Dataset, drawn: ExpandedMaps) -> Iterator[np.ndarray]:
    """Σ_n |C_n| (y, x) of each draw; another thread makes the next one meanwhile."""
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(drawn.at, 0)
        for number in layer["frame"].values.tolist():
            coming.result()
            coming = ahead.submit(drawn.at, min(number + 1, layer.sizes["frame"] - 1))
            yield sum_abs(layer, [number]).values[0]


def _iid_layer(record: LayerRecord, layer: xr.Dataset, before: str, wanted: int, seed: int) -> xr.Dataset | None:
    kind = layer_type(record.layer_type)
    if not kind.mixes and not record.later:
        height, width = record.resolution
        record = record.model_copy(update={"resolution": (min(height, _SIDE), min(width, _SIDE))})
    c_in, c_out = _channels(record, layer)
    weights = kind.weight_shape(record.options, (c_in, c_out))
    if weights is None:
        return None
    neurons = recorded_neurons(record, {"weight": weights, "bias": (c_out,)})
    arrays = {"weight": np.broadcast_to(np.float32(0), weights), "bias": np.zeros(c_out, np.float32)}
    maps = restore_maps(record, arrays)
    size = _input_size(maps, record.resolution)
    if size is None:
        return None
    drawn = range(min(-(-wanted // len(neurons)), _DRAWS))
    # Nobody asks for a draw again after the next one: of large ones, one is kept.
    kept = kept_mb(16 + 1.5 * c_in * size[0] * size[1] * 4e-6)
    return lazy_dataset(record, drawn, neurons, _Draws(record, maps, (c_in, *size), before, seed), kept)


@dataclass(frozen=True)
class _Draws:
    """What a dataset of `iid_layers` has in the place of frames: a layer and its input by the number of a draw.

    Attributes
    ----------
    record : of the layer.
    maps : of a layer of its structure.
    shape : (C_in, h, w) of its input.
    before : the activation that its input has gone through.
    seed : of what is drawn.
    """

    record: LayerRecord
    maps: LayerMaps
    shape: tuple[int, int, int]
    before: str
    seed: int

    def __call__(self, number: int) -> tuple[LayerMaps, Array]:
        generator = np.random.default_rng([self.seed, zlib.crc32(self.record.layer.encode()), number])
        empty = self.maps.layer.arrays()
        shape = np.shape(empty["weight"])
        deviation = 1 / (self.record.frequency * np.sqrt(np.prod(shape[1:])))
        weight = generator.standard_normal(shape, np.float32) * np.float32(deviation)
        inputs = _activated(self.before, generator.standard_normal(self.shape, np.float32))
        return restore_maps(self.record, {"weight": weight, "bias": np.asarray(empty["bias"])}), inputs


def _complex_layer(chain: Chain, maps: int, seed: int) -> xr.Dataset:
    """The last layer of a chain of complex ones."""
    record, c_in, c_out = chain.last
    height, width = record.resolution
    record = record.model_copy(update={"resolution": (min(height, _SIDE), min(width, _SIDE))})
    if record.granularity == "kernel":
        c_out = min(c_out, -(-_NEURONS // c_in))
    neurons = recorded_neurons(record, {"weight": (c_out, c_in), "bias": (c_out,)})

    def draw(number: int) -> tuple[LayerMaps, Array]:
        generator = np.random.default_rng([seed, zlib.crc32(record.layer.encode()), number])
        inputs = chain.inputs(generator, record.resolution)
        weight, bias = initial(chain.real, c_in, c_out, generator)
        return restore_maps(record, {"weight": weight, "bias": bias}), inputs

    return lazy_dataset(record, range(min(-(-maps // len(neurons)), _DRAWS)), neurons, draw, kept_mb(DEFAULT_MB))


def _channels(record: LayerRecord, layer: xr.Dataset) -> tuple[int, int]:
    """Channels (C_in, C_out) of a draw."""
    if record.granularity != "kernel":
        return layer.sizes["neuron"], layer.sizes["neuron"]  # of the other side nothing is known, nor matters
    c_in, c_out = (int(layer[name].max()) + 1 for name in ("in_channel", "out_channel"))
    phases = record.upscale**2
    if record.options.get("groups", 1) > 1:
        return c_in, c_out
    return c_in, min(c_out, phases * -(-_NEURONS // (c_in * phases)))


def _input_size(maps: LayerMaps, resolution: Size) -> Size | None:
    """Height and width of the layer's input for maps of a resolution; None where there is none."""
    found = []
    for axis, side in enumerate(resolution):
        about = round(side / maps.scale(axis))
        near = sorted(range(1, about + 64), key=lambda length: abs(length - about))
        exact = next((length for length in near if _side(maps, length, axis) == side), None)
        if exact is None:
            return None
        found.append(exact)
    return found[0], found[1]


def _side(maps: LayerMaps, length: int, axis: int) -> int | None:
    """Pixels of a map along an axis, for an input of a length; None where kernels do not fit on it."""
    try:
        return maps.resolution((length, length))[axis]
    except InputError:
        return None


def _with_kernels(record: LayerRecord, layer: xr.Dataset, records: Mapping[str, LayerRecord]) -> LayerRecord:
    """The record of a layer, with the size of its kernels where an earlier version left it out.

    It is known to a factored layer, and to those before it. A dense layer that is the first of its canvas is taken to
    have kernels as large as the next layer's.
    """
    if not layer_type(record.layer_type).mixes or "kernel_size" in record.options:
        return record
    known = [one.later[-len(record.later) - 1] for one in records.values() if len(one.later) > len(record.later)]
    maps = expanded_maps(layer["contribution"].variable)
    own = None if known or maps is None else maps.layer_at(0)[0].layer.options()
    if own is None:
        after = [*known, *record.later]
        size = after[0].kernel_size if after and isinstance(after[0], StageRecord) else 1
        own = {"kernel_size": [size, size]}
    return record.model_copy(update={"options": record.options | own})


def _activated(said: str, values: np.ndarray) -> np.ndarray:
    """φ of responses (C, h, w) float32: φ(0), and what each contributes as a neuron of a layer that changes nothing."""
    one = Linear("", np.eye(len(values), dtype=np.float32), np.zeros(len(values), np.float32), said)
    expand = expander(LayerMaps(one, layer_neurons(one), ()), values)
    # Where they were: every number is read before it is written, and they may take a hundred megabytes.
    found = expand_into(expand, np.arange(len(values)), values)
    found += np.float32(activation(said).zero)
    return found
