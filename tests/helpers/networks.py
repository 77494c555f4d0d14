"""Random networks as traces, for property tests."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import torch
from hypothesis import strategies as st

from tests.helpers import oracle
from xinc.trace.layers import Convolution, Linear, Trace

#: No output of a drawn network has a longer side, so that a naive dense expansion stays quick.
LONGEST_SIDE = 48

kernel_sizes = st.sampled_from([1, 3, 5, 7, 9])
#: Activations of networks; those left out multiply rounding from layer to layer.
SAID = sorted(set(oracle.ACTIVATIONS) - {"finer(1)", "finer(3)", "hsiren", "square"})
activations = st.sampled_from(SAID)


def convolutional(strides, kernels, widths, names, size, seed, dtype=torch.float64):
    """Blocks with these strides and activations, then a head; ``kernels`` and ``widths`` have one more entry."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    layers = []
    for k, (stride, kernel, name) in enumerate(zip(strides, kernels[:-1], names, strict=True)):
        c_in, c_out = widths[k], widths[k + 1] * stride**2
        weight = draw(c_out, c_in, kernel, kernel) / math.sqrt(c_in * kernel**2)
        layers.append(Convolution(f"block{k + 1}", weight, draw(c_out), name, stride))
    weight = draw(3, widths[-1], kernels[-1], kernels[-1]) / math.sqrt(widths[-1] * kernels[-1] ** 2)
    layers.append(Convolution("head", weight, draw(3), "identity"))
    return Trace(draw(widths[0], *size), tuple(layers))


@st.composite
def convolutional_traces(draw, most_blocks=5):
    """Networks of 1 to 5 blocks with any strides, kernel sizes, activations, widths and (odd) frame sizes."""
    blocks = draw(st.integers(1, most_blocks))
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    room, strides = LONGEST_SIDE // max(size), []
    for _ in range(blocks):
        strides.append(draw(st.integers(1, max(1, min(5, room)))))
        room //= strides[-1]
    kernels = draw(st.lists(kernel_sizes, min_size=blocks + 1, max_size=blocks + 1))
    widths = draw(st.lists(st.integers(1, 3), min_size=blocks + 1, max_size=blocks + 1))
    names = draw(st.lists(activations, min_size=blocks, max_size=blocks))
    return convolutional(strides, kernels, widths, names, size, draw(st.integers(0, 2**16)))


def single(trace):
    """A trace in float32, as networks are stored."""
    layers = tuple(replace(a, weight=a.weight.float(), bias=a.bias.float()) for a in trace.layers)
    return Trace(trace.input.float(), layers)


@st.composite
def linear_traces(draw):
    """MLPs of 2 to 4 layers, with a frequency on the hidden ones."""
    widths = [*draw(st.lists(st.integers(1, 5), min_size=2, max_size=4)), 3]
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    name, frequency = draw(st.sampled_from([*SAID, "finer"])), draw(st.sampled_from([1.0, 3.0]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))

    def new(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    layers = []
    for k, (c_in, c_out) in enumerate(itertools.pairwise(widths)):
        last = k == len(widths) - 2
        how = ("identity", 1.0) if last else (name, frequency)
        layers.append(Linear(f"layer{k + 1}", new(c_out, c_in), new(c_out), *how))
    return Trace(new(widths[0], *size), tuple(layers))
