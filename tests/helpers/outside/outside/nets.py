"""Torch modules as people have them, which know nothing of xinc, and the functions that the workflow calls."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from outside.waves import SHIFT


class Sine(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.linear = nn.Linear(before, after)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(5 * self.linear(x))


class Coordinates(nn.Module):
    """A SIREN of row, column and time; the same layer twice."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.first, self.hidden, self.last = Sine(3, width), Sine(width, width), nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.last(self.hidden(self.hidden(self.first(x)))))


class Decoder(nn.Module):
    """A frame's time -> a small image, twice as large by PixelShuffle, beside which the small one is kept."""

    def __init__(self, height: int, width: int, channels: int = 4) -> None:
        super().__init__()
        self.shape = (channels, height // 2, width // 2)
        self.stem = nn.Linear(4, math.prod(self.shape))
        self.body = nn.Sequential(nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.GELU())
        self.skip, self.grow = nn.Conv2d(channels, channels, 1), nn.Upsample(scale_factor=2)
        self.head = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, time: Tensor) -> Tensor:
        waves = torch.cat([torch.sin(time * 2**k * math.pi / 2 + SHIFT) for k in range(4)])
        x = torch.relu(self.stem(waves)).view(1, *self.shape)
        return torch.sigmoid(self.head(self.body(x) + self.skip(self.grow(x))))


def coordinates(resolution: tuple[int, int], frames: tuple[int, ...], num_frames: int) -> tuple[nn.Module, Any]:
    axes = [torch.linspace(-1, 1, side) for side in resolution]

    def at(frame: int) -> Tensor:
        rows, columns = torch.meshgrid(*axes, indexing="ij")
        return torch.stack([rows, columns, torch.full(resolution, frame / num_frames)], -1).reshape(-1, 3)

    return Coordinates(), at


def decoder(resolution: tuple[int, int], frames: tuple[int, ...], num_frames: int) -> tuple[nn.Module, Any]:
    return Decoder(*resolution), lambda frame: torch.tensor([frame / num_frames])
