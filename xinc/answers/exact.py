"""Effects and errors of neurons in a region: estimated for all of them from the region alone, exactly for a few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from xinc.answers.beside import granularity_of, known_record
from xinc.answers.region import Region
from xinc.contributions.neurons import layer_neurons
from xinc.errors import InputError
from xinc.interventions.ablation import Ablation
from xinc.interventions.asked import check_target
from xinc.interventions.deltas import Window, cut
from xinc.interventions.effects import Passes, of_region
from xinc.interventions.explanation import explain_error
from xinc.models.base import INR
from xinc.runtime.devices import full_precision
from xinc.runtime.freed import give_freed_memory_back
from xinc.runtime.progress import Progress
from xinc.trace.layers import BaseTrace, Trace

#: How many more neurons than are listed are computed exactly, so that few are missed by the estimate.
_MORE, _TIMES = 20, 3


class Study:
    """What neurons of some layers of a network do to the colours in a region.

    Values of neurons are (N,), of all layers of the network; `positions` are those of the layers asked for.

    Parameters
    ----------
    layers : of its canvas.
    region : where.
    network : the network.
    by : what it is for, for messages.

    Raises
    ------
    InputError : maps at another resolution than the network's own, or a trace that is not the network.
    """

    def __init__(self, layers: Sequence[xr.Dataset], region: Region, network: INR, by: str) -> None:
        if network.resolution != region.size:
            raise InputError(
                f"The maps are of {region.size[0]}x{region.size[1]}, but by={by!r} is computed at the network's own "
                f"{network.resolution[0]}x{network.resolution[1]}: dissect it at its own resolution."
            )
        network.check_trace(region.frames[-1])
        records = [known_record(layer, by) for layer in layers]
        self.granularity = granularity_of(records)
        self._network, self._region = network, region
        self.positions = [
            self._spans[record.layer][0] + layer["neuron"].values for record, layer in zip(records, layers, strict=True)
        ]

    @cached_property
    def _spans(self) -> dict[str, tuple[int, int]]:
        """Where the neurons of each layer begin and end among those of all."""
        layers = self._network.trace(self._region.frames[0]).layers
        ends = accumulate((len(layer_neurons(layer, self.granularity)) for layer in layers), initial=0)
        return {layer.name: span for layer, span in zip(layers, pairwise(ends), strict=True)}

    def check_target(self, target: np.ndarray) -> np.ndarray:
        """Frames (frame, y, x, 3) as (frame, 3, y, x); `InputError` for another shape, and colours not in [0, 1]."""
        return check_target(target, len(self._region.parts), self._network, "video")

    def estimate(self, target: np.ndarray | None, probes: int, seed: int) -> dict[str, np.ndarray]:
        """The estimates of `xinc.effects` in the region, summed over frames, from passes through its window alone."""
        if isinstance(probes, bool) or not isinstance(probes, int | np.integer) or probes < 2:
            raise InputError(f"probes is {probes!r}; expected an integer of at least 2.")
        generator = torch.Generator().manual_seed(int(seed))
        total: dict[str, np.ndarray] = {}
        passes = (int(probes) + (target is not None)) * len(self._region.parts)
        with Progress(passes, "backward passes") as progress:
            for at, part in enumerate(self._region.parts):
                trace = self._network.trace(part.frame)
                with full_precision():
                    window = WindowPasses(self._network, trace, part.window, self.granularity)
                goal = None if target is None else _of(target[at], part.window)
                for name, values in of_region(window, part.inside, goal, int(probes), generator, progress).items():
                    total[name] = total.get(name, 0) + values
                del window
                give_freed_memory_back()
        return total

    def best(self, estimate: np.ndarray, count: int | None) -> np.ndarray:
        """(N,) bool, the neurons to look at exactly: those of the layers asked for that seem to be the best."""
        asked = np.concatenate(self.positions)
        if count is not None:
            order = np.argsort(-estimate[asked], kind="stable")
            asked = asked[order[: max(_TIMES * count, count + _MORE)]]
        found = np.zeros(len(estimate), bool)
        found[asked] = True
        return found

    def effects(self, neurons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Σ‖Δ‖² over the region, and what it would be if the frame's were spread evenly, (N,); NaN of others."""
        found = np.where(neurons, 0.0, np.nan), np.where(neurons, 0.0, np.nan)
        masks, shares = self._region.masks(), self._region.shares()
        for at, place, change, window in self._changes(neurons):
            square = change.square().sum(0).cpu().numpy()
            found[0][place] += square[_of(masks[at], window)].sum()
            found[1][place] += square.sum() * shares[at]
        return found

    def errors(self, neurons: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The region's squared error, and how much of it, and of the rest of the frames, ablation takes away, (N,)."""
        found = np.where(neurons, 0.0, np.nan), np.where(neurons, 0.0, np.nan)
        masks, total = self._region.masks(), 0.0
        residuals = []
        for mask, part, goal in zip(masks, self._region.parts, target, strict=True):
            colours = self._network.reconstruct(part.frame).double().cpu()
            residuals.append((colours - torch.from_numpy(goal)).numpy())
            total += float(np.square(residuals[-1][:, mask]).sum())
        for at, place, change, window in self._changes(neurons):
            lost = change.cpu().numpy()
            gone = (2 * lost * _of(residuals[at], window) - np.square(lost)).sum(0)
            inside = _of(masks[at], window)
            found[0][place] += gone[inside].sum()
            found[1][place] += gone[~inside].sum()
        return total, *found

    def verdict(self, target: np.ndarray, probes: int, seed: int) -> str:
        """What `xinc.explain_error` says of the region in its only frame."""
        [part], [mask], [goal] = self._region.parts, self._region.masks(), target
        give_freed_memory_back()
        found = explain_error(
            self._network,
            part.frame,
            goal.transpose(1, 2, 0),
            mask,
            probes=probes,
            granularity=self.granularity,
            seed=seed,
        )
        return str(found.attrs["verdict"])

    def _changes(self, neurons: np.ndarray) -> Iterator[tuple[int, int, Tensor, Window]]:
        """Position of the frame, place of the neuron, its change (3, h, w) float64, and the window where that lies."""
        with Progress(len(self._region.parts) * int(neurons.sum()), "ablations") as progress:
            for at, part in enumerate(self._region.parts):
                trace = self._network.trace(part.frame)
                for name, (start, stop) in self._spans.items():
                    numbers = np.flatnonzero(neurons[start:stop])
                    if not len(numbers):
                        continue
                    one = Ablation(self._network, trace, name, self.granularity)
                    for batch in one.batches(np.arange(len(numbers))):
                        changes, window = one.change(numbers[batch])
                        for number, change in zip(numbers[batch], changes, strict=True):
                            yield at, start + int(number), change.double(), window
                        progress.update(len(batch))
                    del one
                    give_freed_memory_back()


class WindowPasses(Passes):
    """Backward passes from a window of the colours: only what it depends on is computed.

    Parameters
    ----------
    model, trace, granularity : see `Passes`.
    window : (y0, y1, x0, x1) of the frame.
    """

    def __init__(self, model: INR, trace: BaseTrace, window: Window, granularity: str | None = None) -> None:
        self._window = window
        super().__init__(model, trace, granularity)

    def _output(self, trace: BaseTrace) -> Tensor:
        return output_on(trace, self._window)


def output_on(trace: BaseTrace, window: Window) -> Tensor:
    """(C, y1 − y0, x1 − x0), the output of a trace on a window, from the window of each layer that it depends on.

    Where a window ends inside of the image, a convolution's zero padding is wrong for half a kernel: that much more is
    computed, and cut off. Of a network that is not a chain of such layers the whole output is computed.
    """
    chain = trace.chain
    if chain is None or not all(layer.local for layer in chain.layers):
        return cut(trace.output(), window)
    # From the last layer on: which window of its input it takes, and which of its pre-activation is right.
    sizes = _sizes(chain)
    steps = []
    for layer, size in zip(chain.layers[::-1], sizes[::-1], strict=True):
        y0, y1, x0, x1 = window
        r, (rows, columns) = layer.upscale, layer.reach
        right = (y0 // r, -(-y1 // r), x0 // r, -(-x1 // r))
        taken = (
            max(right[0] - rows, 0),
            min(right[1] + rows, size[0]),
            max(right[2] - columns, 0),
            min(right[3] + columns, size[1]),
        )
        steps.append((layer, taken, right, window))
        window = taken
    v = cut(chain.input, window)
    for layer, taken, right, wanted in steps[::-1]:
        z = cut(layer.preactivation(v), _inside(right, taken))
        r = layer.upscale
        v = cut(layer.activated(z), _inside(wanted, (right[0] * r, right[1] * r, right[2] * r, right[3] * r)))
    return v


def _sizes(trace: Trace) -> list[tuple[int, int]]:
    """Height and width of the input of each layer."""
    found = [(int(trace.input.shape[-2]), int(trace.input.shape[-1]))]
    for layer in trace.layers[:-1]:
        found.append((found[-1][0] * layer.upscale, found[-1][1] * layer.upscale))
    return found


def _inside(window: Window, outer: Window) -> Window:
    """A window in the coordinates of another one that holds it."""
    return window[0] - outer[0], window[1] - outer[0], window[2] - outer[2], window[3] - outer[2]


def _of(values: np.ndarray, window: Window) -> np.ndarray:
    y0, y1, x0, x1 = window
    return values[..., y0:y1, x0:x1]
