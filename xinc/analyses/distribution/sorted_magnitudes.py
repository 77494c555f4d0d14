"""A sorted array of magnitudes, known only by its histogram."""

from __future__ import annotations

import numpy as np
import xarray as xr

#: Largest Gini coefficient of values within one bin of `magnitude_histogram`, whose bounds are at most 32 : 33 apart.
_GINI_WITHIN = (np.sqrt(33 / 32) - 1) / (np.sqrt(33 / 32) + 1)


class Sorted:
    """A sorted array of magnitudes, known by its histogram; all measures are NaN where it is not finite.

    Parameters
    ----------
    histogram : of one frame, as from `xinc.canvas.reductions.magnitude_histogram`.

    Attributes
    ----------
    count : number of magnitudes.
    mean : their mean, up to rounding.
    """

    def __init__(self, histogram: xr.Dataset) -> None:
        self._finite = bool(np.isfinite(histogram["area"].values.sum()))
        occupied = np.flatnonzero(histogram["count"].values)
        self._counts = histogram["count"].values[occupied]
        self._areas = histogram["area"].values[occupied]
        self._largest = float(histogram["maximum"])
        self._lower = histogram["lower"].values[occupied]
        self._upper = np.minimum(histogram["upper"].values[occupied], self._largest)
        # What is less than the smallest normal number counts as zero.
        self._upper[self._lower == 0] = 0.0
        self._until = np.cumsum(self._counts)
        self._area = np.cumsum(self._areas)
        self.count = int(self._until[-1])
        self._total = float(self._area[-1])
        self.mean = self._total / self.count if self._finite else float("nan")

    def value(self, shares: np.ndarray) -> np.ndarray:
        """Value of the element of rank ⌊share · (count − 1)⌋, off by at most 1/32 of itself."""
        if not self._finite:
            return np.full(len(shares), np.nan)
        ranks = np.floor(shares * (self.count - 1))
        bins = np.searchsorted(self._until, ranks, side="right").clip(max=len(self._until) - 1)
        within = (ranks - (self._until - self._counts)[bins] + 0.5) / self._counts[bins]
        return self._between(bins, within)

    def area_quantile(self, parts: np.ndarray) -> np.ndarray:
        """Value left of which these parts of the sum lie, off by at most 1/32 of itself; NaN where all are 0."""
        if not self._known:
            return np.full(len(parts), np.nan)
        goals = parts * self._total
        bins = np.searchsorted(self._area, goals).clip(max=len(self._area) - 1)
        return self._between(bins, (goals - (self._area - self._areas)[bins]) / self._areas[bins])

    def share_below(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Share of the elements below each value, and the largest error that it may have; NaN where all are 0.

        Elements are taken to be spread evenly over the bin that the value lies in: the error is its share of them.
        """
        if not self._known:
            return np.full(len(values), np.nan), np.full(len(values), np.nan)
        bins = np.searchsorted(self._lower, values, side="right") - 1
        lower, upper, count = self._lower[bins], self._upper[bins], self._counts[bins]
        width = upper - lower
        within = np.divide(values - lower, width, out=np.zeros(len(values)), where=width > 0).clip(0, 1)
        within[values > upper] = 1
        shares = (self._until[bins] - (1 - within) * count) / self.count
        errors = np.where(values > upper, 0, count / self.count)
        return np.where(bins < 0, 0, shares), np.where(bins < 0, 0, errors)

    def gini(self) -> tuple[float, float]:
        """Gini coefficient, and by how much it may be too low; NaN where all are 0.

        The trapezoidal area under the Lorenz curve through the bins, as if those in a bin were equal.
        """
        if not self._known:
            return float("nan"), float("nan")
        population, lorenz = self._counts / self.count, self._area / self._total
        gini = 1 - float(np.sum(population * (lorenz + np.append(0, lorenz[:-1]))))
        return gini, float(_GINI_WITHIN * np.sum(population * self._areas / self._total))

    def _between(self, bins: np.ndarray, within: np.ndarray) -> np.ndarray:
        lower, upper = self._lower[bins], self._upper[bins]
        values: np.ndarray = lower + np.clip(within, 0, 1) * (upper - lower)
        return values

    @property
    def _known(self) -> bool:
        return self._finite and self._total > 0
