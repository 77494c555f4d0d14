"""Routes of networks made at random, compared with the networks themselves."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import xinc
from xinc.modules.network import ModuleNetwork

ACTIVATIONS = [nn.GELU(), nn.Tanh(), nn.SiLU(), nn.ELU(), nn.LeakyReLU(0.2), nn.Mish()]


class Residual(nn.Module):
    """x + f(x), then an activation or none; or x + f(φ(x))."""

    def __init__(self, f: nn.Module, after: nn.Module | None = None, before: nn.Module | None = None) -> None:
        super().__init__()
        self.f, self.after, self.before = f, after, before

    def forward(self, x: Tensor) -> Tensor:
        y = x + self.f(x if self.before is None else self.before(x))
        return y if self.after is None else torch.as_tensor(self.after(y))


class Branches(nn.Module):
    """φ(f(x) + g(x)): branches that may end alike."""

    def __init__(self, f: nn.Module, g: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.f, self.g, self.after = f, g, after

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.after(self.f(x) + self.g(x)))


class Padded(nn.Module):
    def __init__(self, mode: str, f: nn.Module) -> None:
        super().__init__()
        self.mode, self.f = mode, f

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.f(F.pad(x, (2, 0, 1, 1), mode=self.mode)))


class Made:
    """Modules of one channel, whose kernels are means and whose biases are 0, made at random."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def activation(self) -> nn.Module:
        return self.random.choice(ACTIVATIONS)

    def convolution(self) -> nn.Module:
        rows, columns = self.random.choice([(1, 1), (3, 3), (1, 3), (5, 3)])
        dilation = self.random.choice([1, 1, 2])
        mode: Any = self.random.choice(["zeros", "reflect", "replicate", "circular"])
        padding = (dilation * (rows - 1) // 2, dilation * (columns - 1) // 2)
        return mean(nn.Conv2d(1, 1, (rows, columns), 1, padding, dilation, padding_mode=mode, bias=False))

    def block(self) -> nn.Module:
        kind = self.random.randrange(10)
        if kind == 0:
            return nn.Sequential(self.convolution(), self.activation())
        if kind == 1:
            return Residual(nn.Sequential(self.convolution(), self.activation(), self.convolution()))
        if kind == 2:
            return Residual(self.convolution(), before=self.activation())
        if kind == 3:
            return Residual(self.convolution(), after=self.activation())
        if kind == 4:
            alike = self.activation()
            f, g = (nn.Sequential(self.convolution(), alike) for _ in range(2))
            return Branches(f, g, self.activation())
        if kind == 5:
            return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=self.random.choice([True, False]))
        if kind == 6:
            return nn.Sequential(mean(nn.ConvTranspose2d(1, 1, 2, 2, bias=False), 1), self.activation())
        if kind == 7:
            down = mean(nn.Conv2d(1, 1, 3, 2, 1, bias=False))
            return nn.Sequential(down, nn.Upsample(scale_factor=2), self.activation())
        if kind == 8:
            mode = self.random.choice(["constant", "reflect", "replicate", "circular"])
            return Padded(mode, mean(nn.Conv2d(1, 1, 3, bias=False)))
        shuffled = mean(nn.Conv2d(1, 4, 3, padding=1, bias=False), 1 / 9)
        return nn.Sequential(shuffled, nn.PixelShuffle(2), self.activation())


def mean(layer: nn.Conv2d | nn.ConvTranspose2d, value: float | None = None) -> nn.Module:
    with torch.no_grad():
        layer.weight.fill_(1 / layer.weight[0].numel() if value is None else value)
    return layer


@pytest.mark.parametrize("seed", [3, 8, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20, 44))])
def test_the_only_map_of_a_first_layer_is_all_that_the_network_does(seed: int) -> None:
    """Whatever follows it. Branches meet before what follows both: an activation of a sum is not a sum of two."""
    made = Made(seed)
    first = nn.Sequential(made.convolution(), made.activation())
    body = nn.Sequential(first, *(made.block() for _ in range(made.random.randrange(1, 4))), made.convolution())
    v = torch.randn(1, 1, 6, 8, generator=torch.Generator().manual_seed(seed))
    found = xinc.network(nn.Sequential(body, nn.Sigmoid()), v)
    assert isinstance(found, ModuleNetwork)
    assert not found.skipped
    maps = xinc.dissect(found, layers="0.0.0")["0.0.0"]["contribution"]
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(maps.values[0, 0]), body(v)[0, 0], rtol=1e-5, atol=1e-5)
