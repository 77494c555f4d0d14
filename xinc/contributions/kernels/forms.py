"""Activations as compiled code takes them: ours by number, another's by the address of its compiled function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numba
import numpy as np
from numba import carray, types  # type: ignore[attr-defined]

from xinc.contributions.kernels.compiled import own_form
from xinc.errors import InputError
from xinc.trace.activations import Activation, activation

#: Compiled functions of others, by what was compiled. They stay: code in use has nothing but their addresses.
_FUNCTIONS: dict[tuple[Callable[..., float], tuple[float, ...]], Any] = {}
_COMPILING = Lock()

#: From which numbers on, and by how much of the larger of 1 and the value, the two forms of an activation may differ.
_TRIED, _TOLERANCE = np.linspace(-3, 3, 61), 1e-5


def is_compiled(activations: Sequence[str]) -> bool:
    """Whether there is compiled code of all these activations."""
    return all(own_form(one.name, one.values) or one.scalar for one in map(activation, activations))


def packed(activations: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (S,) int64 and operands (S, 2) float32 of activations, for `compiled.activate`.

    Raises
    ------
    InputError : the compiled form of another's activation does not compile, or is not what it is in PyTorch.
    """
    forms = []
    for said in activations:
        one = activation(said)
        forms.append(own_form(one.name, one.values) or (_address(one), 0.0, 0.0))
    codes = np.array([number for number, _, _ in forms], np.int64)
    return codes, np.array([operands for _, *operands in forms], np.float32).reshape(-1, 2)


def _address(one: Activation) -> int:
    """Where the compiled function of another's activation is."""
    assert one.scalar is not None
    key = one.scalar, one.values
    with _COMPILING:
        if key not in _FUNCTIONS:
            _FUNCTIONS[key] = _compiled(one)
    return int(_FUNCTIONS[key].address)


def _compiled(one: Activation) -> Any:
    """φ(z) − φ(0) of float32 numbers in place, as C calls it."""
    compile_scalar: Any = numba.njit
    try:
        scalar, values = compile_scalar(one.scalar), one.values
        zero = scalar(0.0, *values)
        _compare(one, scalar)

        @numba.cfunc(types.void(types.CPointer(types.float32), types.intp))
        def function(first: Any, length: Any) -> None:
            row = carray(first, length)
            for i in range(length):
                row[i] = np.float32(scalar(np.float64(row[i]), *values) - zero)

    except numba.core.errors.NumbaError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"The compiled form of the activation '{one}' is not what Numba can compile ({reason[:200]}): write it "
            "with math and numbers alone, or leave it out, and maps expand in PyTorch."
        ) from error
    return function


def _compare(one: Activation, scalar: Any) -> None:
    """`InputError` where the two forms of an activation are not the same function."""
    import torch

    expected = one(torch.from_numpy(_TRIED)).numpy()
    found = np.array([scalar(z, *one.values) for z in _TRIED])
    wrong = np.abs(found - expected) > _TOLERANCE * np.maximum(1, np.abs(expected))
    if wrong.any():
        at = int(wrong.argmax())
        raise InputError(
            f"The compiled form of the activation '{one}' is not what it is in PyTorch: of {_TRIED[at]:g} they make "
            f"{found[at]:g} and {expected[at]:g}; repair one of them."
        )
