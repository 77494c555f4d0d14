"""From source response to map, against closed forms and against a naive dense expansion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import oracle
from tests.helpers.networks import activations, convolutional, convolutional_traces, kernel_sizes, linear_traces
from xinc.contributions.maps import LayerMaps, Stage
from xinc.contributions.propagation import box, insert_zeros, propagate, upsample
from xinc.trace.activations import respond


@given(convolutional_traces(), st.data())
def test_maps_equal_the_dense_definition(trace, data):
    """Any number of blocks, strides, kernel sizes, activations; then any selection in any order."""
    name = data.draw(st.sampled_from([layer.name for layer in trace.layers]))
    maps, v = LayerMaps.of(trace, name), trace.inputs()[name]
    whole = maps.expand(v)
    assert tuple(whole.shape[1:]) == (v.shape[1] * maps.scale(), v.shape[2] * maps.scale())
    assert whole.shape[1:] == trace.output().shape[1:]
    np.testing.assert_allclose(whole.numpy(), oracle.convolutional_maps(trace, name), rtol=1e-9, atol=1e-10)
    select = data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8))
    part = maps.expand(v, torch.tensor(select, dtype=torch.long))
    torch.testing.assert_close(part, whole[select], rtol=1e-12, atol=1e-12)


@given(linear_traces(), st.sampled_from([None, "kernel", "input", "output"]), st.data())
def test_maps_of_an_mlp_are_its_source_responses(trace, granularity, data):
    name = data.draw(st.sampled_from([layer.name for layer in trace.layers]))
    layer = trace.layers[trace.position(name)]
    maps, v = LayerMaps.of(trace, name, granularity), trace.inputs()[name]
    expected = oracle.linear_maps(layer, v, granularity or "input")
    np.testing.assert_allclose(maps.expand(v).numpy(), expected, rtol=1e-9, atol=1e-10)


@given(st.integers(1, 4), activations, kernel_sizes, st.integers(0, 99))
def test_before_the_box_a_map_lives_on_its_own_phase(stride, activation, kernel, seed):
    """Also where the activation of nothing is something (sigmoid, softplus)."""
    trace = convolutional([stride], [kernel, 3], [2, 2], [activation], (3, 2), seed)
    maps = LayerMaps.of(trace, "block1")
    own = LayerMaps(maps.layer, maps.neurons, ())  # without the head: nothing is spread
    found = own.expand(trace.input).numpy()
    for n, phase in enumerate(maps.neurons.phase):
        rest = found[n].copy()
        here = (slice(phase // stride, None, stride), slice(phase % stride, None, stride))
        i, j = int(maps.neurons.in_channel[n]), int(maps.neurons.out_channel[n])
        source = oracle.respond(activation)(oracle.edge(maps.layer, trace.input.numpy(), i, j))
        np.testing.assert_allclose(rest[here], source, rtol=0, atol=1e-10)
        rest[here] = 0
        assert not rest.any()


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_zero_insertion_is_pixel_shuffle_of_one_channel(r, height, width, seed):
    source = torch.randn(r**2, height, width, generator=torch.Generator().manual_seed(seed))
    found = insert_zeros(source, torch.arange(r**2), r)
    for p in range(r**2):
        alone = torch.zeros_like(source)
        alone[p] = source[p]
        torch.testing.assert_close(found[p], torch.nn.functional.pixel_shuffle(alone, r)[0], rtol=0, atol=0)


def test_box_divides_by_its_area_at_the_frames_edge_too():
    found = box(torch.ones(1, 4, 5), 3)[0] * 9
    expected = torch.tensor([[4, 6, 6, 6, 4], [6, 9, 9, 9, 6], [6, 9, 9, 9, 6], [4, 6, 6, 6, 4]])
    torch.testing.assert_close(found, expected.float())


def test_box_wider_than_the_frame():
    torch.testing.assert_close(box(torch.full((1, 1, 2), 49.0), 7)[0], torch.tensor([[2.0, 2.0]]))


def test_upsampling_repeats_pixels():
    found = upsample(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 2)[0]
    assert found.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


def test_one_source_pixel_by_hand():
    """A response of 9 at phase 3 of a stride of 2, then a head of 3×3: ones around pixel (1, 1), cut at the edge."""
    found = propagate(torch.tensor([[[9.0, 0.0]]]), torch.tensor([3]), 2, [Stage(3, 1, "identity")])[0]
    assert found.tolist() == [[1, 1, 1, 0], [1, 1, 1, 0]]


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_head_activation_is_for_the_last_layer_only(name):
    trace = convolutional([2], [3, 3], [2, 2], ["gelu"], (2, 3), 0)
    inputs = trace.inputs()
    for layer in ("block1", "head"):
        plain, through = LayerMaps.of(trace, layer), LayerMaps.of(trace, layer, head_activation=name)
        expected = plain.expand(inputs[layer])
        if layer == "head":
            expected = respond(name, expected)
        torch.testing.assert_close(through.expand(inputs[layer]), expected, rtol=0, atol=0)


def test_double_keeps_the_network():
    trace = convolutional([2], [3, 3], [2, 2], ["gelu"], (2, 3), 0, torch.float32)
    double = trace.double()
    assert double.output().dtype == torch.float64
    torch.testing.assert_close(double.output().float(), trace.output())
