"""Gains against explicit Jacobians, and gained maps against a plain loop over neurons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import oracle, stepwise, zoo
from tests.helpers.networks import convolutional, convolutional_traces, linear_traces, single
from tests.helpers.tiers import examples
from tests.helpers.trainings import SMALL, make
from xinc.contributions.expansion import expander
from xinc.contributions.gains import check_probes, gains
from xinc.contributions.kernels.convolution import Expansion
from xinc.contributions.kernels.linear import LinearExpansion
from xinc.contributions.maps import LayerMaps
from xinc.errors import InputError
from xinc.modules import front
from xinc.trace.layers import Linear, Trace

ROUNDING = 3e-6

GRANULARITIES = ("kernel", "input", "output")


def exact_gain(trace, name, colours, by_input=False):
    """Σ over pixels and colours of the squared derivative, from the explicit Jacobian."""
    at = trace.position(name)

    def rest(values):
        v = values if by_input else trace.layers[at].activated(values)
        for layer in trace.layers[at if by_input else at + 1 :]:
            v = layer.forward(v)
        return colours(v).flatten()

    v = trace.input_of(name)
    point = v if by_input else trace.layers[at].preactivation(v)
    return torch.autograd.functional.jacobian(rest, point).square().sum(0)


def plain_gained(trace, name, gain, granularity="kernel"):
    """(N, H, W): one neuron at a time, with the oracle's convolutions, boxes and PixelShuffle."""
    at = trace.position(name)
    layer, later = trace.layers[at], trace.layers[at + 1 :]
    v, weight, bias = trace.inputs()[name].double().numpy(), layer.weight.double().numpy(), layer.bias.double().numpy()
    gain = np.asarray(gain, np.float64)
    if weight.ndim == 2:
        edges = layer.frequency * weight[:, :, None, None] * v[None]  # (C_out, C_in, h, w)
        if granularity == "kernel":
            return np.stack([abs(edges[j, i]) * gain[j] ** 0.5 for i in range(len(v)) for j in range(len(weight))])
        if granularity == "input":
            return abs(v) * gain**0.5
        return abs(edges.sum(1) + layer.frequency * bias[:, None, None]) * gain**0.5
    maps = []
    for i in range(len(v)):
        for j in range(len(weight)):
            z = oracle.correlate(v[i], weight[j, i]) ** 2 * gain[j]
            z = oracle.zero_insert(z, j, len(weight), layer.upscale)
            for block in later:
                z = oracle.upsample(oracle.box(z, block.weight.shape[-1]), block.upscale) / block.upscale**2
            maps.append(z**0.5)
    return np.stack(maps)


def numbers(maps):
    return np.arange(len(maps.neurons))


SQUASHED = (torch.sigmoid, lambda z: z)


@pytest.mark.parametrize("colours", SQUASHED)
def test_probes_converge_to_the_jacobian(colours):
    trace = convolutional([2, 2], [3, 3, 3], [2, 2, 2], ["gelu", "sin"], (2, 2), 3)
    names = [layer.name for layer in trace.layers]
    probes = 800
    found = gains(trace, colours, names, probes=probes)
    for name in names:
        exact = exact_gain(trace, name, colours)
        assert found[name].shape == exact.shape
        # The relative standard error is at most sqrt(2 / probes); five of them, over all positions.
        np.testing.assert_allclose(found[name], exact, rtol=5 * (2 / probes) ** 0.5, atol=1e-12)
        np.testing.assert_allclose(found[name].mean(), exact.mean(), rtol=0.06)
    # Each colour of a pixel depends on one channel of the head: the square of ±1 is exact.
    np.testing.assert_allclose(found["head"], exact_gain(trace, "head", colours), rtol=1e-12)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_probes_converge_in_an_mlp(granularity):
    generator = torch.Generator().manual_seed(0)

    def new(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    layers = (Linear("layer1", new(4, 3), new(4), "tanh", 2.0), Linear("layer2", new(3, 4), new(3), "identity"))
    trace = Trace(new(3, 2, 3), layers)
    found = gains(trace, torch.sigmoid, ["layer1", "layer2"], granularity, 800)
    for name, gain in found.items():
        exact = exact_gain(trace, name, torch.sigmoid, granularity == "input")
        np.testing.assert_allclose(gain, exact, rtol=5 * (2 / 800) ** 0.5, atol=1e-12)


def test_gains_do_not_depend_on_what_else_is_asked_for():
    trace = single(convolutional([2, 2], [3, 3, 3], [2, 2, 2], ["gelu", "gelu"], (3, 3), 4))
    together = gains(trace, torch.sigmoid, ["block1", "block2", "head"], probes=4, seed=(7,))
    for name, gain in together.items():
        assert torch.equal(gain, gains(trace, torch.sigmoid, [name], probes=4, seed=(7,))[name])
    assert not torch.equal(together["block1"], gains(trace, torch.sigmoid, ["block1"], probes=4, seed=(8,))["block1"])


@pytest.mark.parametrize("name", [*sorted(SMALL | stepwise.SMALL), *sorted(zoo.CASES)])
def test_gains_of_every_family_do_not_depend_on_what_else_is_asked_for(name):
    """Two layers may read the same tensor, as wavelets and their windows do: the gain of its features is each one's."""
    if name in zoo.CASES:
        case = zoo.CASES[name]
        model = front.network(zoo.made(name).eval(), case.inputs, case.resolution, None, None, None)
    else:
        model = make(name).eval()
    trace = model.trace(model.frames[-1])
    together = gains(trace, model.colours_of, model.layer_names(), probes=2)
    for layer, gain in together.items():
        torch.testing.assert_close(gains(trace, model.colours_of, [layer], probes=2)[layer], gain, rtol=1e-5, atol=1e-9)


@given(convolutional_traces(2), st.data())
@examples(20)
def test_gained_maps_are_the_definition(trace, data):
    name = data.draw(st.sampled_from([layer.name for layer in trace.layers]))
    gain = gains(trace, torch.sigmoid, [name], probes=3)[name]
    maps, v = replace(LayerMaps.of(trace, name), gain=gain), trace.input_of(name)
    expected = plain_gained(trace, name, gain)
    np.testing.assert_allclose(maps.expand(v), expected, rtol=1e-9, atol=1e-12)

    low = single(trace)
    compiled = Expansion(replace(LayerMaps.of(low, name), gain=gain.float()), low.input_of(name))
    found = compiled(numbers(maps))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(expected.max(), 1e-30))
    h, w = found.shape[1:]
    y, x = data.draw(st.integers(0, h - 1)), data.draw(st.integers(0, w - 1))
    part = compiled(numbers(maps)[::-1].copy(), (y, h, x, w))
    np.testing.assert_allclose(part, found[::-1, y:, x:], rtol=0, atol=1e-6 * max(expected.max(), 1e-30))


@given(linear_traces(), st.sampled_from(GRANULARITIES), st.data())
@examples(20)
def test_gained_maps_of_linear_layers_are_the_definition(trace, granularity, data):
    trace = single(trace)
    name = data.draw(st.sampled_from([layer.name for layer in trace.layers]))
    gain = gains(trace, torch.sigmoid, [name], granularity, probes=3)[name]
    maps, v = replace(LayerMaps.of(trace, name, granularity), gain=gain), trace.input_of(name)
    expected = plain_gained(trace, name, gain, granularity)
    # What cancels in a sum is rounded before the gain multiplies it.
    loudest = float(trace.layers[trace.position(name)].preactivation(v).abs().max()) + float(v.abs().max())
    loudest += float(maps.layer.weight.abs().max()) * float(v.abs().max()) * maps.layer.frequency * len(v)
    slack = 2e-6 * loudest * float(gain.max()) ** 0.5
    np.testing.assert_allclose(maps.expand(v), expected, rtol=1e-5, atol=slack)
    expansion = expander(maps, v)
    assert isinstance(expansion, LinearExpansion)
    found = expansion(numbers(maps))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=slack)
    h, w = found.shape[1:]
    y, x = data.draw(st.integers(0, h - 1)), data.draw(st.integers(0, w - 1))
    part = expansion(numbers(maps)[::-1].copy(), (y, h, x, w))
    np.testing.assert_allclose(part, found[::-1, y:, x:], rtol=1e-5, atol=slack)


def test_squares_of_a_gained_map_add_up_to_the_estimated_effect():
    """Σ over pixels = Σ lost² · G where no box spreads anything: upsampling shares out, it does not multiply."""
    trace = convolutional([2, 3], [3, 1, 1], [2, 2, 2], ["gelu", "gelu"], (3, 4), 5)
    gain = gains(trace, torch.sigmoid, ["block1"], probes=3)["block1"]
    maps = replace(LayerMaps.of(trace, "block1"), gain=gain)
    weight, v = trace.layers[0].weight.numpy(), trace.input.numpy()
    expected = [
        (oracle.correlate(v[i], weight[j, i]) ** 2 * gain[j].numpy()).sum()
        for i in range(2)
        for j in range(len(weight))
    ]
    np.testing.assert_allclose(maps.expand(trace.input).square().sum((1, 2)), expected, rtol=1e-10)


@pytest.mark.parametrize("probes", [0, -1, True, 2.0, "8"])
def test_probes_that_cannot_be(probes):
    with pytest.raises(InputError, match="expected a positive integer"):
        check_probes(probes)
