"""The neuron axis."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xinc.contributions.neurons import check_granularity, enumerate_neurons, layer_neurons
from xinc.errors import InputError
from xinc.trace.layers import Convolution, Linear

LINEAR = Linear("layer1", torch.ones(4, 3), torch.ones(4), "relu")
BLOCK = Convolution("block1", torch.ones(8, 3, 3, 3), torch.ones(8), "gelu", upscale=2)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_kernels_are_numbered_input_channel_first(c_in, width, upscale):
    c_out = width * upscale**2
    neurons = enumerate_neurons((c_in, c_out), "kernel", upscale)
    assert len(neurons) == c_in * c_out
    for i in range(c_in):
        for j in range(c_out):
            n = i * c_out + j
            assert (neurons.in_channel[n], neurons.out_channel[n]) == (i, j)
            assert neurons.phase[n] == j % upscale**2


def test_aggregates_are_not_one_channel():
    inputs, outputs = enumerate_neurons((3, 4), "input"), enumerate_neurons((3, 4), "output")
    np.testing.assert_array_equal(inputs.in_channel, [0, 1, 2])
    np.testing.assert_array_equal(inputs.out_channel, [-1, -1, -1])
    np.testing.assert_array_equal(outputs.in_channel, [-1, -1, -1, -1])
    np.testing.assert_array_equal(outputs.out_channel, [0, 1, 2, 3])
    assert not inputs.phase.any()
    assert not outputs.phase.any()


def test_default_granularity_is_the_papers():
    assert layer_neurons(LINEAR).granularity == "input"
    assert layer_neurons(BLOCK).granularity == "kernel"
    assert len(layer_neurons(BLOCK)) == 24


@pytest.mark.parametrize("granularity", ["input", "output"])
def test_convolutions_have_kernels_only(granularity):
    with pytest.raises(InputError, match=f"'{granularity}' is not defined for the convolutional layer 'block1'"):
        layer_neurons(BLOCK, granularity)


def test_unknown_granularity_names_the_nearest():
    with pytest.raises(InputError, match="Unknown granularity 'kernels': did you mean 'kernel'"):
        check_granularity("kernels", "Convolution", "block1")
