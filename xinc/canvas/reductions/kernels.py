"""Compiled reductions of a block of maps that lies in cache; `kernels_torch` is the same for a GPU.

Every function adds what n float32 maps, or tiles of them, pixels flattened, contribute to the accumulators given. The
maps lie side by side in groups of sixteen, (groups, P, 16), as vectors hold them; beside the last of them are zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xinc.runtime.compiling import njit
from xinc.runtime.lanes import (
    LANES,
    accumulate,
    alike,
    exceeds,
    higher,
    load,
    lower,
    lowest,
    magnitude,
    spread,
    store,
    sum_each,
)

# Contraction and reassociation let loops vectorise; infinities and NaN keep their meaning.
_MATH = {"contract", "reassoc", "nsz", "arcp"}

#: Numbers of a map that add up in float32 before they are added to a sum in float64: of a constant map every addition
#: rounds in the same direction.
_RUN = 64

#: Bits of a magnitude's float32 pattern that select its bin in the first and in the second pass of `area_quantiles`.
COARSE_BITS, FINE_BITS = 13, 18

#: Numbers that are brought into another form at a time, in the first cache.
_SIDE_BY_SIDE = 256

#: Pixels whose number float32 numbers hold exactly.
_COUNTED = 2**24

#: The pattern of magnitudes that is above all others.
_HIGHEST = np.full(LANES, 0x7FFFFFFF, np.uint32).view(np.float32)

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
def add_magnitudes(maps: Any, n: int, total: Any) -> None:
    """total (P,) float64 += sum over the block of |C|."""
    groups, pixels = maps.shape[:2]
    flat, square = maps.reshape(-1), np.zeros(LANES * LANES, np.float32)
    for start in range(0, pixels, LANES):
        size = min(LANES, pixels - start)
        for p in range(size):
            sums = magnitude(load(flat, start + p))
            for g in range(1, groups):
                sums += magnitude(load(flat, g * pixels + start + p))
            store(square, p, sums)
        _add_sums(square, start, size, total)


@njit(nogil=True, fastmath=_MATH)
def _add_sums(square: Any, start: int, size: int, total: Any) -> None:
    """total[start + p] += the sum of vector p, p < size ≤ 16; ``start`` is a multiple of 16."""
    sums = sum_each(square)
    if size == LANES:
        accumulate(total, start // LANES, sums)
    else:
        few = np.empty(LANES, np.float32)
        store(few, 0, sums)
        for p in range(size):
            total[start + p] += few[p]


@njit(nogil=True, fastmath=_MATH)
def statistics(maps: Any, n: int, total: Any, below: Any, high: Any) -> None:
    """Per neuron of the block: total (n,) float64, and as bit patterns (n,) int32 how far the minimum of |C| is below
    the highest pattern, and the maximum.

    Patterns of magnitudes are ordered like the magnitudes, NaN above all.
    """
    groups, pixels = maps.shape[:2]
    flat, ends = maps.reshape(-1), np.empty((2, LANES), np.uint32)
    patterns = ends.reshape(-1).view(np.float32)
    for g in range(groups):
        sums = np.zeros(LANES, np.float64)
        store(patterns, 0, load(_HIGHEST, 0))
        store(patterns, 1, spread(np.float32(0)))
        smallest, largest = load(patterns, 0), load(patterns, 1)
        for start in range(g * pixels, (g + 1) * pixels, _RUN):
            stop = min(start + _RUN, (g + 1) * pixels)
            # Two sums in turn: the next addition does not wait for the last one.
            even = odd = spread(np.float32(0))
            for p in range(start, stop - 1, 2):
                one, two = magnitude(load(flat, p)), magnitude(load(flat, p + 1))
                even += one
                odd += two
                smallest = lower(smallest, lower(one, two))
                largest = higher(largest, higher(one, two))
            if (stop - start) % 2:
                one = magnitude(load(flat, stop - 1))
                even += one
                smallest, largest = lower(smallest, one), higher(largest, one)
            accumulate(sums, 0, even + odd)
        store(patterns, 0, smallest)
        store(patterns, 1, largest)
        for lane in range(min(LANES, n - g * LANES)):
            k = g * LANES + lane
            total[k] += sums[lane]
            below[k] = max(below[k], np.int32(np.uint32(0x7FFFFFFF) - ends[0, lane]))
            high[k] = max(high[k], np.int32(ends[1, lane]))


def by_region(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `region_sums` is given of labels (P,) int32: pixels in the order of their regions, negative ones left out,
    (p,) int32; the regions that occur, (k,) int32; and where their pixels begin and end, (k + 1,) int64.
    """
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    inside = int(np.searchsorted(ordered, 0))
    regions, starts = np.unique(ordered[inside:], return_index=True)
    return order[inside:].astype(np.int32), regions, np.append(starts, len(order) - inside)


@njit(nogil=True, fastmath=_MATH)
def region_sums(maps: Any, n: int, order: Any, regions: Any, starts: Any, sums: Any) -> None:
    """sums (n, regions) float64 += sum of |C| over the pixels of each region; see `by_region`.

    The pixels of a region one after the other, sixteen maps at once: sums stay in registers, and no branch depends on
    what the next pixel belongs to.
    """
    groups, pixels = maps.shape[:2]
    flat, part = maps.reshape(-1), np.zeros(LANES, np.float64)
    for g in range(groups):
        first = g * pixels
        for k in range(regions.shape[0]):
            for start in range(starts[k], starts[k + 1], _RUN):
                stop = min(start + _RUN, starts[k + 1])
                # Four sums in turn: an addition does not wait for the last one.
                one = two = three = four = spread(np.float32(0))
                p = start
                while p + 3 < stop:
                    one += magnitude(load(flat, first + order[p]))
                    two += magnitude(load(flat, first + order[p + 1]))
                    three += magnitude(load(flat, first + order[p + 2]))
                    four += magnitude(load(flat, first + order[p + 3]))
                    p += 4
                while p < stop:
                    one += magnitude(load(flat, first + order[p]))
                    p += 1
                accumulate(part, 0, (one + two) + (three + four))
            for lane in range(min(LANES, n - g * LANES)):
                sums[g * LANES + lane, regions[k]] += part[lane]
            part[:] = 0


@njit(nogil=True)
def count_pixels_over(maps: Any, n: int, threshold: Any, count: Any) -> None:
    """count (n,) += pixels where |C| exceeds threshold (P,) float32."""
    groups, pixels = maps.shape[:2]
    flat, few = maps.reshape(-1), np.empty(LANES, np.float32)
    for g in range(groups):
        # As many as float32 numbers count exactly.
        for start in range(0, pixels, _COUNTED):
            found = spread(np.float32(0))
            for p in range(start, min(start + _COUNTED, pixels)):
                found += exceeds(magnitude(load(flat, g * pixels + p)), spread(threshold[p]))
            store(few, 0, found)
            for lane in range(min(LANES, n - g * LANES)):
                count[g * LANES + lane] += np.int64(few[lane])


@njit(nogil=True)
def count_neurons_over(maps: Any, n: int, thresholds: Any, count: Any) -> None:
    """count (T, P) int32 += number of maps of the block whose |C| exceeds each of the thresholds (T,) float32."""
    groups, pixels = maps.shape[:2]
    flat, square, few = maps.reshape(-1), np.zeros(LANES * LANES, np.float32), np.empty(LANES, np.float32)
    for start in range(0, pixels, LANES):
        size = min(LANES, pixels - start)
        for t in range(thresholds.shape[0]):
            limit = spread(thresholds[t])
            # The zeros beside the last neuron are above what is negative.
            spare = np.int32(groups * LANES - n if thresholds[t] < 0 else 0)
            for p in range(size):
                found = exceeds(magnitude(load(flat, start + p)), limit)
                for g in range(1, groups):
                    found += exceeds(magnitude(load(flat, g * pixels + start + p)), limit)
                store(square, p, found)
            store(few, 0, sum_each(square))
            for p in range(size):
                count[t, start + p] += np.int32(few[p]) - spare


@njit(nogil=True)
def histogram(maps: Any, n: int, count: Any, area: Any) -> None:
    """count, area (2^COARSE_BITS,): number and sum of magnitudes by the leading bits.

    One addition for each value, of twice its pattern plus a mark: a bin's total tells how many values there are, and
    exactly what their trailing bits add up to.
    """
    bits = maps.reshape(-1).view(np.uint32)
    packed, values = np.zeros(2**COARSE_BITS, np.uint64), np.empty(_SIDE_BY_SIDE, np.uint64)
    held = 0
    for start in range(0, bits.size, _SIDE_BY_SIDE):
        row = bits[start : min(start + _SIDE_BY_SIDE, bits.size)]
        for p in range(row.shape[0]):
            values[p] = np.uint64(np.uint32(row[p] << np.uint32(1))) + _MARK
        for p in range(row.shape[0]):
            packed[(values[p] >> _TRAILING) & np.uint64(2**COARSE_BITS - 1)] += values[p]
        held += row.shape[0]
        if held > _HELD:
            _unpack(packed, count, area)
            held = 0
    _unpack(packed, count, area)
    # The zeros beside the last neuron are of no map.
    count[0] -= bits.size - n * maps.shape[1]


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
def refine(maps: Any, n: int, coarse: Any, count: Any) -> None:
    """count (T, 2^FINE_BITS) += number of magnitudes in the coarse bin of each target (T,), by the trailing bits."""
    bits = maps.reshape(-1).view(np.uint32)
    leading, trailing = np.uint32(2**31 - 2**FINE_BITS), np.uint32(2**FINE_BITS - 1)
    for t in range(coarse.shape[0]):
        wanted = np.uint32(coarse[t] << FINE_BITS)
        row = count[t]
        # Few of sixteen values are in the bin: a look at all of them comes first.
        for p in range(0, bits.size, LANES):
            found = alike(bits, p, leading, wanted)
            while found:
                row[bits[p + lowest(found)] & trailing] += 1
                found &= found - np.uint64(1)
        if not wanted:  # the zeros beside the last neuron are of no map
            row[0] -= bits.size - n * maps.shape[1]


@njit(nogil=True, fastmath=_MATH)
def add_fluctuation(maps: Any, before: Any, n: int, total: Any) -> None:
    """total (P,) float64 += sum over the block of ||C| − |C before||."""
    groups, pixels = maps.shape[:2]
    flat, other, square = maps.reshape(-1), before.reshape(-1), np.zeros(LANES * LANES, np.float32)
    for start in range(0, pixels, LANES):
        size = min(LANES, pixels - start)
        for p in range(size):
            sums = magnitude(magnitude(load(flat, start + p)) - magnitude(load(other, start + p)))
            for g in range(1, groups):
                at = g * pixels + start + p
                sums += magnitude(magnitude(load(flat, at)) - magnitude(load(other, at)))
            store(square, p, sums)
        _add_sums(square, start, size, total)
