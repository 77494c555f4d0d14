"""The worst parts of a frame, in tiles."""

from __future__ import annotations

import numpy as np


def worst_tiles(error: np.ndarray, side: int, share: float, count: int) -> list[np.ndarray]:
    """The worst regions of a frame, the worst first: a tile, and what is connected with it and nearly as bad.

    Each grows from the worst tile that is left (of equal ones, the upper left), through tiles that touch along a side
    and whose mean error is at least ``share`` of its own. Those at the lower and right edge may be smaller.

    Parameters
    ----------
    error : (y, x) squared errors.
    side : of a tile, in pixels.
    share : see above.
    count : how many at most; there are fewer where no error is left, and none that is the whole frame.

    Returns
    -------
    Masks (y, x) bool without overlap.
    """
    from scipy import ndimage

    height, width = error.shape
    rows, columns = np.arange(height) // side, np.arange(width) // side
    labels = rows[:, None] * (columns[-1] + 1) + columns
    sums, sizes = np.bincount(labels.ravel(), error.ravel().astype(np.float64)), np.bincount(labels.ravel())
    left = (sums / sizes).reshape(rows[-1] + 1, columns[-1] + 1)
    found: list[np.ndarray] = []
    while len(found) < count and left.max() > 0:
        worst = np.unravel_index(left.argmax(), left.shape)
        areas, _ = ndimage.label(left >= share * left[worst])
        area = areas == areas[worst]
        if area.all():
            break
        found.append(area[rows[:, None], columns])
        left = np.where(area, 0.0, left)
    return found


def box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """First and last row, first and last column of a mask (y, x)."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
