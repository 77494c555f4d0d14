"""Ablation: what the output loses without a neuron, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from xinc.canvas.layer import choose_frames, choose_layers
from xinc.canvas.network import as_network
from xinc.contributions.neurons import Neurons, layer_neurons
from xinc.errors import InputError, nearest
from xinc.interventions.asked import check_target, described
from xinc.interventions.deltas import Window, activation_change, carry, cut, support
from xinc.models.base import INR
from xinc.runtime.devices import full_precision
from xinc.runtime.progress import Progress
from xinc.trace.layers import BaseTrace, Trace

#: What is put in the place of a neuron's response.
Mode = Literal["zero", "mean"]

#: Bytes that the changes of a batch of neurons may take.
_BYTES = 64e6


def ablate(
    model: INR,
    layer: str,
    neurons: Sequence[int] | None = None,
    frames: Sequence[int] | None = None,
    mode: Mode = "zero",
    granularity: str | None = None,
    target: Any = None,
    maps: bool = True,
) -> xr.Dataset:
    """What the colours of every pixel lose without a neuron: exactly, by the network without it.

    Ablation of a kernel (i, j) sets its weights w_ij to zero and keeps the bias; of an ``input`` neuron, the column i
    of the weights; of an ``output`` neuron, its row and its bias. With ``mode="mean"``, the response that these weights
    make is replaced by its mean over the frame. The change is carried through the layers that follow for a batch of
    neurons at once, inside the window where there is any; through a network that is not a chain of layers, by passes
    through what follows the layer.

    Parameters
    ----------
    model : a network, as for `xinc.dissect`; computed where it is, on a CPU or GPU.
    layer : name of a layer, e.g. ``"block2"``.
    neurons : numbers of neurons (default: all of the layer).
    frames : indices of frames (default: all that the network represents).
    mode : ``"zero"`` or ``"mean"``.
    granularity : what a neuron is, see `xinc.dissect`.
    target : frames (frame, y, x, channel) in [0, 1] to which the network was fitted, in the order of ``frames``.
    maps : whether to return maps, which take 16 bytes a pixel, neuron and frame.

    Returns
    -------
    Dataset with the coordinates ``in_channel`` and ``out_channel`` of `xinc.dissect` and, float32,

    - ``change`` (frame, neuron, channel, y, x): colours with the neuron less colours without it, and ``effect``
      (frame, neuron, y, x), its Euclidean norm over the channels; if ``maps``.

    and, float64,

    - ``squared_effect`` (frame, neuron): Σ effect² over pixels; ``absolute_effect``: Σ effect;
    - ``error_change`` (frame, neuron): what the sum of squared errors over pixels and channels gains without the
      neuron, colours not clamped; if ``target``. Negative: the frame is better without it.

    Raises
    ------
    InputError : a layer, neuron, frame, mode or granularity that is not there, a target of another shape, or a trace
        that is not the network.

    Examples
    --------
    >>> import xinc
    >>> from xinc.models.storage import build
    >>> model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(8), 8)
    >>> lost = xinc.ablate(model, "block2", neurons=[0, 5], frames=[3])
    >>> lost["effect"].sizes["neuron"], float(lost["effect"].max()) > 0
    (2, True)
    """
    if mode not in get_args(Mode):
        raise InputError(f"mode is {mode!r}: {nearest(str(mode), get_args(Mode))}.")
    network = as_network(model)
    [layer] = choose_layers(network.layer_names(), str(layer), f"this {network.name}")
    chosen = choose_frames(network, frames)
    network.check_trace(chosen[-1])
    wanted = None if target is None else check_target(target, len(chosen), network)
    parts = []
    for at, frame in enumerate(chosen):
        one = Ablation(network, network.trace(frame), layer, granularity)
        picked = _neurons(neurons, len(one.neurons), layer)
        goal = None if wanted is None else torch.as_tensor(wanted[at], device=one.colours.device)
        parts.append(_of_frame(one, picked, mode, goal, maps, f"ablations in {layer}, frame {frame}"))
    result = xr.concat(parts, xr.Variable("frame", chosen))
    return _described(result, one.neurons, picked, layer, mode)


class Ablation:
    """Ablation of neurons of one layer, in one frame.

    Parameters
    ----------
    model : the network.
    trace : of the frame.
    layer : name of the layer.
    granularity : see `xinc.dissect`.
    """

    def __init__(self, model: INR, trace: BaseTrace, layer: str, granularity: str | None = None) -> None:
        self._model, self._trace, self.layer = model, trace, trace.layers[trace.position(layer)]
        self.neurons: Neurons = layer_neurons(self.layer, granularity)
        self._chain: Trace | None = trace.chain
        with full_precision(), torch.no_grad():
            inputs = trace.inputs()
            self._v = inputs[layer]
            self._z = self.layer.preactivation(self._v)
            self._later = () if self._chain is None else self._chain.layers[trace.position(layer) + 1 :]
            self._responses = [one.preactivation(inputs[one.name]) for one in self._later]
            if self._chain is None:
                self.response = trace.output()
                self._largest = max(v.numel() for v in (self._z, self.response, *inputs.values()))
            else:
                self.response = self._responses[-1] if self._later else self._z
                self._largest = max(z.numel() for z in [self._z, *self._responses])
            #: Whether a neuron changes few pixels, each of which goes through what follows by itself.
            pixelwise = self._chain is not None and not any(one.mixes for one in self._later)
            self._few = self.layer.sparse and bool(self._later) and pixelwise
            if self._few:
                self._largest = self.response.numel()
            elif pixelwise:  # products over pixels copy what they take
                self._largest *= 2
            self.colours = model.colours_of(self.response)

    def batches(self, neurons: np.ndarray) -> Iterator[np.ndarray]:
        """Neurons in batches whose changes fit into memory, neighbours together."""
        parts = -(-len(neurons) * self._largest * 16 // int(_BYTES))
        yield from np.array_split(neurons, max(1, min(parts, len(neurons))))

    @torch.no_grad()
    def change(self, neurons: np.ndarray, mode: Mode = "zero", factors: Tensor | None = None) -> tuple[Tensor, Window]:
        """Colours with each neuron less colours without it, (n, C, h, w), and the window outside of which it is 0.

        With ``factors`` (n,), not without it, but with its weights times this factor.
        """
        with full_precision():
            lost, channel = self._lost(neurons, mode)
            if factors is not None:
                lost = lost * (1 - factors).view(-1, *[1] * (lost.ndim - 1))
            if self._chain is None:
                return self._without(lost, channel)
            if self._few and channel is not None and mode == "zero":
                return self._at_few_pixels(lost, channel)
            window = support(lost if lost.ndim == 3 else lost.flatten(0, 1))
            change = -cut(lost, window)
            if not self._later:
                if channel is not None:
                    change = _spread(change, channel, self._z.shape[0])
            else:
                change, window = carry(
                    self._later, self._responses, activation_change(self.layer, self._z, change, window, channel)
                )
            here = cut(self.response, window)
            return self._model.colours_of(here) - self._model.colours_of(here + change), window

    def _without(self, lost: Tensor, channel: Tensor | None) -> tuple[Tensor, Window]:
        """`change` by the network's outputs without what is lost, on the whole frame."""
        lost = lost if channel is None else _spread(lost, channel, self._z.shape[0])
        outputs = self._trace.output_from(self.layer.name, self._z - lost)
        return self.colours - self._model.colours_of(outputs), (0, outputs.shape[-2], 0, outputs.shape[-1])

    def _at_few_pixels(self, lost: Tensor, channel: Tensor) -> tuple[Tensor, Window]:
        """`change` of neurons that lose little at few pixels: these alone go through the layers that follow."""
        at, y, x = lost.nonzero(as_tuple=True)
        z = self._z[:, y, x]
        z[channel[at], torch.arange(len(at), device=z.device)] -= lost[at, y, x]
        v = self.layer.activated(z[:, :, None])
        for layer in self._later:
            v = layer.forward(v)
        here = self._model.colours_of(self.response[:, y, x, None]) - self._model.colours_of(v)
        found = lost.new_zeros(len(lost), len(here), *lost.shape[1:])
        found[at, :, y, x] = here[:, :, 0].T
        window = support(lost)
        return cut(found, window), window

    def _lost(self, neurons: np.ndarray, mode: Mode) -> tuple[Tensor, Tensor | None]:
        """What the response loses: (n, h, w) of one channel each, and which; or (n, C_out, h, w), and None."""
        device = self._v.device
        i = torch.as_tensor(self.neurons.in_channel[neurons], device=device).long()
        j = torch.as_tensor(self.neurons.out_channel[neurons], device=device).long()
        if self.neurons.granularity == "output":
            lost, channel = self._z[j], j
        elif self.neurons.granularity == "kernel":
            lost, channel = self.layer.edge_responses(self._v, i, j, bias=False), j
        else:
            lost, channel = self.layer.responses_to(self._v, i), None
        return (lost - lost.mean((-2, -1), keepdim=True) if mode == "mean" else lost), channel


def _spread(values: Tensor, channel: Tensor, channels: int) -> Tensor:
    """(n, channels, h, w): values (n, h, w) in the channel (n,) that each is of, zeros in the others."""
    found = values.new_zeros(len(values), channels, *values.shape[1:])
    found[torch.arange(len(values), device=values.device), channel] = values
    return found


def _of_frame(
    one: Ablation, neurons: np.ndarray, mode: Mode, target: Tensor | None, maps: bool, label: str
) -> xr.Dataset:
    height, width = one.colours.shape[-2:]
    totals = np.zeros((3, len(neurons)))
    kept = np.zeros((len(neurons), one.colours.shape[0], height, width), np.float32) if maps else None
    error = None if target is None else one.colours - target
    done = 0
    with Progress(len(neurons), label) as progress:
        for batch in one.batches(neurons):
            change, (y0, y1, x0, x1) = one.change(batch, mode)
            part = slice(done, done + len(batch))
            square = change.double().square()
            totals[0, part] = square.sum((1, 2, 3)).cpu().numpy()
            totals[1, part] = square.sum(1).sqrt().sum((1, 2)).cpu().numpy()
            if error is not None:
                here = cut(error, (y0, y1, x0, x1)).double()
                totals[2, part] = (square - 2 * change.double() * here).sum((1, 2, 3)).cpu().numpy()
            if kept is not None:
                kept[part, :, y0:y1, x0:x1] = change.cpu().numpy()
            done += len(batch)
            progress.update(len(batch))
    found: dict[str, Any] = {"squared_effect": ("neuron", totals[0]), "absolute_effect": ("neuron", totals[1])}
    if target is not None:
        found["error_change"] = ("neuron", totals[2])
    if kept is not None:
        found["change"] = (("neuron", "channel", "y", "x"), kept)
        found["effect"] = (("neuron", "y", "x"), np.sqrt(np.square(kept).sum(1)))
    return xr.Dataset(found)


def _neurons(wanted: Sequence[int] | None, count: int, layer: str) -> np.ndarray:
    found = np.arange(count) if wanted is None else np.atleast_1d(np.asarray(wanted))
    if not np.issubdtype(found.dtype, np.integer) or found.ndim != 1 or ((found < 0) | (found >= count)).any():
        raise InputError(
            f"Neurons {wanted} of layer '{layer}' were asked for; expected integers from 0 to {count - 1}."
        )
    return found.astype(np.int64)


def _described(result: xr.Dataset, neurons: Neurons, picked: np.ndarray, layer: str, mode: Mode) -> xr.Dataset:
    coordinates = {
        "neuron": picked,
        "in_channel": ("neuron", neurons.in_channel[picked]),
        "out_channel": ("neuron", neurons.out_channel[picked]),
    }
    result = result.assign_coords(coordinates)
    names = {
        "change": "colours with the neuron less colours without it",
        "effect": "Euclidean norm of the change over the colour channels",
        "squared_effect": "sum over pixels of the squared effect",
        "absolute_effect": "sum over pixels of the effect",
        "error_change": "sum of squared errors without the neuron less that with it",
    }
    return described(result, names, layer=layer, mode=mode, granularity=neurons.granularity)
