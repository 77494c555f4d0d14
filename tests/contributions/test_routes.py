"""Maps along routes: against modules of PyTorch, on windows, and what gained maps conserve."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.helpers.networks import convolutional_traces
from tests.helpers.routes import in_torch, routes, stages
from xinc.contributions.propagation import box, insert_zeros, propagate, upsample
from xinc.errors import InputError
from xinc.trace.activations import respond
from xinc.trace.route import Route, Stage, Sum, is_plain, route_as_dicts, route_from_dicts, route_scale, route_size
from xinc.trace.windows import pair

SIZE = (7, 9)


def maps_of(seed: int, *size: int) -> Tensor:
    return torch.randn(2, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def along(route: Route, z: Tensor, **how: Any) -> Tensor:
    return propagate(z, torch.zeros(len(z), dtype=torch.long), 1, route, **how)


def possible(route: Route, size: tuple[int, int]) -> bool:
    """Whether there is anything left of maps of this size, and each reflection is of something."""
    for step in route:
        if isinstance(step, Sum):
            if not all(possible(branch, size) for branch in step.routes):
                return False
        else:
            for axis, length in zip(step.kernel.axes, size, strict=True):
                if max(axis.low, axis.high) >= length or length + axis.low + axis.high < axis.span:
                    return False
        size = step.size(size)
    return True


@given(routes(), st.integers(0, 2**16))
def test_a_route_is_the_network_with_uniform_weights(route: Route, seed: int) -> None:
    assume(possible(route, SIZE))
    z = maps_of(seed, *SIZE)
    found = along(route, z)
    assert tuple(found.shape[1:]) == route_size(route, SIZE)
    torch.testing.assert_close(found, in_torch(route, z), rtol=1e-10, atol=1e-10)


@given(routes(deep=2), st.integers(0, 2**16), st.data())
def test_a_window_is_that_window_of_the_whole(route: Route, seed: int, data: st.DataObject) -> None:
    assume(possible(route, SIZE))
    z = maps_of(seed, *SIZE)
    gained = data.draw(st.booleans())
    expected = along(route, z.square() if gained else z, gained=gained)
    height, width = expected.shape[1:]
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, height)), data.draw(st.integers(x0 + 1, width))
    found = along(route, z.square() if gained else z, window=(y0, y1, x0, x1), gained=gained)
    torch.testing.assert_close(found, expected[:, y0:y1, x0:x1], rtol=1e-12, atol=1e-12)


@given(convolutional_traces(), st.data())
def test_the_route_of_a_nerv_is_todays_rule_bit_for_bit(trace: Any, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([layer.name for layer in trace.layers]))
    at = trace.position(name)
    layer, route = trace.layers[at], trace.route(name)
    assert is_plain(route)
    source = maps_of(0, *trace.input_of(name).shape[1:])
    phase = torch.arange(2) % layer.upscale**2
    z = insert_zeros(source, phase, layer.upscale)
    for block in trace.layers[at + 1 :]:
        z = upsample(respond(block.activation, box(z, block.weight.shape[-1])), block.upscale)
    assert torch.equal(propagate(source, phase, layer.upscale, route), z)
    y0, x0 = z.shape[1] // 3, z.shape[2] // 3
    pixel = propagate(source, phase, layer.upscale, route, (y0, y0 + 1, x0, x0 + 1))
    torch.testing.assert_close(
        pixel, z[:, [y0]][..., [x0]], rtol=1e-12, atol=1e-12
    )  # PyTorch's vectors and scalars differ


class Block(nn.Module):
    """A residual block after bilinear upsampling: depthwise 3×3, 1×1, GELU, and a skip around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="replicate", groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, z: Tensor) -> Tensor:
        z = self.up(torch.tanh(z))
        found: Tensor = z + nn.functional.gelu(self.pointwise(self.depthwise(z)))
        return found


def test_a_residual_block_by_hand() -> None:
    """One channel, uniform weights: the block itself is the route."""
    block = Block(1).double()
    with torch.no_grad():
        block.depthwise.weight[:] = 1 / 9
        block.pointwise.weight[:] = 1
        for one in (block.depthwise, block.pointwise):
            assert one.bias is not None
            one.bias[:] = 0
        z = maps_of(3, 4, 5)
        expected = block(z[:, None])[:, 0]
    route: Route = (
        Stage(1, 2, "tanh", "bilinear", align_corners=True),
        Sum(((), (Stage(3, padding="replicate"), Stage(1, activation="gelu")))),
    )
    torch.testing.assert_close(along(route, z), expected, rtol=1e-12, atol=1e-12)
    assert route_scale(route) == (2, 2)


def test_an_activation_after_bilinear_upsampling_is_a_stage_of_its_own() -> None:
    z = torch.tensor([[[1.0, -1.0]]], dtype=torch.float64)
    before = along((Stage(1, 2, "relu", "bilinear"),), z)[0, 0]
    after = along((Stage(1, 2, "identity", "bilinear"), Stage(1, 1, "relu")), z)[0, 0]
    assert before.tolist() == [1, 0.75, 0.25, 0]
    assert after.tolist() == [1, 0.5, 0, 0]


def test_a_concatenation_is_the_sum_of_its_branches() -> None:
    """What a later convolution reads twice, it reads from both halves of what is concatenated."""
    z = maps_of(5, 6, 6)
    branches: tuple[Route, ...] = ((), (Stage(3, 1, "gelu"),), (Sum(((), (Stage(5),))),))
    found = along((Sum(branches), Stage(3)), z)
    torch.testing.assert_close(found, box(sum(along(branch, z) for branch in branches), 3))  # type: ignore[arg-type]


def test_branches_of_different_sizes_are_named() -> None:
    with pytest.raises(InputError, match=r"maps of 6x6 and 3x3 \(height x width\) for one of 6x6"):
        along((Sum(((), (Stage(2, stride=2),))),), maps_of(0, 6, 6))


def test_scale_and_size() -> None:
    route: Route = (Stage(3, 2, stride=(4, 1)), Sum(((Stage(3, 3),), (Stage(1, 3),))), Stage(3, padding="valid"))
    assert route_scale(route) == (3 / 2, 6)
    assert route_size(route, (8, 12)) == (10, 70)
    assert route_size((Stage(1, (1, 4)),), (1, 10)) == (1, 40)  # of a curve


@given(routes(deep=2))
def test_a_route_survives_json(route: Route) -> None:
    assert route_from_dicts(route_as_dicts(route)) == route


@given(stages(), st.data())
def test_gained_maps_conserve_what_is_read(stage: Stage, data: st.DataObject) -> None:
    """Σ over pixels along any single stage of what one pixel holds, up to the square of its scale; not at the edges."""
    size = (24, 26)
    z = torch.zeros(1, *size, dtype=torch.float64)
    y, x = data.draw(st.integers(9, 14)), data.draw(st.integers(9, 16))
    z[0, y, x] = 3.0
    found = float(along((stage,), z, gained=True).sum())
    rows, columns = stage.kernel.axes
    read = all(
        any((at + axis.low - tap * axis.dilation) % axis.stride == 0 for tap in range(axis.size))
        for at, axis in ((y, rows), (x, columns))
    )
    scale = math.prod(pair(stage.upscale)) / (rows.stride * columns.stride)
    assert found == pytest.approx(3.0 * scale if read else 0.0, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("align_corners", [False, True])
def test_gained_maps_conserve_in_bilinear_upsampling(factor: int, align_corners: bool) -> None:
    """Of every pixel, at the edges too: weights that PyTorch gives to corners differ."""
    z = torch.eye(20, dtype=torch.float64).view(20, 4, 5)
    stage = Stage(1, factor, interpolation="bilinear", align_corners=align_corners)
    sums = along((stage,), z, gained=True).sum((1, 2)) / factor**2
    torch.testing.assert_close(sums, torch.ones(20, dtype=torch.float64), rtol=1e-12, atol=0)


@given(st.integers(0, 2**16))
def test_gained_maps_conserve_along_a_whole_route(seed: int) -> None:
    """Upsampling, a residual connection, a concatenation and a stride, far from the edges."""
    route: Route = (
        Stage(3, 2, "gelu", "bilinear"),
        Sum(((), (Stage(3, 1, "gelu"), Stage(3)))),
        Stage(3, 2, "gelu"),
        Sum(((Stage(1),), (Stage(5),), ())),
        Stage(2, (1, 3), stride=(2, 1)),
    )
    z = torch.zeros(1, 12, 12, dtype=torch.float64)
    z[0, 5:7, 5:7] = maps_of(seed, 2, 2)[0].square()
    total = float(along(route, z, gained=True).sum()) / float(math.prod(route_scale(route)))
    np.testing.assert_allclose(total, float(z.sum()), rtol=1e-12)
