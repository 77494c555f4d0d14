"""Deltas of contribution over regions of pixels, relative to what their areas let expect (paper section 4.2)."""

from __future__ import annotations

import numpy as np

from xinc.statistics.nan_reductions import nan_variance

#: Relative differences of less than this are rounding of maps in float32.
ROUNDING = 1e-6


def relative_deltas(sums: np.ndarray, areas: np.ndarray, total: np.ndarray, pixels: int) -> np.ndarray:
    """(expected − actual) / expected, where expected is the total times the region's share of the pixels.

    Parameters
    ----------
    sums : (frame, neuron, region) sums of |C|.
    areas : (frame, region) pixels of each region, 0 of one that the frame does not have.
    total : (frame, neuron) sums of |C| over the frame, pixels outside of all regions included.
    pixels : pixels of the frame.

    Returns
    -------
    (frame, neuron, region); NaN of empty regions and of neurons that contribute nothing.
    """
    expected = areas[:, None] / pixels * total[..., None]
    there = (expected > 0) & (areas[:, None] > 0)
    out: np.ndarray = (expected - sums) / np.where(there, expected, np.nan)
    return out


def variance_over_regions(deltas: np.ndarray) -> np.ndarray:
    """Variance (ddof 1) over regions, the last axis; 0 where it is the rounding of a constant map's sums."""
    variance = nan_variance(deltas, -1)
    return np.where(variance < ROUNDING**2, 0, variance)


def areas_of(labels: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Pixels (frame, region) of each of the regions in label maps (frame, y, x)."""
    out = np.empty((len(labels), len(regions)), np.int64)
    for at, region in enumerate(regions):
        out[:, at] = (labels == region).sum((1, 2))
    return out
