"""The kernels of `kernels` for maps that are zeros but for a few pixels: same names, same results.

A block of n maps comes as (starts, pixels, values), see `xinc.contributions.kernels.lookup.LookupExpansion.values`, and
the number of pixels P; the other arguments are those of the dense kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xinc.canvas.reductions.kernels import FINE_BITS
from xinc.runtime.compiling import njit

_MAGNITUDE = np.uint32(0x7FFFFFFF)


@njit(nogil=True)
def add_magnitudes(starts: Any, pixels: Any, values: Any, count: int, total: Any) -> None:
    """total (P,) float64 += sum over the block of |C|."""
    for k in range(len(pixels)):
        total[pixels[k]] += abs(values[k])


@njit(nogil=True)
def statistics(starts: Any, pixels: Any, values: Any, count: int, total: Any, below: Any, high: Any) -> None:
    """Per neuron of the block: total (n,), and as bit patterns how far the minimum is below the highest one, and the
    maximum.
    """
    bits = values.view(np.uint32)
    for n in range(len(starts) - 1):
        smallest = np.uint32(0x7FFFFFFF) if starts[n + 1] - starts[n] == count else np.uint32(0)
        largest, sum_all = np.uint32(0), np.float64(0)
        for k in range(starts[n], starts[n + 1]):
            pattern = bits[k] & _MAGNITUDE
            smallest, largest = min(smallest, pattern), max(largest, pattern)
            sum_all += abs(values[k])
        total[n] += sum_all
        below[n] = max(below[n], np.int32(np.uint32(0x7FFFFFFF) - smallest))
        high[n] = max(high[n], np.int32(largest))


@njit(nogil=True)
def region_sums(starts: Any, pixels: Any, values: Any, count: int, labels: Any, sums: Any) -> None:
    """sums (n, regions) float64 += sum of |C| over the pixels of each region; labels (P,) int32, negative: none."""
    for n in range(len(starts) - 1):
        for k in range(starts[n], starts[n + 1]):
            region = labels[pixels[k]]
            if region >= 0:
                sums[n, region] += abs(values[k])


@njit(nogil=True)
def count_pixels_over(starts: Any, pixels: Any, values: Any, count: int, threshold: Any, found: Any) -> None:
    """found (n,) += pixels where |C| exceeds threshold (P,) float32."""
    zeros = np.sum(threshold < 0)
    for n in range(len(starts) - 1):
        over = zeros
        for k in range(starts[n], starts[n + 1]):
            limit = threshold[pixels[k]]
            over += np.int64(abs(values[k]) > limit) - np.int64(limit < 0)
        found[n] += over


@njit(nogil=True)
def count_neurons_over(starts: Any, pixels: Any, values: Any, count: int, thresholds: Any, found: Any) -> None:
    """found (T, P) int32 += number of maps of the block whose |C| exceeds each of the thresholds (T,) float32."""
    for t in range(len(thresholds)):
        limit = thresholds[t]
        zeros = np.int32(limit < 0)
        found[t] += zeros * np.int32(len(starts) - 1)
        for k in range(len(pixels)):
            found[t, pixels[k]] += np.int32(abs(values[k]) > limit) - zeros


@njit(nogil=True)
def histogram(starts: Any, pixels: Any, values: Any, count: int, number: Any, area: Any) -> None:
    """number, area (2^COARSE_BITS,): number and sum of magnitudes by the leading bits."""
    bits = values.view(np.uint32)
    number[0] += (len(starts) - 1) * count - len(pixels)
    for k in range(len(pixels)):
        at = (bits[k] & _MAGNITUDE) >> np.uint32(FINE_BITS)
        number[at] += 1
        area[at] += abs(values[k])


@njit(nogil=True)
def refine(starts: Any, pixels: Any, values: Any, count: int, coarse: Any, found: Any) -> None:
    """found (T, 2^FINE_BITS) += number of magnitudes in the coarse bin of each target (T,), by the trailing bits."""
    bits = values.view(np.uint32)
    for t in range(len(coarse)):
        if coarse[t] == 0:
            found[t, 0] += (len(starts) - 1) * count - len(pixels)
        for k in range(len(pixels)):
            pattern = bits[k] & _MAGNITUDE
            if pattern >> np.uint32(FINE_BITS) == coarse[t]:
                found[t, pattern & np.uint32(2**FINE_BITS - 1)] += 1


@njit(nogil=True)
def add_fluctuation(
    starts: Any, pixels: Any, values: Any, other: Any, beside: Any, before: Any, count: int, total: Any
) -> None:
    """total (P,) float64 += sum over the block of ||C| − |C before||, of which the latter has other, beside, before."""
    for n in range(len(starts) - 1):
        a, b = starts[n], other[n]
        while a < starts[n + 1] or b < other[n + 1]:
            here = pixels[a] if a < starts[n + 1] else np.int32(2**31 - 1)
            there = beside[b] if b < other[n + 1] else np.int32(2**31 - 1)
            first = abs(values[a]) if here <= there else np.float32(0)
            second = abs(before[b]) if there <= here else np.float32(0)
            total[min(here, there)] += abs(first - second)
            a += here <= there
            b += there <= here
