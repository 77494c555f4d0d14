"""Upsampling of curves, and of rows and columns by factors of their own: a map is what the module does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import xinc


class Curve(nn.Upsample):
    """Upsampling with the same corners."""

    def __init__(self, factor: float | tuple[float, float], mode: str) -> None:
        super().__init__(scale_factor=factor, mode=mode, align_corners=True)


UPSAMPLING = {
    "nearest, curve": (nn.Upsample(scale_factor=3), (10,), (1, 30)),
    "linear, curve": (nn.Upsample(scale_factor=2, mode="linear"), (10,), (1, 20)),
    "linear, corners": (Curve(3, "linear"), (7,), (1, 21)),
    "exact, curve": (nn.Upsample(scale_factor=2, mode="nearest-exact"), (9,), (1, 18)),
    "a row": (nn.Upsample(scale_factor=(1, 2)), (1, 10), (1, 20)),
    "rows and columns": (nn.Upsample(scale_factor=(3, 2)), (4, 5), (12, 10)),
    "bilinear": (Curve((2, 3), "bilinear"), (4, 5), (8, 15)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", UPSAMPLING)
def test_with_uniform_weights_a_map_is_the_output(kind: str) -> None:
    """One channel, and kernels that are means: the only map of the first layer is all that the module does."""
    upsampling, size, resolution = UPSAMPLING[kind]
    convolution = nn.Conv1d if len(size) == 1 else nn.Conv2d
    module = nn.Sequential(convolution(1, 1, 3, padding=1), nn.Tanh(), upsampling, convolution(1, 1, 3, padding=1))
    with torch.no_grad():
        module[3].weight[:] = 1 / 3 ** len(size)
        module[3].bias[:] = 0
    v = torch.randn(1, 1, *size, generator=torch.Generator().manual_seed(0))

    def inputs(frame: int) -> tuple[Tensor]:
        return (v,)

    maps = xinc.dissect(module, inputs=inputs, frames=[0], resolution=resolution)["0"]["contribution"]
    with torch.no_grad():
        expected = module(v)[0, 0].view(resolution)
    torch.testing.assert_close(torch.from_numpy(maps.values[0, 0]), expected, rtol=1e-5, atol=1e-6)
