"""Our activations in PyTorch, by name: functions of the responses and of the values of their parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def _square(z: Tensor) -> Tensor:
    """z², and |z|² of complex z."""
    return z.real.square() + z.imag.square() if z.is_complex() else z.square()


def _wire(z: Tensor, omega: float, scale: float) -> Tensor:
    """φ(z) in parts: torch.polar has gradients that are infinite or NaN where e^a is below the normal numbers."""
    size, angle = _wire_exponent(z, omega, scale)
    size = torch.exp(size)
    return torch.complex(size * torch.cos(angle), size * torch.sin(angle))


def _wire_response(z: Tensor, omega: float, scale: float) -> Tensor:
    """φ(z) − 1: e^a cos b − 1 = (e^a − 1) cos b − 2 sin²(b / 2)."""
    size, angle = _wire_exponent(z, omega, scale)
    real = torch.expm1(size) * torch.cos(angle) - 2 * torch.sin(angle / 2).square()
    return torch.complex(real, torch.exp(size) * torch.sin(angle))


def _wire_exponent(z: Tensor, omega: float, scale: float) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of jωz − |s z|², in real numbers: complex exponentials take several times as long."""
    if not z.is_complex():
        return -(scale * z).square(), omega * z
    x, y = z.real, z.imag
    return -omega * y - scale**2 * (x.square() + y.square()), omega * x


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "abs": torch.abs,
    "celu": F.celu,
    "cos": torch.cos,
    "elu": F.elu,
    "finer": lambda z, omega: torch.sin(z * (z.abs() / omega + 1)),
    "gauss": lambda z, scale: torch.exp(-_square(scale * z)),
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "hardtanh": F.hardtanh,
    "hsiren": lambda z: torch.sin(torch.sinh(2 * z)),
    "identity": lambda z: z,
    "leaky_relu": F.leaky_relu,
    "mish": F.mish,
    "prelu": F.leaky_relu,
    "relu": F.relu,
    "relu6": F.relu6,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "sin": torch.sin,
    "sinc": torch.sinc,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "square": torch.square,
    "tanh": torch.tanh,
    "wire": _wire,
}
"""``gelu`` is the exact one (error function), as in NeRV. FINER (Liu et al. 2024) is sin(ω (|u| + 1) u) and Gauss
(Ramasinghe and Lucey 2022) exp(−|s u|²) of u = W v + b; a layer's pre-activation z has its frequency as a factor, so
that z = ω u, or z = s u with the scale 1. ``hsiren`` is sin(sinh(2 z)), for the first layer of an H-SIREN (Gao and
Jaiman 2024); ``sinc`` is sin(πz) / (πz); ``wire`` is exp(jωz − |s z|²) of real or complex z (Saragadam et al. 2023);
``prelu`` has one slope for all channels."""


def _softplus(z: Tensor, beta: float, threshold: float) -> Tensor:
    linear = beta * z > threshold
    curved = torch.log1p(torch.expm1(torch.where(linear, 0, beta * z)) / 2) / beta
    return torch.where(linear, z - math.log(2) / beta, curved)


RESPONSES: dict[str, Callable[..., Tensor]] = {
    "cos": lambda z: -2 * torch.sin(z / 2).square(),
    "gauss": lambda z, scale: torch.expm1(-_square(scale * z)),
    "hardsigmoid": lambda z: z.clamp(-3, 3) / 6,
    "hardtanh": lambda z, low, high: F.hardtanh(z, low, high) - min(max(0.0, low), high),
    "sigmoid": lambda z: torch.tanh(z / 2) / 2,
    "sinc": lambda z: (torch.sinc(z.double()) - 1).to(z.dtype),
    "softplus": _softplus,
    "wire": _wire_response,
}
"""φ(z) − φ(0) where φ(0) is not 0, in forms that lose no digits of small responses."""
