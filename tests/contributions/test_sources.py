"""Edge responses and neurons: completeness, exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import oracle
from tests.helpers.networks import convolutional, convolutional_traces, kernel_sizes, linear_traces
from xinc.contributions.neurons import enumerate_neurons, layer_neurons
from xinc.contributions.propagation import insert_zeros
from xinc.contributions.sources import edge_responses, source_responses
from xinc.trace.activations import activate
from xinc.trace.layers import Convolution, Linear

EXACT = {"rtol": 0, "atol": 1e-10}


def all_edges(layer):
    neurons = enumerate_neurons(layer.channels, "kernel")
    return torch.as_tensor(neurons.in_channel).long(), torch.as_tensor(neurons.out_channel).long()


@given(convolutional_traces())
def test_edges_of_a_convolution_add_up_to_its_output(trace):
    for layer in trace.layers:
        v = trace.inputs()[layer.name]
        c_in, c_out = layer.channels
        total = edge_responses(layer, v, *all_edges(layer)).view(c_in, c_out, *v.shape[1:]).sum(dim=0)
        expected = F.conv2d(v[None], layer.weight, layer.bias, padding="same")[0]
        torch.testing.assert_close(total, expected, **EXACT)


@given(convolutional_traces())
def test_kernels_of_a_block_add_up_to_the_next_input(trace):
    """Zero-inserted edge responses, grouped by output channel after PixelShuffle, then the activation."""
    inputs = [*trace.inputs().values(), trace.output()]
    for layer, v, after in zip(trace.layers, inputs[:-1], inputs[1:], strict=True):
        i, j = all_edges(layer)
        inserted = insert_zeros(edge_responses(layer, v, i, j), j % layer.upscale**2, layer.upscale)
        groups = torch.zeros_like(after).index_add(0, j // layer.upscale**2, inserted)
        torch.testing.assert_close(activate(layer.activation, groups), after, **EXACT)


@given(linear_traces())
def test_edges_of_a_linear_layer_add_up_to_its_preactivation(trace):
    inputs = [*trace.inputs().values(), trace.output()]
    for layer, v, after in zip(trace.layers, inputs[:-1], inputs[1:], strict=True):
        edges = edge_responses(layer, v, *all_edges(layer)).view(*layer.channels, *v.shape[1:])
        torch.testing.assert_close(activate(layer.activation, edges.sum(dim=0)), after, **EXACT)


@given(linear_traces(), st.sampled_from(["kernel", "input", "output"]))
def test_linear_neurons_equal_the_definition(trace, granularity):
    for layer in trace.layers:
        v = trace.inputs()[layer.name]
        neurons = layer_neurons(layer, granularity)
        found = source_responses(layer, v, neurons, torch.arange(len(neurons)))
        np.testing.assert_allclose(found.numpy(), oracle.linear_maps(layer, v, granularity), rtol=1e-9, atol=1e-10)


def test_output_neurons_and_biases_add_up_to_the_preactivation():
    weight, bias, v = torch.randn(4, 3).double(), torch.randn(4).double(), torch.randn(3, 2, 5).double()
    layer = Linear("layer1", weight, bias, "relu", frequency=30.0)
    found = source_responses(layer, v, layer_neurons(layer, "output"), torch.arange(4))
    torch.testing.assert_close(found + 30 * bias[:, None, None], layer.preactivation(v), **EXACT)


@given(kernel_sizes, st.integers(0, 99), st.lists(st.integers(0, 4 * 2 - 1), max_size=12))
def test_any_edges_in_any_order(kernel, seed, select):
    """Repetitions, runs of unequal length, unsorted channels, nothing at all."""
    layer = convolutional([1], [kernel, 1], [4, 2], ["identity"], (3, 4), seed).layers[0]
    v = torch.randn(4, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    i, j = all_edges(layer)
    chosen = torch.tensor(select, dtype=torch.long)
    found = edge_responses(layer, v, i[chosen], j[chosen])
    assert found.shape == (len(select), 3, 4)
    expected = [oracle.edge(layer, v.numpy(), int(i[n]), int(j[n])) for n in select]
    np.testing.assert_allclose(found.numpy(), np.reshape(expected, found.shape), rtol=0, atol=1e-10)


def test_convolution_has_no_aggregate_neurons():
    layer = Convolution("head", torch.ones(3, 2, 1, 1), torch.zeros(3), "identity")
    neurons = enumerate_neurons((2, 3), "input")
    with pytest.raises(TypeError, match="input is not defined for the Convolution layer head"):
        source_responses(layer, torch.ones(2, 4, 4), neurons, torch.arange(2))
