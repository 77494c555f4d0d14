"""Changes of activations, carried exactly through the layers that follow.

Convolutions and linear layers are linear, so a change passes through their weights alone; an activation turns it into
φ(z + Δ) − φ(z) at the response z that the network has. A change is zero outside a window, which grows by half a kernel
and is enlarged by PixelShuffle from layer to layer: only inside it is anything computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from xinc.contributions.propagation import cut, insert_zeros
from xinc.trace.activations import activate
from xinc.trace.layers import Layer
from xinc.trace.windows import Size, Window

__all__ = ["Delta", "Window", "activation_change", "carry", "cut", "support", "through"]


@dataclass(frozen=True)
class Delta:
    """Changes of an activation, one for each of n interventions.

    Attributes
    ----------
    values : (n, C, h, w) inside the window; C is 1 where ``channel`` says which one it is.
    window : where they lie in the frame; outside, nothing changes.
    size : height and width of the frame there.
    channel : (n,) the only channel that changes in each; None where ``values`` has them all.
    """

    values: Tensor
    window: Window
    size: Size
    channel: Tensor | None = None


def support(response: Tensor) -> Window:
    """The smallest window outside of which responses (n, h, w) are zero; of none, one pixel."""
    rows, columns = ((response != 0).any(0).any(axis).nonzero().flatten().tolist() for axis in (1, 0))
    return (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) if rows else (0, 1, 0, 1)


def activation_change(layer: Layer, z: Tensor, change: Tensor, window: Window, channel: Tensor | None) -> Delta:
    """What a change of a layer's response, before PixelShuffle and activation, does to its activation.

    Parameters
    ----------
    layer : the layer.
    z : (C_out, h, w) its response in the network as it is.
    change : (n, h, w) of the output channels ``channel`` (n,), or (n, C_out, h, w) of all, inside the window.
    """
    here, upscale = cut(z, window), layer.upscale
    larger: Window = (window[0] * upscale, window[1] * upscale, window[2] * upscale, window[3] * upscale)
    size = (z.shape[-2] * upscale, z.shape[-1] * upscale)

    def after(response: Tensor) -> Tensor:
        return activate(layer.activation, response)

    if channel is None:
        delta = after(here + change) - after(here)
        return Delta(F.pixel_shuffle(delta, upscale) if upscale > 1 else delta, larger, size)
    own = here[channel]
    delta = insert_zeros(after(own + change) - after(own), channel % upscale**2, upscale)
    return Delta(delta[:, None], larger, size, channel // upscale**2)


def through(layer: Layer, delta: Delta) -> tuple[Tensor, Window]:
    """The change (n, C_out, h, w) of a layer's response, and its window, from that of its input."""
    return layer.through(delta.values, delta.window, delta.channel, delta.size)


def carry(layers: Sequence[Layer], responses: Sequence[Tensor], delta: Delta) -> tuple[Tensor, Window]:
    """The change (n, 3, h, w) of the last layer's response, and its window.

    Parameters
    ----------
    layers : those between the change and the output, at least one; the last has no activation.
    responses : (C_out, h, w) of each in the network as it is, before PixelShuffle and activation.
    """
    for layer, z in zip(layers[:-1], responses[:-1], strict=True):
        change, window = through(layer, delta)
        delta = activation_change(layer, z, change, window, None)
    return through(layers[-1], delta)
