"""Contribution maps, compiled: the definition of `LayerMaps.expand`, fused and in cache.

Of a linear layer a map is a multiple of one input feature, or a sum of them, at every pixel. Of a convolution more
happens, yet between two activations all of it is linear and separable: zero-insertion by PixelShuffle or
nearest-neighbour upsampling by r, then a k×k box. Along one axis, output position r·y + b is a fixed weighted sum of
the few input positions around y, with weights ("taps") that depend on the sub-position b alone. So a map is taken from
its source response to the output resolution in a few small steps, none of which leaves the core's cache:

    source (h, w) -> [taps of zero-insertion + box, φ] -> [taps of upsampling + box, φ] -> … -> map (H, W)

Each step can be restricted to a window of its output, and then asks the step before it for the window it needs, which
makes one pixel of a map as cheap as the handful of source responses behind it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from xinc.contributions.kernels.compiled import ERF, ROOT, expand_convolution, gelu_within
from xinc.contributions.kernels.forms import packed
from xinc.contributions.maps import LayerMaps
from xinc.runtime.lanes import LANES, aligned
from xinc.trace.layers import Array, Convolution
from xinc.trace.route import Stage, is_plain
from xinc.trace.windows import pair

#: NumPy's names of what lies beyond the edges.
_PADDING: dict[str, Any] = {
    "zeros": "constant", "valid": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap",
}  # fmt: skip


#: Vectors (64 bytes each) of scratch memory that an expansion takes where it can: they stay in a core's cache.
_SCRATCH = 2**13
#: Windows of which an expansion keeps how it goes about them.
_WINDOWS = 256


@lru_cache(maxsize=64)
def _taps(factor: int, kernel_size: int, phase: int | None) -> np.ndarray:
    """Weights (factor, 2·reach + 1) of one axis: row b gives the sub-position b, centred on the input position.

    ``phase`` None: nearest upsampling by ``factor``, then the mean over ``kernel_size``; a number: zero-insertion on
    that sub-position, then the mean.
    """
    half = kernel_size // 2
    reach = -(-half // factor)
    weights = np.zeros((factor, 2 * reach + 1))
    for b in range(factor):
        for d in range(-half, half + 1):
            if phase is None or (b + d) % factor == phase:
                weights[b, (b + d) // factor + reach] += 1 / kernel_size
    return weights


@dataclass(frozen=True)
class _Plan:
    """The steps of a layer's expansion, as arrays for the compiled code.

    ``factors`` (S,), ``taps`` (S, phases, r, 2·reach + 1), ``spans`` (S, r, 2) from which tap on and up to which they
    are not zero, in any phase; ``sizes`` (S, 2) image before each step; ``names``, ``codes`` (S + 1,) and ``operands``
    (S + 1, 2) of the layer's own activation, then of each step's.
    """

    factors: np.ndarray
    taps: np.ndarray
    spans: np.ndarray
    names: tuple[str, ...]
    codes: np.ndarray
    operands: np.ndarray
    sizes: np.ndarray
    reaches: tuple[int, ...]


def _plan(maps: LayerMaps, shape: tuple[int, int]) -> _Plan:
    """Merge the linear parts between activations: what precedes a box with the box itself."""
    layer = maps.layer
    assert isinstance(layer, Convolution)
    steps: list[tuple[int, int, bool, str]] = []  # factor, kernel size, is it zero-insertion, activation
    factor, inserted = layer.upscale, True
    for stage in maps.later:
        assert isinstance(stage, Stage)
        steps.append((factor, stage.kernel.size[0], inserted, stage.activation))
        factor, inserted = pair(stage.upscale)[0], False
    if factor != 1:
        steps.append((factor, 1, inserted, "identity"))
    if maps.gain is None and maps.head_activation != "identity":
        steps.append((1, 1, False, maps.head_activation))
    names = [layer.activation, *(name for _, _, _, name in steps)]
    if maps.gain is not None:
        names = ["identity"] * len(names)
    codes, operands = packed(names)
    if maps.gain is not None:
        codes[-1] = ROOT
    phases = [[_taps(f, k, p) for p in range(f)] if zeros else [_taps(f, k, None)] for f, k, zeros, _ in steps]
    reach = max((t.shape[1] // 2 for p in phases for t in p), default=0)
    largest = max((f for f, _, _, _ in steps), default=1)
    table = np.zeros((len(steps), max(layer.upscale, 1), largest, 2 * reach + 1), np.float32)
    reaches = []
    for s, group in enumerate(phases):
        for p, taps in enumerate(group):
            own = taps.shape[1] // 2
            table[s, p, : taps.shape[0], reach - own : reach + own + 1] = taps
        reaches.append(group[0].shape[1] // 2)
    used = (table != 0).any(1)
    first, last = used.argmax(-1), used.shape[-1] - used[..., ::-1].argmax(-1)
    spans = np.stack([first, np.where(used.any(-1), last, first)], axis=-1)
    sizes, size = [], np.array(shape)
    for f, _, _, _ in steps:
        sizes.append(size)
        size = size * f
    return _Plan(
        np.array([f for f, _, _, _ in steps], np.int64),
        table,
        spans,
        tuple(names),
        codes,
        operands,
        np.array(sizes, np.int64).reshape(-1, 2),
        tuple(reaches),
    )


#: Of some activations, the largest magnitude of φ(z) − φ(0) where that of z is within a limit.
_MOST: dict[str, Callable[[float], float]] = {
    "identity": lambda limit: limit,
    "relu": lambda limit: limit,
    "gelu": lambda limit: limit * (1 + math.erf(limit / math.sqrt(2))) / 2,
}


def _codes(plan: _Plan, limit: float) -> np.ndarray:
    """The numbers of the plan's activations where no source response of the layer exceeds a magnitude.

    A step makes weighted sums, at most as many times larger as its taps add up to.
    """
    codes = plan.codes.copy()
    for at, name in enumerate(plan.names):
        if name == "gelu":
            codes[at] = gelu_within(limit)
        limit = _MOST.get(name, lambda _: math.inf)(limit)
        if at < len(plan.taps):
            limit *= float(plan.taps[at].sum(-1).max()) ** 2
    return codes


@dataclass(frozen=True)
class _Band:
    """Rows of a window, expanded at a time: the first of them, their `Expansion.windows`, and where in scratch memory
    each part of what `expand_convolution` puts there ends.
    """

    row: int
    windows: np.ndarray
    parts: np.ndarray


_OWN = threading.local()


def _scratch(vectors: int) -> np.ndarray:
    """Memory of this thread for at least so many vectors, kept, because new memory costs more than its use."""
    held: np.ndarray | None = getattr(_OWN, "scratch", None)
    if held is None or held.size < vectors * LANES:
        held = _OWN.scratch = aligned((vectors * LANES,))
    return held


class Expansion:
    """The maps of a convolutional layer for one input, computed by compiled code in float32 on the CPU.

    Results equal `LayerMaps.expand` to float32 rounding. An object is cheap to make and may serve several threads.

    Parameters
    ----------
    maps : of a layer that it `takes`.
    v : (C_in, h, w) its input, float32.
    """

    #: See `xinc.contributions.expansion.in_tiles`.
    in_tiles = True

    @staticmethod
    def takes(maps: LayerMaps) -> bool:
        """Whether it is a convolution of square kernels, one pixel after the other, with the paper's stages after it.

        Whatever lies beyond the edges of its input, and in however many groups its channels are.
        """
        layer = maps.layer
        if not isinstance(layer, Convolution) or not is_plain(maps.later):
            return False
        kernel = layer.kernel
        return kernel.size[0] == kernel.size[1] and kernel.stride == kernel.dilation == (1, 1)

    def __init__(self, maps: LayerMaps, v: Array) -> None:
        layer = maps.layer
        assert isinstance(layer, Convolution)
        size = (v.shape[-2], v.shape[-1])
        self.shape = maps.resolution(size)
        self._plan = _plan(maps, layer.response_size(size))
        top, bottom, left, right = layer.kernel.around
        self._v = np.pad(np.asarray(v), ((0, 0), (top, bottom), (left, right)), _PADDING[layer.kernel.padding])
        # Of one kind, whatever holds the weights: for another, compiled code would be compiled once more.
        self._kernels = np.require(np.asarray(layer.weight), requirements=["C", "W"])
        self._bias = np.asarray(layer.bias) / np.float32(self._kernels.shape[1])
        self._gain = np.empty((0, 0, 0), np.float32)
        if maps.gain is not None:
            self._gain = np.asarray(maps.gain) * np.float32(1 / maps.spread())
            self._bias = np.zeros_like(self._bias)
        self._upscale = layer.upscale
        self._i = maps.neurons.in_channel.astype(np.int64)
        self._j = maps.neurons.out_channel.astype(np.int64)
        self._phase = maps.neurons.phase.astype(np.int64)
        self._codes = _codes(self._plan, self._limit()) if "gelu" in self._plan.names else self._plan.codes
        self._known: dict[tuple[int, int, int, int], list[_Band]] = {}

    def _limit(self) -> float:
        """A magnitude that no source response of the layer exceeds, whatever rounding makes of it."""
        flat = self._v.reshape(len(self._v), -1)
        kernels, inputs = np.abs(self._kernels).sum((2, 3)), np.maximum(flat.max(1), -flat.min(1))
        most = kernels[self._j, self._i % kernels.shape[1]] * inputs[self._i] + np.abs(self._bias)[self._j]
        return 1.0001 * float(most.max(initial=0))

    def windows(self, window: tuple[int, int, int, int]) -> np.ndarray:
        """(S + 1, 4) windows (y0, y1, x0, x1) of the source and of each step's output that ``window`` asks for."""
        found = [np.array(window, np.int64)]
        plan = self._plan
        for factor, size, reach in zip(plan.factors[::-1], plan.sizes[::-1], plan.reaches[::-1], strict=True):
            low = found[0][[0, 2]] // factor - reach
            high = (found[0][[1, 3]] - 1) // factor + reach + 1
            low, high = np.maximum(low, 0), np.minimum(high, size)
            found.insert(0, np.array([low[0], high[0], low[1], high[1]], np.int64))
        return np.stack(found)

    def __call__(
        self, select: np.ndarray, window: tuple[int, int, int, int] | None = None, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Maps (n, y1 − y0, x1 − x0) of the selected neurons on a window (default: the whole frame).

        Parameters
        ----------
        select : (n,) numbers of neurons.
        window : (y0, y1, x0, x1) of the output, not empty.
        out : where to write, float32.
        """
        wanted = (0, self.shape[0], 0, self.shape[1]) if window is None else window
        if out is None:
            out = np.empty((len(select), wanted[1] - wanted[0], wanted[3] - wanted[2]), np.float32)
        target = out if out.flags.c_contiguous else np.empty_like(out, order="C")
        self._expand(select, wanted, target.reshape(-1), False)
        if target is not out:
            out[...] = target
        return out

    def beside(self, select: np.ndarray, window: tuple[int, int, int, int], out: np.ndarray) -> None:
        """The same maps as they are computed: groups of sixteen, a pixel's numbers beside each other.

        Parameters
        ----------
        out : (⌈n / 16⌉, pixels of the window, 16) contiguous float32, where to write; zeros beside the last map.
        """
        self._expand(select, window, out.reshape(-1), True)

    def _expand(self, select: np.ndarray, window: tuple[int, int, int, int], out: np.ndarray, beside: bool) -> None:
        select = np.ascontiguousarray(select, np.int64)
        height, width = window[1] - window[0], window[3] - window[2]
        plan, channels = self._plan, np.zeros(LANES, np.int64)
        for band in self._bands(window):
            expand_convolution(
                self._v, self._kernels, self._bias, select, self._i, self._j, self._phase, self._upscale, self._gain,
                plan.factors, plan.taps, plan.spans, self._codes, plan.operands, plan.sizes, band.windows, ERF,
                _scratch(band.parts[-1]), band.parts, channels, out, height, width, band.row, beside,
            )  # fmt: skip

    def _bands(self, window: tuple[int, int, int, int]) -> list[_Band]:
        """`_cut`, kept for some windows: not by a cache of the method, a circle that only garbage collection opens."""
        found = self._known.get(window)
        if found is None:
            if len(self._known) >= _WINDOWS:
                self._known.clear()
            found = self._known[window] = self._cut(window)
        return found

    def _cut(self, window: tuple[int, int, int, int]) -> list[_Band]:
        """The bands of rows of a window that scratch memory of `_SCRATCH` vectors suffices for, one row at least."""
        y0, y1, x0, x1 = window
        rows = y1 - y0
        while (found := self._band(0, (y0, y0 + rows, x0, x1))).parts[-1] > _SCRATCH and rows > 1:
            rows = -(-rows // 2)
        starts = range(y0 + rows, y1, rows)
        return [found, *(self._band(y - y0, (y, min(y + rows, y1), x0, x1)) for y in starts)]

    def _band(self, row: int, window: tuple[int, int, int, int]) -> _Band:
        windows = self.windows(window)
        spans = windows[:, 1::2] - windows[:, ::2]
        around = spans[0] + self._kernels.shape[2] - 1
        inner = spans[: max(len(spans) - 1, 1)].prod(1)
        parts = [
            around.prod(),
            inner[::2].max(),
            inner[1::2].max(initial=0),
            max(around[1], spans[:, 1].max() + self._plan.taps.shape[-1]),
            spans[-1, 1],
            self._kernels.shape[2] ** 2,
            1,
            LANES,
            2 * len(self._plan.factors) * self._plan.taps.shape[2] * self._plan.taps.shape[3],
        ]
        return _Band(row, windows, np.cumsum(parts))
