"""Areas of the frame by their motion, and how a map of contributions agrees with them (paper section 4.5)."""

from __future__ import annotations

import numpy as np

from xinc.statistics.ranks import average_ranks
from xinc.statistics.scaling import standard
from xinc.statistics.shifts import means_of_shifts


def areas_of(flow: np.ndarray, moving: np.ndarray, revealed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The parts of a frame: where something moves, what its motion reveals, and the rest.

    Parameters
    ----------
    flow : (y, x, 2) pixels from the frame before, on the grid of the frame before.
    moving : (y, x) bool on the grid of the frame before: what moves.
    revealed : (y, x) bool on the grid of this frame.

    Returns
    -------
    moving, revealed, still : (y, x) bool, which together cover the frame without overlap. What moves counts both where
        it was and where it goes to, as fluctuation compares the two frames at the same pixel, except where it reveals.
    """
    height, width = moving.shape
    y, x = np.nonzero(moving)
    to_x, to_y = (np.rint(at + flow[y, x, k]).astype(int) for k, at in enumerate((x, y)))
    inside = (to_x >= 0) & (to_x < width) & (to_y >= 0) & (to_y < height)
    touched = moving.copy()
    touched[to_y[inside], to_x[inside]] = True
    return touched & ~revealed, revealed, ~touched & ~revealed


def spearman(values: np.ndarray, motion: np.ndarray) -> float:
    """Spearman correlation of two maps (y, x); NaN where one is constant."""
    ranks = [standard(average_ranks(one.ravel()).reshape(one.shape)) for one in (values, motion)]
    if standard(values) is None or standard(motion) is None or ranks[0] is None or ranks[1] is None:
        return float("nan")
    return float((ranks[0] * ranks[1]).mean())


def ratio_of_shifts(values: np.ndarray, over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """Mean of a map (y, x) over one area / over another, under every toroidal shift of both, (y · x,); NaN without."""
    means = [means_of_shifts(values, area) for area in (over, under)]
    if not values.any():
        return np.full(values.size, np.nan)
    out: np.ndarray = means[0] / (means[1] + 1e-12 * values.mean())
    return out
