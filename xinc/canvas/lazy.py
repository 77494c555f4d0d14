"""Contribution maps as a lazily indexed array: what is not asked for is not computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from xarray.backends import BackendArray
from xarray.core import indexing

from xinc.contributions.maps import LayerMaps, block_size

#: Memory that expansion may use beyond its result, in MB.
EXPANSION_MB = 256.0


class ExpandedMaps(BackendArray):
    """The array (frame, neuron, y, x) of one layer, expanded when indexed.

    Parameters
    ----------
    shape : (frames, neurons, H, W).
    layer_at : from a position on the frame axis to the layer's maps and its input (C_in, h, w).
    """

    def __init__(self, shape: tuple[int, int, int, int], layer_at: Callable[[int], tuple[LayerMaps, Tensor]]) -> None:
        self.shape = shape
        self.dtype = np.dtype(np.float32)
        self._layer_at = layer_at

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        frames, neurons, ys, xs = (np.arange(size)[part] for size, part in zip(self.shape, key, strict=True))
        out = np.empty((frames.size, neurons.size, ys.size, xs.size), self.dtype)
        size = block_size(self.shape[2:], EXPANSION_MB)
        wanted = np.atleast_1d(neurons)
        rows, columns = np.atleast_1d(ys), np.atleast_1d(xs)
        whole = len(rows) == self.shape[2] and len(columns) == self.shape[3]
        for at, frame in enumerate(np.atleast_1d(frames)):
            maps, v = self._layer_at(int(frame))
            for start in range(0, len(wanted), size):
                part = slice(start, min(start + size, len(wanted)))
                block = maps.expand(v, torch.as_tensor(wanted[part], device=v.device)).cpu().numpy()
                out[at, part] = block if whole else block[:, rows[:, None], columns]
        # An integer index drops its axis.
        return out.reshape([axis.size for axis in (frames, neurons, ys, xs) if axis.ndim])
