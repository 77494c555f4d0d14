"""The neuron axis of a layer: granularity and numbering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xinc.errors import InputError, nearest
from xinc.trace.layers import Layer, layer_type

GRANULARITIES = ("kernel", "input", "output")

#: In a coordinate of a neuron that is an aggregate over channels: not one channel.
ALL_CHANNELS = -1


@dataclass(frozen=True)
class Neurons:
    """The neurons of one layer, numbered along the ``neuron`` axis.

    Attributes
    ----------
    granularity : ``kernel`` (every edge from input channel i to output channel j, n = i·C_out + j where all exist),
        ``input`` (one per input feature) or ``output`` (one per output feature).
    in_channel, out_channel : (N,) channel of each neuron, -1 where it aggregates over them.
    phase : (N,) sub-pixel p = j mod r² that PixelShuffle gives the neuron's output channel, 0 without PixelShuffle.
    """

    granularity: str
    in_channel: np.ndarray
    out_channel: np.ndarray
    phase: np.ndarray

    def __len__(self) -> int:
        return len(self.in_channel)

    @property
    def fed(self) -> np.ndarray:
        """(N,) the channel whose gain each neuron has: that which it feeds, or is (see `xinc.contributions.gains`)."""
        return self.in_channel if self.granularity == "input" else self.out_channel


def check_granularity(granularity: str | None, kind: str, layer: str) -> str:
    """The granularity to use for a layer of a type; `InputError` for an unknown or inapplicable one.

    By default a neuron is a kernel in a CNN, an input feature in an MLP, as in the paper.
    """
    known = layer_type(kind).granularities
    if granularity is None:
        return known[0]
    if granularity not in GRANULARITIES:
        raise InputError(f"Unknown granularity '{granularity}': {nearest(granularity, GRANULARITIES)}.")
    if granularity not in known:
        what = "convolutional" if kind == "Convolution" else kind
        raise InputError(
            f"Granularity '{granularity}' is not defined for the {what} layer '{layer}': a neuron there is a "
            f"{known[0]} (paper section 3.2); use granularity '{known[0]}' or leave it out."
        )
    return granularity


def enumerate_neurons(
    channels: tuple[int, int],
    granularity: str,
    upscale: int = 1,
    edges: tuple[np.ndarray, np.ndarray] | None = None,
) -> Neurons:
    """The neurons of a layer with ``channels`` (C_in, C_out, the latter before PixelShuffle).

    ``edges`` are the channels (i, j) of those that there are, by default from each input to each output.
    """
    c_in, c_out = channels
    if granularity == "kernel":
        i, j = edges or tuple(a.ravel() for a in np.meshgrid(np.arange(c_in), np.arange(c_out), indexing="ij"))
    elif granularity == "input":
        i, j = np.arange(c_in), np.full(c_in, ALL_CHANNELS)
    else:
        i, j = np.full(c_out, ALL_CHANNELS), np.arange(c_out)
    phase = np.where(j >= 0, j % upscale**2, 0)
    return Neurons(granularity, i.astype(np.int32), j.astype(np.int32), phase.astype(np.int32))


def layer_neurons(layer: Layer, granularity: str | None = None) -> Neurons:
    """The neurons of ``layer`` at a granularity (default: kernel for convolutions, input for linear layers)."""
    chosen = check_granularity(granularity, layer.layer_type, layer.name)
    return enumerate_neurons(layer.channels, chosen, layer.upscale, layer.edges())
