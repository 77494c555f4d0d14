"""Neurons of two networks whose maps are most alike, by the similarity of `xinc.compare`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from xinc.analyses.compare.compute import summed
from xinc.analyses.compare.numbers import GRID
from xinc.runtime.kept import Kept

#: A network's name, a layer's, and the layer.
Of = tuple[str, str, xr.Dataset]


class Standard(NamedTuple):
    """Maps of neurons as they are compared: (n, cells) float32 of mean 0 and length 1, and which ones can be."""

    maps: np.ndarray
    usable: np.ndarray


class Grids:
    """Means of |C| over the cells of a grid, of all neurons of a layer, as far as ``kept`` holds them."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def of(self, one: Of, frame: int) -> Standard:
        """The neurons of a layer in a frame; one pass over its maps where they are not kept."""

        def made() -> Standard:
            neurons = summed(one[2], frame, GRID)[1]
            return Standard(neurons.standard.astype(np.float32), ~(neurons.dead | neurons.constant))

        return self._kept.get((one[0], one[1], frame), made, lambda found: found.maps.nbytes)

    def nearest(self, one: Of, other: Of, frame: int, position: int) -> tuple[int, float] | None:
        """The position of the neuron of ``other`` most like one of ``one``, and Pearson's r of their |C| on the grid.

        None where the neuron's map is zero or constant, or all maps of the other network are.
        """
        a, b = self.of(one, frame), self.of(other, frame)
        if not a.usable[position] or not b.usable.any():
            return None
        similar = np.where(b.usable, b.maps @ a.maps[position], -2.0)
        best = int(similar.argmax())
        return best, float(similar[best])
