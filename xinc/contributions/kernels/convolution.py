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

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xinc.contributions.kernels.compiled import CODES, ERF, ROOT, expand_convolution
from xinc.contributions.maps import LayerMaps
from xinc.trace.layers import Array, Convolution


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

    ``factors`` (S,), ``taps`` (S, phases, r, 2·reach + 1), ``codes`` (S,), ``sizes`` (S, 2) image before each step.
    """

    factors: np.ndarray
    taps: np.ndarray
    codes: np.ndarray
    sizes: np.ndarray
    reaches: tuple[int, ...]


def _plan(maps: LayerMaps, shape: tuple[int, int]) -> _Plan:
    """Merge the linear parts between activations: what precedes a box with the box itself."""
    layer = maps.layer
    assert isinstance(layer, Convolution)
    steps: list[tuple[int, int, bool, str]] = []  # factor, kernel size, is it zero-insertion, activation
    factor, inserted = layer.upscale, True
    for stage in maps.later:
        steps.append((factor, stage.kernel_size, inserted, stage.activation))
        factor, inserted = stage.upscale, False
    if factor != 1:
        steps.append((factor, 1, inserted, "identity"))
    codes = [CODES[name] for _, _, _, name in steps]
    if maps.gain is not None:
        codes = [CODES["identity"]] * (len(steps) - 1) + [ROOT] * bool(steps)
    elif maps.head_activation != "identity":
        steps.append((1, 1, False, maps.head_activation))
        codes.append(CODES[maps.head_activation])
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
    sizes, size = [], np.array(shape)
    for f, _, _, _ in steps:
        sizes.append(size)
        size = size * f
    return _Plan(
        np.array([f for f, _, _, _ in steps], np.int64),
        table,
        np.array(codes, np.int64),
        np.array(sizes, np.int64).reshape(-1, 2),
        tuple(reaches),
    )


class Expansion:
    """The maps of a convolutional layer for one input, computed by compiled code in float32 on the CPU.

    Results equal `LayerMaps.expand` to float32 rounding. An object is cheap to make and may serve several threads.

    Parameters
    ----------
    maps : a layer whose `LayerMaps.layer` is a `Convolution`.
    v : (C_in, h, w) its input, float32.
    """

    def __init__(self, maps: LayerMaps, v: Array) -> None:
        layer = maps.layer
        assert isinstance(layer, Convolution)
        self.shape = (v.shape[-2] * maps.scale(), v.shape[-1] * maps.scale())
        self._plan = _plan(maps, (v.shape[-2], v.shape[-1]))
        pad = layer.kernel_size // 2
        self._v = np.pad(np.asarray(v), ((0, 0), (pad, pad), (pad, pad)))
        self._kernels = np.asarray(layer.weight)
        self._bias = np.asarray(layer.bias) / np.float32(layer.channels[0])
        self._own = CODES[layer.activation]
        self._gain = np.empty((0, 0, 0), np.float32)
        if maps.gain is not None:
            self._gain = np.asarray(maps.gain) * np.float32(1 / maps.spread() ** 2)
            self._bias = np.zeros_like(self._bias)
            self._own = CODES["identity"] if len(self._plan.codes) else ROOT
        self._upscale = layer.upscale
        self._i = maps.neurons.in_channel.astype(np.int64)
        self._j = maps.neurons.out_channel.astype(np.int64)
        self._phase = maps.neurons.phase.astype(np.int64)

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

    def expand(
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
        windows = self.windows(wanted)
        if out is None:
            out = np.empty((len(select), wanted[1] - wanted[0], wanted[3] - wanted[2]), np.float32)
        # Every step's result but the last lies in one of two buffers.
        inner = windows[: max(len(windows) - 1, 1)]
        rows, columns = int((inner[:, 1] - inner[:, 0]).max()), int((inner[:, 3] - inner[:, 2]).max())
        buffers = np.empty((2, rows, columns), np.float32)
        span = int((windows[:, 3] - windows[:, 2]).max())
        lines = np.empty((3, span + self._plan.taps.shape[-1] + 1), np.float32)
        wide = np.empty((rows, span), np.float32)
        j = self._j[select]
        i = self._i[select]
        expand_convolution(
            self._v, self._kernels[j, i], self._bias[j], i, self._phase[select], self._upscale, self._own,
            j, self._gain, self._plan.factors, self._plan.taps, self._plan.codes, self._plan.sizes, windows, ERF,
            buffers[0], buffers[1], lines, wide, out,
        )  # fmt: skip
        return out
