"""Compiled reductions of a block of maps that lies in cache; `kernels_torch` is the same for a GPU.

Every function adds what a block (n, P) of float32 maps, pixels flattened, contributes to the accumulators given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xinc.runtime.compiling import njit

# Contraction and reassociation let loops vectorise; infinities and NaN keep their meaning.
_MATH = {"contract", "reassoc", "nsz", "arcp"}
_TILE = 1024

#: Bits of a magnitude's float32 pattern that select its bin in the first and in the second pass of `area_quantiles`.
COARSE_BITS, FINE_BITS = 13, 18


@njit(nogil=True, fastmath=_MATH)
def add_magnitudes(maps: Any, total: Any) -> None:
    """total (P,) float64 += sum over the block of |C|."""
    n, pixels = maps.shape
    part = np.empty(_TILE, np.float32)
    for start in range(0, pixels, _TILE):
        size = min(_TILE, pixels - start)
        part[:size] = 0
        for k in range(n):
            row = maps[k, start : start + size]
            for p in range(size):
                part[p] += abs(row[p])
        for p in range(size):
            total[start + p] += part[p]


@njit(nogil=True, fastmath=_MATH)
def statistics(maps: Any, total: Any, low: Any, high: Any) -> None:
    """Per neuron of the block: total (n,) float64, minimum and maximum (n,) int32 as bit patterns of |C|.

    Patterns of magnitudes are ordered like the magnitudes, NaN above all, and comparing integers vectorises.
    """
    n, pixels = maps.shape
    bits = maps.view(np.uint32)
    for k in range(n):
        sum_all = np.float64(0)
        smallest, largest = np.uint32(0x7FFFFFFF), np.uint32(0)
        for start in range(0, pixels, _TILE):
            stop = min(start + _TILE, pixels)
            row, patterns = maps[k, start:stop], bits[k, start:stop]
            part = np.float32(0)
            for p in range(stop - start):
                part += abs(row[p])
            for p in range(stop - start):
                pattern = patterns[p] & np.uint32(0x7FFFFFFF)
                smallest = min(smallest, pattern)
                largest = max(largest, pattern)
            sum_all += part
        total[k], low[k], high[k] = sum_all, smallest, largest


@njit(nogil=True, fastmath=_MATH)
def region_sums(maps: Any, labels: Any, sums: Any) -> None:
    """sums (n, regions) float64: sum of |C| over the pixels of each region; labels (P,) int32, negative: no region."""
    n, pixels = maps.shape
    regions = sums.shape[1]
    # Neighbouring pixels mostly share a region: four accumulators in turn keep additions from waiting for each other.
    part = np.empty((4, regions + 1), np.float32)
    for k in range(n):
        row = maps[k]
        for start in range(0, pixels, 4 * _TILE):
            stop = min(start + 4 * _TILE, pixels)
            part[:] = 0
            p = start
            while p + 3 < stop:
                part[0, labels[p]] += abs(row[p])
                part[1, labels[p + 1]] += abs(row[p + 1])
                part[2, labels[p + 2]] += abs(row[p + 2])
                part[3, labels[p + 3]] += abs(row[p + 3])
                p += 4
            while p < stop:
                part[0, labels[p]] += abs(row[p])
                p += 1
            for r in range(regions):
                sums[k, r] += np.float64(part[0, r]) + part[1, r] + part[2, r] + part[3, r]


@njit(nogil=True)
def count_pixels_over(maps: Any, threshold: Any, count: Any) -> None:
    """count (n,): pixels where |C| exceeds threshold (P,) float32."""
    n, pixels = maps.shape
    for k in range(n):
        row = maps[k]
        found = np.int32(0)
        for p in range(pixels):
            found += np.int32(abs(row[p]) > threshold[p])
        count[k] = found


@njit(nogil=True)
def count_neurons_over(maps: Any, thresholds: Any, count: Any) -> None:
    """count (T, P) int32 += number of maps of the block whose |C| exceeds each of the thresholds (T,) float32."""
    n, pixels = maps.shape
    for start in range(0, pixels, _TILE):
        stop = min(start + _TILE, pixels)
        for t in range(thresholds.shape[0]):
            limit = thresholds[t]
            tile = count[t, start:stop]
            for k in range(n):
                row = maps[k, start:stop]
                for p in range(stop - start):
                    tile[p] += np.int32(abs(row[p]) > limit)


@njit(nogil=True)
def histogram(maps: Any, count: Any, area: Any) -> None:
    """count, area (2, 2^COARSE_BITS): number and sum of magnitudes by the leading bits; both rows belong together.

    Two histograms in turn, so that equal neighbours do not wait for each other.
    """
    n, pixels = maps.shape
    bits = maps.view(np.uint32)
    for k in range(n):
        for p in range(pixels):
            pattern = bits[k, p] & np.uint32(0x7FFFFFFF)
            at = pattern >> np.uint32(FINE_BITS)
            count[p & 1, at] += 1
            area[p & 1, at] += abs(maps[k, p])


@njit(nogil=True)
def refine(maps: Any, coarse: Any, count: Any) -> None:
    """count (T, 2^FINE_BITS) += number of magnitudes in the coarse bin of each target (T,), by the trailing bits."""
    n, pixels = maps.shape
    bits = maps.view(np.uint32)
    for t in range(coarse.shape[0]):
        wanted = np.uint32(coarse[t])
        row = count[t]
        for k in range(n):
            for start in range(0, pixels, 64):
                tile = bits[k, start : min(start + 64, pixels)]
                # Few tiles hold any: a look that vectorises comes first.
                found = np.uint32(0)
                for p in range(tile.shape[0]):
                    found += np.uint32((tile[p] & np.uint32(0x7FFFFFFF)) >> np.uint32(FINE_BITS) == wanted)
                if found:
                    for p in range(tile.shape[0]):
                        pattern = tile[p] & np.uint32(0x7FFFFFFF)
                        if pattern >> np.uint32(FINE_BITS) == wanted:
                            row[pattern & np.uint32(2**FINE_BITS - 1)] += 1


@njit(nogil=True, fastmath=_MATH)
def add_fluctuation(maps: Any, before: Any, total: Any) -> None:
    """total (P,) float64 += sum over the block of ||C| − |C before||."""
    n, pixels = maps.shape
    part = np.empty(_TILE, np.float32)
    for start in range(0, pixels, _TILE):
        size = min(_TILE, pixels - start)
        part[:size] = 0
        for k in range(n):
            row, other = maps[k, start : start + size], before[k, start : start + size]
            for p in range(size):
                part[p] += abs(abs(row[p]) - abs(other[p]))
        for p in range(size):
            total[start + p] += part[p]
