"""Lattices of pixels in the place of grid cells, and what a spatially constant kernel gives over them."""

from __future__ import annotations

import numpy as np

from xinc.errors import InputError


def lattice_labels(size: tuple[int, int], tile: tuple[int, int]) -> np.ndarray:
    """Pixels grouped by their position modulo the tile: int32 labels of shape ``size``, −1 past the last whole tile.

    Restates ``get_gridcell_contribs`` of HNeRV/analysis/what_do_neurons_care_about.ipynb (cell 6) and of
    image_inr/analysis/what_do_neurons_care_about.ipynb (cell 5): |C| is cut into tiles of 4 × 8 pixels (4 × 6 for the
    video of VIPSeg; cell 14), and the places within a tile are then taken for the regions, the tiles for the pixels of
    a region. So region (a, b) is the set of pixels with y mod 4 = a and x mod 8 = b. Pixels past the last whole tile
    belong to no region and count in a neuron's total. The paper (section 4.2) takes rectangles of equal size.

    Raises
    ------
    InputError : the frame is smaller than a tile.

    Examples
    --------
    >>> lattice_labels((2, 5), (1, 2))
    array([[ 0,  1,  0,  1, -1],
           [ 0,  1,  0,  1, -1]], dtype=int32)
    """
    if tile[0] > size[0] or tile[1] > size[1]:
        raise InputError(
            f"A lattice of {tile[0]} x {tile[1]} does not fit on frames of {size[0]} x {size[1]} pixels: change "
            "analyses.released.lattices."
        )
    y, x = (np.arange(length) for length in size)
    labels = (y % tile[0])[:, None] * tile[1] + x % tile[1]
    inside = (y < size[0] // tile[0] * tile[0])[:, None] & (x < size[1] // tile[1] * tile[1])
    return np.where(inside, labels, -1).astype(np.int32)


def constant_kernel_variances(size: tuple[int, int], tile: tuple[int, int], stride: int, kernel: int) -> np.ndarray:
    """Variance (ddof 1) over the lattice of a kernel of the last block that responds the same everywhere, (stride²,).

    For each phase that PixelShuffle may give it. Its map is 1 on every ``stride``-th row and column, 0 elsewhere, and
    then the ``kernel`` × ``kernel`` mean of that, zeros beyond the frame: a product of a profile along y and one along
    x, as are its sums over the classes of the lattice. The variance does not depend on the picture, nor on the network.

    Notes
    -----
    With stride 2, kernel 3 and no borders, the values are 1, 2, 2 and 4, in equal numbers, so that the deltas are
    5/9, 1/9, 1/9 and −7/9 and the variance is 19/81 · n / (n − 1) for n classes of even sides: .242 for (4, 8), .245
    for (4, 6). With the borders of 128 × 256 pixels it is .238, and for (4, 6) .243 or .241.
    """
    found = []
    for phase_y in range(stride):
        for phase_x in range(stride):
            (a, whole_y), (b, whole_x) = (
                _profile(length, side, stride, phase, kernel)
                for length, side, phase in zip(size, tile, (phase_y, phase_x), strict=True)
            )
            ratio = np.outer(a, b) / (whole_y * whole_x)
            found.append(np.var(1 - ratio, ddof=1) if ratio.size > 1 else np.nan)
    return np.array(found)


def _profile(length: int, side: int, stride: int, phase: int, kernel: int) -> tuple[np.ndarray, float]:
    """Sums (side,) by position modulo ``side`` of the profile along an axis, and the sum to be expected of each."""
    there = (np.arange(length) % stride == phase).astype(float)
    profile = np.convolve(there, np.ones(kernel))[kernel // 2 :][:length]
    tiles = length // side
    return profile[: tiles * side].reshape(tiles, side).sum(0), float(profile.sum() * tiles / length)
