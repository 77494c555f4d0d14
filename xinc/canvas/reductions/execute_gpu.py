"""Passes over contribution maps on a GPU, in blocks that fill it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from xinc.canvas.lazy import Part
from xinc.canvas.reductions import kernels_torch
from xinc.contributions.maps import LayerMaps
from xinc.runtime import task
from xinc.runtime.devices import pick_device
from xinc.runtime.progress import Progress
from xinc.trace.layers import Array
from xinc.trace.windows import Window

if TYPE_CHECKING:
    from xinc.canvas.reductions.execute import Reduction

#: Size of a block of maps, in bytes; expanding it takes about four times as much.
_BLOCK_BYTES = 2**28


def reduce_on_gpu(
    part: Part,
    positions: Sequence[int],
    reductions: Sequence[Reduction],
    window: Window,
    progress: Progress | None = None,
) -> list[list[np.ndarray]] | None:
    """`execute.reduce_frames` of frames at these positions, on the GPU; None if it does not hold a map.

    Where its memory runs out, all begins anew with smaller blocks.
    """
    y, x = part.window[0], part.window[2]
    moved = (window[0] + y, window[1] + y, window[2] + x, window[3] + x)
    traced = [part.source.layer_at(int(part.frames[at])) for at in positions]
    pixels = (window[1] - window[0]) * (window[3] - window[2])
    size = max(1, min(len(part.neurons), _BLOCK_BYTES // (4 * pixels)))

    def at_once(size: int) -> list[list[np.ndarray]]:
        return _reduce(traced, part.neurons, moved, reductions, size, progress)

    return part.source.room.fit(size, at_once, lambda: None)


@torch.no_grad()
def _reduce(
    traced: Sequence[tuple[LayerMaps, Array]],
    neurons: np.ndarray,
    window: Window,
    reductions: Sequence[Reduction],
    size: int,
    progress: Progress | None,
) -> list[list[np.ndarray]]:
    """The reductions of these neurons on a window, ``size`` maps at a time."""
    device = pick_device()
    layers = [(maps.to(device), torch.as_tensor(v, device=device)) for maps, v in traced]
    constants = [[torch.from_numpy(c).to(device) for c in (*r.constants, *r.images)] for r in reductions]
    totals = [[torch.from_numpy(a).to(device) for a in r.start()] for r in reductions]
    every = torch.as_tensor(neurons, device=device)
    for start in range(0, len(neurons), size):
        task.check()
        select = every[start : start + size]
        stop = start + len(select)
        maps = [layer.expand(v, select, window).reshape(len(select), -1) for layer, v in layers]
        for r, fixed, total in zip(reductions, constants, totals, strict=True):
            rows = [a[start:stop] for a in total] if r.per_neuron else total
            getattr(kernels_torch, r.kernel)(*maps[: r.maps], *fixed, *rows)
        if progress is not None:
            progress.update(len(select))
    return [[a.cpu().numpy() for a in total] for total in totals]
