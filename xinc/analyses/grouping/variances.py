"""Variances over regions of the normalised deltas of contribution, and over as many rectangles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from xinc.canvas.reductions import region_sums
from xinc.statistics.region_deltas import areas_of, relative_deltas, variance_over_regions


def variances(
    data: xr.Dataset, labels: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray], frames: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variances of the normalised deltas over regions, over as many rectangles, and total |C|, in one pass.

    Parameters
    ----------
    labels : by grouping, label maps (frame, y, x), the grid of `xinc.video.regions` among them.
    counts : by grouping, (frame,) how many regions are not empty: the cells of the grids beside it.

    Returns
    -------
    (grouping, frame, neuron) over the groupings' regions, the same over grids of as many cells, and (frame, neuron).
    """
    shape = labels["grid"].shape[1:]
    grids = {f"as many as {g}": np.stack([near_equal_cells(shape, int(n)) for n in own]) for g, own in counts.items()}
    stacks = {**labels, **grids}
    sums = region_sums(data, stacks, frames)
    total = sums["grid"].sum("region").values
    found = []
    for name, stack in stacks.items():
        areas = areas_of(stack, sums[name]["region"].values)
        deltas = relative_deltas(sums[name].values, areas, total, stack[0].size)
        found.append(variance_over_regions(deltas))
    return np.stack(found[: len(labels)]), np.stack(found[len(labels) :]), total


def near_equal_cells(size: tuple[int, ...], count: int) -> np.ndarray:
    """A grid of any number of rectangles of nearly equal areas: int32 labels of shape ``size``; −1 of none.

    Rows are as many as make cells nearest to squares, round(√(count · height / width)). The cells are shared out to
    them evenly, so that numbers of columns differ by one at most, and a row is as high as it has columns. For 32 cells
    on a frame twice as wide as high these are the 4 × 8 of `xinc.video.regions.grid_labels`; 7 make a row of three
    and one of four.

    Examples
    --------
    >>> near_equal_cells((5, 6), 5)
    array([[0, 0, 0, 1, 1, 1],
           [0, 0, 0, 1, 1, 1],
           [2, 2, 3, 3, 4, 4],
           [2, 2, 3, 3, 4, 4],
           [2, 2, 3, 3, 4, 4]], dtype=int32)
    """
    height, width = size
    if count < 1:
        return np.full(size, -1, np.int32)
    rows = min(max(round((count * height / width) ** 0.5), 1), count)
    # The first cell of each row, and the row of pixels with which it begins.
    first = np.arange(rows + 1) * count // rows
    row = np.searchsorted(first, np.arange(height) * count // height, side="right") - 1
    columns = np.diff(first)[row]
    out: np.ndarray = first[row][:, None] + np.arange(width) * columns[:, None] // width
    return out.astype(np.int32)
