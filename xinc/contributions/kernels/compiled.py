"""Compiled code of contribution maps: activations, source responses, separable steps.

All of it is in this file: Numba's cache of a function notices a change in the file of that function only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xinc.runtime.compiling import njit

#: Codes of activations inside compiled code; what is meant is `xinc.trace.activations.respond`.
CODES = {
    name: code
    for code, name in enumerate(
        (
            "identity", "relu", "leaky_relu", "relu6", "elu", "gelu", "silu", "hardswish", "sin", "tanh", "sigmoid",
            "softplus", "gauss", "finer",
        )
    )
}  # fmt: skip


_SIN, _FINER = CODES["sin"], CODES["finer"]

#: The square root, with which gained maps end: the code of no activation.
ROOT = len(CODES)

# Contraction and reassociation let loops vectorise; infinities and NaN keep their meaning.
FAST_MATH = {"contract", "reassoc", "nsz", "arcp"}


#: erf(z) for |z| <= _ERF_LIMIT is z times a polynomial in 2 z² / _ERF_LIMIT² − 1; beyond, it is ±1 to float32.
_ERF_LIMIT = 4.0


def _erf_polynomial(degree: int = 16) -> np.ndarray:
    """Coefficients, ascending, by Chebyshev interpolation of erf(z)/z on [0, _ERF_LIMIT]; error of gelu below 1e-6."""
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    z = np.sqrt((nodes + 1) * _ERF_LIMIT**2 / 2)
    values = np.array([math.erf(one) / one for one in z])
    chebyshev = np.polynomial.chebyshev.chebfit(nodes, values, degree)
    return np.asarray(np.polynomial.chebyshev.cheb2poly(chebyshev).astype(np.float32))


ERF = _erf_polynomial()


@njit(nogil=True, fastmath=FAST_MATH)
def activate(code: int, row: Any, erf: Any) -> None:
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
    elif code == 12:
        for i in range(n):
            row[i] = np.float32(math.expm1(-row[i] * row[i]))
    elif code == 14:
        for i in range(n):
            row[i] = np.sqrt(row[i])


@njit(nogil=True, fastmath=FAST_MATH)
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


@njit(nogil=True, fastmath=FAST_MATH)
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


@njit(nogil=True, fastmath=FAST_MATH)
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
            activate(code, row[:across], erf)


@njit(nogil=True, fastmath=FAST_MATH)
def expand_convolution(
    v: Any, kernels: Any, bias: Any, channel: Any, phase: Any, upscale: int, own: int,
    fed: Any, gain: Any, factors: Any, taps: Any, codes: Any, sizes: Any, windows: Any, erf: Any, first: Any,
    second: Any, lines: Any, wide: Any, out: Any,
) -> None:  # fmt: skip
    """Maps of some neurons on a window; see `Expansion` for the arguments. Gains of no channel: the paper's maps."""
    steps = factors.shape[0]
    for n in range(kernels.shape[0]):
        window = windows[0]
        target = out[n] if steps == 0 else first
        _source(v[channel[n]], kernels[n], bias[n], window, target)
        for y in range(window[1] - window[0]):
            row = target[y, : window[3] - window[2]]
            if gain.shape[0]:
                weights = gain[fed[n], window[0] + y, window[2] : window[3]]
                for x in range(row.shape[0]):
                    row[x] *= row[x] * weights[x]
            activate(own, row, erf)
        here, there = first, second
        for s in range(steps):
            py, px = (phase[n] // upscale, phase[n] % upscale) if s == 0 else (0, 0)
            result = out[n] if s == steps - 1 else there
            _step(
                here, windows[s], sizes[s], factors[s], taps[s, py], taps[s, px], windows[s + 1], codes[s], erf, lines,
                wide, result,
            )  # fmt: skip
            here, there = there, here


@njit(nogil=True, fastmath=FAST_MATH)
def expand_linear(
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
            if own == _FINER:
                for x in range(x1 - x0):
                    row[x] *= abs(row[x]) / f + np.float32(1)
                activate(_SIN, row, erf)
            else:
                activate(own, row, erf)
            activate(head, row, erf)


@njit(nogil=True, fastmath=FAST_MATH)
def expand_gained_linear(v: Any, channel: Any, scale: Any, fed: Any, gain: Any, window: Any, out: Any) -> None:
    """Gained maps sqrt((scale · v_i)² · G_j) of some neurons, on a window of their feature i and of gains (C, h, w)."""
    y0, y1, x0, x1 = window
    for n in range(out.shape[0]):
        for y in range(y0, y1):
            row, line, weights = out[n, y - y0], v[channel[n], y, x0:x1], gain[fed[n], y, x0:x1]
            for x in range(x1 - x0):
                row[x] = abs(scale[n] * line[x]) * np.sqrt(weights[x])
