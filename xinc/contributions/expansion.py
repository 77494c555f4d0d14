"""Choice of how maps are expanded: in compiled code where it exists, a cache-sized block at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from xinc.contributions.maps import LayerMaps
from xinc.runtime.devices import cpu_threads
from xinc.runtime.gpu_memory import Room
from xinc.trace.layers import Array, Convolution

#: Size of a block of maps that one thread expands at a time, in bytes: it stays in the core's cache.
BLOCK_BYTES = 2**21

#: (y0, y1, x0, x1), a part of the output.
Window = tuple[int, int, int, int]

#: From numbers of neurons, a window of the output and perhaps an array to write into, to their maps.
Expander = Callable[[np.ndarray, Window, "np.ndarray | None"], np.ndarray]


def expander(maps: LayerMaps, v: Array, room: Room | None = None) -> Expander:
    """The best way to expand a layer's maps for one input: compiled code, or PyTorch where there is none.

    That is on a GPU, in float64, and for a linear layer with others after it. ``room`` is how many maps a GPU's memory
    holds, if that is known from other inputs; what it does not hold is expanded on the CPU.
    """
    if str(v.device) == "cpu" and v.itemsize == 4:
        # Here, because what only writes a factored canvas expands nothing and should not wait for Numba.
        from xinc.contributions.kernels.convolution import Expansion
        from xinc.contributions.kernels.linear import LinearExpansion

        if isinstance(maps.layer, Convolution):
            return Expansion(maps, v).expand
        if not maps.later:
            return LinearExpansion(maps, v).expand
    return _in_pytorch(maps, v, room or Room("a map", "maps"))


def _in_pytorch(maps: LayerMaps, v: Array, room: Room) -> Expander:
    """By the definition, `LayerMaps.expand`."""
    import torch

    v = torch.as_tensor(v)
    maps = maps.to(v.device)

    @functools.cache
    def on_cpu() -> Expander:
        return expander(maps.to(torch.device("cpu")), v.cpu())

    def expand(select: np.ndarray, window: Window, out: np.ndarray | None = None) -> np.ndarray:
        y0, y1, x0, x1 = window

        def on_gpu(size: int) -> np.ndarray:
            result = out
            for start in range(0, max(1, len(select)), size):
                part = torch.as_tensor(select[start : start + size], device=v.device)
                block = maps.expand(v, part)[:, y0:y1, x0:x1].cpu().numpy()
                if result is None:
                    result = np.empty((len(select), *block.shape[1:]), block.dtype)
                result[start : start + size] = block
            assert result is not None
            return result

        return room.fit(len(select), on_gpu, lambda: on_cpu()(select, window, out))

    return expand


def expand_into(expand: Expander, neurons: np.ndarray, out: np.ndarray, window: Window | None = None) -> np.ndarray:
    """Expand maps (n, h, w) into ``out``, a cache-sized block of neurons at a time on `cpu_threads`.

    Parameters
    ----------
    expand : what expands them.
    neurons : (n,) numbers of neurons.
    out : (n, h, w) float32.
    window : (y0, y1, x0, x1) of the output (default: the first h rows and w columns).
    """
    wanted = (0, out.shape[1], 0, out.shape[2]) if window is None else window
    pixels = (wanted[1] - wanted[0]) * (wanted[3] - wanted[2])
    size = max(1, BLOCK_BYTES // (4 * pixels))

    def fill(start: int) -> None:
        part = slice(start, min(start + size, len(neurons)))
        expand(neurons[part], wanted, out[part])

    starts = range(0, len(neurons), size)
    threads = cpu_threads()
    if len(starts) <= 1 or threads == 1:
        for start in starts:
            fill(start)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, starts))
    return out
