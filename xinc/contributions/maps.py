"""The contribution maps of one layer: the composition of source response and propagation, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from xinc.contributions.neurons import Neurons, layer_neurons
from xinc.contributions.propagation import Stage, propagate
from xinc.contributions.sources import source_responses
from xinc.layers import ACTIVATIONS, Convolution, Layer, Trace


@dataclass(frozen=True)
class LayerMaps:
    """One layer of a canvas, ready to be expanded for any input and any neurons.

    Attributes
    ----------
    layer : the layer, weights included.
    neurons : its neurons at the granularity chosen.
    later : the layers between it and the output.
    head_activation : activation applied to the maps of the network's last layer, ``identity`` for none (the default:
        section 3.2.1 calls it optional).
    """

    layer: Layer
    neurons: Neurons
    later: tuple[Stage, ...]
    head_activation: str = "identity"

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
        own = self.layer.upscale if isinstance(self.layer, Convolution) else 1
        return own * int(np.prod([stage.upscale for stage in self.later]))

    def to(self, device: torch.device) -> LayerMaps:
        """The same with the layer's weights on a device."""
        layer = replace(self.layer, weight=self.layer.weight.to(device), bias=self.layer.bias.to(device))
        return replace(self, layer=layer)

    def expand(self, v: Tensor, select: Tensor | None = None) -> Tensor:
        """Maps (n, H, W) of the selected neurons (default: all) for the layer input ``v`` (C_in, h, w)."""
        if select is None:
            select = torch.arange(len(self.neurons), device=v.device)
        if len(select) == 0:
            return v.new_empty(0, v.shape[-2] * self.scale(), v.shape[-1] * self.scale())
        source = source_responses(self.layer, v, self.neurons, select)
        phase = torch.as_tensor(self.neurons.phase, device=v.device).long()[select]
        upscale = self.layer.upscale if isinstance(self.layer, Convolution) else 1
        return ACTIVATIONS[self.head_activation](propagate(source, phase, upscale, self.later))
