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
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from xinc.contributions.maps import LayerMaps
from xinc.layers import Array, Convolution, Linear

#: Codes of activations inside compiled code.
CODES = {
    name: code
    for code, name in enumerate(
        (
            "identity", "relu", "leaky_relu", "relu6", "elu", "gelu", "silu", "hardswish", "sin", "tanh", "sigmoid",
            "softplus",
        )
    )
}  # fmt: skip

# Contraction and reassociation let loops vectorise; infinities and NaN keep their meaning.
_MATH = {"contract", "reassoc", "nsz", "arcp"}

#: erf(z) for |z| <= _ERF_LIMIT is z times a polynomial in 2 z² / _ERF_LIMIT² − 1; beyond, it is ±1 to float32.
_ERF_LIMIT = 4.0


def _erf_polynomial(degree: int = 16) -> np.ndarray:
    """Coefficients, ascending, by Chebyshev interpolation of erf(z)/z on [0, _ERF_LIMIT]; error of gelu below 1e-6."""
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    z = np.sqrt((nodes + 1) * _ERF_LIMIT**2 / 2)
    values = np.array([math.erf(one) / one for one in z])
    chebyshev = np.polynomial.chebyshev.chebfit(nodes, values, degree)
    return np.asarray(np.polynomial.chebyshev.cheb2poly(chebyshev).astype(np.float32))


_ERF = _erf_polynomial()


@njit(nogil=True, cache=True, fastmath=_MATH)
def _activate(code: int, row: Any, erf: Any) -> None:
    """Apply an activation to a contiguous float32 row in place."""
    n = row.shape[0]
    if code == 1:
        for i in range(n):
            row[i] = max(row[i], np.float32(0))
    elif code == 2:
        for i in range(n):
            row[i] = row[i] if row[i] >= 0 else np.float32(0.01) * row[i]
    elif code == 3:
        for i in range(n):
            row[i] = min(max(row[i], np.float32(0)), np.float32(6))
    elif code == 4:
        for i in range(n):
            row[i] = row[i] if row[i] > 0 else np.float32(math.expm1(row[i]))
    elif code == 5:
        limit = np.float32(4.0)
        for i in range(n):
            z = min(max(row[i] * np.float32(0.7071067811865476), -limit), limit)
            t = z * z * np.float32(0.125) - np.float32(1)
            p = erf[16]
            for d in range(15, -1, -1):
                p = p * t + erf[d]
            row[i] = np.float32(0.5) * row[i] * (np.float32(1) + z * p)
    elif code == 6:
        for i in range(n):
            row[i] = np.float32(row[i] / (1.0 + math.exp(-row[i])))
    elif code == 7:
        for i in range(n):
            row[i] = row[i] * min(max(row[i] + np.float32(3), np.float32(0)), np.float32(6)) * np.float32(1 / 6)
    elif code == 8:
        for i in range(n):
            row[i] = np.float32(math.sin(row[i]))
    elif code == 9:
        for i in range(n):
            row[i] = np.float32(math.tanh(row[i]))
    elif code == 10:
        for i in range(n):
            row[i] = np.float32(1.0 / (1.0 + math.exp(-row[i])))
    elif code == 11:
        for i in range(n):
            row[i] = np.float32(row[i] if row[i] > 20 else math.log1p(math.exp(row[i])))


@njit(nogil=True, cache=True, fastmath=_MATH)
def _source(v: Any, kernel: Any, bias: float, window: Any, out: Any) -> None:
    """Edge response of one kernel on a window (y0, y1, x0, x1): v is the zero-padded input channel."""
    k = kernel.shape[0]
    y0, y1, x0, x1 = window
    width = x1 - x0
    for y in range(y0, y1):
        row = out[y - y0, :width]
        row[:] = np.float32(bias)
        if k == 3:
            p, q, t = v[y, x0 : x0 + width + 2], v[y + 1, x0 : x0 + width + 2], v[y + 2, x0 : x0 + width + 2]
            p1, p2, q1, q2, t1, t2 = p[1:], p[2:], q[1:], q[2:], t[1:], t[2:]
            a0, a1, a2 = kernel[0, 0], kernel[0, 1], kernel[0, 2]
            b0, b1, b2 = kernel[1, 0], kernel[1, 1], kernel[1, 2]
            c0, c1, c2 = kernel[2, 0], kernel[2, 1], kernel[2, 2]
            for x in range(width):
                row[x] += (
                    a0 * p[x]
                    + a1 * p1[x]
                    + a2 * p2[x]
                    + b0 * q[x]
                    + b1 * q1[x]
                    + b2 * q2[x]
                    + c0 * t[x]
                    + c1 * t1[x]
                    + c2 * t2[x]
                )
        else:
            for a in range(k):
                for b in range(k):
                    weight = kernel[a, b]
                    line = v[y + a, x0 + b : x0 + b + width]
                    for x in range(width):
                        row[x] += weight * line[x]


@njit(nogil=True, cache=True, fastmath=_MATH)
def _widen(line: Any, taps: Any, r: int, start: int, stop: int, offset: int, even: Any, odd: Any, row: Any) -> None:
    """Along one row: row[X − start] = sum_t taps[X % r, t] · line[X // r + t + offset] for X from start to stop."""
    width = taps.shape[1]
    for b in range(r):
        first = (start - b + r - 1) // r
        count = (stop - 1 - b) // r + 1 - first
        if count <= 0:
            continue
        here = row if r == 1 else (odd if r == 2 and b == 1 else even)
        at = first + offset
        c0, c1, c2 = taps[b, 0], taps[b, 1 % width], taps[b, 2 % width]
        l0 = line[at : at + count]
        if width == 1:
            for x in range(count):
                here[x] = c0 * l0[x]
        else:
            l1, l2 = line[at + 1 : at + 1 + count], line[at + 2 : at + 2 + count]
            for x in range(count):
                here[x] = c0 * l0[x] + c1 * l1[x] + c2 * l2[x]
            for t in range(3, width):
                weight = taps[b, t]
                lt = line[at + t : at + t + count]
                for x in range(count):
                    here[x] += weight * lt[x]
        if r > 2:
            place = r * first + b - start
            for x in range(count):
                row[place + r * x] = even[x]
    if r == 2:
        # Interleaving two rows vectorises, storing each with stride 2 does not.
        ahead = start % 2
        pairs = (stop - start - ahead) // 2
        if ahead:
            row[0] = odd[0]
        rows, odds = row[ahead : ahead + 2 * pairs], odd[ahead : ahead + pairs]
        for x in range(pairs):
            rows[2 * x] = even[x]
            rows[2 * x + 1] = odds[x]
        if ahead + 2 * pairs < stop - start:
            row[stop - start - 1] = even[pairs]


@njit(nogil=True, cache=True, fastmath=_MATH)
def _step(
    z: Any, have: Any, size: Any, r: int, ty: Any, tx: Any, want: Any, code: int, erf: Any, lines: Any, wide: Any,
    out: Any,
) -> None:  # fmt: skip
    """One separable step: the window ``want`` of activation(taps applied to z); z is the window ``have`` of an image.

    ``size`` is the whole image's (rows, columns) before the step: outside of it there are zeros. ``lines`` and ``wide``
    are scratch. First every row is widened, then rows are combined: both run along contiguous memory.
    """
    line = lines[0]
    reach = ty.shape[1] // 2
    y0, y1, x0, x1 = have
    Y0, Y1, X0, X1 = want
    columns, across = x1 - x0, X1 - X0
    for x in range(reach):
        line[x] = 0
        line[reach + columns + x] = 0
    for y in range(y1 - y0):
        source = z[y]
        middle = line[reach : reach + columns]
        for x in range(columns):
            middle[x] = source[x]
        _widen(line, tx, r, X0, X1, -x0, lines[1], lines[2], wide[y])
    for Y in range(Y0, Y1):
        base, sub = Y // r, Y % r
        row = out[Y - Y0]
        # The taps that are not zero and lie inside the image; then one pass over the row for every two of them.
        low, high = max(0, reach - base), min(2 * reach, reach + size[0] - 1 - base)
        while low < high and ty[sub, low] == 0:
            low += 1
        while high > low and ty[sub, high] == 0:
            high -= 1
        at = base - reach - y0
        if ty[sub, low] == 0:
            # Zero-insertion leaves this row empty; what lies at ``at + low`` need not be in the window at all.
            for x in range(across):
                row[x] = 0
        elif high == low:
            c0 = ty[sub, low]
            for x in range(across):
                out[Y - Y0, x] = c0 * wide[at + low, x]
        else:
            c0, c1 = ty[sub, low], ty[sub, low + 1]
            for x in range(across):
                out[Y - Y0, x] = c0 * wide[at + low, x] + c1 * wide[at + low + 1, x]
            for t in range(low + 2, high + 1):
                c0 = ty[sub, t]
                for x in range(across):
                    out[Y - Y0, x] += c0 * wide[at + t, x]
        if code != 0:
            _activate(code, row[:across], erf)


@njit(nogil=True, cache=True, fastmath=_MATH)
def _expand(
    v: Any, kernels: Any, bias: Any, channel: Any, phase: Any, upscale: int, own: int,
    factors: Any, taps: Any, codes: Any, sizes: Any, windows: Any, erf: Any, first: Any, second: Any, lines: Any,
    wide: Any, out: Any,
) -> None:  # fmt: skip
    """Maps of some neurons on a window; see `Expansion` for the arguments."""
    steps = factors.shape[0]
    for n in range(kernels.shape[0]):
        window = windows[0]
        target = out[n] if steps == 0 else first
        _source(v[channel[n]], kernels[n], bias[n], window, target)
        for y in range(window[1] - window[0]):
            _activate(own, target[y, : window[3] - window[2]], erf)
        here, there = first, second
        for s in range(steps):
            py, px = (phase[n] // upscale, phase[n] % upscale) if s == 0 else (0, 0)
            result = out[n] if s == steps - 1 else there
            _step(
                here, windows[s], sizes[s], factors[s], taps[s, py], taps[s, px], windows[s + 1], codes[s], erf, lines,
                wide, result,
            )  # fmt: skip
            here, there = there, here


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
    if maps.head_activation != "identity":
        steps.append((1, 1, False, maps.head_activation))
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
        np.array([CODES[name] for _, _, _, name in steps], np.int64),
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
        _expand(
            self._v, self._kernels[j, i], self._bias[j], i, self._phase[select], self._upscale, self._own,
            self._plan.factors, self._plan.taps, self._plan.codes, self._plan.sizes, windows, _ERF,
            buffers[0], buffers[1], lines, wide, out,
        )  # fmt: skip
        return out


@njit(nogil=True, cache=True, fastmath=_MATH)
def _linear(
    v: Any, channel: Any, scale: Any, share: Any, frequency: float, window: Any, own: int, head: int, erf: Any, out: Any
) -> None:
    """Maps φ_head(φ_own(frequency · (scale · v_i + share))) of some neurons, on a window of their feature i."""
    y0, y1, x0, x1 = window
    for n in range(out.shape[0]):
        a, b, f = scale[n], share[n], np.float32(frequency)
        for y in range(y0, y1):
            row, line = out[n, y - y0], v[channel[n], y, x0:x1]
            for x in range(x1 - x0):
                row[x] = f * (a * line[x] + b)
            _activate(own, row, erf)
            _activate(head, row, erf)


class LinearExpansion:
    """The maps of a fully connected layer with none after it, for one input, in float32 on the CPU.

    Results equal `LayerMaps.expand` to float32 rounding; `xinc.contributions.sources` has the formulas.

    Parameters
    ----------
    maps : a layer whose `LayerMaps.layer` is a `Linear`.
    v : (C_in, h, w) its input, float32.
    """

    def __init__(self, maps: LayerMaps, v: Array) -> None:
        layer, neurons = maps.layer, maps.neurons
        assert isinstance(layer, Linear)
        assert not maps.later
        self._v = np.ascontiguousarray(v)
        self._weight, bias = np.asarray(layer.weight), np.asarray(layer.bias)
        self._sums = neurons.granularity == "output"
        self._i, self._j = neurons.in_channel.astype(np.int64), neurons.out_channel.astype(np.int64)
        if neurons.granularity == "kernel":
            self._scale, self._share = self._weight[self._j, self._i], bias[self._j] / layer.channels[0]
        else:
            self._scale = self._weight.sum(0)
            self._share = np.full(len(self._scale), bias.sum() / layer.channels[0], np.float32)
        self._frequency = layer.frequency
        self._own, self._head = CODES[layer.activation], CODES[maps.head_activation]

    def expand(
        self, select: np.ndarray, window: tuple[int, int, int, int] | None = None, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Maps (n, y1 − y0, x1 − x0) of the selected neurons on a window, as `Expansion.expand`."""
        wanted = (0, self._v.shape[1], 0, self._v.shape[2]) if window is None else window
        if out is None:
            out = np.empty((len(select), wanted[1] - wanted[0], wanted[3] - wanted[2]), np.float32)
        if self._sums:  # without bias and activation: each is a map of its own, times the frequency
            part = self._v[:, wanted[0] : wanted[1], wanted[2] : wanted[3]]
            v = np.tensordot(self._weight[self._j[select]], part, 1)
            channel, scale = np.arange(len(select)), np.ones(len(select), np.float32)
            share, own, inner = np.zeros_like(scale), CODES["identity"], (0, part.shape[1], 0, part.shape[2])
        else:
            v, channel, inner, own = self._v, self._i[select], wanted, self._own
            scale, share = self._scale[select], self._share[select]
        _linear(v, channel, scale, share, self._frequency, inner, own, self._head, _ERF, out)
        return out
