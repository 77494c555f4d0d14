"""Compiled reductions of a block of maps that lies in cache; `kernels_torch` is the same for a GPU.

Every function adds what a block (n, P) of float32 maps, or tiles of them, pixels flattened, contributes to the
accumulators given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xinc.runtime.compiling import njit
from xinc.runtime.lanes import LANES, accumulate, alike, load, lowest, magnitude, transpose

# Contraction and reassociation let loops vectorise; infinities and NaN keep their meaning.
_MATH = {"contract", "reassoc", "nsz", "arcp"}
_TILE = 1024

#: Bits of a magnitude's float32 pattern that select its bin in the first and in the second pass of `area_quantiles`.
COARSE_BITS, FINE_BITS = 13, 18

#: Pixels of `LANES` maps, or numbers of one, that are brought into another form at a time, in the first cache.
_SIDE_BY_SIDE = 256

#: Of the totals of `histogram`: what marks a value, the bits below its bin, and about how many values a total may have,
#: fewer than 2^21 by far: the trailing bits of all of them stay below a mark.
_MARK, _TRAILING, _HELD = np.uint64(2**40), np.uint64(FINE_BITS + 1), 2**20

#: Bins that are looked at together: a divisor of their number.
_LOOKED_AT = 32

#: The smallest magnitude of each bin, and how far one is from the next; after that of infinity they are not numbers.
_LOWER = np.minimum(np.arange(2**COARSE_BITS, dtype=np.uint32) << np.uint32(FINE_BITS), np.uint32(0x7F800000))
_STEP = np.where(_LOWER < 0x7F800000, np.spacing(_LOWER.view(np.float32)), np.nan).astype(np.float64)
_LOWER = np.where(np.arange(2**COARSE_BITS) > 0x7F800000 >> FINE_BITS, np.nan, _LOWER.view(np.float32))


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
def statistics(maps: Any, total: Any, below: Any, high: Any) -> None:
    """Per neuron of the block: total (n,) float64, and as bit patterns (n,) int32 how far the minimum of |C| is below
    the highest pattern, and the maximum.

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
        total[k] += sum_all
        below[k] = max(below[k], np.int32(np.uint32(0x7FFFFFFF) - smallest))
        high[k] = max(high[k], np.int32(largest))


@njit(nogil=True, fastmath=_MATH)
def region_sums(maps: Any, labels: Any, sums: Any) -> None:
    """sums (n, regions) float64 += sum of |C| over the pixels of each region; labels (P,) int32, negative: none.

    Sixteen maps side by side, so that a pixel's region is looked up once for all, and a run of pixels of one region
    adds up in a register: no sum waits for memory.
    """
    n, pixels = maps.shape
    regions = sums.shape[1]
    flat = maps.reshape(-1)
    tile = np.zeros((_SIDE_BY_SIDE, LANES), np.float32)
    beside = tile.reshape(-1)
    part, occurs = np.zeros((regions, LANES), np.float64), np.zeros(regions, np.bool_)
    totals = part.reshape(-1)
    for first in range(0, n, LANES):
        together = min(LANES, n - first)
        for start in range(0, pixels, _SIDE_BY_SIDE):
            size = min(_SIDE_BY_SIDE, pixels - start)
            whole = size // LANES * LANES if together == LANES else 0
            for p in range(0, whole, LANES):
                transpose(flat, first * pixels + start + p, pixels, beside, LANES * p, LANES)
            for k in range(together):
                for p in range(whole, size):
                    tile[p, k] = maps[first + k, start + p]
            p = 0
            while p < size:
                region = labels[start + p]
                run = magnitude(load(beside, p))
                p += 1
                while p < size and labels[start + p] == region:
                    run += magnitude(load(beside, p))
                    p += 1
                if region >= 0:
                    accumulate(totals, region, run)
                    occurs[region] = True
        # Of many regions, few have pixels in a tile.
        for region in range(regions):
            if occurs[region]:
                for k in range(together):
                    sums[first + k, region] += part[region, k]
                part[region] = 0
                occurs[region] = False


@njit(nogil=True)
def count_pixels_over(maps: Any, threshold: Any, count: Any) -> None:
    """count (n,) += pixels where |C| exceeds threshold (P,) float32."""
    n, pixels = maps.shape
    for k in range(n):
        row = maps[k]
        found = np.int32(0)
        for p in range(pixels):
            found += np.int32(abs(row[p]) > threshold[p])
        count[k] += found


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
    """count, area (2^COARSE_BITS,): number and sum of magnitudes by the leading bits.

    One addition for each value, of twice its pattern plus a mark: a bin's total tells how many values there are, and
    exactly what their trailing bits add up to.
    """
    n, pixels = maps.shape
    bits = maps.view(np.uint32)
    packed, values = np.zeros(2**COARSE_BITS, np.uint64), np.empty(_SIDE_BY_SIDE, np.uint64)
    held = 0
    for k in range(n):
        for start in range(0, pixels, _SIDE_BY_SIDE):
            row = bits[k, start : min(start + _SIDE_BY_SIDE, pixels)]
            for p in range(row.shape[0]):
                values[p] = np.uint64(np.uint32(row[p] << np.uint32(1))) + _MARK
            for p in range(row.shape[0]):
                packed[(values[p] >> _TRAILING) & np.uint64(2**COARSE_BITS - 1)] += values[p]
            held += row.shape[0]
            if held > _HELD:
                _unpack(packed, count, area)
                held = 0
    _unpack(packed, count, area)


@njit(nogil=True)
def _unpack(packed: Any, count: Any, area: Any) -> None:
    """Add the totals of `histogram` to numbers and sums, and begin anew."""
    for first in range(0, packed.shape[0], _LOOKED_AT):
        # Most bins are empty, of magnitudes that no map has.
        some = np.uint64(0)
        for b in range(first, first + _LOOKED_AT):
            some |= packed[b]
        if not some:
            continue
        for b in range(first, first + _LOOKED_AT):
            if packed[b]:
                each = _MARK + (np.uint64(b) << _TRAILING)
                found = packed[b] // each
                rest = (packed[b] - found * each) >> np.uint64(1)
                count[b] += np.int64(found)
                area[b] += np.float64(found) * _LOWER[b]
                if rest:
                    area[b] += np.float64(rest) * _STEP[b]
                packed[b] = 0


@njit(nogil=True)
def refine(maps: Any, coarse: Any, count: Any) -> None:
    """count (T, 2^FINE_BITS) += number of magnitudes in the coarse bin of each target (T,), by the trailing bits."""
    bits = maps.reshape(-1).view(np.uint32)
    leading, trailing = np.uint32(2**31 - 2**FINE_BITS), np.uint32(2**FINE_BITS - 1)
    whole = bits.size // LANES * LANES
    for t in range(coarse.shape[0]):
        wanted = np.uint32(coarse[t] << FINE_BITS)
        row = count[t]
        # Few of sixteen values are in the bin: a look at all of them comes first.
        for p in range(0, whole, LANES):
            found = alike(bits, p, leading, wanted)
            while found:
                row[bits[p + lowest(found)] & trailing] += 1
                found &= found - np.uint64(1)
        for p in range(whole, bits.size):
            if bits[p] & leading == wanted:
                row[bits[p] & trailing] += 1


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
