"""Contribution maps on their way through kernels on a GPU: in blocks that fill it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from xinc.canvas import kernels_torch
from xinc.canvas.lazy import ExpandedMaps
from xinc.canvas.streaming import Reduction
from xinc.devices import pick_device

#: Size of a block of maps, in bytes; expanding it takes about four times as much.
_BLOCK_BYTES = 2**28


def reduce_on_gpu(
    source: ExpandedMaps, positions: Sequence[int], reductions: Sequence[Reduction]
) -> list[list[np.ndarray]]:
    """`xinc.canvas.streaming.reduce_frames` of frames at these positions, on the GPU."""
    device = pick_device()
    count, pixels = source.shape[1], source.shape[2] * source.shape[3]
    traced = [source.layer_at(at) for at in positions]
    layers = [(maps.to(device), torch.as_tensor(v, device=device)) for maps, v in traced]
    constants = [[torch.from_numpy(c).to(device) for c in r.constants] for r in reductions]

    @torch.no_grad()
    def block(first: int, last: int) -> list[list[Tensor]]:
        """Accumulators of these neurons alone, so that a block that fails for want of memory leaves no trace."""
        select = torch.arange(first, last, device=device)
        maps = [layer.expand(v, select).reshape(last - first, pixels) for layer, v in layers]
        results = []
        for r, fixed in zip(reductions, constants, strict=True):
            shapes = [((last - first, *s[1:]) if r.per_neuron else s, d) for s, d in r.accumulators]
            own = [torch.from_numpy(np.zeros(shape, dtype)).to(device) for shape, dtype in shapes]
            getattr(kernels_torch, r.kernel)(*maps[: r.maps], *fixed, *own)
            results.append(own)
        return results

    totals = [[torch.from_numpy(a).to(device) for a in r.start()] for r in reductions]
    start, size = 0, max(1, min(count, _BLOCK_BYTES // (4 * pixels)))
    while start < count:
        stop = min(start + size, count)
        found = None
        try:
            found = block(start, stop)
        except torch.cuda.OutOfMemoryError:
            if size == 1:
                raise
        if found is None:  # out of the handler, which keeps the failed block's tensors alive
            size = -(-size // 2)
            torch.cuda.empty_cache()
            warnings.warn(f"The GPU's memory does not hold {stop - start} maps: blocks of {size} now.", stacklevel=2)
            continue
        for r, total, own in zip(reductions, totals, found, strict=True):
            for a, b in zip(total, own, strict=True):
                (a[start:stop] if r.per_neuron else a).add_(b)
        start = stop
    return [[a.cpu().numpy() for a in total] for total in totals]
