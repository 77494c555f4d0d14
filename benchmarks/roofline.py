"""The expansion of maps against the machine's limits: operations counted, peaks measured.

Nothing but a frame's inputs, a network's weights and the results has to move between memory and core, a few megabytes,
so arithmetic is the limit. What has to be done is counted from the definition, separable steps and zeros made use of;
the peak is that of fused multiply-adds in registers, on every core that is used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numba import njit

from benchmarks.process import Job
from benchmarks.tasks import network, task
from xinc.canvas.reductions import execute, kernels
from xinc.canvas.reductions.execute import Reduction
from xinc.contributions.kernels.convolution import Expansion
from xinc.contributions.maps import LayerMaps
from xinc.runtime.lanes import LANES, aligned
from xinc.trace.layers import Convolution, Trace
from xinc.trace.windows import Window

#: Operations of an activation; an error function to float32 is some sixteen of GELU's.
ACTIVATION_FLOP = {"identity": 0, "relu": 1, "gelu": 20}

_DEGREE = 24


def _taps(size: int, factor: int, kernel_size: int, inserted: bool) -> int:
    """Input values that enter outputs along one axis, summed over all outputs (``inserted``: of phase 0)."""
    half, total = kernel_size // 2, 0
    for at in range(size * factor):
        window = range(max(0, at - half), min(size * factor, at + half + 1))
        total += sum(1 for p in window if p % factor == 0) if inserted else len({p // factor for p in window})
    return total


def operations(
    source: tuple[int, int], kernel_size: int, activation: str, upscale: int, later: Sequence[tuple[int, int, str]]
) -> int:
    """Floating-point operations of one map, a weighted sum of t values being 2·t − 1.

    Parameters
    ----------
    source : size of the layer's input.
    kernel_size, activation, upscale : of the layer.
    later : the same of the layers that follow, kernel size, factor and activation.
    """
    height, width = source
    count = height * width * (2 * kernel_size**2 + ACTIVATION_FLOP[activation])
    factor, inserted = upscale, True
    for size, following, name in later:
        tall, wide = height * factor, width * factor
        count += height * (2 * _taps(width, factor, size, inserted) - _covered(width, factor, size, inserted))
        count += wide * (2 * _taps(height, factor, size, inserted) - _covered(height, factor, size, inserted))
        count += tall * wide * ACTIVATION_FLOP[name]
        height, width, factor, inserted = tall, wide, following, False
    return count


def _covered(size: int, factor: int, kernel_size: int, inserted: bool) -> int:
    """Outputs along one axis that any input value enters."""
    if not inserted:
        return size * factor
    half = kernel_size // 2
    return sum(
        any(p % factor == 0 for p in range(max(0, at - half), min(size * factor, at + half + 1)))
        for at in range(size * factor)
    )


def layer_operations(trace: Trace, name: str) -> int:
    """`operations` of one map of a layer."""
    at = trace.position(name)
    layer, *later = [one for one in trace.layers[at:] if isinstance(one, Convolution)]
    v = trace.inputs()[name]
    rest = [(one.kernel_size, one.upscale, one.activation) for one in later]
    return operations((v.shape[-2], v.shape[-1]), layer.kernel_size, layer.activation, layer.upscale, rest)


@njit(nogil=True, fastmath={"contract"})
def _horner(x: Any, y: Any, rounds: int) -> None:
    """Two polynomials at every x: fused multiply-adds, vectorised along x, next to nothing else."""
    for _ in range(rounds):
        for i in range(x.shape[0]):
            t = x[i]
            a, b = t, t + np.float32(1)
            for _ in range(_DEGREE):
                a = a * t + np.float32(0.1)
                b = b * t + np.float32(0.2)
            y[i] = a + b


def peak_gflops(threads: int = 1, repeats: int = 5) -> float:
    """Billions of float32 operations a second in fused multiply-adds, two each."""
    x = np.linspace(-0.5, 0.5, 1024, dtype=np.float32)
    rounds, times = 1000, []
    _horner(x, np.empty_like(x), 1)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(repeats):
            start = time.perf_counter()
            list(pool.map(lambda _: _horner(x, np.empty_like(x), rounds), range(threads)))
            times.append(time.perf_counter() - start)
    return threads * rounds * len(x) * _DEGREE * 2 * 2 / min(times) / 1e9


def copy_gbps(threads: int = 2, repeats: int = 5) -> float:
    """Billions of bytes a second read and written by copying 256 MB, larger than any cache."""
    torch.set_num_threads(threads)
    source, target = torch.ones(2**26), torch.empty(2**26)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        target.copy_(source)
        times.append(time.perf_counter() - start)
    return 2 * source.nbytes / min(times) / 1e9


@task
def roofline(job: Job) -> None:
    """Peaks of this machine, then for each layer what a core reaches of them: expansion alone, and with a reduction.

    As reductions do, blocks of consecutive neurons are expanded, a tile of the frame at a time. The limit of a layer is
    the time of its operations at the peak; that of the bytes that must move, at the speed of a copy, is beside it.
    """
    model = network(job.arguments["network"], 2)
    repeats = job.arguments.get("repeats", 3)
    trace = model.trace(1)
    inputs = trace.inputs()
    torch.set_num_threads(1)
    with job.measured():
        job.found |= {"gflops": [peak_gflops(1), peak_gflops(2)], "copy_gbps": [copy_gbps(1), copy_gbps(2)]}
        torch.set_num_threads(1)
        rows = []
        for one in trace.layers:
            maps = LayerMaps.of(trace, one.name)
            expansion = Expansion(maps, inputs[one.name])
            height, width = expansion.shape
            tiles = list(execute._tiles(height, width))
            area = max((y1 - y0) * (x1 - x0) for y0, y1, x0, x1 in tiles)
            size = min(len(maps.neurons), LANES * execute._GROUPS)
            memory = aligned((-(-size // LANES) * LANES * area,))
            blocks = [np.arange(n, n + size) for n in range(0, len(maps.neurons) - size + 1, size)][:32]
            times = [_expanding(expansion, block, tiles, memory) for _ in range(repeats + 1) for block in blocks]
            flop, moved = layer_operations(trace, one.name), inputs[one.name].numel() * 4 + one.weight.numel() * 4
            seconds, best = float(np.median(times)), min(times)
            limit = flop / job.found["gflops"][0] / 1e9
            rows.append(
                {
                    "layer": one.name,
                    "neurons": len(maps.neurons),
                    "flop_per_map": flop,
                    "moved_bytes": moved + height * width * 8,
                    "limit": limit,
                    "limit_of_bytes": (moved + height * width * 8)
                    / job.found["copy_gbps"][0]
                    / 1e9
                    / len(maps.neurons),
                    "seconds": seconds,
                    "best": best,
                    "share_of_peak": limit / seconds,
                    "best_share": limit / best,
                    "kernels": _reducing(memory.reshape(-1, area, LANES), size, height * width, repeats),
                }
            )
        job.found["rows"] = rows


def _expanding(expansion: Expansion, block: np.ndarray, tiles: Sequence[Window], memory: np.ndarray) -> float:
    """Seconds a map."""
    start = time.perf_counter()
    for window in tiles:
        groups, area = -(-len(block) // LANES), (window[1] - window[0]) * (window[3] - window[2])
        expansion.beside(block, window, memory[: groups * area * LANES].reshape(groups, area, LANES))
    return (time.perf_counter() - start) / len(block)


def _reducing(block: np.ndarray, count: int, whole: int, repeats: int) -> dict[str, float]:
    """Seconds a map of ``whole`` pixels that each reduction adds, measured on so many maps of a tile in cache."""
    pixels = block.shape[1]
    labels = (np.arange(pixels) * 32 // pixels).astype(np.int32)
    limit, rows = np.full(pixels, 1e-6, np.float32), (count,)
    coarse = (2**kernels.COARSE_BITS,)
    found = {
        "sum over neurons": Reduction("add_magnitudes", (((pixels,), np.float64),)),
        "statistics": Reduction("statistics", ((rows, np.float64), (rows, np.int32), (rows, np.int32)), (), True),
        "32 regions": Reduction("region_sums", (((count, 32), np.float64),), kernels.by_region(labels), True),
        "pixels over": Reduction("count_pixels_over", ((rows, np.int64),), (limit,), True),
        "neurons over 2": Reduction("count_neurons_over", (((2, pixels), np.int32),), (limit[:2],)),
        "histogram": Reduction("histogram", ((coarse, np.int64), (coarse, np.float64))),
    }
    result = {}
    for text, reduction in found.items():
        arguments = (block, count, *reduction.constants, *reduction.start())
        times = []
        for _ in range(2 * repeats + 1):
            start = time.perf_counter()
            getattr(kernels, reduction.kernel)(*arguments)
            times.append(time.perf_counter() - start)
        result[text] = min(times[1:]) / count * whole / pixels
    return result
