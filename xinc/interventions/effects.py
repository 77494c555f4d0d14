"""Effects of all neurons of all layers at once, estimated from a few backward passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from xinc.canvas.layer import choose_frames
from xinc.canvas.network import as_network
from xinc.contributions.neurons import Neurons, layer_neurons
from xinc.errors import InputError
from xinc.interventions.asked import check_target, described
from xinc.models.base import INR
from xinc.runtime.devices import full_precision
from xinc.runtime.progress import Progress
from xinc.trace.layers import BaseTrace, Layer

_NAMES = {
    "squared_effect": "estimate of the sum over the region's pixels of the squared effect of ablation",
    "squared_effect_error": "standard error of that estimate",
    "alignment": "gradient of the region's sum of squared errors times the neuron's weights",
    "error_change": "estimate of the region's sum of squared errors without the neuron less that with it",
}

#: The region that there is where no others are given.
WHOLE = "frame"


def effects(
    model: INR,
    frames: Sequence[int] | None = None,
    regions: Any = None,
    target: Any = None,
    probes: int = 32,
    granularity: str | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """What the output loses without each neuron, of every layer, in ``probes`` + 1 backward passes a frame and region.

    The Gauss–Newton estimate of Σ_p ‖Δ_n(p)‖² (`xinc.ablate` has it exactly) by Hutchinson's probes:
    E_u[(∂(u·f)/∂w_n · w_n)²], with u = ±1 for each pixel and colour of the region, f the colours and w_n the neuron's
    weights. With a target, what the region's sum of squared errors gains without the neuron is −⟨g, w_n⟩ plus that,
    g being its gradient. Effects of single neurons do not add up: the best of them are not the best set.

    Parameters
    ----------
    model : a network, as for `xinc.dissect`; computed where it is, on a CPU or GPU.
    frames : indices of frames (default: all that the network represents).
    regions : masks by name, (y, x) or (frame, y, x) bool; or label maps of these shapes, whose labels below 0 are left
        out. By default the whole frame.
    target : frames (frame, y, x, channel) in [0, 1] to which the network was fitted, in the order of ``frames``.
    probes : how many, at least 2.
    granularity : what a neuron is, see `xinc.dissect`.
    seed : of the probes.

    Returns
    -------
    Dataset of float64 over ``frame``, ``region`` and ``neuron``, the latter of all layers, with the coordinates
    ``layer``, ``number`` (in the layer), ``in_channel`` and ``out_channel``:

    - ``squared_effect``: the estimate of Σ effect² over the region's pixels, and ``squared_effect_error``, the standard
      error of its probes;
    - ``alignment``: ⟨g, w_n⟩, and ``error_change``: −⟨g, w_n⟩ + squared_effect, whose standard error is the same; if
      ``target``. Negative: the region is better without the neuron.

    Raises
    ------
    InputError : a frame or granularity that is not there, regions or a target of another shape, too few probes, or a
        trace that is not the network.

    Examples
    --------
    >>> import xinc
    >>> from xinc.models.storage import build
    >>> model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(8), 8)
    >>> found = xinc.effects(model, frames=[3], probes=4)
    >>> dict(found["squared_effect"].sizes)
    {'frame': 1, 'region': 1, 'neuron': 258}
    """
    if isinstance(probes, bool) or not isinstance(probes, int) or probes < 2:
        raise InputError(f"probes is {probes!r}; expected an integer of at least 2, for an estimate of the error.")
    network = as_network(model)
    chosen = choose_frames(network, frames)
    network.check_trace(chosen[-1])
    masks = region_masks(regions, len(chosen), network.resolution)
    goal = None if target is None else check_target(target, len(chosen), network)
    generator = torch.Generator().manual_seed(int(seed))
    parts = []
    with Progress(len(chosen) * len(masks) * (probes + (goal is not None)), "backward passes") as progress:
        for at, frame in enumerate(chosen):
            with full_precision():
                passes = Passes(network, network.trace(frame), granularity)
            each = [
                of_region(passes, mask[at], None if goal is None else goal[at], probes, generator, progress)
                for mask in masks.values()
            ]
            parts.append({name: np.stack([one[name] for one in each]) for name in each[0]})
    result = xr.Dataset(
        {name: (("frame", "region", "neuron"), np.stack([part[name] for part in parts])) for name in parts[0]},
        {"frame": chosen, "region": list(masks), **passes.coordinates()},
    )
    return described(result, _NAMES, probes=probes)


@dataclass(frozen=True)
class _Layer:
    """A layer of whose arrays gradients are taken, and its neurons."""

    layer: Layer
    neurons: Neurons

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def weight(self) -> Tensor:
        found: Tensor = self.layer.arrays()["weight"]
        return found

    def products(self, gradients: Mapping[str, Tensor]) -> Tensor:
        """⟨gradient, weights⟩ of every neuron, (N,) float64."""
        products = {name: inner(gradients[name], own.detach()) for name, own in self.layer.arrays().items()}
        return self.layer.neuron_sums(self.neurons.granularity, products)


def inner(gradient: Tensor, values: Tensor) -> Tensor:
    """gradient · values element by element, float64; of complex ones Re(conj(gradient) values), by real parts."""
    product = gradient.conj() * values
    return (product.real if product.is_complex() else product).double()


class Passes:
    """Backward passes through one frame of a network.

    Parameters
    ----------
    model : the network.
    trace : of the frame.
    granularity : see `xinc.dissect`.
    """

    def __init__(self, model: INR, trace: BaseTrace, granularity: str | None = None) -> None:
        self.layers = [
            _Layer(one.mapped(lambda values: values.detach().clone().requires_grad_()), layer_neurons(one, granularity))
            for one in trace.layers
        ]
        with torch.enable_grad():
            self.colours = model.colours_of(self._output(trace.with_layers([one.layer for one in self.layers])))

    def _output(self, trace: BaseTrace) -> Tensor:
        """What gradients are taken of."""
        return trace.output()

    def products(self, towards: Tensor) -> np.ndarray:
        """∂(towards · colours)/∂w_n · w_n of every neuron of every layer, one after the other, (N,) float64."""
        inputs = [tensor for one in self.layers for tensor in one.layer.arrays().values()]
        with full_precision():
            found = iter(
                torch.autograd.grad(self.colours, inputs, towards, True, allow_unused=True, materialize_grads=True)
            )
        parts = [one.products({name: next(found) for name in one.layer.arrays()}) for one in self.layers]
        return torch.cat(parts).cpu().numpy()

    def coordinates(self) -> dict[str, Any]:
        counts = [len(one.neurons) for one in self.layers]
        return {
            "layer": ("neuron", np.repeat([one.name for one in self.layers], counts)),
            "number": ("neuron", np.concatenate([np.arange(count) for count in counts])),
            "in_channel": ("neuron", np.concatenate([one.neurons.in_channel for one in self.layers])),
            "out_channel": ("neuron", np.concatenate([one.neurons.out_channel for one in self.layers])),
        }


def of_region(
    passes: Passes, mask: np.ndarray, target: np.ndarray | None, probes: int, generator: Any, progress: Progress
) -> dict[str, np.ndarray]:
    """The variables of `effects` for one region (y, x) bool and target (3, y, x) or None, each (N,)."""
    shape, device = passes.colours.shape, passes.colours.device
    inside = torch.as_tensor(mask, device=device)
    sum_of, sum_of_squares = np.zeros(1), np.zeros(1)
    for _ in range(probes):
        signs = torch.randint(0, 2, shape, generator=generator).to(device) * 2 - 1
        squares = passes.products(signs * inside).astype(np.float64) ** 2
        sum_of, sum_of_squares = sum_of + squares, sum_of_squares + squares**2
        progress.update()
    mean = np.asarray(sum_of / probes)
    spread = np.maximum(sum_of_squares / probes - mean**2, 0) / (probes - 1)
    found = {"squared_effect": mean, "squared_effect_error": np.sqrt(spread)}
    if target is not None:
        error = passes.colours.detach() - torch.as_tensor(target, device=device)
        found["alignment"] = passes.products(2 * error * inside)
        found["error_change"] = mean - found["alignment"]
        progress.update()
    return found


def region_masks(regions: Any, frames: int, resolution: tuple[int, int]) -> dict[str, np.ndarray]:
    """Masks (frame, y, x) bool by name, of what `effects` takes as regions."""
    if regions is None:
        return {WHOLE: np.ones((frames, *resolution), bool)}
    if isinstance(regions, Mapping):
        named = {str(name): np.asarray(mask) for name, mask in regions.items()}
    else:
        labels = np.asarray(regions)
        if not np.issubdtype(labels.dtype, np.integer):
            raise InputError(f"Label maps are of type {labels.dtype}; expected integers, or masks by name.")
        named = {str(label): labels == label for label in np.unique(labels[labels >= 0])}
    found = {}
    for name, mask in named.items():
        if mask.dtype != bool or mask.shape not in (resolution, (frames, *resolution)):
            raise InputError(
                f"Region '{name}' is of type {mask.dtype} and shape {mask.shape}; expected bool and {resolution} or "
                f"{(frames, *resolution)}."
            )
        found[name] = np.array(np.broadcast_to(mask, (frames, *resolution)))
    if not found:
        raise InputError("There are no regions: give masks by name, or a label map with labels from 0 on.")
    return found
