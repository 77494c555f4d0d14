"""Torch modules as others write them, small, with inputs: what the front door has to take.

Each is a function that gives the module, its inputs, and the resolution of its output.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEIGHT, WIDTH = 6, 8


def coordinates(height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """(H·W, 2) in [-1, 1], row by row."""
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack([rows, columns], -1).reshape(-1, 2)


@dataclass(frozen=True)
class Case:
    """A module, its inputs, and what is known of it.

    Attributes
    ----------
    make : gives the module.
    inputs : of it.
    resolution : of its output; None where that is an image.
    layers : those that can be dissected, by name.
    skipped : those that cannot, by name.
    activations : of the layers, in order.
    """

    make: Callable[[], nn.Module]
    inputs: Any
    resolution: tuple[int, int] | None
    layers: tuple[str, ...]
    activations: tuple[str, ...]
    skipped: tuple[str, ...] = ()


class Sine(nn.Module):
    def __init__(self, before: int, after: int, omega: float = 30.0) -> None:
        super().__init__()
        self.linear, self.omega = nn.Linear(before, after), omega

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.omega * self.linear(x))


class Finer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 7), nn.Linear(7, 7), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        u = self.first(x)
        x = torch.sin(30 * (u.abs() + 1) * u)
        x = torch.exp(-((10 * self.second(x)) ** 2))
        return self.last(x)


class InPlace(nn.Module):
    """One ReLU used twice, in place or not."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 9), nn.Linear(9, 9), nn.Linear(9, 3)
        self.relu = nn.ReLU(inplace)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.relu(self.second(self.relu(self.first(x)))))


class SkipConcatenation(nn.Module):
    """As NeRF: the coordinates again in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 9), nn.Linear(11, 9), nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.first(x))
        h = F.relu(self.second(torch.cat([h, x], -1)))
        return torch.sigmoid(self.last(h))


class ResidualMLP(nn.Module):
    """Activations written out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 9), nn.Linear(9, 9), nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = F.gelu(self.first(x), approximate="tanh")
        u = self.second(h)
        return 0.5 * torch.tanh(self.last(h + u * torch.sigmoid(u))) + 0.5


class Reused(nn.Module):
    """One layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.hidden, self.last = nn.Linear(2, 9), nn.Linear(9, 9), nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.sin(self.hidden(torch.sin(self.hidden(torch.sin(self.first(x)))))))


class Modulated(nn.Module):
    """As COIN++: shifts and scales made of a latent code, before the sine."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.ModuleList([nn.Linear(2, 9), nn.Linear(9, 9)])
        self.last, self.modulations = nn.Linear(9, 3), nn.Linear(4, 36)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        scale, shift = self.modulations(latent).view(2, 2, 9)
        for one, a, b in zip(self.net, scale, shift, strict=True):
            x = torch.sin(3 * ((1 + a) * one(x) + b))
        return self.last(x)


class MultiplicativeFilters(nn.Module):
    """As BACON: each layer's response times a sine of the coordinates."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.ModuleList(nn.Linear(2, 9) for _ in range(3))
        self.linear = nn.ModuleList(nn.Linear(9, 9) for _ in range(2))
        self.output_linear = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.sin(self.filters[0](x))
        for filter_, linear in zip(self.filters[1:], self.linear, strict=True):
            z = torch.sin(filter_(x)) * linear(z)
        return self.output_linear(z)


class Decoder(nn.Module):
    """A stem, PixelShuffle, norms, a depthwise residual, bilinear upsampling, a transposed convolution, reflection."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 8 * 2 * 3)
        self.up = nn.Conv2d(8, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.transposed = nn.ConvTranspose2d(4, 6, 2, stride=2)
        self.layer_norm = nn.LayerNorm(6)
        self.head = nn.Conv2d(6, 3, 3, padding=1, padding_mode="reflect")
        self.act = nn.ReLU(inplace=True)
        with torch.no_grad():  # statistics as after training
            self.norm.running_mean.normal_()
            self.norm.running_var.uniform_(0.5, 2)

    def forward(self, t: Tensor) -> Tensor:
        x = self.act(self.stem(t)).view(-1, 8, 2, 3)
        x = self.act(F.pixel_shuffle(self.norm(self.up(x)), 2))
        x = x + self.act(self.depthwise(x))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = self.transposed(x)
        x = self.layer_norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return torch.tanh(self.head(x)) * 0.5 + 0.5


class FiLM(nn.Module):
    """A grid of features, and time in scales and shifts behind PixelShuffle, as E-NeRV has them."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = nn.Parameter(torch.randn(1, 8, 3, 4))
        self.stem, self.up = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 32, 3, padding=1, padding_mode="replicate")
        self.film, self.norm, self.head = nn.Linear(4, 16), nn.GroupNorm(2, 8), nn.Conv2d(8, 3, 1)

    def forward(self, t: Tensor) -> Tensor:
        scale, shift = self.film(t).chunk(2, -1)
        x = F.pixel_shuffle(self.up(F.gelu(self.stem(self.grid))), 2)
        x = F.gelu(x * (1 + scale[:, :, None, None]) + shift[:, :, None, None])
        return torch.sigmoid(self.head(self.norm(x)))


class SqueezeAndExcite(nn.Module):
    """A gate made of the mean over all pixels; dilation; nearest upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate = nn.Conv2d(4, 8, 3, padding=2, dilation=2), nn.Linear(8, 8)
        self.second, self.head = nn.Conv2d(8, 8, (1, 3), padding=(0, 1), groups=2), nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(x), 0.2)
        x = x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]
        x = F.elu(self.second(F.interpolate(x, scale_factor=2)))
        return self.head(x)


class ConvNeXt(nn.Module):
    """As HiNeRV: depthwise, LayerNorm over channels, linear layers at every pixel, residual."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.LayerNorm(6)
        self.fc1, self.fc2, self.head = nn.Linear(6, 12), nn.Linear(12, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="bilinear")
        h = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        h = x + self.fc2(F.gelu(self.fc1(h))).permute(0, 3, 1, 2)
        return torch.sigmoid(self.head(h.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


class WeightNorm(nn.Module):
    """Weights that are made of parameters, and matrices without a module."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.utils.parametrizations.weight_norm(nn.Linear(2, 9))
        self.matrix, self.shift = nn.Parameter(torch.randn(9, 9)), nn.Parameter(torch.randn(9))
        self.last = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.softplus(self.first(x))
        return self.last(F.hardswish(x @ self.matrix + self.shift))


class TwoOutputs(nn.Module):
    """As the reference SIREN: the colours, and the coordinates again."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(Sine(2, 9), Sine(9, 9), nn.Linear(9, 3))

    def forward(self, coords: Tensor) -> tuple[Tensor, Tensor]:
        coords = coords.clone().detach()
        return self.net(coords), coords


def package(module: str, make: Callable[[Any], nn.Module]) -> Callable[[], nn.Module]:
    """A network of a package; the test is skipped where it is not installed."""

    def made() -> nn.Module:
        return make(pytest.importorskip(module, reason=f"{module} is not installed (extra test)"))

    importlib.invalidate_caches()
    return made


PIXELS, WHOLE = coordinates(), (HEIGHT, WIDTH)
TIME = torch.linspace(0, 1, 4)[None]

CASES = {
    "sequential": Case(
        lambda: nn.Sequential(nn.Linear(2, 9), nn.Tanh(), nn.Linear(9, 3)),
        PIXELS, WHOLE, ("0", "2"), ("tanh", "identity"),
    ),
    "siren": Case(
        lambda: nn.Sequential(Sine(2, 9), Sine(9, 9, 5.0), nn.Linear(9, 3)),
        PIXELS[None], WHOLE, ("0.linear", "1.linear", "2"), ("sin", "sin", "identity"),
    ),
    "finer and Gauss": Case(
        Finer, PIXELS.reshape(HEIGHT, WIDTH, 2), WHOLE, ("first", "second", "last"), ("finer(30)", "gauss", "identity")
    ),
    "in-place ReLU, used twice": Case(
        lambda: InPlace(True), PIXELS, WHOLE, ("first", "second", "last"), ("relu", "relu", "identity")
    ),
    "skip concatenation": Case(
        SkipConcatenation, PIXELS, WHOLE, ("first", "second", "last"), ("relu", "relu", "identity")
    ),
    "residual MLP": Case(
        ResidualMLP, PIXELS, WHOLE, ("first", "second", "last"), ("gelu_tanh", "silu", "identity")
    ),
    "reused layer": Case(
        Reused, PIXELS, WHOLE, ("first", "hidden", "hidden@2", "last"), ("sin", "sin", "sin", "identity")
    ),
    "modulated": Case(
        Modulated, (PIXELS, TIME[0]), WHOLE, ("net.0", "net.1", "last"), ("sin", "sin", "identity"), ("modulations",)
    ),
    "multiplicative filters": Case(
        MultiplicativeFilters, PIXELS, WHOLE, ("filters.0", "linear.0", "linear.1", "output_linear"),
        ("sin", "identity", "identity", "identity"), ("filters.1", "filters.2"),
    ),
    "weight norm, matrices": Case(
        WeightNorm, PIXELS, WHOLE, ("first", "matmul", "last"), ("softplus", "hardswish", "identity")
    ),
    "two outputs": Case(
        TwoOutputs, {"coords": PIXELS}, WHOLE, ("net.0.linear", "net.1.linear", "net.2"), ("sin", "sin", "identity")
    ),
    "decoder": Case(
        Decoder, TIME, None, ("up", "depthwise", "transposed", "head"), ("relu", "relu", "identity", "identity"),
        ("stem",),
    ),
    "FiLM": Case(FiLM, TIME, None, ("stem", "up", "head"), ("gelu", "gelu", "identity"), ("film",)),
    "squeeze and excite": Case(
        SqueezeAndExcite, torch.linspace(-1, 1, 48).reshape(1, 4, 3, 4), None, ("first", "second", "head"),
        ("leaky_relu(0.2)", "elu", "identity"), ("gate",),
    ),
    "ConvNeXt": Case(
        ConvNeXt, torch.linspace(-1, 1, 72).reshape(1, 6, 3, 4), None, ("depthwise", "fc1", "fc2", "head"),
        ("identity", "gelu", "identity", "identity"),
    ),
    "audio": Case(
        lambda: nn.Sequential(nn.Linear(1, 9), nn.Tanh(), nn.Linear(9, 1)), torch.linspace(-1, 1, 50)[:, None], (1, 50),
        ("0", "2"), ("tanh", "identity"),
    ),
    "convolutions of a signal": Case(
        lambda: nn.Sequential(nn.Conv1d(2, 9, 5, padding=2), nn.Mish(), nn.Conv1d(9, 1, 1)),
        torch.linspace(-1, 1, 40).reshape(1, 2, 20), (1, 20), ("0", "2"), ("mish", "identity"),
    ),
    "siren-pytorch": Case(
        package("siren_pytorch", lambda own: own.SirenNet(2, 9, 3, 3, w0_initial=30.0)), PIXELS, WHOLE,
        ("layers.0", "layers.1", "layers.2", "last_layer"), ("sin", "sin", "sin", "identity"),
    ),
    "siren-torch": Case(
        package("siren", lambda own: own.SIREN([9, 9], 2, 3)), PIXELS, WHOLE, ("network.0", "network.2", "network.4"),
        ("sin", "sin", "identity"),
    ),
    "msa-inr": Case(
        package("msa_inr", lambda own: own.MSANet(2, 9, 2, 3)), PIXELS, WHOLE, ("network.0", "network.2", "network.4"),
        ("sin", "sin", "identity"),
    ),
    "inr-collection": Case(
        package("INR_collection.modules", lambda own: own.SIREN(2, 3, num_hidden=9)), PIXELS[None], WHOLE,
        ("net.0.linear", "net.1.linear", "net.2.linear", "net.3.linear"), ("sin", "sin", "sin", "identity"),
    ),
    "inr-collection, leaky": Case(
        package("INR_collection.modules", lambda own: own.IMNET(1, 3, initial_hidden=32, z_size=4, num_layers=3)),
        (torch.linspace(-1, 1, 20)[None, :, None], torch.linspace(-1, 1, 4)[None, None]), (1, 20),
        ("net.0.linear", "net.1.linear", "net.2.linear", "net.3.linear"),
        ("leaky_relu(0.02)", "leaky_relu(0.02)", "leaky_relu(0.02)", "identity"),
    ),
}  # fmt: skip


#: Those that are tried whenever any are.
QUICK = ("sequential", "decoder", "ConvNeXt")


def made(name: str) -> nn.Module:
    """A module of `CASES`, its weights the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return CASES[name].make()
