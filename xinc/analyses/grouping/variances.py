"""Variances over regions of the normalised deltas of contribution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from xinc.analyses.grouping.numbers import ROUNDING
from xinc.canvas.reductions import region_sums
from xinc.statistics.nan_reductions import nan_variance

#: Label maps are summed over together as long as their joint regions need no more bytes than this.
_TOGETHER = 128e6


def variances(data: xr.Dataset, labels: Mapping[str, np.ndarray], frames: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Variance (grouping, frame, neuron) of the normalised deltas over regions, and total |C| (frame, neuron)."""
    sums: dict[str, xr.DataArray] = {}
    for names in batches(labels, data.sizes["neuron"]):
        sums |= region_sums(data, {name: labels[name] for name in names}, frames)
    total = sums["grid"].sum("region").values
    out = []
    for name, stack in labels.items():
        regions = sums[name]["region"].values
        areas = (stack.reshape(len(frames), -1, 1) == regions).sum(1)[:, None]
        expected = areas / stack[0].size * total[..., None]
        there = (expected > 0) & (areas > 0)
        delta = (expected - sums[name].values) / np.where(there, expected, np.nan)
        variance = nan_variance(delta, -1)
        # What remains of a constant map is the rounding of its sums.
        out.append(np.where(variance < ROUNDING**2, 0, variance))
    return np.stack(out), total


def batches(labels: Mapping[str, np.ndarray], neurons: int) -> list[list[str]]:
    """Names of the label maps to sum over together: one pass over the maps for each batch, its sums within bounds."""
    found: list[tuple[list[str], np.ndarray]] = []
    for name, stack in labels.items():
        own = stack.astype(np.int64) - stack.min()
        for at, (names, codes) in enumerate(found):
            _, joint = np.unique(codes * (own.max() + 1) + own, return_inverse=True)
            joint = joint.reshape(own.shape)
            most = max(len(np.unique(one)) for one in joint)
            if most * neurons * 8 <= _TOGETHER:
                found[at] = ([*names, name], joint)
                break
        else:
            found.append(([name], own))
    return [names for names, _ in found]
