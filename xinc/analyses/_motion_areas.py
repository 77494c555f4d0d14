"""Where things move, and how that goes with a map: areas, correlations, and their null (paper section 4.5)."""

from __future__ import annotations

import numpy as np


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


def correlations(values: np.ndarray, motion: np.ndarray) -> tuple[float, float, float, float]:
    """Pearson and Spearman correlation of two maps (y, x), and where the first lies among all toroidal shifts.

    A shift keeps mean and variance, so that one circular cross-correlation gives Pearson's r of every shift.

    Returns
    -------
    r, ρ, the share of all shifts (the identity among them) whose r is not smaller, and the r that 95 % of all shifts do
    not exceed; NaN where a map is constant.
    """
    from scipy.stats import rankdata

    a, b = _standard(values), _standard(motion)
    if a is None or b is None:
        return (float("nan"),) * 4
    shifted = _all_shifts(a, b) / a.size
    ranks = [rankdata(one).reshape(one.shape) for one in (values, motion)]
    rho = float(np.corrcoef(ranks[0].ravel(), ranks[1].ravel())[0, 1])
    return float((a * b).mean()), rho, _at_least(shifted), float(np.quantile(shifted, 0.95))


def ratio_p_value(values: np.ndarray, over: np.ndarray, under: np.ndarray) -> float:
    """Share of the toroidal shifts of two areas (y, x) whose ratio of mean ``values`` is not smaller; NaN without."""
    if not over.any() or not under.any():
        return float("nan")
    # Means of the areas under every shift; magnitudes are not negative, rounding may make them so.
    means = [np.maximum(_all_shifts(values, area.astype(float)), 0) / area.sum() for area in (over, under)]
    if not values.any():
        return float("nan")
    return _at_least(means[0] / (means[1] + 1e-12 * values.mean()))


def _all_shifts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Σ_p a(p)·b(p − s) for all toroidal shifts s, (y, x); [0, 0] is unshifted."""
    return np.asarray(np.fft.irfft2(np.fft.rfft2(a) * np.conj(np.fft.rfft2(b)), s=a.shape))


def _at_least(shifted: np.ndarray) -> float:
    """Share of the shifts that reach what no shift gives, up to rounding."""
    own = shifted[0, 0]
    return float((shifted >= own - 1e-9 * max(1.0, abs(own))).mean())


def _standard(values: np.ndarray) -> np.ndarray | None:
    """Values with mean 0 and variance 1; None where they are constant or not finite."""
    centred = values - values.mean(dtype=np.float64)
    deviation = float(np.sqrt((centred**2).mean()))
    if not np.isfinite(deviation) or deviation <= 1e-9 * (abs(values).max() or 1.0):
        return None
    return np.asarray(centred / deviation)
