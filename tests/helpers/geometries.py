"""Convolutions of any geometry, and the module of PyTorch that each of them is."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.helpers.routes import SMOOTH, margins
from xinc.trace.layers import Convolution
from xinc.trace.windows import pair


def drawn(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@st.composite
def convolutions(draw: Any, compiled: bool = False) -> tuple[Convolution, Tensor]:
    """A layer and an input; ``compiled``: of those that compiled code takes."""
    groups = draw(st.integers(1, 3))
    c_in, c_out = (groups * draw(st.integers(1, 3)) for _ in range(2))
    upscale = draw(st.integers(1, 2))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    how: dict[str, Any] = {"padding": draw(st.sampled_from(["zeros", "reflect", "replicate", "circular", "valid"]))}
    if compiled:
        kernel = (kernel[0], kernel[0])
    else:
        how |= {"stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))}
        how |= {"dilation": draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))}
    if how["padding"] != "valid" and draw(st.booleans()):
        how |= {"margins": draw(st.tuples(*[st.integers(0, 3)] * 4))}
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    weight = drawn(generator, c_out * upscale**2, c_in // groups, *kernel)
    bias = drawn(generator, c_out * upscale**2)
    layer = Convolution("block1", weight, bias, draw(st.sampled_from(SMOOTH)), upscale, groups, **how)
    return layer, drawn(generator, c_in, draw(st.integers(7, 9)), draw(st.integers(7, 9)))


def module(layer: Convolution) -> nn.Sequential:
    """Padding, convolution and PixelShuffle; the activation is left out."""
    kinds: dict[str, Any] = {
        "zeros": nn.ZeroPad2d, "valid": nn.ZeroPad2d, "reflect": nn.ReflectionPad2d,
        "replicate": nn.ReplicationPad2d, "circular": nn.CircularPad2d,
    }  # fmt: skip
    size = layer.weight.shape[-2:]
    top, bottom, left, right = margins(layer.padding, layer.margins, size, pair(layer.dilation))
    (c_in, c_out), dilation = layer.channels, pair(layer.dilation)
    one = nn.Conv2d(c_in, c_out, size, layer.stride, 0, dilation, layer.groups, dtype=torch.float64)
    one.load_state_dict({"weight": layer.weight, "bias": layer.bias})
    return nn.Sequential(kinds[layer.padding]((left, right, top, bottom)), one, nn.PixelShuffle(layer.upscale))
