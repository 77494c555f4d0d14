"""Passes over contribution maps on the CPU: each block is expanded, reduced and dropped while it is in cache.

On the CPU a block lies in a core's cache, and the neurons of a layer are shared out to `cpu_threads` in pieces that do
not depend on their number, so that results do not either. On a GPU (`execute_gpu`) blocks fill it. The kernels
are the same functions for both (`kernels`, `kernels_torch`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xinc.canvas.lazy import ExpandedMaps, expanded_maps
from xinc.canvas.reductions import kernels
from xinc.contributions.expansion import BLOCK_BYTES
from xinc.runtime.devices import cpu_threads, has_gpu

#: Into how many pieces the neurons of a layer are shared out on the CPU; each has accumulators of its own.
_PIECES = 8

#: From numbers of neurons and a buffer (n, H, W) to their maps of one frame.
_Maps = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Reduction:
    """A kernel, and what it is given besides maps: ``kernel(*maps, *constants, *accumulators)``.

    Attributes
    ----------
    kernel : name of a function of `xinc.canvas.reductions.kernels`.
    accumulators : shape and type of each; they start as zeros.
    constants : arrays that the kernel reads.
    per_neuron : whether accumulators have a row per neuron, of which a kernel gets those of its block; otherwise the
        accumulators of all pieces add up.
    maps : how many frames' maps the kernel compares; of those given to `reduce_frames`, the first.
    """

    kernel: str
    accumulators: tuple[tuple[tuple[int, ...], Any], ...]
    constants: tuple[np.ndarray, ...] = ()
    per_neuron: bool = False
    maps: int = 1

    def start(self) -> list[np.ndarray]:
        return [np.zeros(shape, dtype) for shape, dtype in self.accumulators]


def reduce_frames(layer: xr.Dataset, frames: Sequence[int], reductions: Sequence[Reduction]) -> list[list[np.ndarray]]:
    """Run reductions over all neurons of a layer, together, in one pass.

    Parameters
    ----------
    layer : a layer of a canvas.
    frames : labels of the frames whose maps are expanded side by side: one, or two to compare.
    reductions : what to compute.

    Returns
    -------
    The accumulators of each reduction.
    """
    known = layer["frame"].values.tolist()
    positions = [known.index(frame) for frame in frames]
    variable = layer["contribution"].variable
    source = expanded_maps(variable)
    if source is not None and has_gpu():
        from xinc.canvas.reductions.execute_gpu import reduce_on_gpu

        found = reduce_on_gpu(source, positions, reductions)
        if found is not None:
            return found
    maps = [_stored_maps(variable, at) if source is None else _expanded_maps(source, at) for at in positions]
    sizes = variable.sizes
    return _on_cpu(maps, (sizes["neuron"], sizes["y"], sizes["x"]), reductions)


def _expanded_maps(source: ExpandedMaps, position: int) -> _Maps:
    expand = source.at(position)
    window = (0, source.shape[2], 0, source.shape[3])
    return lambda neurons, buffer: expand(neurons, window, buffer)


def _stored_maps(variable: xr.Variable, position: int) -> _Maps:
    """Through xarray: maps on disk, and lazy ones of which a part was taken."""
    variable = variable.isel(frame=position).transpose("neuron", "y", "x")

    def read(neurons: np.ndarray, buffer: np.ndarray) -> np.ndarray:
        buffer[...] = variable.isel(neuron=slice(neurons[0], neurons[-1] + 1)).values
        return buffer

    return read


def _on_cpu(
    sources: Sequence[_Maps], shape: tuple[int, int, int], reductions: Sequence[Reduction]
) -> list[list[np.ndarray]]:
    count, height, width = shape
    size = max(1, BLOCK_BYTES // (4 * height * width))
    bounds = np.linspace(0, count, max(1, min(_PIECES, count)) + 1).astype(int)
    shared = [r.start() if r.per_neuron else [] for r in reductions]

    def piece(first: int, last: int) -> list[list[np.ndarray]]:
        own = [[] if r.per_neuron else r.start() for r in reductions]
        buffers = np.empty((len(sources), min(size, last - first), height, width), np.float32)
        for start in range(first, last, size):
            neurons = np.arange(start, min(start + size, last))
            maps = [
                maps_of(neurons, buffer[: len(neurons)]).reshape(len(neurons), -1)
                for maps_of, buffer in zip(sources, buffers, strict=True)
            ]
            for r, everyone, mine in zip(reductions, shared, own, strict=True):
                rows = [a[start : start + len(neurons)] for a in everyone] if r.per_neuron else mine
                getattr(kernels, r.kernel)(*maps[: r.maps], *r.constants, *rows)
        return own

    with ThreadPoolExecutor(cpu_threads()) as pool:
        pieces = list(pool.map(piece, bounds[:-1], bounds[1:]))

    def merged(at: int) -> list[np.ndarray]:
        return [sum(parts[1:], start=parts[0]) for parts in zip(*(own[at] for own in pieces), strict=True)]

    return [shared[at] if r.per_neuron else merged(at) for at, r in enumerate(reductions)]
