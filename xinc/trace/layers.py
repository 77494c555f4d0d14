"""Layers of an implicit neural representation as plain data, and the forward pass through them.

A network describes itself as a `Trace`: the tensor that enters its first dissected layer and the layers that follow.
Everything that computes contributions works on this description alone, so that an architecture built of known layer
types needs no attribution code of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

#: A tensor; of a layer read from a canvas a NumPy array, so that reading does not wait for PyTorch.
Array: TypeAlias = Any


@dataclass(frozen=True)
class Linear:
    """A fully connected layer applied at every pixel: ``activation(frequency * (W v + b))``.

    Attributes
    ----------
    name : layer name, e.g. ``"layer1"``.
    weight : (C_out, C_in).
    bias : (C_out,).
    activation : key of `xinc.trace.activations.ACTIVATIONS` or `xinc.trace.activations.WAVES`.
    frequency : factor on the pre-activation, the ω0 of SIREN; 1 elsewhere.
    """

    name: str
    weight: Array
    bias: Array
    activation: str
    frequency: float = 1.0

    #: As of a convolution without PixelShuffle.
    upscale: ClassVar[int] = 1

    @property
    def channels(self) -> tuple[int, int]:
        """(C_in, C_out)."""
        return self.weight.shape[1], self.weight.shape[0]

    def preactivation(self, v: Tensor) -> Tensor:
        """(C_in, h, w) -> (C_out, h, w), before the activation, frequency included."""
        import torch

        return self.frequency * (torch.einsum("oi,ihw->ohw", self.weight, v) + self.bias[:, None, None])

    def activated(self, z: Tensor) -> Tensor:
        """The layer's output (C_out, h, w) from its pre-activation."""
        from xinc.trace.activations import activate

        return activate(self.activation, z, self.frequency)

    def forward(self, v: Tensor) -> Tensor:
        """(C_in, h, w) -> (C_out, h, w)."""
        return self.activated(self.preactivation(v))


@dataclass(frozen=True)
class Convolution:
    """A k×k convolution with zero padding, then PixelShuffle by ``upscale``, then the activation (a NeRV block).

    With ``upscale`` 1 and activation ``identity`` it is a head layer.

    Attributes
    ----------
    name : layer name, e.g. ``"block1"`` or ``"head"``.
    weight : (C_out, C_in, k, k), k odd; C_out is a multiple of upscale².
    bias : (C_out,).
    activation : key of `xinc.trace.activations.ACTIVATIONS`.
    upscale : PixelShuffle factor r.
    """

    name: str
    weight: Array
    bias: Array
    activation: str
    upscale: int = 1

    #: As of a linear layer without one.
    frequency: ClassVar[float] = 1.0

    @property
    def channels(self) -> tuple[int, int]:
        """(C_in, C_out), C_out counted before PixelShuffle."""
        return self.weight.shape[1], self.weight.shape[0]

    @property
    def kernel_size(self) -> int:
        return self.weight.shape[-1]

    def preactivation(self, v: Tensor) -> Tensor:
        """(C_in, h, w) -> (C_out, h, w), before PixelShuffle and activation."""
        import torch.nn.functional as F

        return F.conv2d(v[None], self.weight, self.bias, padding=self.kernel_size // 2)[0]

    def activated(self, z: Tensor) -> Tensor:
        """The layer's output (C_out / r², r·h, r·w) from its pre-activation."""
        import torch.nn.functional as F

        from xinc.trace.activations import ACTIVATIONS

        return ACTIVATIONS[self.activation](F.pixel_shuffle(z, self.upscale))

    def forward(self, v: Tensor) -> Tensor:
        """(C_in, h, w) -> (C_out / r², r·h, r·w)."""
        return self.activated(self.preactivation(v))


Layer: TypeAlias = Linear | Convolution


@dataclass(frozen=True)
class Trace:
    """One frame of a network: the input of its first dissected layer, and the layers from there to the output.

    Attributes
    ----------
    input : (C_in of the first layer, h, w).
    layers : from first to last. The last one's activation is ``identity``: what maps its response to colours (a
        tanh or sigmoid) belongs to the network, `xinc.models.base.INR.output_activation`, not to the layer.
    """

    input: Tensor
    layers: tuple[Layer, ...]

    def inputs(self) -> dict[str, Tensor]:
        """The input tensor (C_in, h, w) of every layer, by layer name."""
        v, found = self.input, {}
        for layer in self.layers:
            found[layer.name] = v
            v = layer.forward(v)
        return found

    def input_of(self, name: str) -> Tensor:
        """The input tensor (C_in, h, w) of the layer called ``name``; the layers after it are not computed."""
        v = self.input
        for layer in self.layers[: self.position(name)]:
            v = layer.forward(v)
        return v

    def output(self) -> Tensor:
        """(3, H, W), before the output activation."""
        v = self.input
        for layer in self.layers:
            v = layer.forward(v)
        return v

    def position(self, name: str) -> int:
        """Index of the layer called ``name``."""
        return [layer.name for layer in self.layers].index(name)

    def double(self) -> Trace:
        """The same trace in float64, for checks of exactness."""
        layers = tuple(replace(a, weight=a.weight.double(), bias=a.bias.double()) for a in self.layers)
        return Trace(self.input.double(), layers)
