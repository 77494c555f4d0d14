"""Idle neurons: those that nothing enters, and those without which the output is the same."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from xinc.interventions.ablation import Ablation
from xinc.models.base import INR
from xinc.trace.layers import BaseTrace, Layer

#: Pixels of a network of coordinates at which effects are looked for first.
_FEW = 256


def without_input(v: Tensor, channels: np.ndarray) -> np.ndarray:
    """Whether v_i = 0 at every pixel of a layer's input (C_in, h, w), (n,) bool, of channels i (n,); -1: of all."""
    silent = ~v.flatten(1).any(1).cpu().numpy()
    return np.where(channels < 0, silent.all(), silent[channels])


def without_effect(model: INR, trace: BaseTrace, layer: str, granularity: str, neurons: np.ndarray) -> np.ndarray:
    """Whether no pixel changes when a neuron is ablated, exactly as by `xinc.ablate`: (n,) bool of neurons (n,).

    Pixels of a network of coordinates do not know of each other: there most neurons are seen to have an effect at a few
    of them, and only what is left is looked for at all. Numbers of a look-up that are 0, or that no pixel reads, have
    none, and are not looked for.
    """
    own = trace.layers[trace.position(layer)]
    if own.sparse:
        found = _not_read(own, trace.input_of(layer))[neurons]
        if not found.all():
            found[~found] = _unchanged(Ablation(model, trace, layer, granularity), neurons[~found])
        return found
    few = _thinned(trace)
    if few is not None:
        left = _unchanged(Ablation(model, few, layer, granularity), neurons)
        found = np.zeros(len(neurons), bool)
        if left.any():
            found[left] = _unchanged(Ablation(model, trace, layer, granularity), neurons[left])
        return found
    return _unchanged(Ablation(model, trace, layer, granularity), neurons)


def _not_read(layer: Layer, v: Tensor) -> np.ndarray:
    """Whether a number of a look-up is 0 or read by no pixel of its input: (N,) bool."""
    entries, _ = layer.edges()
    read = layer.energies(v).cpu().numpy()[entries] > 0
    weights = layer.neuron_sums("kernel", layer.arrays()).cpu().numpy()
    unread: np.ndarray = ~read | (weights == 0)
    return unread


def _unchanged(ablation: Ablation, neurons: np.ndarray) -> np.ndarray:
    parts = [~ablation.change(batch)[0].flatten(1).any(1).cpu().numpy() for batch in ablation.batches(neurons)]
    return np.concatenate(parts)


def _thinned(trace: BaseTrace) -> BaseTrace | None:
    """The trace at a few pixels, evenly spread; None where layers mix pixels, or there are no more."""
    height, width = trace.input_of(trace.layers[0].name).shape[-2:]
    step = int(np.sqrt(height * width / _FEW))
    if step < 2:
        return None
    numbers = np.arange(height * width).reshape(height, width)
    return trace.at(numbers[step // 2 :: step, step // 2 :: step])
