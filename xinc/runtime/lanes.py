"""Vectors of 16 float32 numbers for Numba: what its loops do not become by themselves, one instruction of the machine.

Compiled code holds such a vector in a variable: `load` takes it from an array, `store` puts it there, and between them
it computes with ``+``, ``-``, ``*`` and `magnitude`. LLVM makes of it what the machine has: a register of AVX-512, two
of AVX2, four of NEON. An array of vectors is contiguous; vector number n begins at element 16·n, and nothing checks
bounds. Numba's cache of a function does not notice a change of this file: touch those that import it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import lower_builtin, models, register_model

#: Numba gives the first argument, which mypy cannot know.
intrinsic: Any = numba_intrinsic

#: Numbers in a vector, on every machine, so that results are the same.
LANES = 16

#: As `xinc.contributions.kernels.compiled.FAST_MATH`.
_FAST = ("contract", "reassoc", "nsz", "arcp")
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_WORDS = ir.VectorType(ir.IntType(32), LANES)


class Lanes(types.Type):
    """Numba's type of a vector."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_LANES = Lanes()


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An array of float32 numbers, not initialised, whose vectors do not straddle two lines of a cache."""
    size = math.prod(shape)
    memory = np.empty(size + LANES, np.float32)
    start = -memory.ctypes.data // memory.itemsize % LANES
    return memory[start : start + size].reshape(shape)


def _define(operation: Callable[..., Any], name: str) -> None:
    """An operator on two vectors, by the name of LLVM's instruction."""

    @infer_global(operation)
    class Template(AbstractTemplate):
        def generic(self, args: Any, _: Any) -> Any:
            return signature(_LANES, *args) if args == (_LANES, _LANES) else None

    @lower_builtin(operation, _LANES, _LANES)
    def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
        return getattr(builder, name)(*arguments, flags=_FAST)


for _operation, _name in (
    (operator.add, "fadd"), (operator.iadd, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"),
):  # fmt: skip
    _define(_operation, _name)


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any, vector: Any) -> Any:
    """Pointer to a vector that begins at an element of an array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


def _times(builder: Any, number: Any, factor: int) -> Any:
    return builder.mul(number, ir.Constant(number.type, factor))


@intrinsic
def load(typing: Any, array: Any, n: Any) -> Any:
    """Vector number n of an array of float32."""

    def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
        at = _times(builder, arguments[1], LANES)
        return builder.load(_place(context, builder, kind.args[0], arguments[0], at, _FLOATS), align=4)

    return _LANES(array, types.intp), code


@intrinsic
def store(typing: Any, array: Any, n: Any, vector: Any) -> Any:
    """Write vector number n of an array of float32."""

    def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
        at = _times(builder, arguments[1], LANES)
        builder.store(arguments[2], _place(context, builder, kind.args[0], arguments[0], at, _FLOATS), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _LANES), code


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(_WORDS, [0] * LANES))


@intrinsic
def spread(typing: Any, number: Any) -> Any:
    """A vector of one float32 number."""

    def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
        return _spread(builder, arguments[0], _FLOATS)

    return _LANES(types.float32), code


def _magnitude(builder: Any, vector: Any) -> Any:
    bits = builder.and_(builder.bitcast(vector, _WORDS), ir.Constant(_WORDS, [0x7FFFFFFF] * LANES))
    return builder.bitcast(bits, _FLOATS)


@intrinsic
def magnitude(typing: Any, vector: Any) -> Any:
    """The magnitudes of a vector's numbers."""
    return _LANES(_LANES), lambda context, builder, kind, arguments: _magnitude(builder, *arguments)


@intrinsic
def exceeds(typing: Any, vector: Any, limits: Any) -> Any:
    """A vector of 1 where a vector's number is above another's, otherwise, and where one is not a number, 0."""

    def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
        above = builder.fcmp_ordered(">", *arguments)
        return builder.select(above, *(ir.Constant(_FLOATS, [number] * LANES) for number in (1.0, 0.0)))

    return _LANES(_LANES, _LANES), code


def _extreme(comparison: str) -> Any:
    """Of two vectors of magnitudes the lower or the higher numbers, as patterns: NaN is above all others."""

    def extreme(typing: Any, one: Any, other: Any) -> Any:
        def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
            patterns = [builder.bitcast(vector, _WORDS) for vector in arguments]
            found = builder.select(builder.icmp_unsigned(comparison, *patterns), *patterns)
            return builder.bitcast(found, _FLOATS)

        return _LANES(_LANES, _LANES), code

    return extreme


lower, higher = intrinsic(_extreme("<")), intrinsic(_extreme(">"))


@intrinsic
def sum_each(typing: Any, source: Any) -> Any:
    """A vector whose number i is the sum of the numbers of vector i of a contiguous array, of its first 16."""

    def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
        starts = [ir.Constant(ir.IntType(64), LANES * i) for i in range(LANES)]
        places = [_place(context, builder, kind.args[0], arguments[0], at, _FLOATS) for at in starts]
        rows = [builder.load(place, align=4) for place in places]
        for masks in _HALVES:
            pairs = list(zip(rows[::2], rows[1::2], strict=True))
            halves = [[builder.shuffle_vector(*pair, mask) for mask in masks] for pair in pairs]
            rows = [builder.fadd(*both, flags=_FAST) for both in halves]
        return rows[0]

    return _LANES(source), code


@intrinsic
def alike(typing: Any, patterns: Any, at: Any, bits: Any, wanted: Any) -> Any:
    """A number whose bit i tells whether element at + i of an array of uint32 is ``wanted`` in these bits; i < 16."""

    def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
        array, at, *numbers = arguments
        bits, wanted = (_spread(builder, number, _WORDS) for number in numbers)
        found = builder.load(_place(context, builder, kind.args[0], array, at, _WORDS), align=4)
        same = builder.icmp_unsigned("==", builder.and_(found, bits), wanted)
        return builder.zext(builder.bitcast(same, ir.IntType(LANES)), ir.IntType(64))

    return types.uint64(patterns, types.intp, types.uint32, types.uint32), code


@intrinsic
def lowest(typing: Any, number: Any) -> Any:
    """Which is the lowest bit of a number (uint64) that is set; it is not 0."""
    return types.intp(types.uint64), lambda context, builder, kind, arguments: builder.cttz(
        arguments[0], ir.Constant(ir.IntType(1), 1)
    )


@intrinsic
def accumulate(typing: Any, sums: Any, n: Any, vector: Any) -> Any:
    """Add a vector to number n of an array of float64."""

    def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
        at = _times(builder, arguments[1], LANES)
        place = _place(context, builder, kind.args[0], arguments[0], at, _DOUBLES)
        total = builder.fadd(builder.load(place, align=8), builder.fpext(arguments[2], _DOUBLES), flags=_FAST)
        builder.store(total, place, align=8)
        return context.get_dummy_value()

    return types.void(sums, types.intp, _LANES), code


@intrinsic
def transpose(typing: Any, source: Any, at: Any, step: Any, target: Any, to: Any, stride: Any) -> Any:
    """16×16 numbers of contiguous arrays: ``target[to + stride·j + i] = source[at + step·i + j]``."""

    def code(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
        source, at, step, target, to, stride = arguments

        def places(n: int, array: Any, first: Any, distance: Any) -> list[Any]:
            starts = [builder.add(first, _times(builder, distance, i)) for i in range(LANES)]
            return [_place(context, builder, kind.args[n], array, start, _FLOATS) for start in starts]

        rows = [builder.load(place, align=4) for place in places(0, source, at, step)]
        # Two steps exchange the axes of 4×4 numbers within quarters of vectors, two more the quarters themselves.
        for distance, masks in _EXCHANGES:
            for i in range(LANES):
                if not i & distance:
                    pair = rows[i], rows[i + distance]
                    rows[i], rows[i + distance] = (builder.shuffle_vector(*pair, mask) for mask in masks)
        for column, place in zip(_ORDER, places(3, target, to, stride), strict=True):
            builder.store(rows[column], place, align=4)
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target, types.intp, types.intp), code


def _exchanges() -> list[tuple[int, list[Any]]]:
    """Steps of a transposition: how far apart two vectors are, and what a vector for each of them takes from both.

    All of it is within quarters or of whole quarters, for which machines have instructions; others take twice as long.
    """
    quarters = range(0, LANES, 4)
    numbers = [[q + first + 16 * (i % 2) + i // 2 for q in quarters for i in range(4)] for first in (0, 2)]
    pairs = [[q + first + 16 * (i // 2) + i % 2 for q in quarters for i in range(4)] for first in (0, 2)]
    whole = [[first + 8 * (i // 4 % 2) + 16 * (i // 8) + i % 4 for i in range(LANES)] for first in (0, 4)]
    return [
        (distance, [ir.Constant(_WORDS, mask) for mask in masks])
        for distance, masks in ((1, numbers), (2, pairs), (4, whole), (8, whole))
    ]


_EXCHANGES = _exchanges()


def _halves() -> list[list[Any]]:
    """Steps of `sum_each`: what one vector takes from two neighbours, twice, of which the sum is a step further."""
    quarters = range(0, LANES, 4)
    numbers = [[q + first + 2 * (i % 2) + 16 * (i // 2) for q in quarters for i in range(4)] for first in (0, 1)]
    whole = [[4 * (first + 2 * (q % 2)) + 16 * (q // 2) + i for q in range(4) for i in range(4)] for first in (0, 1)]
    return [[ir.Constant(_WORDS, mask) for mask in masks] for masks in (numbers, numbers, whole, whole)]


_HALVES = _halves()
#: Which vector is each column then.
_ORDER = [first + i for first in range(0, LANES, 4) for i in (0, 2, 1, 3)]
