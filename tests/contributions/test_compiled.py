"""Compiled expansion: the definition of `LayerMaps.expand` and of the naive oracle, on any window of any neurons."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.helpers import oracle
from tests.helpers.networks import (
    SAID,
    activations,
    convolutional,
    convolutional_traces,
    kernel_sizes,
    linear_traces,
    single,
)
from tests.helpers.tiers import examples, exhaustive
from xinc.contributions.expansion import beside, expander
from xinc.contributions.kernels import compiled, convolution, forms
from xinc.contributions.kernels.convolution import Expansion
from xinc.contributions.kernels.linear import LinearExpansion
from xinc.contributions.maps import LayerMaps, Stage
from xinc.contributions.sources import source_responses
from xinc.trace.activations import COMPLEX, activation
from xinc.trace.activations import activations as registered
from xinc.trace.layers import Convolution, Linear, Trace
from xinc.trace.route import activations_in

#: Of the layer's largest |C|.
ROUNDING = 3e-6

#: A window of a map repeats the whole map's values up to the compiler's choice of fused operations.
REPEAT = 1e-6


def numbers(maps):
    return np.arange(len(maps.neurons))


def largest(values):
    return float(np.abs(values).max(initial=0))


def apply(said, row):
    (code,), ((a, b),) = forms.packed([said])
    compiled.activate(code, a, b, row, compiled.ERF)


def expect(found, expected, scale=None, subtracted=0.0):
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    tolerance = ROUNDING * (scale or largest(expected)) + 2.0**-22 * subtracted
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def subtracted(maps):
    """The largest |φ(0)| that is taken off the values along a route: what that rounds by is its own, not a map's."""
    said = [maps.layer.activation, *activations_in(maps.later)]
    return max(abs(activation(one).zero) for one in said)


def saturated(maps, v):
    """Whether no neuron responds by more than what rounding leaves of a saturated activation (gelu(-6) say)."""
    source = source_responses(maps.layer, v, maps.neurons, torch.arange(len(maps.neurons)))
    return float(source.abs().max()) < 0.02


@st.composite
def layers(draw):
    """A layer of a float32 network and its input."""
    trace = single(draw(convolutional_traces()))
    name = draw(st.sampled_from([layer.name for layer in trace.layers]))
    return trace, name, LayerMaps.of(trace, name), trace.inputs()[name]


@st.composite
def linear_layers(draw):
    """A linear layer of a float32 network and its input."""
    trace = single(draw(linear_traces()))
    name = draw(st.sampled_from([layer.name for layer in trace.layers]))
    return trace, name, LayerMaps.of(trace, name), trace.inputs()[name]


def windows(shape):
    """Any (y0, y1, x0, x1), single pixels, rows and columns included."""

    def span(size):
        return st.integers(0, size - 1).flatmap(
            lambda first: st.one_of(st.just(first + 1), st.integers(first + 1, size)).map(lambda last: (first, last))
        )

    return st.tuples(span(shape[0]), span(shape[1])).map(lambda spans: (*spans[0], *spans[1]))


def test_every_activation_is_compiled():
    real = [name for name in registered if name not in COMPLEX]
    assert {forms.own_form(name, (1.0, 2.0)[: len(registered[name].parameters)])[0] for name in real} == {
        *range(compiled.ROOT)
    }


@pytest.mark.parametrize("limit", [0.0, 0.1, 0.25, 0.9, 1.0, 2.2, 2.3, 30.0])
def test_gelu_of_responses_known_to_be_small(limit):
    """As exact as of any, relative to the response, whichever polynomial it is."""
    code = compiled.gelu_within(limit)
    z = np.linspace(-limit, limit, 9001).astype(np.float32)
    row = z.copy()
    compiled.activate(code, np.float32(0), np.float32(0), row, compiled.ERF)
    expected = z.astype(np.float64) * scipy.special.ndtr(z.astype(np.float64))
    assert (np.abs(row - expected) <= 2e-7 * np.abs(z)).all()
    assert (code == compiled.gelu_within(np.nan)) is (limit > 2.2), "of what is not known, GELU of any number"


@pytest.mark.parametrize("scale", [1e-3, 0.05, 0.3, 1.0, 4.0, 100.0])
def test_gelu_of_any_range(scale):
    """Each step's own; a response is never larger than the limit that the code was chosen for."""
    trace = single(convolutional([2, 3], [3, 5, 3], [3, 2, 2], ["gelu", "gelu"], (3, 4), 1))
    maps, v = LayerMaps.of(trace, "block1"), scale * trace.inputs()["block1"]
    expansion = Expansion(maps, v)
    expect(expansion(numbers(maps)), maps.expand(v).numpy())
    source = source_responses(maps.layer, v, maps.neurons, torch.arange(len(maps.neurons)))
    assert float(source.abs().max()) <= expansion._limit()
    kinds = [compiled.gelu_within(limit) for limit in (0.1, 0.5, 2.0, 9.0)]
    first, second, last = expansion._codes
    assert first == compiled.gelu_within(expansion._limit())
    assert kinds.index(second) <= kinds.index(first), "a step makes nothing larger"
    assert last == 0


def test_gelu_of_what_is_not_finite():
    trace = single(convolutional([2, 1], [3, 3, 3], [2, 2, 2], ["gelu", "gelu"], (3, 4), 0))
    maps, v = LayerMaps.of(trace, "block1"), trace.inputs()["block1"].clone()
    v[0, 1, 1] = torch.nan
    expansion = Expansion(maps, v)
    found, expected = expansion(numbers(maps)), maps.expand(v).numpy()
    assert np.isnan(expected).any()
    assert np.isnan(found[np.isnan(expected)]).all()
    np.testing.assert_array_equal(expansion._codes, expansion._plan.codes)


@given(st.one_of(layers(), linear_layers()), st.data())
@examples(40)
def test_maps_side_by_side(drawn, data):
    """The very numbers of rows, in groups of sixteen; zeros beside the last map, whatever was there."""
    _, _, maps, v = drawn
    expand = expander(maps, v)
    window = data.draw(windows(maps.resolution((v.shape[-2], v.shape[-1]))))
    select = np.array(data.draw(st.lists(st.integers(0, len(maps.neurons) - 1), min_size=1, max_size=40)))
    rows = expand(select, window, None).reshape(len(select), -1)
    groups = np.full((-(-len(select) // 16), rows.shape[1], 16), np.nan, np.float32)
    beside(expand)(select, window, groups)
    found = groups.transpose(0, 2, 1).reshape(-1, rows.shape[1])
    np.testing.assert_array_equal(found[: len(rows)], rows)
    assert not found[len(rows) :].any()


@given(layers())
@examples(60)
def test_maps_equal_pytorch_and_the_oracle(drawn):
    trace, name, maps, v = drawn
    assume(not saturated(maps, v))
    found = Expansion(maps, v)(numbers(maps))
    expect(found, maps.expand(v).numpy(), subtracted=subtracted(maps))
    expect(found, oracle.convolutional_maps(trace, name), subtracted=subtracted(maps))


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize(
    "stride", [1, 2, pytest.param(3, marks=pytest.mark.slow), *(pytest.param(s, marks=exhaustive) for s in (4, 5))]
)
def test_every_activation_and_stride(name, stride):
    for kernel, later in ((1, 9), (3, 3), (9, 1)):
        trace = single(convolutional([stride, 2], [kernel, later, 5], [2, 2, 2], [name, name], (2, 3), stride))
        for layer in ("block1", "block2", "head"):
            maps, v = LayerMaps.of(trace, layer), trace.inputs()[layer]
            expect(Expansion(maps, v)(numbers(maps)), oracle.convolutional_maps(trace, layer))


@given(layers(), st.data())
@examples(100)
def test_any_window_of_any_neurons(drawn, data):
    _, _, maps, v = drawn
    expansion = Expansion(maps, v)
    whole = expansion(numbers(maps))
    select = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)), np.int64)
    y0, y1, x0, x1 = window = data.draw(windows(expansion.shape))
    out = np.full((len(select), y1 - y0, x1 - x0), np.nan, np.float32)
    found = expansion(select, window, out)
    assert found is out
    np.testing.assert_allclose(found, whole[select, y0:y1, x0:x1], rtol=0, atol=REPEAT * largest(whole))


@pytest.mark.slow
@given(st.integers(2, 5), st.sampled_from([1, 3]), st.sampled_from([7, 9]), st.integers(0, 99))
def test_rows_that_zero_insertion_leaves_empty(stride, kernel, head, seed):
    """A narrow box after zero-insertion: most rows are zero, and a single one of them needs no source at all."""
    trace = single(convolutional([stride, 1], [3, kernel, head], [2, 2, 2], ["gelu", "gelu"], (4, 5), seed))
    maps, v = LayerMaps.of(trace, "block1"), trace.input
    own = LayerMaps(maps.layer, maps.neurons, (*maps.later[:1], Stage(head, 1, "identity")))
    for each in (maps, own):
        expansion = Expansion(each, v)
        whole = oracle.convolutional_maps(trace, "block1")
        for y in range(expansion.shape[0]):
            row = expansion(numbers(each), (y, y + 1, 0, expansion.shape[1]))
            expect(row[:, 0], whole[:, y], largest(whole))


def test_a_window_reads_nothing_outside_of_itself(monkeypatch):
    """Scratch memory that is not a number stays unseen."""
    empty = np.empty

    def poisoned(shape, dtype=float, **rest):
        found = empty(shape, dtype, **rest)
        found[...] = np.nan
        return found

    trace = single(convolutional([3, 2], [3, 1, 9], [2, 2, 2], ["gelu", "gelu"], (3, 3), 0))
    for name in ("block1", "block2", "head"):
        maps, v = LayerMaps.of(trace, name), trace.inputs()[name]
        expansion = Expansion(maps, v)
        whole = expansion(numbers(maps))
        with monkeypatch.context() as patch:
            patch.setattr(convolution.np, "empty", poisoned)
            for y in range(expansion.shape[0]):
                for x in range(0, expansion.shape[1], 5):
                    found = expansion(numbers(maps), (y, y + 1, x, x + 1))[:, 0, 0]
                    np.testing.assert_allclose(found, whole[:, y, x], rtol=0, atol=REPEAT * largest(whole))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=2), kernel_sizes, activations, st.integers(0, 99), st.data())
def test_last_block_without_a_head(strides, kernel, name, seed, data):
    """PixelShuffle is the network's last step, perhaps followed by an activation."""
    trace = single(convolutional(strides, [kernel] * (len(strides) + 1), [2] * (len(strides) + 1),
                                 [name] * len(strides), (2, 3), seed))  # fmt: skip
    trace = Trace(trace.input, trace.layers[:-1])
    for layer in trace.layers:
        maps = LayerMaps.of(trace, layer.name, head_activation=data.draw(activations))
        v = trace.inputs()[layer.name]
        expansion = Expansion(maps, v)
        assert expansion.shape == tuple(trace.output().shape[1:])
        expected = maps.expand(v).numpy()
        expect(expansion(numbers(maps)), expected, max(largest(expected), 0.1))
        y0, y1, x0, x1 = window = data.draw(windows(expansion.shape))
        part = expansion(numbers(maps), window)
        expect(part, expected[:, y0:y1, x0:x1], max(largest(expected), 0.1))


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_head_activation(name):
    trace = single(convolutional([2], [3, 3], [2, 2], ["gelu"], (2, 3), 0))
    v = trace.inputs()["head"]
    maps = LayerMaps.of(trace, "head", head_activation=name)
    expected = oracle.respond(name)(oracle.convolutional_maps(trace, "head"))
    expect(Expansion(maps, v)(numbers(maps)), expected)


@given(layers())
def test_one_pixel(drawn):
    """The smallest input: one source pixel; with strides of 1 the smallest frame."""
    _, _, maps, v = drawn
    v = v[:, :1, :1].contiguous()
    assume(not saturated(maps, v))
    expect(Expansion(maps, v)(numbers(maps)), maps.expand(v).numpy())


def test_a_frame_of_one_pixel():
    trace = single(convolutional([1], [9, 9], [1, 1], ["gelu"], (1, 1), 3))
    for name in ("block1", "head"):
        maps, v = LayerMaps.of(trace, name), trace.inputs()[name]
        assert Expansion(maps, v).shape == (1, 1)
        expect(Expansion(maps, v)(numbers(maps)), oracle.convolutional_maps(trace, name))


def heavy(trace, factor):
    return Trace(trace.input, tuple(replace(a, weight=a.weight * factor) for a in trace.layers))


@given(st.sampled_from(sorted(set(SAID) - {"sin", "cos"})), st.integers(0, 99))
def test_large_weights_saturate(name, seed):
    """Pre-activations in the hundreds. (The sine of those is rounding already in the argument.)"""
    trace = heavy(single(convolutional([2, 2], [3, 3, 3], [2, 2, 2], [name, name], (3, 4), seed)), 50)
    for layer in ("block1", "head"):
        maps, v = LayerMaps.of(trace, layer), trace.inputs()[layer]
        found = Expansion(maps, v)(numbers(maps))
        assert np.isfinite(found).all()
        expect(found, maps.expand(v).numpy())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", SAID)
def test_what_is_not_finite_stays_in_its_neighbourhood(name, bad):
    """It does not crash or vanish, and pixels out of reach of the filters keep their values."""
    trace = single(convolutional([2, 1], [3, 3, 3], [2, 2, 2], [name, name], (8, 9), 1))
    maps, v = LayerMaps.of(trace, "block1"), trace.input
    clean = maps.expand(v).numpy()
    v = v.clone()
    v[0, 1, 2] = bad
    found, expected = Expansion(maps, v)(numbers(maps)), maps.expand(v).numpy()
    own = maps.neurons.in_channel == 0
    np.testing.assert_allclose(found[~own], clean[~own], rtol=0, atol=ROUNDING * largest(clean))
    np.testing.assert_allclose(found[:, 12:], clean[:, 12:], rtol=0, atol=ROUNDING * largest(clean))
    if np.isnan(bad):
        assert np.isnan(found[own][np.isnan(expected[own])]).all()
        assert np.isnan(found[own]).any()


def test_gelu_is_exact_to_float32():
    x = np.concatenate([np.linspace(-12, 12, 200_001), [-1e4, -1e30, 1e4, 1e30]]).astype(np.float32)
    exact = x.astype(np.float64)
    exact = exact * scipy.special.erfc(-exact / np.sqrt(2)) / 2
    found = x.copy()
    apply("gelu", found)
    error = np.abs(found - exact)
    assert error[np.abs(x) <= 12].max() < 1e-6
    np.testing.assert_allclose(found[x > 6], x[x > 6], rtol=3e-7)
    assert (np.abs(found[x < -6]) <= 3e-7 * np.abs(x[x < -6])).all()


@pytest.mark.parametrize("said", sorted(oracle.ACTIVATIONS))
def test_activations(said):
    """Rounding of the argument included, which waves multiply."""
    x = np.linspace(-30, 30, 60_001).astype(np.float32) / (10 if said == "hsiren" else 1)
    found = x.copy()
    apply(said, found)
    exact = x.astype(np.float64)
    slope = np.abs(np.gradient(oracle.ACTIVATIONS[said](exact), exact)) if said[:5] in ("finer", "hsire") else 0
    error = np.abs(found - oracle.respond(said)(exact))
    assert (error <= 1e-6 + 3e-7 * np.abs(oracle.respond(said)(exact)) + 3e-7 * slope * np.abs(exact)).all()


def test_an_expansion_is_gone_when_nobody_has_it():
    """Not at the next collection of garbage: of a large network, each holds a hundred megabytes."""
    trace = single(convolutional([2, 2], [3, 5, 3], [3, 3, 2], ["gelu", "silu"], (5, 6), 0))
    expand = Expansion(LayerMaps.of(trace, "block1"), trace.input)
    expand(np.arange(2), (0, 2, 0, 2))
    gone = weakref.ref(expand)
    gc.disable()
    try:
        del expand
        assert gone() is None
    finally:
        gc.enable()


def test_threads_share_an_expansion():
    trace = single(convolutional([2, 2], [3, 5, 3], [3, 3, 2], ["gelu", "silu"], (5, 6), 0))
    maps = LayerMaps.of(trace, "block1")
    expansion = Expansion(maps, trace.input)
    alone = expansion(numbers(maps))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: expansion(numbers(maps)), range(40)):
            np.testing.assert_array_equal(found, alone)


@given(layers(), st.integers(1, 5))
def test_blocks_of_neurons_repeat_to_the_bit(drawn, size):
    """A map does not depend on which others are asked for with it."""
    _, _, maps, v = drawn
    expansion = Expansion(maps, v)
    whole = expansion(numbers(maps))
    parts = [expansion(numbers(maps)[at : at + size]) for at in range(0, len(whole), size)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_only_what_a_window_needs_is_computed():
    trace = single(convolutional([4, 2, 2], [3, 3, 3, 3], [2, 2, 2, 2], ["gelu"] * 3, (8, 16), 0))
    expansion = Expansion(LayerMaps.of(trace, "block1"), trace.input)
    asked = expansion.windows((60, 61, 100, 101))
    areas = (asked[:, 1] - asked[:, 0]) * (asked[:, 3] - asked[:, 2])
    assert areas[-1] == 1
    assert areas.max() <= 16  # of 32768 pixels


# Which way of expanding ---------------------------------------------------------------------------------------------


@given(linear_traces(), st.sampled_from(["kernel", "input", "output"]), st.data())
def test_what_is_not_compiled_expands_in_pytorch(trace, granularity, data):
    """Float64, and a linear layer with others after it."""
    layer = data.draw(st.sampled_from(trace.layers))
    assert isinstance(layer, Linear)
    double, maps = trace, LayerMaps.of(single(trace), layer.name, granularity)
    followed = LayerMaps(maps.layer, maps.neurons, (Stage(3, 2, "gelu"),))
    for maps, v in (
        (LayerMaps.of(double, layer.name, granularity), double.inputs()[layer.name]),
        (followed, single(trace).inputs()[layer.name]),
        (followed, single(trace).inputs()[layer.name].numpy()),
    ):
        expand = expander(maps, v)
        whole = maps.expand(torch.as_tensor(v)).numpy()
        y0, y1, x0, x1 = window = data.draw(windows(whole.shape[1:]))
        for out in (None, np.full((len(whole), y1 - y0, x1 - x0), np.nan, whole.dtype)):
            found = expand(numbers(maps), window, out)
            # A few numbers may be activated one by one, and many several at a time, which rounds in another way.
            np.testing.assert_allclose(found, whole[:, y0:y1, x0:x1], rtol=1e-6, atol=1e-7)
            assert found is out or out is None


def test_other_precisions_expand_in_pytorch():
    trace = convolutional([2], [3, 3], [2, 2], ["gelu"], (3, 4), 0)  # float64
    maps = LayerMaps.of(trace, "block1")
    assert isinstance(maps.layer, Convolution)
    expand = expander(maps, trace.input)
    assert not isinstance(expand, Expansion)
    np.testing.assert_allclose(expand(numbers(maps), (0, 6, 0, 8), None), maps.expand(trace.input), atol=1e-12)
    compiled_one = expander(LayerMaps.of(single(trace), "block1"), trace.input.float())
    assert isinstance(compiled_one, Expansion)


@st.composite
def linear_layers(draw):
    """A layer of a float32 MLP at any granularity, and its input; the last with any head activation."""
    trace = single(draw(linear_traces()))
    name = draw(st.sampled_from([layer.name for layer in trace.layers]))
    granularity = draw(st.sampled_from(["kernel", "input", "output"]))
    head = draw(st.sampled_from(["identity", "sigmoid"]))
    return LayerMaps.of(trace, name, granularity, head), trace.inputs()[name]


@given(linear_layers(), st.data())
@examples(100)
def test_linear_layers_equal_pytorch_on_any_window(drawn, data):
    maps, v = drawn
    whole = maps.expand(v).numpy()
    scale = largest(maps.layer.preactivation(v).numpy()) + largest(whole)
    expansion = expander(maps, v)
    assert isinstance(expansion, LinearExpansion)
    expect(expansion(numbers(maps)), whole, scale)
    select = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)), np.int64)
    y0, y1, x0, x1 = window = data.draw(windows(whole.shape[1:]))
    out = np.full((len(select), y1 - y0, x1 - x0), np.nan, np.float32)
    assert expansion(select, window, out) is out
    expect(out, whole[select, y0:y1, x0:x1], scale)
