"""The contribution maps of one layer: the composition of source response and propagation, in bounded memory.

With gains (`xinc.contributions.gains`) they are *gained maps* in place of the paper's:

    sqrt(propagate(lost² · G)),

with ``lost`` what is missing without the neuron (`xinc.contributions.sources.lost_responses`), G the gain of the
channel that it feeds, the identity in the place of every activation, and upsampling by r that shares a value out to r²
pixels: the sum over pixels of the squares stays Σ lost² · G, but for what a box spreads beyond the frame. So a gained
map is in units of colour, an estimate of `xinc.ablate`'s effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from xinc.contributions.neurons import Neurons, layer_neurons
from xinc.trace.layers import Array, Convolution, Layer, Trace

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Stage:
    """What a later layer does to a contribution on its way to the output: all of it that matters is three numbers.

    Attributes
    ----------
    kernel_size : side k of the box filter of the proximity correction.
    upscale : nearest-neighbour upsampling factor.
    activation : key of `xinc.trace.activations.ACTIVATIONS`.
    """

    kernel_size: int
    upscale: int
    activation: str

    @classmethod
    def of(cls, layer: Convolution) -> Stage:
        return cls(layer.kernel_size, layer.upscale, layer.activation)

    def as_dict(self) -> dict[str, Any]:
        return {"kernel_size": self.kernel_size, "upscale": self.upscale, "activation": self.activation}


@dataclass(frozen=True)
class LayerMaps:
    """One layer of a canvas, ready to be expanded for any input and any neurons.

    Attributes
    ----------
    layer : the layer, weights included.
    neurons : its neurons at the granularity chosen.
    later : the layers between it and the output.
    head_activation : activation applied to the maps of the network's last layer, ``identity`` for none (the default:
        section 3.2.1 calls it optional); of gained maps none is.
    gain : (C, h, w) gains of the channels `Neurons.fed`, for gained maps; None for the paper's.
    """

    layer: Layer
    neurons: Neurons
    later: tuple[Stage, ...]
    head_activation: str = "identity"
    gain: Array | None = None

    @classmethod
    def of(
        cls, trace: Trace, name: str, granularity: str | None = None, head_activation: str = "identity"
    ) -> LayerMaps:
        """The layer called ``name`` of a trace."""
        at = trace.position(name)
        later = tuple(Stage.of(b) for b in trace.layers[at + 1 :] if isinstance(b, Convolution))
        last = at == len(trace.layers) - 1
        layer = trace.layers[at]
        return cls(layer, layer_neurons(layer, granularity), later, head_activation if last else "identity")

    def scale(self) -> int:
        """Output pixels per input pixel of the layer, along each axis."""
        return self.layer.upscale * self.spread()

    def spread(self) -> int:
        """Output pixels, along each axis, to which the later layers share out a value of the layer's output."""
        return int(np.prod([stage.upscale for stage in self.later]))

    def to(self, device: torch.device) -> LayerMaps:
        """The same with the layer's weights, and gains, as tensors on a device."""
        import torch

        weight, bias = (torch.as_tensor(values, device=device) for values in (self.layer.weight, self.layer.bias))
        layer = replace(self.layer, weight=weight, bias=bias)
        gain = None if self.gain is None else torch.as_tensor(self.gain, device=device)
        return replace(self, layer=layer, gain=gain)

    def expand(self, v: Tensor, select: Tensor | None = None) -> Tensor:
        """Maps (n, H, W) of the selected neurons (default: all) for the layer input ``v`` (C_in, h, w)."""
        import torch

        from xinc.contributions.propagation import propagate
        from xinc.contributions.sources import lost_responses, source_responses
        from xinc.trace.activations import ACTIVATIONS

        if select is None:
            select = torch.arange(len(self.neurons), device=v.device)
        if len(select) == 0:
            return v.new_empty(0, v.shape[-2] * self.scale(), v.shape[-1] * self.scale())
        phase = torch.as_tensor(self.neurons.phase, device=v.device).long()[select]
        if self.gain is not None:
            fed = torch.as_tensor(self.neurons.fed, device=v.device).long()[select]
            squares = lost_responses(self.layer, v, self.neurons, select).square() * self.gain[fed]
            linear = tuple(replace(stage, activation="identity") for stage in self.later)
            return (propagate(squares, phase, self.layer.upscale, linear) / self.spread() ** 2).sqrt()
        source = source_responses(self.layer, v, self.neurons, select)
        return ACTIVATIONS[self.head_activation](propagate(source, phase, self.layer.upscale, self.later))
