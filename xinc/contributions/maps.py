"""The contribution maps of one layer: the composition of source response and propagation, in bounded memory.

With gains (`xinc.contributions.gains`) they are *gained maps* in place of the paper's:

    sqrt(propagate(lost² · G)),

with ``lost`` what is missing without the neuron (`xinc.contributions.sources.lost_responses`), G the gain of the
channel that it feeds, the identity in the place of every activation, upsampling by r that shares a value out to r²
pixels, a stride that gathers s², and the mean of the branches of a sum: the sum over pixels of the squares stays
Σ lost² · G, but for what a box spreads beyond the frame. So a gained map is in units of colour, an estimate of
`xinc.ablate`'s effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from xinc.contributions.neurons import Neurons, layer_neurons
from xinc.trace.layers import Array, BaseTrace, Layer
from xinc.trace.route import Route, Stage, route_scale, route_size
from xinc.trace.windows import Size, Window

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["LayerMaps", "Stage"]


@dataclass(frozen=True)
class LayerMaps:
    """One layer of a canvas, ready to be expanded for any input and any neurons.

    Attributes
    ----------
    layer : the layer, weights included.
    neurons : its neurons at the granularity chosen.
    later : the route from it to the output.
    head_activation : activation applied to the maps of the network's last layer, ``identity`` for none (the default:
        section 3.2.1 calls it optional); of gained maps none is.
    gain : (C, h, w) gains of the channels `Neurons.fed`, for gained maps; None for the paper's.
    """

    layer: Layer
    neurons: Neurons
    later: Route
    head_activation: str = "identity"
    gain: Array | None = None

    @classmethod
    def of(
        cls, trace: BaseTrace, name: str, granularity: str | None = None, head_activation: str = "identity"
    ) -> LayerMaps:
        """The layer called ``name`` of a trace."""
        at = trace.position(name)
        last = at == len(trace.layers) - 1
        layer, later = trace.layers[at], trace.route(name)
        return cls(layer, layer_neurons(layer, granularity), later, head_activation if last else "identity")

    def resolution(self, size: Size) -> Size:
        """Height and width of a map, for an input of the layer of this height and width."""
        height, width = self.layer.response_size(size)
        return route_size(self.later, (height * self.layer.upscale, width * self.layer.upscale))

    def scale(self, axis: int = 0) -> Fraction:
        """Output pixels per input pixel of the layer, along an axis; `resolution` has what is left at the edges."""
        return route_scale((*self.layer.stages(), *self.later))[axis]

    def spread(self) -> Fraction:
        """Output pixels to which the later layers share out a value of the layer's output."""
        rows, columns = route_scale(self.later)
        return rows * columns

    def to(self, device: torch.device) -> LayerMaps:
        """The same with the layer's weights, and gains, as tensors on a device."""
        import torch

        layer = self.layer.mapped(lambda values: torch.as_tensor(values, device=device))
        gain = None if self.gain is None else torch.as_tensor(self.gain, device=device)
        return replace(self, layer=layer, gain=gain)

    def expand(self, v: Tensor, select: Tensor | None = None, window: Window | None = None) -> Tensor:
        """Maps (n, H, W) of the selected neurons (default: all), or a window of them, for the input ``v`` (C_in, h, w).

        Only source responses are computed on the whole frame whatever the window.
        """
        import torch

        from xinc.contributions.propagation import propagate
        from xinc.contributions.sources import lost_responses, source_responses
        from xinc.trace.activations import respond

        if select is None:
            select = torch.arange(len(self.neurons), device=v.device)
        if len(select) == 0:
            height, width = self.resolution((v.shape[-2], v.shape[-1]))
            y0, y1, x0, x1 = window or (0, height, 0, width)
            return v.new_empty(0, y1 - y0, x1 - x0)
        phase = torch.as_tensor(self.neurons.phase, device=v.device).long()[select]
        if self.gain is not None:
            fed = torch.as_tensor(self.neurons.fed, device=v.device).long()[select]
            squares = lost_responses(self.layer, v, self.neurons, select).abs().square() * self.gain[fed]
            shared = propagate(squares, phase, self.layer.upscale, self.later, window, gained=True)
            return (shared / float(self.spread())).sqrt()
        source = source_responses(self.layer, v, self.neurons, select)
        return respond(self.head_activation, propagate(source, phase, self.layer.upscale, self.later, window))
