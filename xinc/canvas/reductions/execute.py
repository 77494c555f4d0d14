"""Passes over contribution maps on the CPU: each block is expanded, reduced and dropped while it is in cache.

On the CPU a block lies in a core's cache, of large frames a tile at a time, its maps side by side as compiled code
computes them, and the neurons of a layer are shared out to `cpu_threads` in pieces that do not depend on their number,
so that results do not either. On a GPU (`execute_gpu`) blocks fill it. The kernels are the same functions for both
(`kernels`, `kernels_torch`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from xinc.canvas.lazy import Part, expanded_part
from xinc.canvas.reductions import kernels, kernels_sparse
from xinc.contributions.expansion import BLOCK_BYTES, beside, few_values, in_tiles
from xinc.contributions.kernels.compiled import lay_side_by_side
from xinc.runtime.devices import cpu_threads, has_gpu
from xinc.runtime.lanes import LANES, aligned
from xinc.runtime.progress import Progress
from xinc.runtime.task import in_threads
from xinc.trace.windows import Window

#: Into how many pieces the neurons of a layer are shared out on the CPU; each has accumulators of its own.
_PIECES = 8

#: Size of a block of maps of a tile, in bytes: it stays in a cache, yet is much beside what it takes to ask for one.
_TILE_BYTES = 2**22

#: Size of the maps that are held where they come as a whole, in bytes, but one map at least: sixteen of half a million
#: pixels fill the vectors of compiled code.
_WHOLE_BYTES = 2**25

#: Groups of maps in a block of a tile: sums over neurons add them up before the maps of a group.
_GROUPS = 4

#: Maps in a block at most, however small they are: between two blocks work can be cancelled.
_MOST_MAPS = 4096

#: Sparse maps in a block at most: between two blocks work can be cancelled.
_MOST_SPARSE_MAPS = 2**16

#: Puts maps of one frame on a window into an array (groups, P, 16), for `kernels`.
_Put = Callable[[Window, np.ndarray], None]
#: From numbers of neurons, and what to call now and then, to what puts their maps.
_Maps = Callable[[np.ndarray, Callable[[], None]], _Put]


@dataclass(frozen=True)
class Reduction:
    """A kernel, and what it is given besides n maps: ``kernel(*maps, n, *constants, *images, *accumulators)``.

    It is given the pixels of a tile at a time, and those of images and accumulators that belong to them, so that it
    must add to what accumulators hold.

    Attributes
    ----------
    kernel : name of a function of `xinc.canvas.reductions.kernels`.
    accumulators : shape and type of each; they start as zeros.
    constants : arrays that the kernel reads.
    per_neuron : whether accumulators have a row per neuron, of which a kernel gets those of its block; otherwise the
        accumulators of all pieces add up.
    images : arrays (P,) that the kernel reads, a number for each pixel.
    per_pixel : whether the last axis of accumulators is that of pixels, (…, P).
    maps : how many frames' maps the kernel compares; of those given to `reduce_frames`, the first.
    """

    kernel: str
    accumulators: tuple[tuple[tuple[int, ...], Any], ...]
    constants: tuple[np.ndarray, ...] = ()
    per_neuron: bool = False
    images: tuple[np.ndarray, ...] = ()
    per_pixel: bool = False
    maps: int = 1

    def start(self, pixels: int | None = None) -> list[np.ndarray]:
        """Accumulators, of a tile of so many pixels where they have a number for each."""
        tile = pixels if self.per_pixel else None
        return [np.zeros(shape if tile is None else (*shape[:-1], tile), dtype) for shape, dtype in self.accumulators]


def reduce_frames(
    layer: xr.Dataset,
    frames: Sequence[int],
    reductions: Sequence[Reduction],
    window: Window | None = None,
    progress: Progress | None = None,
) -> list[list[np.ndarray]]:
    """Run reductions over all neurons of a layer, together, in one pass.

    Parameters
    ----------
    layer : a layer of a canvas.
    frames : labels of the frames whose maps are expanded side by side: one, or two to compare.
    reductions : what to compute.
    window : (y0, y1, x0, x1) of the maps (default: all): nothing else is expanded, and P is the pixels in it.
    progress : told how many neurons are done.

    Returns
    -------
    The accumulators of each reduction.

    Raises
    ------
    Cancelled : the `xinc.Task` around it was cancelled; it looks between blocks of maps.
    """
    known = layer["frame"].values.tolist()
    positions = [known.index(frame) for frame in frames]
    variable = layer["contribution"].variable
    sizes = variable.sizes
    wanted = (0, sizes["y"], 0, sizes["x"]) if window is None else window
    part = expanded_part(variable)
    sparse = None if part is None else _sparse_maps(part, positions, wanted)
    if sparse is not None:
        return _on_few_values(sparse, (sizes["neuron"], wanted), reductions, progress)
    if part is not None and has_gpu():
        from xinc.canvas.reductions.execute_gpu import reduce_on_gpu

        found = reduce_on_gpu(part, positions, reductions, wanted, progress)
        if found is not None:
            return found
    maps = [
        _stored_maps(variable, at, wanted) if part is None else _expanded_maps(part, at, wanted) for at in positions
    ]
    whole = part is None or not all(in_tiles(part.source.at(int(part.frames[at]))) for at in positions)
    shape = (sizes["neuron"], wanted[1] - wanted[0], wanted[3] - wanted[2])
    return _on_cpu(maps, shape, reductions, whole, progress)


def _expanded_maps(part: Part, position: int, window: Window) -> _Maps:
    expand = part.source.at(int(part.frames[position]))
    y, x = part.window[0] + window[0], part.window[2] + window[2]
    if not in_tiles(expand):
        whole = (y, window[1] + part.window[0], x, window[3] + part.window[2])
        step = max(1, BLOCK_BYTES // (4 * (window[1] - window[0]) * (window[3] - window[2])))
        return _read_whole(lambda neurons: expand(part.neurons[neurons], whole, None), step)
    put = beside(expand)

    def of(neurons: np.ndarray, _: Callable[[], None]) -> _Put:
        select = part.neurons[neurons]
        return lambda tile, out: put(select, (tile[0] + y, tile[1] + y, tile[2] + x, tile[3] + x), out)

    return of


def _read_whole(read: Callable[[np.ndarray], np.ndarray], step: int) -> _Maps:
    """Of what gives maps (n, h, w) as a whole: it is asked for ``step`` at a time, then bands of their rows are put."""

    def of(neurons: np.ndarray, check: Callable[[], None]) -> _Put:
        parts = []
        for start in range(0, len(neurons), step):
            check()
            parts.append(np.asarray(read(neurons[start : start + step]), np.float32))
        maps = np.concatenate(parts) if len(parts) > 1 else np.ascontiguousarray(parts[0])
        rows, width = maps.reshape(len(neurons), -1), maps.shape[2]
        return lambda band, out: lay_side_by_side(rows, out, band[0] * width)

    return of


#: From numbers of neurons to what is not zero in their maps of one frame: starts, pixels and values.
_FewValues = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def _sparse_maps(part: Part, positions: Sequence[int], window: Window) -> list[_FewValues] | None:
    """The maps of some frames on a window where they are sparse, otherwise None."""
    y, x = part.window[0], part.window[2]
    placed = (window[0] + y, window[1] + y, window[2] + x, window[3] + x)

    def of(values: Any) -> _FewValues:
        return lambda neurons: values(part.neurons[neurons], placed)

    found = [few_values(part.source.at(int(part.frames[at]))) for at in positions]
    return None if None in found else [of(values) for values in found]


def _on_few_values(
    sources: Sequence[_FewValues],
    shape: tuple[int, Window],
    reductions: Sequence[Reduction],
    progress: Progress | None,
) -> list[list[np.ndarray]]:
    """`reduce_frames` of sparse maps: of a number of neurons on a window, without their zeros."""
    count, (y0, y1, x0, x1) = shape
    pixels = (y1 - y0) * (x1 - x0)
    bounds = np.linspace(0, count, min(_PIECES, count) + 1).astype(int)
    shared = [r.start() if r.per_neuron else [] for r in reductions]

    def piece(ends: tuple[int, int], check: Callable[[], None]) -> list[list[np.ndarray]]:
        own = [[] if r.per_neuron else r.start() for r in reductions]
        for start in range(*ends, _MOST_SPARSE_MAPS):
            check()
            neurons = np.arange(start, min(start + _MOST_SPARSE_MAPS, ends[1]))
            maps = [values_of(neurons) for values_of in sources]
            for r, everyone, held in zip(reductions, shared, own, strict=True):
                rows = [a[start : start + len(neurons)] for a in everyone] if r.per_neuron else held
                few = [array for one in maps[: r.maps] for array in one]
                getattr(kernels_sparse, r.kernel)(*few, pixels, *r.constants, *r.images, *rows)
            if progress is not None:
                progress.update(len(neurons))
        return own

    pieces = in_threads(piece, pairwise(bounds), cpu_threads())
    return [
        shared[at]
        if r.per_neuron
        else [sum(parts[1:], start=parts[0]) for parts in zip(*(own[at] for own in pieces), strict=True)]
        for at, r in enumerate(reductions)
    ]


def _stored_maps(variable: xr.Variable, position: int, window: Window) -> _Maps:
    """Through xarray: maps on disk, in memory, and lazy ones that were selected in another way."""
    place = {"frame": position, "y": slice(*window[:2]), "x": slice(*window[2:])}
    variable = variable.isel(place).transpose("neuron", "y", "x")

    # A block at once: a chunk on disk has several neurons, all of which are decompressed for one.
    return _read_whole(lambda neurons: variable.isel(neuron=slice(neurons[0], neurons[-1] + 1)).values, _MOST_MAPS)


def _tiles(height: int, width: int) -> Iterator[Window]:
    """Windows that make up a frame, of which a block has at least `_GROUPS` groups of maps side by side."""
    most = max(1, _TILE_BYTES // (4 * LANES * _GROUPS))
    widest = min(most, int((4 * most) ** 0.5))  # up to four times as wide as high
    across = -(-width // -(-width // widest))
    rows = -(-height // -(-height // max(1, min(height, most // across))))
    for y in range(0, height, rows):
        for x in range(0, width, across):
            yield y, min(y + rows, height), x, min(x + across, width)


def _bands(height: int, width: int) -> Iterator[Window]:
    """Rows of a frame, of which a block has a group of maps side by side."""
    rows = max(1, _TILE_BYTES // (4 * LANES * width))
    for y in range(0, height, rows):
        yield y, min(y + rows, height), 0, width


def _whole_maps(pixels: int) -> int:
    """How many maps that come as a whole are held: as many as fill the vectors of compiled code, if memory allows."""
    return min(max(LANES, BLOCK_BYTES // (4 * pixels)), _WHOLE_BYTES // (4 * pixels))


def _on_cpu(
    sources: Sequence[_Maps],
    shape: tuple[int, int, int],
    reductions: Sequence[Reduction],
    whole: bool,
    progress: Progress | None,
) -> list[list[np.ndarray]]:
    count, height, width = shape
    windows = list(_bands(height, width) if whole else _tiles(height, width))
    pixels = [(y1 - y0) * (x1 - x0) for y0, y1, x0, x1 in windows]
    size = _whole_maps(height * width) if whole else _TILE_BYTES // (4 * max(pixels))
    size = min(max(1, size), _MOST_MAPS)
    size -= size % LANES if size > LANES else 0
    blocks = -(-count // min(LANES, size))
    bounds = np.linspace(0, blocks, max(1, min(_PIECES, blocks)) + 1).astype(int) * min(LANES, size)
    bounds[-1] = count
    shared = [r.start() if r.per_neuron else [] for r in reductions]
    images = [[_seen(r, window, width) for r in reductions] for window in windows]

    def piece(ends: tuple[int, int], check: Callable[[], None]) -> list[list[list[np.ndarray]]]:
        """The accumulators of each reduction for each tile, the same ones for all where they are not of pixels."""
        first, last = ends
        own = [[[] if r.per_neuron else r.start(pixels[0]) for r in reductions]]
        for each in pixels[1:]:
            own.append([r.start(each) if r.per_pixel else kept for r, kept in zip(reductions, own[0], strict=True)])
        groups = -(-min(size, last - first) // LANES)
        memory = aligned((len(sources), groups * max(pixels) * LANES))
        for start in range(first, last, size):
            neurons = np.arange(start, min(start + size, last))
            groups = -(-len(neurons) // LANES)
            check()
            puts = [maps_of(neurons, check) for maps_of in sources]
            for window, area, of_tile, mine in zip(windows, pixels, images, own, strict=True):
                check()
                maps = [buffer[: groups * area * LANES].reshape(groups, area, LANES) for buffer in memory]
                for put, buffer in zip(puts, maps, strict=True):
                    put(window, buffer)
                for r, everyone, seen, held in zip(reductions, shared, of_tile, mine, strict=True):
                    rows = [a[start : start + len(neurons)] for a in everyone] if r.per_neuron else held
                    getattr(kernels, r.kernel)(*maps[: r.maps], len(neurons), *r.constants, *seen, *rows)
            if progress is not None:
                progress.update(len(neurons))
        return own

    pieces = in_threads(piece, pairwise(bounds), cpu_threads())

    def merged(at: int) -> list[np.ndarray]:
        found = [
            [sum(parts[1:], start=parts[0]) for parts in zip(*(own[tile][at] for own in pieces), strict=True)]
            for tile in range(len(windows) if reductions[at].per_pixel else 1)
        ]
        if not reductions[at].per_pixel:
            return found[0]
        totals = reductions[at].start()
        for window, parts in zip(windows, found, strict=True):
            for total, part in zip(totals, parts, strict=True):
                y0, y1, x0, x1 = window
                image = total.reshape(*total.shape[:-1], height, width)
                image[..., y0:y1, x0:x1] = part.reshape(*part.shape[:-1], y1 - y0, x1 - x0)
        return totals

    return [shared[at] if r.per_neuron else merged(at) for at, r in enumerate(reductions)]


def _seen(reduction: Reduction, window: Window, width: int) -> Sequence[np.ndarray]:
    """What a kernel is given of images (P,), those of a window (p,); of labels their pixels by region."""
    y0, y1, x0, x1 = window
    parts = [image.reshape(-1, width)[y0:y1, x0:x1].ravel() for image in reduction.images]
    return kernels.by_region(*parts) if reduction.kernel == "region_sums" else parts
