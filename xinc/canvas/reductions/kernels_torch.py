"""The kernels of `kernels` in PyTorch, for maps on a GPU: same names, same arguments, as tensors.

Every function adds what a block (n, P) of float32 maps, pixels flattened, contributes to the accumulators given. A few
rows of it are taken at a time, so that temporary tensors stay small beside the block.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from xinc.canvas.reductions.kernels import COARSE_BITS, FINE_BITS

#: Size of the largest temporary tensor, in bytes.
_TEMPORARY_BYTES = 2**26


def _parts(maps: Tensor) -> Iterator[slice]:
    """Consecutive rows whose float64 copy is small."""
    step = max(1, _TEMPORARY_BYTES // (8 * maps.shape[1]))
    for start in range(0, len(maps), step):
        yield slice(start, start + step)


def _patterns(maps: Tensor) -> Tensor:
    """Bit patterns of |C| as int32: ordered like the magnitudes."""
    return maps.view(torch.int32) & 0x7FFFFFFF


def add_magnitudes(maps: Tensor, total: Tensor) -> None:
    """total (P,) float64 += sum over the block of |C|."""
    for part in _parts(maps):
        total += maps[part].abs().sum(0, dtype=torch.float64)


def statistics(maps: Tensor, total: Tensor, below: Tensor, high: Tensor) -> None:
    """Per neuron of the block: total (n,) float64, and as bit patterns (n,) int32 how far the minimum of |C| is below
    the highest pattern, and the maximum.
    """
    for part in _parts(maps):
        total[part] += maps[part].abs().sum(1, dtype=torch.float64)
        patterns = _patterns(maps[part])
        below[part] = torch.maximum(below[part], 0x7FFFFFFF - patterns.amin(1))
        high[part] = torch.maximum(high[part], patterns.amax(1))


def region_sums(maps: Tensor, labels: Tensor, sums: Tensor) -> None:
    """sums (n, regions) float64 += sum of |C| over the pixels of each region; labels (P,) int32, negative: none."""
    (inside,) = torch.nonzero(labels >= 0, as_tuple=True)
    for part in _parts(maps):
        sums[part] = sums[part].index_add(1, labels[inside], maps[part][:, inside].abs().double())


def count_pixels_over(maps: Tensor, threshold: Tensor, count: Tensor) -> None:
    """count (n,) += pixels where |C| exceeds threshold (P,) float32."""
    for part in _parts(maps):
        count[part] += (maps[part].abs() > threshold).sum(1)


def count_neurons_over(maps: Tensor, thresholds: Tensor, count: Tensor) -> None:
    """count (T, P) int32 += number of maps of the block whose |C| exceeds each of the thresholds (T,) float32."""
    for part in _parts(maps):
        magnitudes = maps[part].abs()
        for t, limit in enumerate(thresholds):
            count[t] += (magnitudes > limit).sum(0, dtype=torch.int32)


def histogram(maps: Tensor, count: Tensor, area: Tensor) -> None:
    """count, area (2^COARSE_BITS,): number and sum of magnitudes by the leading bits."""
    for part in _parts(maps):
        at = (_patterns(maps[part]) >> FINE_BITS).flatten()
        count += torch.bincount(at, minlength=2**COARSE_BITS)
        area += torch.bincount(at, maps[part].abs().double().flatten(), minlength=2**COARSE_BITS)


def refine(maps: Tensor, coarse: Tensor, count: Tensor) -> None:
    """count (T, 2^FINE_BITS) += number of magnitudes in the coarse bin of each target (T,), by the trailing bits."""
    for part in _parts(maps):
        patterns = _patterns(maps[part])
        leading = patterns >> FINE_BITS
        for t, wanted in enumerate(coarse):
            found = patterns[leading == wanted] & (2**FINE_BITS - 1)
            count[t] += torch.bincount(found, minlength=2**FINE_BITS)


def add_fluctuation(maps: Tensor, before: Tensor, total: Tensor) -> None:
    """total (P,) float64 += sum over the block of ||C| − |C before||."""
    for part in _parts(maps):
        total += (maps[part].abs() - before[part].abs()).abs_().sum(0, dtype=torch.float64)
