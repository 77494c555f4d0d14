"""Passes over contribution maps on a GPU, in blocks that fill it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from xinc.canvas.lazy import ExpandedMaps
from xinc.canvas.reductions import kernels_torch
from xinc.contributions.maps import LayerMaps
from xinc.runtime.devices import pick_device
from xinc.trace.layers import Array

if TYPE_CHECKING:
    from xinc.canvas.reductions.execute import Reduction

#: Size of a block of maps, in bytes; expanding it takes about four times as much.
_BLOCK_BYTES = 2**28


def reduce_on_gpu(
    source: ExpandedMaps, positions: Sequence[int], reductions: Sequence[Reduction]
) -> list[list[np.ndarray]] | None:
    """`execute.reduce_frames` of frames at these positions, on the GPU; None if it does not hold a map.

    Where its memory runs out, all begins anew with smaller blocks.
    """
    traced = [source.layer_at(at) for at in positions]
    size = max(1, min(source.shape[1], _BLOCK_BYTES // (4 * source.shape[2] * source.shape[3])))
    return source.room.fit(size, lambda at_once: _reduce(traced, source.shape, reductions, at_once), lambda: None)


@torch.no_grad()
def _reduce(
    traced: Sequence[tuple[LayerMaps, Array]],
    shape: tuple[int, int, int, int],
    reductions: Sequence[Reduction],
    size: int,
) -> list[list[np.ndarray]]:
    """The reductions of all neurons of these layers, ``size`` maps of each at a time."""
    device = pick_device()
    count, pixels = shape[1], shape[2] * shape[3]
    layers = [(maps.to(device), torch.as_tensor(v, device=device)) for maps, v in traced]
    constants = [[torch.from_numpy(c).to(device) for c in r.constants] for r in reductions]
    totals = [[torch.from_numpy(a).to(device) for a in r.start()] for r in reductions]
    for start in range(0, count, size):
        stop = min(start + size, count)
        select = torch.arange(start, stop, device=device)
        maps = [layer.expand(v, select).reshape(stop - start, pixels) for layer, v in layers]
        for r, fixed, total in zip(reductions, constants, totals, strict=True):
            rows = [a[start:stop] for a in total] if r.per_neuron else total
            getattr(kernels_torch, r.kernel)(*maps[: r.maps], *fixed, *rows)
    return [[a.cpu().numpy() for a in total] for total in totals]
