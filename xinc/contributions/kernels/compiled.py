"""Compiled code of contribution maps: activations, source responses, separable steps.

All of it is in this file: Numba's cache of a function notices a change in the file of that function only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xinc.runtime.compiling import njit
from xinc.runtime.lanes import LANES, load, spread, store, transpose

#: Ours inside compiled code: a number, and what becomes of the values of the parameters, at most two numbers there.
#: What is computed is φ(z) − φ(0), `xinc.trace.activations.respond`.
_FORMS: dict[str, tuple[int, Callable[..., tuple[float, ...]]]] = {
    "identity": (0, lambda: ()),
    "relu": (1, lambda: ()),
    "leaky_relu": (2, lambda slope: (slope,)),
    "prelu": (2, lambda slope: (slope,)),
    "relu6": (3, lambda: (0, 6)),
    "hardtanh": (3, lambda low, high: (low, high)),
    "elu": (4, lambda alpha: (alpha, 1)),
    "celu": (4, lambda alpha: (alpha, alpha)),
    "gelu": (5, lambda: ()),
    "silu": (6, lambda: ()),
    "hardswish": (7, lambda: ()),
    "sin": (8, lambda: ()),
    "tanh": (9, lambda: ()),
    "sigmoid": (10, lambda: ()),
    "softplus": (11, lambda beta, threshold: (beta, threshold)),
    "gauss": (12, lambda scale: (scale,)),
    "finer": (13, lambda omega: (omega,)),
    "selu": (14, lambda: ()),
    "gelu_tanh": (15, lambda: ()),
    "mish": (16, lambda: ()),
    "hardsigmoid": (17, lambda: ()),
    "cos": (18, lambda: ()),
    "softsign": (19, lambda: ()),
    "sinc": (20, lambda: ()),
    "square": (21, lambda: ()),
    "abs": (22, lambda: ()),
    "hsiren": (23, lambda: ()),
}

#: The square root, with which gained maps end: the number of no activation.
ROOT = 24

#: GELU of responses that are known to be small takes fewer operations: up to which magnitude, and the degree of its
#: polynomial. Numbers from `_NEAR_ZERO` on.
_NEAR = ((0.25, 2), (1.0, 5), (2.2, 7))
_GELU, _NEAR_ZERO = 5, 25
#: Numbers from here on are addresses of compiled functions, see `xinc.contributions.kernels.forms`.
_ADDRESSES = 4096


def own_form(name: str, values: Sequence[float]) -> tuple[int, float, float] | None:
    """Number and two operands of one of our activations inside compiled code; None of another."""
    if name not in _FORMS:
        return None
    number, operands = _FORMS[name]
    first, second = (*operands(*values), 0.0, 0.0)[:2]
    return number, float(first), float(second)


def gelu_within(limit: float) -> int:
    """The number of GELU for responses whose magnitudes are known not to exceed a limit."""
    return next((_NEAR_ZERO + at for at, (reach, _) in enumerate(_NEAR) if limit <= reach), _GELU)


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


def _gelu_polynomial(reach: float, degree: int) -> np.ndarray:
    """Coefficients, ascending, of a polynomial in x² that is (Φ(x) − 1/2) / x for |x| up to ``reach``.

    By interpolation in Chebyshev's points; with it, gelu(x) / x is wrong by 1.5e-7 at most, as with `_erf_polynomial`.
    """
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    squares = (nodes + 1) * reach**2 / 2
    values = [math.erf(x / math.sqrt(2)) / (2 * x) for x in np.sqrt(squares)]
    interpolated = np.polynomial.Polynomial.fit(squares, values, degree, domain=(0, reach**2))
    return np.asarray(interpolated.convert().coef.astype(np.float32))


_POLYNOMIALS = [_erf_polynomial(), *(_gelu_polynomial(*one) for one in _NEAR)]
ERF = np.concatenate(_POLYNOMIALS)
# Where the coefficients of GELU near zero begin in it: numbers, which compiled code takes for constants.
_AT_0, _AT_1, _AT_2 = (int(at) for at in np.cumsum([len(one) for one in _POLYNOMIALS])[:-1])
_DEGREE_0, _DEGREE_1, _DEGREE_2 = (degree for _, degree in _NEAR)


@intrinsic
def _call(typing: Any, address: Any, row: Any, length: Any) -> Any:
    """Call the compiled function at an address with a pointer to float32 numbers and how many they are."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [word, word])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), code


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def _gelu_near_zero(row: Any, coefficients: Any, degree: int) -> None:
    """x · (1/2 + x · polynomial in x²) in place; calls with a constant degree have no loop over it."""
    for i in range(row.shape[0]):
        x = row[i]
        square = x * x
        total = coefficients[degree]
        for d in range(degree - 1, -1, -1):
            total = total * square + coefficients[d]
        row[i] = x * (np.float32(0.5) + x * total)


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def activate(code: int, a: float, b: float, row: Any, erf: Any) -> None:
    """Apply φ(z) − φ(0) to a contiguous float32 row in place; ``a`` and ``b``, float32, are those of `own_form`."""
    n = row.shape[0]
    if code == 1:
        for i in range(n):
            row[i] = max(row[i], np.float32(0))
    elif code == 2:
        for i in range(n):
            row[i] = row[i] if row[i] >= 0 else a * row[i]
    elif code == 3:
        zero = min(max(np.float32(0), a), b)
        for i in range(n):
            row[i] = min(max(row[i], a), b) - zero
    elif code == 4:
        for i in range(n):
            row[i] = row[i] if row[i] > 0 else a * np.float32(math.expm1(row[i] / b))
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
            row[i] = np.float32(0.5) * np.float32(math.tanh(np.float32(0.5) * row[i]))
    elif code == 11:
        zero = np.float32(math.log(2.0) / a)
        for i in range(n):
            z = a * row[i]
            row[i] = row[i] - zero if z > b else np.float32(math.log1p(0.5 * math.expm1(z)) / a)
    elif code == 12:
        for i in range(n):
            z = a * row[i]
            row[i] = np.float32(math.expm1(-z * z))
    elif code == 13:
        for i in range(n):
            row[i] *= abs(row[i]) / a + np.float32(1)
        for i in range(n):
            row[i] = np.float32(math.sin(row[i]))
    elif code == 14:
        for i in range(n):
            z = row[i] if row[i] > 0 else np.float32(1.6732632423543772) * np.float32(math.expm1(row[i]))
            row[i] = np.float32(1.0507009873554805) * z
    elif code == 15:
        for i in range(n):
            z = np.float32(0.7978845608028654) * row[i] * (np.float32(1) + np.float32(0.044715) * row[i] * row[i])
            row[i] *= np.float32(0.5) * (np.float32(1) + np.float32(math.tanh(z)))
    elif code == 16:
        for i in range(n):
            row[i] *= np.float32(math.tanh(math.log1p(math.exp(row[i]))))
    elif code == 17:
        for i in range(n):
            row[i] = min(max(row[i], np.float32(-3)), np.float32(3)) * np.float32(1 / 6)
    elif code == 18:
        for i in range(n):
            z = np.float32(math.sin(np.float32(0.5) * row[i]))
            row[i] = np.float32(-2) * z * z
    elif code == 19:
        for i in range(n):
            row[i] /= np.float32(1) + abs(row[i])
    elif code == 20:
        for i in range(n):
            z = math.pi * np.float64(row[i])
            # Near zero the difference would lose the digits that the series has.
            row[i] = np.float32(math.sin(z) / z - 1 if abs(z) > 0.01 else z * z * (z * z / 120 - 1 / 6))
    elif code == 21:
        for i in range(n):
            row[i] *= row[i]
    elif code == 22:
        for i in range(n):
            row[i] = abs(row[i])
    elif code == 23:
        for i in range(n):
            row[i] = np.float32(math.sin(math.sinh(np.float32(2) * row[i])))
    elif code == _NEAR_ZERO:
        _gelu_near_zero(row, erf[_AT_0:], _DEGREE_0)
    elif code == _NEAR_ZERO + 1:
        _gelu_near_zero(row, erf[_AT_1:], _DEGREE_1)
    elif code == _NEAR_ZERO + 2:
        _gelu_near_zero(row, erf[_AT_2:], _DEGREE_2)
    elif code == ROOT:
        for i in range(n):
            row[i] = np.sqrt(row[i])
    elif code >= _ADDRESSES:
        _call(code, row.ctypes.data, n)  # type: ignore[call-arg]  # Numba gives the first argument


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def _inputs(v: Any, channel: Any, window: Any, k: int, line: Any, out: Any) -> None:
    """Vectors of 16 channels of the zero-padded input (C, h, w), at the pixels that a window (y0, y1, x0, x1) takes."""
    y0, y1, x0, x1 = window
    across = x1 - x0 + k - 1
    alike = True
    for lane in range(LANES):
        alike = alike and channel[lane] == channel[0]
    for y in range(y1 - y0 + k - 1):
        if alike:
            source = v[channel[0], y0 + y, x0 : x0 + across]
            for x in range(across):
                store(out, y * across + x, spread(source[x]))
            continue
        for lane in range(LANES):
            source, part = v[channel[lane], y0 + y, x0 : x0 + across], line[lane * across : (lane + 1) * across]
            for x in range(across):
                part[x] = source[x]
        at = 0
        while at < across and across >= LANES:
            at = min(at, across - LANES)
            transpose(line, at, across, out, (y * across + at) * LANES, LANES)
            at += LANES
        for x in range(at, across):
            for lane in range(LANES):
                out[(y * across + x) * LANES + lane] = line[lane * across + x]


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def _source(inputs: Any, kernels: Any, bias: Any, k: int, rows: int, columns: int, out: Any) -> None:
    """Edge responses of 16 kernels (k², 16) on a window; four pixels at a time share what is loaded of the kernels."""
    across = columns + k - 1
    for y in range(rows):
        x = 0
        while x + 3 < columns:
            one = two = three = four = load(bias, 0)
            for a in range(k):
                at = (y + a) * across + x
                for b in range(k):
                    weight = load(kernels, a * k + b)
                    one += weight * load(inputs, at + b)
                    two += weight * load(inputs, at + b + 1)
                    three += weight * load(inputs, at + b + 2)
                    four += weight * load(inputs, at + b + 3)
            store(out, y * columns + x, one)
            store(out, y * columns + x + 1, two)
            store(out, y * columns + x + 2, three)
            store(out, y * columns + x + 3, four)
            x += 4
        while x < columns:
            one = load(bias, 0)
            for a in range(k):
                for b in range(k):
                    one += load(kernels, a * k + b) * load(inputs, (y + a) * across + x + b)
            store(out, y * columns + x, one)
            x += 1


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def _mix(
    source: Any, at: int, apart: int, taps: Any, tap: int, many: int, count: int, out: Any, to: int, every: int
) -> None:
    """Weighted sums of so many vectors: out[to + every·x] = Σ_t taps[tap + t] · source[at + apart·t + x], t < many."""
    first = load(taps, tap)
    if many == 1:
        for x in range(count):
            store(out, to + every * x, first * load(source, at + x))
    elif many == 2:
        second = load(taps, tap + 1)
        for x in range(count):
            store(out, to + every * x, first * load(source, at + x) + second * load(source, at + apart + x))
    else:
        second, third = load(taps, tap + 1), load(taps, tap + 2)
        for x in range(count):
            total = first * load(source, at + x) + second * load(source, at + apart + x)
            total += third * load(source, at + 2 * apart + x)
            for t in range(3, many):
                total += load(taps, tap + t) * load(source, at + t * apart + x)
            store(out, to + every * x, total)


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def _row(
    z: Any, have: Any, size: Any, r: int, taps: Any, ty: int, tx: int, width: int, spans: Any, Y: int, X0: int,
    X1: int, line: Any, out: Any, to: int,
) -> None:  # fmt: skip
    """Row Y of a step, columns X0 to X1, from the window ``have`` of an image ``size`` with zeros around it.

    First rows are combined, then columns; each of the r sub-positions has ``width`` taps of its own, from number ``ty``
    and ``tx`` on, of which those are not zero from ``spans[sub, 0]`` up to and not with ``spans[sub, 1]``.
    """
    y0, _, x0, x1 = have
    reach, columns = width // 2, x1 - x0
    base, sub = Y // r, Y % r
    low, high = max(spans[sub, 0], reach - base), min(spans[sub, 1], reach + size[0] - base)
    if high <= low:
        out[to * LANES : (to + X1 - X0) * LANES] = 0
        return
    line[: reach * LANES] = 0
    line[(reach + columns) * LANES : (2 * reach + columns) * LANES] = 0
    above = (base - reach + low - y0) * columns
    _mix(z, above, columns, taps, ty + sub * width + low, high - low, columns, line, reach, 1)
    for b in range(r):
        first = (X0 - b + r - 1) // r
        count = (X1 - 1 - b) // r + 1 - first
        if count > 0:
            low, high = spans[b]
            if high <= low:
                for x in range(count):
                    store(out, to + r * (first + x) + b - X0, spread(np.float32(0)))
            else:
                at, tap = first - x0 + low, tx + b * width + low
                _mix(line, at, 1, taps, tap, high - low, count, out, to + r * first + b - X0, r)


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def _rows_of_maps(row: Any, count: int, lanes: int, flat: Any, to: int, apart: int, square: Any) -> None:
    """The numbers of the first lanes of vectors, as rows of so many maps that lie ``apart``, from element ``to`` on."""
    x = 0
    while x < count:
        # The last columns overlap with those before them.
        x = max(min(x, count - LANES), 0)
        if lanes == LANES and count >= LANES:
            transpose(row, x * LANES, LANES, flat, to + x, apart)
        elif count >= LANES:
            transpose(row, x * LANES, LANES, square, 0, LANES)
            for lane in range(lanes):
                for i in range(LANES):
                    flat[to + lane * apart + x + i] = square[lane * LANES + i]
        else:
            for lane in range(lanes):
                for i in range(count):
                    flat[to + lane * apart + i] = row[i * LANES + lane]
        x += LANES


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def expand_convolution(
    v: Any, kernels: Any, bias: Any, select: Any, sources: Any, fed: Any, phases: Any, upscale: int,
    gain: Any, factors: Any, taps: Any, spans: Any, codes: Any, operands: Any, sizes: Any, windows: Any, erf: Any,
    scratch: Any, parts: Any, channels: Any, out: Any, height: int, width: int, top: int, beside: bool,
) -> None:  # fmt: skip
    """Maps of some neurons on a window; see `Expansion` for the arguments. Gains of no channel: the paper's maps.

    ``codes`` and ``operands`` are of the layer's own activation, then of each step's. ``scratch`` is memory for
    vectors, whose parts end before the vectors ``parts``, ``channels`` for 16 numbers. ``out`` is flat, for maps
    ``height`` by ``width``, of which the window begins with row ``top``. Sixteen maps are computed side by side, and
    stay so (``beside``) or become rows.
    """
    steps, k, grouped = factors.shape[0], kernels.shape[2], kernels.shape[1]
    inputs, first = scratch[: LANES * parts[0]], scratch[LANES * parts[0] : LANES * parts[1]]
    second, line = scratch[LANES * parts[1] : LANES * parts[2]], scratch[LANES * parts[2] : LANES * parts[3]]
    row, weights = scratch[LANES * parts[3] : LANES * parts[4]], scratch[LANES * parts[4] : LANES * parts[5]]
    shares, square = scratch[LANES * parts[5] : LANES * parts[6]], scratch[LANES * parts[6] : LANES * parts[7]]
    own = scratch[LANES * parts[7] : LANES * parts[8]]
    apart, width_of_taps = height * width, taps.shape[3]
    of_step = taps.shape[2] * width_of_taps
    for start in range(0, select.shape[0], LANES):
        lanes = min(LANES, select.shape[0] - start)
        for lane in range(LANES):
            n = select[start + min(lane, lanes - 1)]
            j, phase = fed[n], phases[n]
            channels[lane], shares[lane] = sources[n], bias[j]
            for a in range(k):
                for b in range(k):
                    weights[(a * k + b) * LANES + lane] = kernels[j, sources[n] % grouped, a, b]
            for s in range(steps):
                py, px = (phase // upscale, phase % upscale) if s == 0 else (0, 0)
                for b in range(factors[s]):
                    for t in range(width_of_taps):
                        at = s * of_step + b * width_of_taps + t
                        own[at * LANES + lane] = taps[s, py, b, t]
                        own[(steps * of_step + at) * LANES + lane] = taps[s, px, b, t]
        window = windows[0]
        rows, columns = window[1] - window[0], window[3] - window[2]
        _inputs(v, channels, window, k, line, inputs)
        _source(inputs, weights, shares, k, rows, columns, first)
        if gain.shape[0]:
            for lane in range(lanes):
                for y in range(rows):
                    for x in range(columns):
                        at = (y * columns + x) * LANES + lane
                        first[at] *= first[at] * gain[fed[select[start + lane]], window[0] + y, window[2] + x]
        activate(codes[0], operands[0, 0], operands[0, 1], first[: rows * columns * LANES], erf)
        if steps == 0:
            for y in range(rows):
                if beside:
                    for x in range(columns):
                        store(out, start // LANES * apart + (top + y) * width + x, load(first, y * columns + x))
                else:
                    part = first[y * columns * LANES : (y + 1) * columns * LANES]
                    _rows_of_maps(part, columns, lanes, out, start * apart + (top + y) * width, apart, square)
        here, there = first, second
        for s in range(steps):
            Y0, Y1, X0, X1 = windows[s + 1]
            across, last = X1 - X0, s == steps - 1
            r, ty, tx = factors[s], s * of_step, (steps + s) * of_step
            for Y in range(Y0, Y1):
                if last and beside:
                    target, to = out, start // LANES * apart + (top + Y - Y0) * width
                else:
                    target, to = (row, 0) if last else (there, (Y - Y0) * across)
                _row(here, windows[s], sizes[s], r, own, ty, tx, width_of_taps, spans[s], Y, X0, X1, line, target, to)
                part = target[to * LANES : (to + across) * LANES]
                activate(codes[s + 1], operands[s + 1, 0], operands[s + 1, 1], part, erf)
                if last and not beside:
                    _rows_of_maps(part, across, lanes, out, start * apart + (top + Y - Y0) * width, apart, square)
            here, there = there, here
        if beside and lanes < LANES:
            last_window = windows[steps]
            for y in range(last_window[1] - last_window[0]):
                for x in range(last_window[3] - last_window[2]):
                    at = (start // LANES * apart + (top + y) * width + x) * LANES
                    out[at + lanes : at + LANES] = 0


@njit(nogil=True, _nrt=False)
def _side_by_side(rows: Any, at: int, apart: int, count: int, lanes: int, out: Any, to: int) -> None:
    """``count`` numbers of each of so many rows, ``apart`` from element ``at`` on, as vectors; beside them zeros."""
    whole = count // LANES * LANES if lanes == LANES else 0
    for x in range(0, whole, LANES):
        transpose(rows, at + x, apart, out, (to + x) * LANES, LANES)
    for x in range(whole, count):
        for lane in range(LANES):
            out[(to + x) * LANES + lane] = rows[at + lane * apart + x] if lane < lanes else np.float32(0)


@njit(nogil=True, _nrt=False)
def lay_side_by_side(rows: Any, maps: Any, first: int) -> None:
    """Of maps (n, P) the p pixels from ``first`` on, in groups of sixteen, (groups, p, 16); zeros beside the last."""
    n, apart = rows.shape
    pixels = maps.shape[1]
    for g in range(maps.shape[0]):
        lanes = min(LANES, n - g * LANES)
        _side_by_side(rows.reshape(-1), g * LANES * apart + first, apart, pixels, lanes, maps.reshape(-1), g * pixels)


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def expand_linear(
    v: Any, channel: Any, scale: Any, share: Any, frequency: float, window: Any, codes: Any, operands: Any, erf: Any,
    line: Any, out: Any, beside: bool,
) -> None:  # fmt: skip
    """Maps φ_head(φ_own(frequency · (scale · v_i + share))) of some neurons, on a window of their feature i.

    ``codes`` and ``operands`` are of these two activations. ``out`` is flat, and maps are rows in it, or ``beside``
    each other as `expand_convolution` has it; then ``line`` has room for a row of sixteen maps.
    """
    y0, y1, x0, x1 = window
    width, f = x1 - x0, np.float32(frequency)
    apart = (y1 - y0) * width
    for start in range(0, channel.shape[0], LANES):
        lanes = min(LANES, channel.shape[0] - start)
        for y in range(y0, y1):
            for lane in range(lanes):
                n = start + lane
                a, b, source = scale[n], share[n], v[channel[n], y, x0:x1]
                at = n * apart + (y - y0) * width
                row = line[lane * width : (lane + 1) * width] if beside else out[at : at + width]
                for x in range(width):
                    row[x] = f * (a * source[x] + b)
                activate(codes[0], operands[0, 0], operands[0, 1], row, erf)
                activate(codes[1], operands[1, 0], operands[1, 1], row, erf)
            if beside:
                _side_by_side(line, 0, width, width, lanes, out, start // LANES * apart + (y - y0) * width)


@njit(nogil=True, fastmath=FAST_MATH, _nrt=False)
def expand_gained_linear(v: Any, channel: Any, scale: Any, fed: Any, gain: Any, window: Any, out: Any) -> None:
    """Gained maps sqrt((scale · v_i)² · G_j) of some neurons, on a window of their feature i and of gains (C, h, w)."""
    y0, y1, x0, x1 = window
    for n in range(out.shape[0]):
        for y in range(y0, y1):
            row, line, weights = out[n, y - y0], v[channel[n], y, x0:x1], gain[fed[n], y, x0:x1]
            for x in range(x1 - x0):
                row[x] = abs(scale[n] * line[x]) * np.sqrt(weights[x])
