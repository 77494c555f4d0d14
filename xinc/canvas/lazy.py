"""Contribution maps as a lazily indexed array, computed only where they are asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from xinc.canvas.layer import neuron_coordinates
from xinc.canvas.schema import ATTRIBUTES, GAINED, LayerRecord
from xinc.contributions.expansion import Expander, Window, expand_into, expander
from xinc.contributions.maps import LayerMaps
from xinc.contributions.neurons import Neurons
from xinc.runtime.gpu_memory import Room
from xinc.trace.layers import Array

#: Size of the chunks that ``chunks={}`` makes of maps that are expanded when read, in bytes.
DASK_CHUNK_BYTES = 2**26


class ExpandedMaps(BackendArray):
    """The array (frame, neuron, y, x) of one layer, expanded when indexed.

    Parameters
    ----------
    shape : (frames, neurons, H, W).
    layer_at : from a position on the frame axis to the layer's maps and its input (C_in, h, w).

    Attributes
    ----------
    room : how many maps the memory of a GPU holds, where they are expanded on one.
    """

    def __init__(self, shape: tuple[int, int, int, int], layer_at: Callable[[int], tuple[LayerMaps, Array]]) -> None:
        self.shape = shape
        self.dtype = np.dtype(np.float32)
        self.layer_at = layer_at
        self.room = Room(f"a map of {shape[2]}x{shape[3]}", f"maps of {shape[2]}x{shape[3]}")
        self._kept = functools.lru_cache(maxsize=2)(self._expander)

    def __reduce__(self) -> tuple[Any, ...]:
        return ExpandedMaps, (self.shape, self.layer_at)

    def _expander(self, position: int) -> Expander:
        return expander(*self.layer_at(position), self.room)

    def at(self, position: int) -> Expander:
        """What expands the maps of one frame; safe to use from several threads."""
        return self._kept(position)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        frames, neurons, ys, xs = (np.arange(size)[part] for size, part in zip(self.shape, key, strict=True))
        out = np.empty([np.atleast_1d(axis).size for axis in (frames, neurons, ys, xs)], self.dtype)
        if out.size:
            rows, columns = np.atleast_1d(ys), np.atleast_1d(xs)
            window = (int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1)
            for at, frame in enumerate(np.atleast_1d(frames)):
                self._fill(out[at], int(frame), np.atleast_1d(neurons), window, rows, columns)
        # An integer index drops its axis.
        return out.reshape([axis.size for axis in (frames, neurons, ys, xs) if axis.ndim])

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


def expanded_maps(variable: xr.Variable) -> ExpandedMaps | None:
    """The lazily expanded maps that a variable is, whole and in order; None for any other variable."""
    data: Any = variable._data
    while isinstance(data, indexing.CopyOnWriteArray | indexing.MemoryCachedArray):
        data = data.array
    if not isinstance(data, indexing.LazilyIndexedArray) or not isinstance(data.array, ExpandedMaps):
        return None
    whole = all(isinstance(part, slice) and part == slice(None) for part in data.key.tuple)
    return data.array if whole and variable.dims == ("frame", "neuron", "y", "x") else None


def lazy_dataset(
    record: LayerRecord,
    frames: Sequence[int],
    neurons: Neurons,
    layer_at: Callable[[int], tuple[LayerMaps, Array]],
) -> xr.Dataset:
    """A dataset whose variable ``contribution`` (frame, neuron, y, x) is computed where it is read."""
    height, width = record.resolution
    array = ExpandedMaps((len(frames), len(neurons), height, width), layer_at)
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
