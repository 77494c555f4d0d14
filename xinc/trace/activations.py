"""Activations by name, in PyTorch.

`ACTIVATIONS` are functions of the pre-activation alone. `WAVES` belong to coordinate networks: they are defined with
the frequency ω of their layer, and a layer's pre-activation z has it as a factor already, z = ω (W v + b).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "relu6": F.relu6,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "hardswish": F.hardswish,
    "sin": torch.sin,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
}
"""``gelu`` is the exact one (error function), as in NeRV. `xinc.contributions.kernels` has the same, compiled."""

WAVES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "gauss": lambda z, _: torch.exp(-z.square()),
    "finer": lambda z, omega: torch.sin(z * (z.abs() / omega + 1)),
}
"""Gauss (Ramasinghe and Lucey 2022), exp(−(s u)²) with s as the frequency; FINER (Liu et al. 2024),
sin(ω (|u| + 1) u)."""


def activate(name: str, z: Tensor, frequency: float = 1.0) -> Tensor:
    """φ(z) of a layer whose pre-activation z has its frequency as a factor."""
    return WAVES[name](z, frequency) if name in WAVES else ACTIVATIONS[name](z)


def respond(name: str, z: Tensor, frequency: float = 1.0) -> Tensor:
    """What a response z contributes: φ(z), and φ(z) − 1 of a Gaussian, so that no response contributes nothing."""
    return torch.expm1(-z.square()) if name == "gauss" else activate(name, z, frequency)
