"""Layers of any geometry, against modules of PyTorch: responses, edges, changes of the input, records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.helpers.geometries import convolutions, drawn, module
from tests.helpers.networks import linear_traces
from xinc.contributions.neurons import layer_neurons
from xinc.contributions.sources import edge_responses, lost_responses
from xinc.errors import InputError
from xinc.trace.activations import activate
from xinc.trace.layers import Convolution, Layer, layer_type
from xinc.trace.windows import Kernel


def edges_of(layer: Any) -> tuple[Tensor, Tensor]:
    i, j = layer.edges()
    return torch.from_numpy(i), torch.from_numpy(j)


@given(convolutions())
def test_a_convolution_is_the_module(made: Any) -> None:
    layer, v = made
    with torch.no_grad():
        pad, convolve, shuffle = module(layer)
        expected = convolve(pad(v[None]))
        torch.testing.assert_close(layer.preactivation(v), expected[0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(layer.forward(v), activate(layer.activation, shuffle(expected))[0])
    assert layer.response_size(v.shape[-2:]) == tuple(expected.shape[-2:])


@given(convolutions())
def test_edges_sum_to_the_preactivation(made: Any) -> None:
    """Completeness: Σ_i e_ij = z_j, over the edges that there are."""
    layer, v = made
    i, j = edges_of(layer)
    z = layer.preactivation(v)
    total = torch.zeros_like(z).index_add(0, j, edge_responses(layer, v, i, j))
    torch.testing.assert_close(total, z, rtol=1e-10, atol=1e-10)
    bare = torch.zeros_like(z).index_add(0, j, layer.edge_responses(v, i, j, bias=False))
    torch.testing.assert_close(bare + layer.bias[:, None, None], z, rtol=1e-10, atol=1e-10)


@given(convolutions(), st.data())
def test_an_edge_is_the_response_to_its_kernel_alone(made: Any, data: st.DataObject) -> None:
    """Of any edges in any order: the network with all other kernels zero."""
    layer, v = made
    i, j = edges_of(layer)
    chosen = torch.tensor(data.draw(st.lists(st.integers(0, len(i) - 1), min_size=1, max_size=6)))
    found = layer.edge_responses(v, i[chosen], j[chosen], bias=False)
    for at, n in enumerate(chosen.tolist()):
        kept = torch.zeros_like(layer.weight)
        local = int((layer.reads()[int(j[n])] == int(i[n])).nonzero()[0][0])
        kept[j[n], local] = layer.weight[j[n], local]
        only = layer.with_arrays({"weight": kept, "bias": torch.zeros_like(layer.bias)})
        torch.testing.assert_close(found[at], only.preactivation(v)[j[n]], rtol=1e-10, atol=1e-10)


def test_numbers_of_kernels_in_groups() -> None:
    """n = i · (C_out / g) + j mod (C_out / g): of two groups of two inputs and three outputs."""
    layer = Convolution("block1", np.zeros((6, 2, 3, 3)), np.zeros(6), "gelu", groups=2)
    i, j = layer.edges()
    assert i.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert j.tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]
    assert layer.reads().tolist() == [[0, 1]] * 3 + [[2, 3]] * 3
    depthwise = layer_neurons(Convolution("block1", np.zeros((4, 1, 3, 3)), np.zeros(4), "gelu", 2, groups=4))
    assert depthwise.in_channel.tolist() == depthwise.out_channel.tolist() == [0, 1, 2, 3]
    assert depthwise.phase.tolist() == [0, 1, 2, 3]


@given(convolutions(), st.data())
def test_a_change_goes_through(made: Any, data: st.DataObject) -> None:
    """Inside the window that is said, and nothing outside of it; of all channels, or of one."""
    layer, v = made
    height, width = v.shape[-2:]
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, height)), data.draw(st.integers(x0 + 1, width))
    single = data.draw(st.booleans())
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    channel = torch.randint(layer.channels[0], (3,), generator=generator) if single else None
    values = torch.randn(3, 1 if single else layer.channels[0], y1 - y0, x1 - x0, generator=generator).double()
    found, (top, bottom, left, right) = layer.through(values, (y0, y1, x0, x1), channel, (height, width))
    z = layer.preactivation(v)
    for n in range(3):
        changed = v.clone()
        changed[slice(None) if channel is None else channel[n : n + 1], y0:y1, x0:x1] += values[n]
        change = torch.zeros_like(z)
        change[:, top:bottom, left:right] = found[n]
        torch.testing.assert_close(change, layer.preactivation(changed) - z, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("groups", [2, 4])
def test_a_change_of_one_channel_in_groups(groups: int) -> None:
    """It reaches the outputs of its own group alone."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = drawn(generator, 8, 4 // groups, 3, 5), drawn(generator, 8)
    layer = Convolution("block1", weight, bias, "gelu", groups=groups, dilation=2)
    assert layer.local
    v, change = drawn(generator, 4, 9, 9), drawn(generator, 4, 1, 2, 3)
    found, (y0, y1, x0, x1) = layer.through(change, (4, 6, 0, 3), torch.arange(4), (9, 9))
    assert (y0, y1, x0, x1) == (2, 8, 0, 7)
    for i in range(4):
        changed = v.clone()
        changed[i, 4:6, 0:3] += change[i, 0]
        expected = layer.preactivation(changed) - layer.preactivation(v)
        torch.testing.assert_close(found[i], expected[:, y0:y1, x0:x1], rtol=1e-9, atol=1e-9)


@given(convolutions())
def test_sums_over_the_weights_of_neurons(made: Any) -> None:
    layer, _ = made
    squares = layer.weight.square()
    found = layer.neuron_sums("kernel", {"weight": squares})
    expected = [
        float(squares[j, (layer.reads()[j] == i).nonzero()[0][0]].sum()) for i, j in zip(*layer.edges(), strict=True)
    ]
    np.testing.assert_allclose(found, expected)


@given(convolutions())
def test_a_convolution_survives_its_record(made: Any) -> None:
    layer, v = made
    fields = {"name": layer.name, "activation": layer.activation, "frequency": 1.0, "upscale": layer.upscale}
    again = layer_type("Convolution").restore(fields, layer.options(), layer.arrays())
    assert again.options() == layer.options()
    assert torch.equal(again.preactivation(v), layer.preactivation(v))
    assert layer_type("Convolution").weight_shape(layer.options(), layer.channels) == tuple(layer.weight.shape)
    dims = layer_type("Convolution").response_dims(layer.options())
    assert dims == ("response_y", "response_x") or layer.response_size((7, 8)) == (7, 8)


@given(linear_traces(), st.data())
def test_what_single_neurons_of_linear_layers_respond(trace: Any, data: st.DataObject) -> None:
    layer, v = trace.layers[0], trace.input
    z, (c_in, c_out) = layer.preactivation(v), layer.channels
    i, j = torch.arange(c_in), torch.arange(c_out)
    torch.testing.assert_close(layer.input_responses(v, i).sum(0), z.sum(0), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(layer.output_responses(v, j, bias=True), z, rtol=1e-10, atol=1e-10)
    bare = z - layer.frequency * layer.bias[:, None, None]
    torch.testing.assert_close(layer.responses_to(v, i).sum(0), bare, rtol=1e-10, atol=1e-10)
    neurons = layer_neurons(layer, "kernel")
    lost = lost_responses(layer, v, neurons, torch.arange(len(neurons))).view(c_in, c_out, *v.shape[1:])
    torch.testing.assert_close(lost, layer.responses_to(v, i), rtol=1e-12, atol=1e-12)


def test_unknown_types_are_named() -> None:
    with pytest.raises(InputError, match="Unknown type of layer 'Convolutional': did you mean 'Convolution'"):
        layer_type("Convolutional")


def test_two_types_of_one_name_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"two types of layers called Linear, of xinc.trace.linear and of .*test_layers"
    ):
        type("Linear", (Layer,), {"__module__": __name__})
    assert layer_type("Linear").__module__ == "xinc.trace.linear"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"padding": "valid"}, r"spans 5 pixels does not fit on an axis of 4 with 0 and 0 pixels of padding \(valid\)"),
        ({"padding": "reflect", "margins": (0, 0, 4, 0)}, r"axis of 4 with 4 and 0 pixels of padding \(reflect\)"),
    ],
)
def test_a_kernel_that_does_not_fit(how: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Kernel((1, 5), **how).out((4, 4))


def test_unknown_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="padding is 'same'; expected one of zeros, reflect"):
        Kernel((3, 3), padding="same")  # type: ignore[arg-type]


def test_a_response_of_a_strided_layer_by_hand() -> None:
    """Every second pixel, from the first; a kernel of ones over two of them."""
    v = torch.arange(5.0)[None, None]
    layer = Convolution("c", torch.ones(1, 1, 1, 2), torch.zeros(1), "identity", stride=(1, 2))
    assert layer.preactivation(v).tolist() == [[[1, 5, 4]]]
    assert layer.channels == (1, 1)
