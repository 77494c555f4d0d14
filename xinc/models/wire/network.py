"""The network of complex wavelets: one batched MLP over all its frames, in pairs of real numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from xinc.models.base import OUTPUT_ACTIVATIONS
from xinc.models.mlp.network import PlacedMLP, usual_initial
from xinc.models.wire import WIRE
from xinc.trace.activations import Activation, activation
from xinc.trace.layers import ComplexLinear, Trace


class Wavelets(PlacedMLP):
    """What both forms of WIRE share: wavelets, and complex weights in pairs of real numbers.

    Complex weights are parameters (networks, C_out, C_in, 2), biases (networks, C_out, 2), of real and imaginary parts.
    """

    pixels_at_once = 4096

    def widths(self) -> list[int]:
        return [2, *[self.channels_of(self.settings)] * (self.settings.layers - 1), 3]

    @classmethod
    def channels_of(cls, settings: Any) -> int:
        """Complex channels of a hidden layer."""
        raise NotImplementedError

    def hidden_activation(self) -> tuple[str, float]:
        return str(self.activation(1)), 1.0

    def activation(self, at: int) -> Activation:
        """Of the wavelets of hidden layer number ``at``."""
        s = self.settings
        omega = s.omega if at > 0 else s.first_omega or s.omega
        return activation(f"wire({omega!r}, {s.scale!r})")


class Network(WIRE, Wavelets):
    """The network of `xinc.models.wire.WIRE`."""

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return initial_of_wavelets(at == 0, c_in, c_out, generator)

    def colours(self, encoded: Tensor, at: Tensor | None = None) -> Tensor:
        x = encoded
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            w, b = (weight, bias) if at is None else (weight[at], bias[at])
            w, b = complex_of(k == 0, w, b)
            x = torch.matmul(x, w.transpose(1, 2)) + b[:, None, :]
            if k < len(self.weights) - 1:
                x = self.activated(k, x)
        return OUTPUT_ACTIVATIONS[self.output_activation](x.real)

    @torch.no_grad()
    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> Trace:
        at = self.frames.index(self.check_frame(frame))
        height, width = resolution or self.resolution
        last, layers = len(self.weights) - 1, []
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            w, b = complex_of(k == 0, weight[at].detach(), bias[at].detach())
            said = "identity" if k == last else str(self.activation(k))
            layers.append(ComplexLinear(f"layer{k + 1}", w, b, said, real=k == last))
        places = self.grid((height, width), self.weights[0].device)
        return Trace(places.T.reshape(-1, height, width).contiguous(), tuple(layers))


def initial_of_wavelets(first: bool, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Initial weight (C_out, C_in) and bias (C_out,) of a first layer; of others both with real and imaginary parts."""
    weight, bias = usual_initial(c_in, c_out, generator)
    if first:
        return weight, bias
    imaginary = usual_initial(c_in, c_out, generator)
    return torch.stack([weight, imaginary[0]], -1), torch.stack([bias, imaginary[1]], -1)


def complex_of(first: bool, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias as complex numbers, but of a first layer, which are real; they share memory."""
    return (weight, bias) if first else (torch.view_as_complex(weight), torch.view_as_complex(bias))
