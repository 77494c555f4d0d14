"""Networks that give their steps: layers, what is done between them, and branches that are added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from xinc.errors import InputError
from xinc.models.base import INR
from xinc.runtime.devices import full_precision
from xinc.trace.activations import activation
from xinc.trace.layers import Convolution, Layer
from xinc.trace.steps import Steps, StepsTrace, walk


class Part(Protocol):
    """A layer of a network, in training and as it is dissected."""

    def __call__(self, x: Tensor) -> Tensor:
        """Its output (n, C_out, h, w), PixelShuffle and activation done."""

    def layer(self, name: str) -> Layer:
        """As a layer of a trace, which shares its weights."""


@dataclass(frozen=True)
class ConvolutionPart:
    """A convolution with zeros beyond the edges and as many responses as pixels.

    Attributes
    ----------
    module : the convolution, an `nn.Conv2d`.
    activation : of its response, after PixelShuffle.
    upscale : factor of PixelShuffle.
    """

    module: Any
    activation: str = "identity"
    upscale: int = 1

    def __call__(self, x: Tensor) -> Tensor:
        """(n, C_in, h, w) -> (n, C_out, h, w)."""
        x = self.module(x)
        return activation(self.activation)(F.pixel_shuffle(x, self.upscale) if self.upscale > 1 else x)

    def layer(self, name: str) -> Convolution:
        """As a layer of a trace; of one without bias it is zero."""
        weight = self.module.weight.detach()
        bias = weight.new_zeros(len(weight)) if self.module.bias is None else self.module.bias.detach()
        return Convolution(name, weight, bias, self.activation, self.upscale, self.module.groups)


class Stepwise(INR):
    """A network that goes through steps, in training as in its trace.

    Subclasses implement `parts`, `start` and `steps`; the names of `parts` are those of `layer_names`, in order.
    """

    #: How a message begins that speaks of it.
    title = "A network"

    def parts(self) -> Mapping[str, Part]:
        """The layers that can be dissected, by name."""
        raise NotImplementedError

    def start(self, inputs: Tensor, traced: bool = False) -> Tensor:
        """What the first step gets, (n, C, h, w), for inputs of `inputs`; see `steps`."""
        raise NotImplementedError

    def steps(self, inputs: Tensor, traced: bool = False) -> Steps:
        """All steps. With ``traced`` layers get what they have as layers of a trace, which may be slower."""
        raise NotImplementedError

    def render(self, inputs: Tensor) -> Tensor:
        parts = self.parts()
        return self.colours_of(walk(self.steps(inputs), self.start(inputs), lambda name, x: parts[name](x)))

    def forward(self, frames: Tensor) -> Tensor:
        return self.render(self.inputs(frames))

    @full_precision()
    @torch.no_grad()
    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> StepsTrace:
        if resolution is not None and tuple(resolution) != self.resolution:
            raise InputError(
                f"{self.title} has one resolution, here {self.resolution[0]}x{self.resolution[1]}: it cannot be "
                f"dissected at {resolution[0]}x{resolution[1]}; leave resolution out."
            )
        inputs: Any = self.inputs(torch.tensor([self.check_frame(frame)]))
        layers = tuple(part.layer(name) for name, part in self.parts().items())
        return StepsTrace(self.start(inputs, traced=True)[0], layers, self.steps(inputs, traced=True))
