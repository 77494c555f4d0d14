"""Idle neurons: those that nothing enters, and those without which the output is the same."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from xinc.interventions.ablation import Ablation
from xinc.models.base import INR
from xinc.trace.layers import BaseTrace

#: Pixels of a network of coordinates at which effects are looked for first.
_FEW = 256


def without_input(v: Tensor, channels: np.ndarray) -> np.ndarray:
    """Whether v_i = 0 at every pixel of a layer's input (C_in, h, w), (n,) bool, of channels i (n,); -1: of all."""
    silent = ~v.flatten(1).any(1).cpu().numpy()
    return np.where(channels < 0, silent.all(), silent[channels])


def without_effect(model: INR, trace: BaseTrace, layer: str, granularity: str, neurons: np.ndarray) -> np.ndarray:
    """Whether no pixel changes when a neuron is ablated, exactly as by `xinc.ablate`: (n,) bool of neurons (n,).

    Pixels of a network of coordinates do not know of each other: there most neurons are seen to have an effect at a few
    of them, and only what is left is looked for at all.
    """
    few = _thinned(trace)
    if few is not None:
        left = _unchanged(Ablation(model, few, layer, granularity), neurons)
        found = np.zeros(len(neurons), bool)
        if left.any():
            found[left] = _unchanged(Ablation(model, trace, layer, granularity), neurons[left])
        return found
    return _unchanged(Ablation(model, trace, layer, granularity), neurons)


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
