"""Sums over the regions of many label maps, in as few passes as memory allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from xinc.canvas.reductions import region_sums

#: Label maps are summed over together as long as their joint regions need no more bytes than this.
_TOGETHER = 128e6


def region_sums_in_batches(
    layer: xr.Dataset, labels: Mapping[str, np.ndarray], frames: Sequence[int]
) -> dict[str, xr.DataArray]:
    """`xinc.canvas.reductions.region_sums` of any number of label maps (frame, y, x), within bounds of memory."""
    sums: dict[str, xr.DataArray] = {}
    for names in batches(labels, layer.sizes["neuron"]):
        sums |= region_sums(layer, {name: labels[name] for name in names}, frames)
    # In the order of the label maps, whatever the batches are.
    return {name: sums[name] for name in labels}


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
