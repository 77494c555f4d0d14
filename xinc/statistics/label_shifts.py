"""The null for groupings of pixels: the same label map, shifted around the frame (paper section 4.2).

A toroidal shift keeps the areas and shapes of all regions and how they lie to each other, and breaks their
correspondence with the contributions. What remains is what regions of this kind catch of maps of this kind anyway.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

#: Bytes of the deltas worked on at a time.
_CACHE = 2**19


class Shifts:
    """All toroidal shifts of one label map, by Fourier transforms.

    Parameters
    ----------
    labels : (y, x) integers; pixels with a negative label belong to no region.
    spacing : only shifts by multiples of this many pixels, which divides both sides, are looked at.

    Attributes
    ----------
    areas : (region,) pixels of each region; empty regions do not occur.

    Notes
    -----
    The sum of a map over a region shifted by s is Σ_p |C|(p) 1_k(p − s), their circular cross-correlation: one
    inverse transform for each region gives it for every s. At every m-th row alone, it is the transform of the spectrum
    whose m parts along y are added up, which is m times smaller.
    """

    def __init__(self, labels: np.ndarray, spacing: int = 1) -> None:
        regions, counts = np.unique(labels[labels >= 0], return_counts=True)
        self.shape: tuple[int, int] = (labels.shape[0], labels.shape[1])
        self.spacing = spacing
        self.areas = counts.astype(np.float64)
        self._transforms = np.empty((len(regions), labels.shape[0], labels.shape[1] // 2 + 1), np.complex128)
        for at, (region, area) in enumerate(zip(regions, self.areas, strict=True)):
            np.conj(fft.rfft2((labels == region) / area), out=self._transforms[at])

    def variances(self, magnitudes: np.ndarray) -> np.ndarray:
        """Variance over regions (ddof 1) of the normalised deltas of a map, for every shift of the labels.

        Parameters
        ----------
        magnitudes : (y, x) |C| of one neuron that is not dead.

        Returns
        -------
        (y / spacing · x / spacing,) float64: for the labels rolled by (dy, dx), in the order of rows, so that the first
        is that of the labels as they are. NaN with fewer than two regions.
        """
        if len(self.areas) < 2:
            return np.full(magnitudes.size // self.spacing**2, np.nan)
        maps = np.asarray(magnitudes, np.float64)
        # Relative to the map's mean: the transform back is S / E, which is 1 - d.
        transform = fft.rfft2(maps / maps.mean())
        rows = self.shape[0] // self.spacing
        size = maps.size // self.spacing**2
        total, squares = np.zeros(size), np.zeros(size)
        # A few regions at a time, so that they stay in the core's cache.
        step = max(1, _CACHE // (8 * maps.size))
        for start in range(0, len(self.areas), step):
            spectrum = self._transforms[start : start + step] * transform
            if self.spacing > 1:
                spectrum = spectrum.reshape(len(spectrum), self.spacing, rows, -1).mean(1)
            delta = fft.irfft2(spectrum, (rows, self.shape[1]), overwrite_x=True)
            delta = np.ascontiguousarray(delta[..., :: self.spacing]).reshape(-1, size)
            delta -= 1
            total += delta.sum(0)
            squares += np.einsum("ks,ks->s", delta, delta)
        count = len(self.areas)
        variance: np.ndarray = np.maximum(squares - total**2 / count, 0) / (count - 1)
        return variance


def spacing_for(shape: tuple[int, int], shifts: int) -> int:
    """The widest spacing that divides both sides and leaves at least four times as many shifts as are to be drawn."""
    most = int(np.sqrt(shape[0] * shape[1] / (4 * max(shifts, 1))))
    return max((m for m in range(1, most + 1) if shape[0] % m == 0 and shape[1] % m == 0), default=1)
