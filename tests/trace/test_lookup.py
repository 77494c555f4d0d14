"""Table look-ups, against plain loops over pixels and corners."""

from __future__ import annotations

import itertools
import math
import weakref
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given

from tests.helpers.grids import lookups
from xinc.contributions.neurons import layer_neurons
from xinc.contributions.sources import lost_responses, source_responses
from xinc.errors import InputError
from xinc.trace.layers import layer_type
from xinc.trace.lookup import Axis, Level, Lookup
from xinc.trace.reading import Reading


def plain(layer: Lookup, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The response (C_out, h, w), and the map of every neuron (N, h, w), by loops."""
    weight, starts, first = layer.weight.numpy(), [], 0
    for level in layer.levels:
        starts.append(first)
        first += level.entries * level.features
    maps = np.zeros((len(weight), *v.shape[1:]))
    response = np.zeros((sum(level.features for level in layer.levels), *v.shape[1:]))
    for y, x in np.ndindex(*v.shape[1:]):
        channel = 0
        for level, start in zip(layer.levels, starts, strict=True):
            read: list[list[tuple[int, float]]] = []
            for axis, coordinate in zip(level.axes, v[:, y, x], strict=True):
                place = coordinate * axis.scale + axis.shift
                if axis.beyond == "clamp":
                    place = min(max(place, 0), axis.size - 1)
                low, f = math.floor(place), place - math.floor(place)
                if axis.read == "smoothstep":
                    f = f * f * (3 - 2 * f)
                pair = [(low, 1.0)] if axis.read == "entry" else [(low, 1 - f), (low + 1, f)]
                if axis.beyond == "clamp":
                    pair = [(min(k, axis.size - 1), w) for k, w in pair]
                read.append([(k % axis.size, w) for k, w in pair] if axis.beyond == "repeat" else pair)
            for corner in itertools.product(*read):
                number, stride = 0, 1
                for (k, _), axis, prime in zip(corner, level.axes, (1, 2654435761, 805459861), strict=False):
                    number = number ^ (k * prime % 2**32) if level.hashed else number + k * stride
                    stride *= axis.size
                share = math.prod(w for _, w in corner)
                for feature in range(level.features):
                    n = start + number % level.entries * level.features + feature
                    maps[n, y, x] += share * weight[n]
                    response[channel + feature, y, x] += share * weight[n]
            channel += level.features
    return response, maps


@given(lookups())
def test_the_definition(made: Any) -> None:
    layer, v = made
    response, maps = plain(layer, v.numpy())
    np.testing.assert_allclose(layer.forward(v).numpy(), response, rtol=1e-10, atol=1e-10)
    neurons = layer_neurons(layer)
    assert len(neurons) == len(layer.weight)
    every = torch.arange(len(neurons))
    for found in (source_responses(layer, v, neurons, every), lost_responses(layer, v, neurons, every)):
        np.testing.assert_allclose(found.numpy(), maps, rtol=1e-10, atol=1e-10)
    some = torch.tensor([len(neurons) - 1, 0, 0])  # any of them, in any order
    np.testing.assert_allclose(source_responses(layer, v, neurons, some).numpy(), maps[some.numpy()], atol=1e-10)


@given(lookups())
def test_complete(made: Any) -> None:
    """Σ over entries of a feature's maps is the encoding."""
    layer, v = made
    i, j = (torch.from_numpy(of) for of in layer.edges())
    z = layer.preactivation(v)
    total = torch.zeros_like(z).index_add(0, j, layer.edge_responses(v, i, j))
    torch.testing.assert_close(total, z, rtol=1e-12, atol=1e-12)


@given(lookups())
def test_a_record_gives_the_same_layer(made: Any) -> None:
    layer, v = made
    fields = {"name": layer.name, "activation": layer.activation, "frequency": 1.0, "upscale": 1}
    again = layer_type("Lookup").restore(fields, layer.options(), layer.arrays())
    assert again.levels == layer.levels  # type: ignore[attr-defined]
    torch.testing.assert_close(again.forward(v), layer.forward(v), rtol=0, atol=0)


@given(lookups())
def test_energies(made: Any) -> None:
    layer, v = made
    entries = layer.starts("in")[-1]
    expected = layer.shares(v, torch.arange(entries)).square().sum((1, 2))
    torch.testing.assert_close(layer.energies(v), expected, rtol=1e-10, atol=1e-10)


@given(lookups())
def test_arrays_of_numpy_give_the_same_corners(made: Any) -> None:
    """Compiled code has no tensors."""
    layer, v = made
    flat = v.flatten(1)
    for level in layer.levels:
        for (entries, share), (own, part) in zip(level.at(flat.numpy()), level.at(flat), strict=True):
            np.testing.assert_array_equal(entries, own.numpy())
            np.testing.assert_array_equal(share, part.numpy())


def test_the_hash_of_a_vertex() -> None:
    """Of (3, 5): (3 XOR (5 · 2654435761 mod 2³²)) mod 32768."""
    level = Level((Axis(183), Axis(183)), 2, 32768, hashed=True)
    assert (3 ^ 5 * 2654435761 % 2**32) == 387276918
    assert int(level.numbers((torch.tensor([3]), torch.tensor([5])))[0]) == 24694


@pytest.mark.parametrize("frames", [4, 7, 16])
def test_a_temporal_grid_is_linear_interpolation(frames: int) -> None:
    """As in the docstring: PyTorch's from t entries to all frames, at places that repeat."""
    t, rows, columns, features = 4, 2, 3, 5
    table = torch.randn(t, rows, columns, features, dtype=torch.float64)
    expected = F.interpolate(table.flatten(1).T[None], frames, mode="linear")[0].T.reshape(frames, rows, columns, -1)
    axes = (
        Axis(columns, read="entry", beyond="repeat"),
        Axis(rows, read="entry", beyond="repeat"),
        Axis(t, t / frames, (t / frames - 1) / 2, beyond="clamp"),
    )
    layer = Lookup("grid", table.flatten(), (Level(axes, features),))
    y, x = torch.meshgrid(torch.arange(5), torch.arange(7), indexing="ij")
    for frame in range(frames):
        v = torch.stack([x, y, torch.full_like(x, frame)]).double()
        torch.testing.assert_close(layer.forward(v), expected[frame][y % rows, x % columns].permute(2, 0, 1))


def test_tables_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"hold \(7,\) numbers: its levels have 8"):
        Lookup("grid", torch.zeros(7), (Level((Axis(2), Axis(2)), 2),))


def test_who_reads_the_same_shares_it() -> None:
    """The matrices of a level at some coordinates are there once, as long as somebody has them."""
    level = Level((Axis(5, 4.0), Axis(3, 2.0)), 2)
    coordinates = torch.rand((2, 12), generator=torch.Generator().manual_seed(0))
    mine = Reading.at(level, coordinates)
    assert Reading.at(level, coordinates.T.contiguous().T.clone()) is mine
    other = coordinates.clone()
    other[1, -1] = 0.5
    for unlike in (
        Reading.at(level, other),
        Reading.at(Level(level.axes, 1), coordinates),
        Reading.at(level, other.double()),
    ):
        assert unlike is not mine
    gone = weakref.ref(mine)
    del mine
    assert gone() is None
