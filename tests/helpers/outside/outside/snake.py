"""The snake activation (Ziyin et al. 2020), in PyTorch and for Numba."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xinc.trace.activations import Activation


def snake(z: Tensor, a: float = 1.0) -> Tensor:
    """z + sin²(a z) / a."""
    return z + torch.sin(a * z).square() / a


def _scalar(z: float, a: float) -> float:
    return z + math.sin(a * z) ** 2 / a


SNAKE = Activation(snake, scalar=_scalar)
