"""What is measured of one layer in one frame: maps of drawn neurons against their effects, and totals."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import xarray as xr

from xinc.analyses.faithfulness.names import MAPS
from xinc.canvas.layer import trace_layer
from xinc.canvas.reductions import neuron_statistics
from xinc.contributions.expansion import expand_into, expander
from xinc.contributions.gains import gains
from xinc.contributions.maps import LayerMaps
from xinc.interventions.ablation import Ablation
from xinc.models.base import INR
from xinc.models.storage import build
from xinc.runtime.devices import full_precision
from xinc.runtime.freed import give_freed_memory_back
from xinc.trace.layers import Array, BaseTrace

#: Bytes that the maps of one kind may take at a time.
_BYTES = 16e6


@dataclass
class Measured:
    """Of the drawn neurons of a layer in one frame.

    Attributes
    ----------
    agreement : by map, (n,) Pearson's r over pixels with the effect; NaN where one of them is constant.
    totals, effects : (n,) by name.
    idle : (m,) total effect of neurons that contribute nothing, as many as are drawn at most.
    idle_neurons : how many there are in the layer.
    example : of one neuron, its number and (3, H, W) maps: |C|, gained, effect.
    """

    agreement: dict[str, np.ndarray]
    totals: dict[str, np.ndarray]
    effects: dict[str, np.ndarray]
    idle: np.ndarray
    idle_neurons: int
    example: tuple[int, np.ndarray]


class Frame:
    """One frame of a network, with everything that its layers are compared by.

    Parameters
    ----------
    model : the network.
    frame : which frame.
    granularity : by layer, what a neuron is.
    probes, seed : of gains and controls.
    """

    def __init__(self, model: INR, frame: int, granularity: Mapping[str, str], probes: int, seed: int) -> None:
        self.model, self.frame, self._seed = model, frame, seed
        self.trace = model.trace(frame)
        self._inputs = self.trace.inputs()
        self._new = _reinitialised(model).trace(frame)
        self._new_inputs = self._new.inputs()
        self._granularity = granularity
        with full_precision():
            self._gains = {
                name: gains(self.trace, model.colours_of, [name], of, probes, (frame, seed))[name]
                for name, of in granularity.items()
            }

    def measure(self, layer: xr.Dataset, name: str, drawn: np.ndarray, generator: np.random.Generator) -> Measured:
        """What can be measured of the drawn neurons of a layer of the canvas, given as its dataset."""
        of = self._granularity[name]
        stored = layer["contribution"].sel(frame=self.frame)
        gained = replace(trace_layer(self.trace, name, of, False, self.model), gain=self._gains[name])
        new = trace_layer(self._new, name, of, False, self.model)
        shuffled = trace_layer(_shuffled(self.trace, name, generator), name, of, False, self.model)
        v, w = self._inputs[name], self._new_inputs[name]
        one = Ablation(self.model, self.trace, name, of)
        others = _of_same_phase(gained.neurons.phase, drawn, generator)
        parts: list[dict[str, np.ndarray]] = []
        totals: list[np.ndarray] = []
        size = max(1, int(_BYTES / (4 * stored.sizes["y"] * stored.sizes["x"])))
        middle = len(drawn) // 2
        example = (int(drawn[middle]), np.empty(0))
        for start in range(0, len(drawn), size):
            some, other = drawn[start : start + size], others[start : start + size]
            effect = effect_maps(one, some)
            maps = {
                "contribution": np.abs(stored.isel(neuron=some).values),
                "gained": _expanded(gained, v, some),
                "other": np.abs(stored.isel(neuron=np.maximum(other, 0)).values),
                "reinitialised": np.abs(_expanded(new, w, some)),
                "shuffled": np.abs(_expanded(shuffled, v, some)),
            }
            agreement = {kind: pearson(values, effect) for kind, values in maps.items()}
            agreement["other"][other < 0] = np.nan
            parts.append(agreement)
            sums = [values.sum((1, 2), dtype=np.float64) for values in (maps["contribution"], maps["gained"], effect)]
            totals.append(np.stack([*sums, np.square(effect, dtype=np.float64).sum((1, 2))]))
            if start <= middle < start + size:
                at = middle - start
                example = (example[0], np.stack([maps["contribution"][at], maps["gained"][at], effect[at]]))
            del maps, effect
            give_freed_memory_back()
        contribution, gain, absolute, squared = np.concatenate(totals, axis=1)
        weights, activation_weights = norms(gained, v)
        idle, idle_neurons = self._idle(layer, one, len(drawn))
        return Measured(
            {kind: np.concatenate([part[kind] for part in parts]) for kind in MAPS},
            {
                "contribution": contribution,
                "gained": gain,
                "weights": weights[drawn],
                "activation_weights": activation_weights[drawn],
            },
            {"absolute": absolute, "squared": squared},
            idle,
            idle_neurons,
            example,
        )

    def _idle(self, layer: xr.Dataset, one: Ablation, most: int) -> tuple[np.ndarray, int]:
        """Total effects of neurons that contribute nothing to the frame, and how many these are."""
        found = np.flatnonzero(neuron_statistics(layer, [self.frame])["total"].values[0] == 0)
        some = found[np.arange(min(most, len(found))) * len(found) // max(1, min(most, len(found)))]
        return np.array([effect_maps(one, [n]).sum(dtype=np.float64) for n in some]), len(found)


def effect_maps(one: Ablation, neurons: Any) -> np.ndarray:
    """How far the colours of each pixel move without each neuron, (n, H, W)."""
    wanted = np.asarray(neurons, np.int64)
    found = np.zeros((len(wanted), *one.colours.shape[-2:]), np.float32)
    done = 0
    for batch in one.batches(wanted):
        change, (y0, y1, x0, x1) = one.change(batch)
        found[done : done + len(batch), y0:y1, x0:x1] = change.square().sum(1).sqrt().cpu().numpy()
        done += len(batch)
    return found


def pearson(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Pearson's r of each of the maps (n, H, W) with that of the others; NaN where one is constant."""
    return np.array([_pearson(*pair) for pair in zip(maps, others, strict=True)], np.float64)


def _pearson(map_: np.ndarray, other: np.ndarray) -> float:
    """Of one map (H, W): both in float64 take more than all maps of a block in float32."""
    a, b = (values.ravel().astype(np.float64) for values in (map_, other))
    if not min(np.ptp(a), np.ptp(b)) > 0:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        return float((a * b).sum() / np.sqrt(np.square(a).sum() * np.square(b).sum()))


def norms(maps: LayerMaps, v: Array) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean norms (N,) of each neuron's weights, and of its weights times the norms of their inputs."""
    layer, reads = maps.layer, maps.layer.reads()
    edges = layer.arrays()["weight"].detach().abs().double().square().reshape(*reads.shape, -1).sum(-1).cpu()
    inputs = layer.energies(v.detach()).cpu()[torch.from_numpy(reads.copy())]
    found = []
    for values in (edges, edges * inputs):
        sums = layer.neuron_sums(maps.neurons.granularity, {"weight": values, "bias": torch.zeros(len(reads))})
        found.append(sums.sqrt().numpy())
    return found[0], found[1]


def _expanded(maps: LayerMaps, v: Array, neurons: np.ndarray) -> np.ndarray:
    height, width = maps.resolution((v.shape[-2], v.shape[-1]))
    return expand_into(expander(maps, v), neurons, np.empty((len(neurons), height, width), np.float32))


def _of_same_phase(phase: np.ndarray, drawn: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For each drawn neuron another of its PixelShuffle phase; -1 where there is none."""
    found = []
    for neuron in drawn:
        candidates = np.flatnonzero(phase == phase[neuron])
        candidates = candidates[candidates != neuron]
        found.append(int(generator.choice(candidates)) if len(candidates) else -1)
    return np.array(found, np.int64)


def _reinitialised(model: INR) -> INR:
    """The network with new random weights; what is not trained, such as Fourier features, stays.

    Of a module of the user's it is not known how weights are drawn: those of each parameter are exchanged at random.
    """
    if not model.registered:
        return _exchanged(model)
    new = build(model.name, model.settings, model.resolution, model.frames, model.num_frames, model.seed + 1)
    known = dict(model.named_buffers())
    with torch.no_grad():
        for name, buffer in new.named_buffers():
            if name in known and known[name].shape == buffer.shape:
                buffer.copy_(known[name])
    return new.eval()


@torch.no_grad()
def _exchanged(model: INR) -> INR:
    """The network with the numbers in each of its parameters in a random order."""
    new, generator = copy.deepcopy(model), torch.Generator().manual_seed(model.seed + 1)
    for parameter in new.parameters():
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return new.eval()


def _shuffled(trace: BaseTrace, name: str, generator: np.random.Generator) -> BaseTrace:
    """The trace with the kernels of one layer exchanged at random; of a linear layer or tables, with its weights."""
    at = trace.position(name)
    weight, kernels = trace.layers[at].arrays()["weight"], trace.layers[at].reads()
    order = torch.from_numpy(generator.permutation(kernels.size)).to(weight.device)
    whole = weight.flatten(0, kernels.ndim - 1)
    layer = trace.layers[at].with_arrays({"weight": whole[order].view(weight.shape)})
    return trace.with_layers([*trace.layers[:at], layer, *trace.layers[at + 1 :]])
