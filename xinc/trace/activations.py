"""Activations, said by a string: one registry for layers, stages, records, settings, PyTorch and compiled code.

``"gelu"`` is a name, ``"leaky_relu(0.2)"`` a name with the values of its parameters; what is left out has its default.
Each is applied to every response alone. What a response z contributes is φ(z) − φ(0) (`Activation.respond`), so that a
neuron that does nothing contributes nothing.

This module needs no PyTorch: `xinc.trace.functions` has ours in PyTorch, `xinc.contributions.kernels.compiled` as
compiled code. Other distributions bring theirs as entry points ``xinc.activations``.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast

from xinc.errors import InputError
from xinc.registry import Objects

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation φ: as it is declared, and with the values of its parameters as `activation` makes it of a string.

    Attributes
    ----------
    function : ``φ(z, *values)`` of a tensor in PyTorch, element by element; its signature names the parameters and
        their defaults. One called ``omega`` without a default is the frequency of the layer, as FINER's.
    scalar : ``φ(z, *values)`` of one number, in Python that Numba compiles; without it maps expand in PyTorch.
    response : φ(z) − φ(0) in PyTorch, if there is a form that keeps more digits than the difference.
    name : under which it is registered.
    values : of the parameters, in order.
    """

    function: Callable[..., Tensor]
    scalar: Callable[..., float] | None = None
    response: Callable[..., Tensor] | None = None
    name: str = ""
    values: tuple[float, ...] = ()

    def __call__(self, z: Tensor) -> Tensor:
        """φ(z)."""
        return self.function(z, *self.values)

    def respond(self, z: Tensor) -> Tensor:
        """φ(z) − φ(0), what a response z contributes; of complex numbers the magnitude."""
        if self.zero == 0:
            found = self(z)
        elif self.response is not None:
            found = self.response(z, *self.values)
        else:
            found = (self(z.double()) - self.zero).to(z.dtype)
        return found.abs() if found.is_complex() else found

    @cached_property
    def parameters(self) -> Mapping[str, float | None]:
        """Defaults of the parameters by name, None where there is none; `InputError` where one is not a number."""
        if self.name in _OURS:
            return _OURS[self.name]
        try:
            given = list(inspect.signature(self.function).parameters.values())[1:]
        except ValueError:  # PyTorch's own functions have no signature
            given = []
        found = {}
        for one in given:
            number = type(one.default) in (int, float) and math.isfinite(one.default)
            positional = one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
            if not (positional and (number or one.default is one.empty)):
                raise InputError(
                    f"The activation '{self.name}' has the parameter '{one}': those after the responses must be "
                    "numbers."
                )
            found[one.name] = float(one.default) if number else None
        return found

    @cached_property
    def zero(self) -> float:
        """φ(0); `InputError` where it is not finite."""
        if self.name in _OURS:
            return _ZEROS[self.name](*self.values) if self.name in _ZEROS else 0.0
        import torch

        found = float(self(torch.zeros(1, dtype=torch.float64))[0])
        if not math.isfinite(found):
            raise InputError(f"The activation '{self}' is {found:g} at 0: a number was expected, repair it.")
        return found

    def __str__(self) -> str:
        """The shortest string that says it: without values that are the defaults."""
        values, defaults = list(self.values), list(self.parameters.values())
        while values and values[-1] == defaults[len(values) - 1]:
            values.pop()
        return f"{self.name}({', '.join(map(_number, values))})" if values else self.name


#: Ours, and their parameters with defaults; None where there is none.
_OURS: dict[str, dict[str, float | None]] = {
    "abs": {},
    "celu": {"alpha": 1.0},
    "cos": {},
    "elu": {"alpha": 1.0},
    "finer": {"omega": None},
    "gauss": {"scale": 1.0},
    "gelu": {},
    "gelu_tanh": {},
    "hardsigmoid": {},
    "hardswish": {},
    "hardtanh": {"low": -1.0, "high": 1.0},
    "hsiren": {},
    "identity": {},
    "leaky_relu": {"slope": 0.01},
    "mish": {},
    "prelu": {"slope": 0.25},
    "relu": {},
    "relu6": {},
    "selu": {},
    "sigmoid": {},
    "silu": {},
    "sin": {},
    "sinc": {},
    "softplus": {"beta": 1.0, "threshold": 20.0},
    "softsign": {},
    "square": {},
    "tanh": {},
    "wire": {"omega": None, "scale": None},
}

#: Of ours, those that make complex numbers, for layers of such (`xinc.trace.linear.ComplexLinear`).
COMPLEX = ("wire",)

#: φ(0) of ours, from the values of their parameters, where it is not 0.
_ZEROS: dict[str, Callable[..., float]] = {
    "cos": lambda: 1.0,
    "gauss": lambda scale: 1.0,
    "hardsigmoid": lambda: 0.5,
    "hardtanh": lambda low, high: min(max(0.0, low), high),
    "sigmoid": lambda: 0.5,
    "sinc": lambda: 1.0,
    "softplus": lambda beta, threshold: math.log(2) / beta,
    "wire": lambda omega, scale: 1.0,
}

#: What the values of ours must fulfil, and how to say it.
_LIMITS: dict[str, tuple[Callable[..., bool], str]] = {
    "celu": (lambda alpha: alpha != 0, "its alpha must not be 0"),
    "finer": (lambda omega: omega > 0, "its omega must be positive"),
    "hardtanh": (lambda low, high: low <= high, "its low must not exceed its high"),
    "softplus": (
        lambda beta, threshold: beta > 0 and threshold >= 0,
        "its beta must be positive, its threshold not negative",
    ),
}


def _ours(name: str) -> Activation:
    """One of ours, in PyTorch once it is called."""

    def function(z: Tensor, *values: float) -> Tensor:
        from xinc.trace.functions import FUNCTIONS

        return FUNCTIONS[name](z, *values)

    def response(z: Tensor, *values: float) -> Tensor:
        from xinc.trace.functions import RESPONSES

        return RESPONSES[name](z, *values)

    return Activation(function, response=response if name in _ZEROS else None, name=name)


class Activations(Objects):
    """`Activation` by name: ours, those of other distributions, and those registered in this process."""

    def __init__(self) -> None:
        ours = {name: functools.partial(_ours, name) for name in _OURS}
        super().__init__("activation", __name__, "xinc.activations", ours)

    def distributions(self, said: Iterable[str]) -> dict[str, str]:
        """Distribution and version of those that are another's, by name; what is not an activation is left out."""
        names = {one.partition("(")[0].strip() for one in said} - self._own
        found = {name: str(self.origin(name)) for name in sorted(names) if name in self.names()}
        return {name: distribution for name, distribution in found.items() if distribution}

    def _keep(self, name: str, cls: Any) -> None:
        """Keep an `Activation`, or a function φ(z, *parameters) in PyTorch."""
        found = replace(cls if isinstance(cls, Activation) else Activation(cls), name=name)
        found.parameters  # noqa: B018 (or it is refused)
        self._classes[name] = found  # type: ignore[assignment]
        activation.cache_clear()

    def _home(self, cls: Any) -> str:
        return super()._home(cls.function if isinstance(cls, Activation) else cls)


activations = Activations()
#: Names of ours that make real numbers, which any layer may have.
OURS = tuple(name for name in _OURS if name not in COMPLEX)


@lru_cache(maxsize=1024)
def activation(said: str, frequency: float | None = None) -> Activation:
    """The activation that a string says, e.g. ``"gelu"`` or ``"leaky_relu(0.2)"``.

    Parameters
    ----------
    said : a name, and in brackets the values of its parameters.
    frequency : of the layer, the ω of FINER where the string leaves it out.

    Raises
    ------
    InputError : a malformed string, an unknown name, or values that the activation does not take.
    """
    match = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(?:\(([^()]*)\))?\s*", said)
    if match is None:
        raise InputError(
            f"The activation {said!r} is malformed: a name, or a name with numbers in brackets, was expected, e.g. "
            "gelu or leaky_relu(0.2)."
        )
    found = cast(Activation, activations[match[1]])
    given = [_value(said, text) for text in match[2].split(",")] if (match[2] or "").strip() else []
    if len(given) > len(found.parameters):
        known = f"the parameters {', '.join(found.parameters)}" if found.parameters else "no parameters"
        count = f"{len(given)} value{'s' if len(given) > 1 else ''}"
        raise InputError(f"The activation {said!r} has {count}: {found.name} has {known}; leave out the others.")
    values = dict(found.parameters) | dict(zip(found.parameters, given, strict=False))
    if values.get("omega", 0) is None:
        values["omega"] = frequency
    lacking = [name for name, value in values.items() if value is None]
    if lacking:
        raise InputError(
            f"The activation {said!r} lacks a value of its parameter {lacking[0]}, which has no default: give it, e.g. "
            f"{found.name}({', '.join('30' if value is None else _number(value) for value in values.values())})."
        )
    complete = tuple(float(value) for value in values.values() if value is not None)
    allowed, rule = _LIMITS.get(found.name, (None, ""))
    if allowed is not None and not allowed(*complete):
        raise InputError(f"The activation {said!r} has values that {found.name} does not take: {rule}.")
    return replace(found, values=complete)


def spelt(name: str, *values: float, frequency: float | None = None) -> str:
    """The shortest string that says an activation.

    >>> spelt("leaky_relu", 0.2), spelt("leaky_relu", 0.01), spelt("finer", frequency=30.0)
    ('leaky_relu(0.2)', 'leaky_relu', 'finer(30)')
    """
    return str(activation(f"{name}({', '.join(map(_number, values))})" if values else name, frequency))


def spelt_real(said: str) -> str:
    """The shortest string that says an activation; `InputError` for one that makes complex numbers."""
    found = activation(said)
    if found.name in COMPLEX:
        raise InputError(
            f"The activation '{said}' makes complex numbers, which the next layer here does not take: it belongs to "
            f"the architecture {found.name}, choose another one."
        )
    return str(found)


def activate(said: str, z: Tensor) -> Tensor:
    """φ(z) of the activation that a string says."""
    return activation(said)(z)


def respond(said: str, z: Tensor) -> Tensor:
    """What a response z contributes: φ(z) − φ(0)."""
    return activation(said).respond(z)


def _number(value: float) -> str:
    """A number as briefly as it can be read back."""
    return repr(float(value)).removesuffix(".0")


def _value(said: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"The activation {said!r} has the value {text.strip()!r}: a finite number was expected.")
    return value
