"""Contribution maps as a lazily indexed array, computed only where they are asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from xinc.canvas.layer import neuron_coordinates
from xinc.canvas.schema import ATTRIBUTES, GAINED, LayerRecord
from xinc.contributions.expansion import Expander, expand_into, expander, in_tiles
from xinc.contributions.maps import LayerMaps
from xinc.contributions.neurons import Neurons
from xinc.runtime.gpu_memory import Room
from xinc.runtime.kept import Kept
from xinc.trace.layers import Array
from xinc.trace.windows import Window

#: Size of the chunks that ``chunks={}`` makes of maps that are expanded when read, in bytes.
DASK_CHUNK_BYTES = 2**26


class ExpandedMaps(BackendArray):
    """The array (frame, neuron, y, x) of one layer, expanded when indexed.

    Parameters
    ----------
    shape : (frames, neurons, H, W).
    layer_at : from a position on the frame axis to the layer's maps and its input (C_in, h, w). Where it has them, its
        ``check()`` raises where maps are not valid any more; ``prepare(positions)`` reads several frames at once,
        ``at_once`` of them.
    kept : what keeps that which expands the maps of a frame.

    Attributes
    ----------
    room : how many maps the memory of a GPU holds, where they are expanded on one.
    """

    def __init__(
        self, shape: tuple[int, int, int, int], layer_at: Callable[[int], tuple[LayerMaps, Array]], kept: Kept
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(np.float32)
        self.layer_at = layer_at
        self.room = Room(f"a map of {shape[2]}x{shape[3]}", f"maps of {shape[2]}x{shape[3]}")
        self.kept, self._key = kept, object()

    def __reduce__(self) -> tuple[Any, ...]:
        return ExpandedMaps, (self.shape, self.layer_at, self.kept)

    def __deepcopy__(self, memo: dict[int, Any]) -> ExpandedMaps:
        """Of what is on disk the same: xarray's copies are deep, and would read all again."""
        layer_at = copy.deepcopy(self.layer_at, memo)
        return self if layer_at is self.layer_at else ExpandedMaps(self.shape, layer_at, self.kept)

    def _expander(self, position: int) -> tuple[Expander, int]:
        maps, v = self.layer_at(position)
        expand = expander(maps, v, self.room)
        return expand, held_bytes(expand, maps, v)

    def at(self, position: int) -> Expander:
        """What expands the maps of one frame; safe to use from several threads."""
        check = getattr(self.layer_at, "check", None)
        if check is not None:
            check()
        return self.kept.get((self._key, position), lambda: self._expander(position), lambda found: found[1])[0]

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        frames, neurons, ys, xs = (np.arange(size)[part] for size, part in zip(self.shape, key, strict=True))
        out = np.empty([np.atleast_1d(axis).size for axis in (frames, neurons, ys, xs)], self.dtype)
        if out.size:
            rows, columns = np.atleast_1d(ys), np.atleast_1d(xs)
            window = (int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1)
            positions = [int(frame) for frame in np.atleast_1d(frames)]
            for at, frame in enumerate(positions):
                self._prepare(positions, at)
                self._fill(out[at], frame, np.atleast_1d(neurons), window, rows, columns)
        # An integer index drops its axis.
        return out.reshape([axis.size for axis in (frames, neurons, ys, xs) if axis.ndim])

    def _prepare(self, positions: Sequence[int], at: int) -> None:
        """Before the ``at``-th of these frames, have some of them read where that is quicker."""
        step = getattr(self.layer_at, "at_once", 1)
        if step > 1 and at % step == 0:
            self.layer_at.prepare(positions[at : at + step])  # type: ignore[attr-defined]

    def _fill(
        self, out: np.ndarray, frame: int, neurons: np.ndarray, window: Window, rows: np.ndarray, columns: np.ndarray
    ) -> None:
        """Expand the window that holds all pixels asked for, and take them out of it where they are not all of it."""
        if np.array_equal(rows, np.arange(*window[:2])) and np.array_equal(columns, np.arange(*window[2:])):
            expand_into(self.at(frame), neurons, out, window)
            return

        def expand(select: np.ndarray, wider: Window, target: np.ndarray | None) -> np.ndarray:
            block = self.at(frame)(select, wider, None)[:, rows[:, None] - window[0], columns - window[2]]
            assert target is not None
            target[...] = block
            return target

        expand_into(expand, neurons, out, window)


@dataclass(frozen=True)
class Part:
    """Lazily expanded maps of which some may have been selected.

    Attributes
    ----------
    source : all of them.
    frames, neurons : positions of those selected, in their order.
    window : (y0, y1, x0, x1) of the maps.
    """

    source: ExpandedMaps
    frames: np.ndarray
    neurons: np.ndarray
    window: Window

    @property
    def whole(self) -> bool:
        """Whether it is all of them, in order."""
        axes = (self.frames, self.neurons, np.arange(*self.window[:2]), np.arange(*self.window[2:]))
        return all(np.array_equal(axis, np.arange(size)) for axis, size in zip(axes, self.source.shape, strict=True))


def expanded_part(variable: xr.Variable) -> Part | None:
    """The lazily expanded maps that a variable holds; None of any other, and where pixels are not those of a window."""
    data: Any = variable._data
    while isinstance(data, indexing.CopyOnWriteArray | indexing.MemoryCachedArray):
        data = data.array
    if not isinstance(data, indexing.LazilyIndexedArray) or not isinstance(data.array, ExpandedMaps):
        return None
    if variable.dims != ("frame", "neuron", "y", "x"):
        return None
    frames, neurons, *places = (
        np.arange(size)[part] for size, part in zip(data.array.shape, data.key.tuple, strict=True)
    )
    if any(not len(at) or (np.diff(at) != 1).any() for at in places):
        return None
    rows, columns = places
    window = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    return Part(data.array, frames, neurons, window)


def expanded_maps(variable: xr.Variable) -> ExpandedMaps | None:
    """The lazily expanded maps that a variable is, whole and in order; None for any other variable."""
    part = expanded_part(variable)
    return part.source if part is not None and part.whole else None


def held_bytes(expand: Expander, maps: LayerMaps, v: Array) -> int:
    """Bytes of the arrays that hold what expands maps of an input, but for the layer's weights."""
    if not in_tiles(expand):
        return sum(int(array.nbytes) for array in (v, maps.gain) if array is not None)
    # Of a layer on a GPU there are copies, which count.
    on_cpu = (one for one in maps.layer.arrays().values() if getattr(one.device, "type", one.device) == "cpu")
    weights = [np.asarray(array) for array in on_cpu]
    own = (array for array in vars(expand).values() if isinstance(array, np.ndarray))
    return sum(array.nbytes for array in own if not any(np.may_share_memory(array, other) for other in weights))


def lazy_dataset(
    record: LayerRecord,
    frames: Sequence[int],
    neurons: Neurons,
    layer_at: Callable[[int], tuple[LayerMaps, Array]],
    kept: Kept,
) -> xr.Dataset:
    """A dataset whose variable ``contribution`` (frame, neuron, y, x) is computed where it is read: `ExpandedMaps`."""
    height, width = record.resolution
    array = ExpandedMaps((len(frames), len(neurons), height, width), layer_at, kept)
    stored = record.model_dump(mode="json")
    block = min(len(neurons), max(1, DASK_CHUNK_BYTES // (4 * height * width)))
    variable = xr.Variable(
        ("frame", "neuron", "y", "x"),
        indexing.LazilyIndexedArray(array),
        GAINED if record.gain == "applied" else ATTRIBUTES["contribution"],
        {"preferred_chunks": {"frame": 1, "neuron": block, "y": height, "x": width}, "xinc": stored},
    )
    axes = {"frame": np.asarray(frames), "neuron": np.arange(len(neurons)), "y": np.arange(height)}
    axes["x"] = np.arange(width)
    coordinates = {name: (name, values.astype(np.int32), ATTRIBUTES[name]) for name, values in axes.items()}
    for name, values in neuron_coordinates(neurons, record.upscale).items():
        coordinates[name] = ("neuron", values, ATTRIBUTES[name])
    return xr.Dataset({"contribution": variable}, coordinates, {"xinc": stored})
