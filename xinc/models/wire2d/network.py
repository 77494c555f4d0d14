"""The network of complex wavelets with windows, and its trace, in which each hidden layer is two."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xinc.models.base import OUTPUT_ACTIVATIONS
from xinc.models.wire.network import Wavelets, complex_of, initial_of_wavelets
from xinc.models.wire2d import WIRE2D
from xinc.trace.activations import Activation, activation
from xinc.trace.layers import Array, BaseTrace, ComplexLinear, Layer, Respond
from xinc.trace.route import Route


class Network(WIRE2D, Wavelets):
    """The network of `xinc.models.wire2d.WIRE2D`.

    Its weights are those of the layers' wavelets and windows in turns.
    """

    def channels_of_layers(self) -> list[tuple[int, int]]:
        *hidden, last = super().channels_of_layers()
        return [*(one for one in hidden for _ in range(2)), last]

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return initial_of_wavelets(at < 2, c_in, c_out, generator)

    @property
    def window(self) -> Activation:
        """Of the windows."""
        return activation(f"gauss({self.settings.scale!r})")

    def colours(self, encoded: Tensor, at: Tensor | None = None) -> Tensor:
        x, found = encoded, []
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            w, b = (weight, bias) if at is None else (weight[at], bias[at])
            w, b = complex_of(k < 2, w, b)
            found.append(torch.matmul(x, w.transpose(1, 2)) + b[:, None, :])
            if k % 2 == 1:
                x = self.activation(k // 2)(found[-2]) * self.window(found[-1])
        return OUTPUT_ACTIVATIONS[self.output_activation](found[-1].real)

    @torch.no_grad()
    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> Windowed:
        at = self.frames.index(self.check_frame(frame))
        height, width = resolution or self.resolution
        names, layers = self.layer_names(), []
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            last = k == len(names) - 1
            said = "identity" if last else str(self.window if k % 2 else self.activation(k // 2))
            w, b = complex_of(k < 2, weight[at].detach(), bias[at].detach())
            layers.append(ComplexLinear(names[k], w, b, said, real=last))
        places = self.grid((height, width), self.weights[0].device)
        return Windowed(places.T.reshape(-1, height, width).contiguous(), tuple(layers))


@dataclass(frozen=True)
class Windowed(BaseTrace):
    """Wavelets times windows, in every hidden layer.

    Attributes
    ----------
    input : (2, h, w) coordinates.
    layers : of each hidden layer wavelets and windows, then the last.
    """

    input: Tensor
    layers: tuple[Layer, ...]

    def run(self, respond: Respond) -> Tensor:
        v = self.input
        for wave, window in zip(self.layers[:-1:2], self.layers[1::2], strict=True):
            v = wave.activated(respond(wave, v)) * window.activated(respond(window, v))
        return respond(self.layers[-1], v)

    def route(self, name: str) -> Route:
        return ()

    def at(self, pixels: Array) -> Windowed:
        return Windowed(self.input.flatten(1)[:, pixels], self.layers)
