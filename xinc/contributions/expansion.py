"""Choice of how maps are expanded: in compiled code where it exists, a cache-sized block at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from xinc.contributions.maps import LayerMaps
from xinc.runtime.devices import cpu_threads
from xinc.runtime.gpu_memory import Room
from xinc.runtime.task import check, in_threads
from xinc.trace.layers import Array
from xinc.trace.route import activations_in
from xinc.trace.windows import Window

#: Size of a block of maps that one thread expands at a time, in bytes: it stays in the core's cache.
BLOCK_BYTES = 2**21

#: Maps that one thread expands at a time at most, however small a window of them: work can be cancelled in between.
_MOST_MAPS = 1024

#: From numbers of neurons, a window of the output and perhaps an array to write into, to their maps.
Expander = Callable[[np.ndarray, Window, "np.ndarray | None"], np.ndarray]


def expander(maps: LayerMaps, v: Array, room: Room | None = None) -> Expander:
    """The best way to expand a layer's maps for one input: compiled code, or PyTorch where there is none.

    That is on a GPU, in float64, for all but a linear layer or a look-up with nothing after it and the paper's
    convolutions, and where an activation has no compiled form. Sparse maps are always a CPU's. ``room`` is how many
    maps a GPU's memory holds, if that is known from other inputs; what it does not hold is expanded on the CPU.
    """
    if maps.layer.sparse and str(v.device) != "cpu":
        import torch

        maps, v = maps.to(torch.device("cpu")), v.cpu()
    if str(v.device) == "cpu" and v.itemsize == 4:
        # Here, because what only writes a factored canvas expands nothing and should not wait for Numba.
        from xinc.contributions.kernels.convolution import Expansion
        from xinc.contributions.kernels.forms import is_compiled
        from xinc.contributions.kernels.linear import LinearExpansion
        from xinc.contributions.kernels.lookup import LookupExpansion

        said = [maps.layer.activation, *activations_in(maps.later), maps.head_activation]
        compiled = maps.gain is not None or is_compiled(said)
        for kind in (Expansion, LinearExpansion, LookupExpansion):
            if compiled and kind.takes(maps):
                return kind(maps, v)
    return _in_pytorch(maps, v, room or Room("a map", "maps"))


def in_tiles(expand: Expander) -> bool:
    """Whether a small window of maps takes an expander no longer than its share of the pixels: compiled code."""
    return getattr(expand, "in_tiles", False)


def beside(expand: Expander) -> Callable[[np.ndarray, Window, np.ndarray], None]:
    """Of an expander `in_tiles` what puts maps on a window side by side into an array, see `Expansion.beside`."""
    found: Callable[[np.ndarray, Window, np.ndarray], None] = expand.beside  # type: ignore[attr-defined]
    return found


def few_values(expand: Expander) -> Any:
    """Of an expander of sparse maps what gives their few values (`LookupExpansion.values`); of others None."""
    return getattr(expand, "values", None)


def _in_pytorch(maps: LayerMaps, v: Array, room: Room) -> Expander:
    """By the definition, `LayerMaps.expand`."""
    import torch

    v = torch.as_tensor(v)
    maps = maps.to(v.device)

    @functools.cache
    def on_cpu() -> Expander:
        return expander(maps.to(torch.device("cpu")), v.cpu())

    def expand(select: np.ndarray, window: Window, out: np.ndarray | None = None) -> np.ndarray:
        def on_gpu(size: int) -> np.ndarray:
            result = out
            for start in range(0, max(1, len(select)), size):
                check()
                part = torch.as_tensor(select[start : start + size], device=v.device)
                block = maps.expand(v, part, window).cpu().numpy()
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
    size = max(1, min(BLOCK_BYTES // (4 * pixels), _MOST_MAPS))

    def fill(start: int, look: Callable[[], None]) -> None:
        part = slice(start, min(start + size, len(neurons)))
        expand(neurons[part], wanted, out[part])

    in_threads(fill, range(0, len(neurons), size), cpu_threads())
    return out
