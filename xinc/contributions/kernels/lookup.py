"""Maps of a table look-up: each a number of the tables times the shares of the few pixels that read it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from xinc.contributions.maps import LayerMaps
from xinc.runtime.compiling import njit
from xinc.trace.layers import Array, Lookup
from xinc.trace.windows import Window


class LookupExpansion:
    """The maps of a table look-up with nothing after it, for one input, in float32 on the CPU.

    Results equal `LayerMaps.expand` to float32 rounding.

    Parameters
    ----------
    maps : of a layer that it `takes`.
    v : (axes, h, w) its coordinates, float32.
    """

    #: See `xinc.contributions.expansion.in_tiles`.
    in_tiles = True

    @staticmethod
    def takes(maps: LayerMaps) -> bool:
        """Whether it is a look-up without an activation, and with nothing after it."""
        layer = maps.layer
        plain = layer.activation == maps.head_activation == "identity" or maps.gain is not None
        return isinstance(layer, Lookup) and not maps.later and plain

    def __init__(self, maps: LayerMaps, v: Array) -> None:
        layer = maps.layer
        assert isinstance(layer, Lookup)
        v = np.ascontiguousarray(v)
        self._size = v.shape[1:]
        self._starts, self._pixels, self._shares = _readers(layer, v.reshape(len(v), -1))
        self._weight = np.ascontiguousarray(layer.weight)
        self._entry, self._channel = maps.neurons.in_channel, maps.neurons.out_channel
        self._gain = np.empty((0, 0), np.float32)
        if maps.gain is not None:
            self._gain = np.sqrt(np.asarray(maps.gain, np.float32)).reshape(len(maps.gain), -1)

    def __call__(self, select: np.ndarray, window: Window | None = None, out: np.ndarray | None = None) -> np.ndarray:
        """Maps (n, y1 − y0, x1 − x0) of the selected neurons on a window (default: the whole frame)."""
        y0, y1, x0, x1 = (0, self._size[0], 0, self._size[1]) if window is None else window
        if out is None:
            out = np.empty((len(select), y1 - y0, x1 - x0), np.float32)
        starts, pixels, values = self.values(select, (y0, y1, x0, x1))
        out[...] = 0
        rows = np.repeat(np.arange(len(select)), np.diff(starts))
        out[rows, pixels // (x1 - x0), pixels % (x1 - x0)] = values
        return out

    def values(self, select: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is not zero in the maps of the selected neurons on a window.

        Returns
        -------
        starts : (n + 1,) where the pixels of each map begin, and the last end.
        pixels : row-major in the window, of each map ascending.
        values : float32, at these.
        """
        entry = self._entry[select].astype(np.int64)
        numbers = np.ascontiguousarray(select, np.int64)
        channel = self._channel[select].astype(np.int64)
        most = int((self._starts[entry + 1] - self._starts[entry]).sum())
        starts = np.zeros(len(numbers) + 1, np.int64)
        pixels, values = np.empty(most, np.int32), np.empty(most, np.float32)
        count = _values(
            self._starts, self._pixels, self._shares, self._weight, self._gain, entry, channel, numbers,
            self._size[1], np.array(window, np.int64), starts, pixels, values,
        )  # fmt: skip
        return starts, pixels[:count], values[:count]


def _readers(layer: Lookup, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every entry which pixels read it, ascending, and their shares: the layer's matrix by its columns."""
    starts, pixels, shares = [np.zeros(1, np.int64)], [], []
    for level in layer.levels:
        entries, own = (np.stack(one, 1) for one in zip(*level.at(coordinates), strict=True))
        ends = np.arange(len(entries) + 1) * entries.shape[1]
        matrix = sparse.csr_matrix((own.ravel(), entries.ravel(), ends), (len(entries), level.entries)).tocsc()
        matrix.sum_duplicates()
        starts.append(matrix.indptr[1:] + starts[-1][-1])
        pixels.append(matrix.indices.astype(np.int32))
        shares.append(matrix.data.astype(np.float32))
    return np.concatenate(starts), np.concatenate(pixels), np.concatenate(shares)


@njit(nogil=True)
def _values(
    first: Any, pixel: Any, share: Any, weight: Any, gain: Any, entry: Any, channel: Any, number: Any, width: int,
    window: Any, starts: Any, pixels: Any, values: Any,
) -> int:  # fmt: skip
    """Fill `LookupExpansion.values`; how many there are."""
    y0, y1, x0, x1 = window
    at = 0
    for k in range(len(number)):
        theta = weight[number[k]]
        for m in range(first[entry[k]], first[entry[k] + 1]):
            p = pixel[m]
            y, x = p // width, p % width
            if y >= y0 and y < y1 and x >= x0 and x < x1:
                value = theta * share[m]
                if gain.size > 0:
                    value = abs(value) * gain[channel[k], p]
                pixels[at] = (y - y0) * (x1 - x0) + x - x0
                values[at] = value
                at += 1
        starts[k + 1] = at
    return at
