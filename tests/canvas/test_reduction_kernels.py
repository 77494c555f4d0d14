"""Every kernel of reductions, compiled, of sparse maps and in PyTorch: the same sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xinc.canvas.reductions import kernels, kernels_sparse, kernels_torch
from xinc.contributions.kernels.compiled import lay_side_by_side
from xinc.runtime.lanes import LANES

#: Of sums, float32 over runs of a few hundred terms at most.
SUMS = 2e-6


def blocks_of_maps():
    rng = np.random.default_rng(2)
    maps = rng.normal(size=(19, 1031)).astype(np.float32)  # more than a vector's lanes
    maps[2] = 0
    maps[3, ::2] = 1
    maps[4] *= np.float32(1e-39)
    maps[5, 3:6] = [np.inf, -np.inf, np.nan]
    return maps


LABELS = (np.arange(1031) % 11 - 1).astype(np.int32)
LIMITS = np.array([0, 0.5, 1], np.float32)
COARSE = np.array([0, np.float32(1).view(np.uint32) >> 18, np.float32(0.3).view(np.uint32) >> 18], np.int64)

KERNELS = {
    "add_magnitudes": ([], [((1031,), np.float64)]),
    "statistics": ([], [((19,), np.float64), ((19,), np.int32), ((19,), np.int32)]),
    "region_sums": ([LABELS], [((19, 10), np.float64)]),
    "count_pixels_over": ([np.linspace(0, 2, 1031, dtype=np.float32)], [((19,), np.int64)]),
    "count_neurons_over": ([LIMITS], [((3, 1031), np.int32)]),
    "histogram": ([], [((2**kernels.COARSE_BITS,), np.int64), ((2**kernels.COARSE_BITS,), np.float64)]),
    "refine": ([COARSE], [((3, 2**kernels.FINE_BITS), np.int64)]),
    "add_fluctuation": ([blocks_of_maps()[::-1].copy()], [((1031,), np.float64)]),
}


def test_every_kernel_is_there_twice():
    compiled = {name for name, f in vars(kernels).items() if hasattr(f, "py_func") and not name.startswith("_")}
    assert compiled == set(KERNELS)
    for name in KERNELS:
        plain, of_groups = getattr(kernels_torch, name).__code__, getattr(kernels, name).py_func.__code__
        words = list(of_groups.co_varnames[: of_groups.co_argcount])
        words.remove("n")
        asked = list(plain.co_varnames[: plain.co_argcount])
        if name == "region_sums":  # `kernels.by_region`
            asked[1:2] = ["order", "regions", "starts"]
        assert words == asked


def side_by_side(rows):
    """Maps (n, P) in groups of sixteen, (groups, P, 16), zeros beside the last one."""
    count, pixels = rows.shape
    groups = np.full((-(-count // LANES), pixels, LANES), np.nan, np.float32)
    lay_side_by_side(rows, groups, 0)
    return groups


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (16, 16), (16, 15), (35, 37), (48, 64)])
def test_maps_are_laid_side_by_side(shape):
    rows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    groups = side_by_side(rows)
    whole = groups.transpose(0, 2, 1).reshape(-1, shape[1])
    np.testing.assert_array_equal(whole[: shape[0]], rows)
    assert not whole[shape[0] :].any()


def test_pixels_in_the_order_of_their_regions():
    order, regions, starts = kernels.by_region(np.array([3, -1, 0, 3, 7, 0, -5], np.int32))
    assert (order.tolist(), regions.tolist(), starts.tolist()) == ([2, 5, 0, 3, 4], [0, 3, 7], [0, 2, 4, 5])
    assert [one.tolist() for one in kernels.by_region(np.full(4, -1, np.int32))] == [[], [], [0]]


def run_kernel(name, maps, *rest):
    """A kernel of `kernels`, of maps (n, P), with what `kernels_torch` takes."""
    both = [maps, rest[0]] if name == "add_fluctuation" else [maps]
    rest = rest[len(both) - 1 :]
    if name == "region_sums":
        rest = (*kernels.by_region(rest[0]), *rest[1:])
    getattr(kernels, name)(*map(side_by_side, both), len(maps), *rest)


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_of_sparse_maps_agree(name):
    """On a tenth of the values, a map that is whole and one that is empty, thresholds below 0, what is not finite."""
    constants, shapes = KERNELS[name]
    constants = [c - np.float32(0.5) if name.startswith("count") else c for c in constants]
    rng, maps = np.random.default_rng(0), blocks_of_maps()
    thin = rng.random(maps.shape) < 0.1
    thin[5:7] = True
    others = [np.where(rng.random(maps.shape) < 0.1, maps[::-1], 0)] if name == "add_fluctuation" else []
    one, other = ([np.zeros(shape, dtype) for shape, dtype in shapes] for _ in range(2))
    maps[~thin] = 0
    few = [array for dense in (maps, *others) for array in sparse(dense)]
    for _ in range(2):
        run_kernel(name, maps, *(others or constants), *one)
        getattr(kernels_sparse, name)(*few, maps.shape[1], *([] if others else constants), *other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(b, a, rtol=SUMS, atol=1e-44)
        assert a.any()


def sparse(maps):
    """Starts, pixels and values of dense maps."""
    starts = np.concatenate([[0], np.cumsum((maps != 0).sum(1))])
    return starts, np.nonzero(maps)[1].astype(np.int32), maps[maps != 0]


@pytest.mark.parametrize("temporary", [1, 2 * 8 * 1031, 2**26])
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_agree(name, temporary, monkeypatch):
    """To rounding, also on what is not finite, and given twice where they add up."""
    monkeypatch.setattr(kernels_torch, "_TEMPORARY_BYTES", temporary)
    constants, shapes = KERNELS[name]
    maps = blocks_of_maps()
    one = [np.zeros(shape, dtype) for shape, dtype in shapes]
    other = [torch.zeros(a.shape, dtype=torch.from_numpy(a).dtype) for a in one]
    for _ in range(2):
        run_kernel(name, maps, *constants, *one)
        getattr(kernels_torch, name)(torch.from_numpy(maps), *map(torch.from_numpy, constants), *other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(b.numpy(), a, rtol=SUMS, atol=1e-44)
        assert a.any()


def test_sums_of_constant_maps():
    """Of which every addition rounds in the same direction: as far as runs are short, this stays small."""
    maps = np.repeat(np.random.default_rng(0).random((37, 1), np.float32), 30000, axis=1)
    labels = (np.arange(maps.shape[1]) * 7 // maps.shape[1]).astype(np.int32)
    sums, total, over_neurons = np.zeros((37, 7)), np.zeros(37), np.zeros(maps.shape[1])
    run_kernel("region_sums", maps, labels, sums)
    run_kernel("statistics", maps, total, *np.zeros((2, 37), np.int32))
    run_kernel("add_magnitudes", maps, over_neurons)
    exact = maps.astype(np.float64)
    np.testing.assert_allclose(sums, [[row[labels == k].sum() for k in range(7)] for row in exact], rtol=4e-7)
    np.testing.assert_allclose(total, exact.sum(1), rtol=4e-7)
    np.testing.assert_allclose(over_neurons, exact.sum(0), rtol=4e-7)


def test_histogram_of_more_values_than_are_counted_together():
    """Equal ones among them, whose bin is the fullest that there can be."""
    maps = np.full((35, 2**15), 2 - 2.0**-23, np.float32)
    maps[::2] = np.random.default_rng(0).normal(size=maps[::2].shape)
    count, area = (np.zeros(2**kernels.COARSE_BITS, dtype) for dtype in (np.int64, np.float64))
    run_kernel("histogram", maps, count, area)
    bins = (np.abs(maps).view(np.uint32) >> np.uint32(kernels.FINE_BITS)).ravel()
    np.testing.assert_array_equal(count, np.bincount(bins, minlength=len(count)))
    np.testing.assert_allclose(area, np.bincount(bins, np.abs(maps).ravel(), len(count)), rtol=1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU")
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_on_a_gpu(name):
    constants, shapes = KERNELS[name]
    maps = blocks_of_maps()
    one = [np.zeros(shape, dtype) for shape, dtype in shapes]
    other = [torch.from_numpy(a.copy()).cuda() for a in one]
    run_kernel(name, maps, *constants, *one)
    getattr(kernels_torch, name)(*(torch.from_numpy(a).cuda() for a in (maps, *constants)), *other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(b.cpu().numpy(), a, rtol=SUMS, atol=1e-37)
