"""Positional encodings of a number: sines and cosines of powers of a base."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def interleaved(values: Tensor, base: float, levels: int) -> Tensor:
    """(n,) -> (n, 2·levels): sin and cos of b^k π x, of each level in turn; in float32, as the original NeRV has it."""
    angles = [values.float() * base**k * math.pi for k in range(levels)]
    return torch.stack([f(angle) for angle in angles for f in (torch.sin, torch.cos)], -1)


def separate(values: Tensor, base: float, levels: int) -> Tensor:
    """(n,) -> (n, 2·levels): sin(b^k π x) of all levels, then cos; bases in float32, products in float64."""
    bases = (base ** torch.arange(levels)).to(torch.float32) * math.pi
    angles = values.double()[:, None] * bases.double()
    return torch.cat([torch.sin(angles), torch.cos(angles)], 1).float()
