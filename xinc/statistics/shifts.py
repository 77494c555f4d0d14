"""Two maps under all toroidal shifts of one against the other.

A toroidal shift of one of two maps keeps the values, areas and smoothness of both, and breaks how they lie to each
other. A circular cross-correlation by Fourier transforms gives sums under all shifts at once.
"""

from __future__ import annotations

import numpy as np

from xinc.statistics.scaling import standard


def all_shifts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Σ_p a(p)·b(p − s) for all toroidal shifts s, (y, x); [0, 0] is unshifted."""
    return np.asarray(np.fft.irfft2(np.fft.rfft2(a) * np.conj(np.fft.rfft2(b)), s=a.shape))


def correlations_of_shifts(values: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Pearson's r of a map (y, x) with others under every shift of theirs, (other, y · x); NaN where one is constant.

    A shift keeps mean and variance, so that one transform gives all. The first shift is none.
    """
    a = standard(values)
    out = np.full((len(others), values.size), np.nan)
    for at, other in enumerate(others):
        b = standard(other)
        if a is not None and b is not None:
            out[at] = all_shifts(a, b).ravel() / values.size
    return out


def means_of_shifts(values: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Mean of a map that is not negative, (y, x), over an area (y, x) under every shift of it, (y · x,)."""
    if not area.any():
        return np.full(values.size, np.nan)
    # Rounding may make them negative.
    out: np.ndarray = np.maximum(all_shifts(values, area.astype(float)), 0).ravel() / area.sum()
    return out


def drawn_shifts(pixels: int, count: int, seed: int = 0) -> np.ndarray:
    """Positions (1 + n,) of no shift and of ``count`` others, ascending; the same for all maps of one size."""
    generator = np.random.default_rng(seed)
    few = min(count, pixels - 1)
    return np.concatenate([[0], 1 + np.sort(generator.choice(pixels - 1, few, replace=False))])
