"""The null for groupings of pixels: the same label map, shifted around the frame (paper section 4.2).

A toroidal shift keeps the areas and shapes of all regions and how they lie to each other, and breaks their
correspondence with the contributions. What remains is what regions of this kind catch of maps of this kind anyway.
"""

from __future__ import annotations

import numpy as np

#: Bytes of the deltas worked on at a time.
_CACHE = 2**19


class Shifts:
    """All toroidal shifts of one label map, by Fourier transforms.

    Parameters
    ----------
    labels : (y, x) integers; pixels with a negative label belong to no region.

    Attributes
    ----------
    areas : (region,) pixels of each region; empty regions do not occur.

    Notes
    -----
    The sum of a map over a region shifted by s is Σ_p |C|(p) 1_k(p − s), their circular cross-correlation: one
    inverse transform for each region gives it for every s.
    """

    def __init__(self, labels: np.ndarray) -> None:
        from scipy import fft

        regions = np.unique(labels[labels >= 0])
        members = labels[None] == regions[:, None, None]
        self.shape: tuple[int, int] = (labels.shape[0], labels.shape[1])
        self.areas = members.sum((1, 2)).astype(np.float64)
        means = members / np.maximum(self.areas, 1)[:, None, None]
        self._transforms = np.conj(fft.rfft2(means)) if len(regions) else np.zeros((0, 1, 1), np.complex128)

    def variances(self, magnitudes: np.ndarray) -> np.ndarray:
        """Variance over regions (ddof 1) of the normalised deltas of a map, for every shift of the labels.

        Parameters
        ----------
        magnitudes : (y, x) |C| of one neuron that is not dead.

        Returns
        -------
        (y · x,) float64: for the labels rolled by (dy, dx) at dy · width + dx, so that the first is that of the labels
        as they are. NaN with fewer than two regions.
        """
        from scipy import fft

        if len(self.areas) < 2:
            return np.full(magnitudes.size, np.nan)
        maps = np.asarray(magnitudes, np.float64)
        # Relative to the map's mean: the transform back is S / E, which is 1 - d.
        transform = fft.rfft2(maps / maps.mean())
        total, squares = np.zeros(maps.size), np.zeros(maps.size)
        # A few regions at a time, so that they stay in the core's cache.
        step = max(1, _CACHE // (8 * maps.size))
        for start in range(0, len(self.areas), step):
            spectrum = self._transforms[start : start + step] * transform
            delta = fft.irfft2(spectrum, self.shape, overwrite_x=True).reshape(-1, maps.size)
            delta -= 1
            total += delta.sum(0)
            squares += np.einsum("ks,ks->s", delta, delta)
        count = len(self.areas)
        variance: np.ndarray = np.maximum(squares - total**2 / count, 0) / (count - 1)
        return variance


def standing(observed: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where observed values lie in their null, with ties, up to rounding, counted against them.

    Parameters
    ----------
    observed : (n,)
    null : (n, shifts)

    Returns
    -------
    percentile : (n,) per cent of the null below the observed value.
    p_value : (n,) (1 + number of shifts with a value at least as large) / (1 + number of shifts).
    """
    slack = 1e-9 * abs(observed) + 1e-14
    reached = (null >= (observed - slack)[:, None]).sum(1)
    shifts = null.shape[1]
    p_value = (1 + reached) / (1 + shifts)
    undefined = np.isnan(observed)
    percentile = 100 * (1 - reached / max(shifts, 1))
    return np.where(undefined, np.nan, percentile), np.where(undefined, np.nan, p_value)


def significant(p_values: np.ndarray, rate: float) -> np.ndarray:
    """Which tests Benjamini and Hochberg's procedure calls significant at this rate of false discoveries; NaN: not.

    Parameters
    ----------
    p_values : (n,)

    Returns
    -------
    (n,) bool.
    """
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    passed = np.flatnonzero(p_values[order] <= rate * np.arange(1, len(order) + 1) / max(len(order), 1))
    out = np.zeros(len(p_values), bool)
    if len(passed):
        out[order[: passed[-1] + 1]] = True
    return out
