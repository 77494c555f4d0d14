"""Which activation a function is: found by its values, not by how it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.trace.activations import COMPLEX, activation, activations, spelt

#: Arguments at which functions are compared: close to 0, where steep Gaussians and sines are told apart, and wide.
_PLACES = torch.cat([torch.linspace(-0.2, 0.2, 401), torch.linspace(-12, 12, 1201)]).double()

#: Far ones, where pieces of a function may begin that are none of its middle.
_FAR = torch.tensor([-1000.0, -200.0, -50.0, -20.0, -15.0, 15.0, 20.0, 50.0, 200.0, 1000.0]).double()

#: Functions that repeat themselves: how far is a matter of their middle.
_PERIODIC = ("cos", "finer", "hsiren", "sin", "sinc")

#: The largest factor that is looked for.
_STEEPEST = 1e4

#: By how much values may differ, of the largest: parameters of a network are float32.
_TOLERANCE = 1e-5


def recognise(function: Callable[[Tensor], Tensor]) -> tuple[str, float] | None:
    """The activation φ, as `xinc.trace.activations` says it, and the factor f of f(z) = φ(f z); None for none of them.

    Parameters of an activation are estimated from a few values, and it is what was sought if it then agrees with the
    function at 1,602 places. One that needs none comes before those that could be fitted.
    """
    wanted, far = function(_PLACES), function(_FAR)
    for fitted in (False, True):
        for name in _names():
            for estimates in _estimates(name, function) if fitted else _usual(name):
                for factor, *values in ([float(f"{one:.5g}") for one in estimates], estimates):
                    if _agrees(name, values, factor, wanted, far):
                        return spelt(name, *values), factor
    return None


def _usual(name: str) -> Iterator[tuple[float, ...]]:
    """The factor 1 and the defaults of an activation's parameters, if all have one."""
    try:
        values = activations[name].parameters.values()
    except InputError:  # of a distribution that is broken, whose activation this is not
        return
    if all(value is not None for value in values):
        yield 1.0, *(value for value in values if value is not None)


def _names() -> list[str]:
    """Names of all activations of real numbers; last those that are another's with the right values."""
    real = [name for name in activations.names() if name not in COMPLEX]
    return sorted(real, key=lambda name: name in ("celu", "prelu"))


def _agrees(name: str, values: Sequence[float], factor: float, wanted: Tensor, far: Tensor) -> bool:
    try:
        one = activation(f"{name}({', '.join(map(repr, values))})" if values else name)
    except InputError:  # it does not take these values
        return False
    if not bool((one(factor * _PLACES) - wanted).abs().max() <= _TOLERANCE * max(1.0, float(wanted.abs().max()))):
        return False
    if name in _PERIODIC:
        return True
    apart = (one(factor * _FAR) - far).abs() / far.abs().clamp(min=1)
    return not bool((apart > _TOLERANCE).any())  # what overflows, as log(1 + exp(z)), says nothing


def _estimates(name: str, function: Callable[[Tensor], Tensor]) -> Iterator[tuple[float, ...]]:
    """Factor and values of the parameters that an activation of this name would need; none where it cannot be."""

    def at(place: float) -> float:
        return float(function(torch.tensor([place], dtype=torch.float64))[0])

    found: list[float] | None
    if name in ("leaky_relu", "prelu"):
        found = [-at(-1.0)]
    elif name == "elu":
        found = [at(-1.0) / math.expm1(-1.0)]
    elif name == "celu":
        found = [-at(-1e6)]
    elif name == "softplus":
        found = [math.log(2) / at(0.0)] if at(0.0) > 0 else None
    elif name == "hardtanh":
        found = [at(-1e6), at(1e6)]
    elif name == "gauss":
        found = [math.sqrt(-math.log(at(1e-3))) * 1e3] if 0 < at(1e-3) < 1 else None
    elif name == "sin":
        slope = at(1e-12) * 1e12
        if 0 < slope <= _STEEPEST:
            yield (slope,)
        return
    elif name == "finer":
        # Of sin(f u (|f u| / ω + 1)): f is its slope at 0, and at f u = 1/2 its argument is 1/2 + 1/(4 ω).
        factor = at(1e-12) * 1e12
        half = at(0.5 / factor) if factor > 0 else 1.0
        bend = math.asin(half) - 0.5 if abs(half) < 1 else 0.0
        if bend >= 0.25 / _STEEPEST and factor <= _STEEPEST:
            yield factor, 0.25 / bend
        return
    else:
        return
    if found is None or not all(math.isfinite(value) for value in found):
        return
    if (name in ("finer", "celu") and found[0] <= 0) or (name == "hardtanh" and found[0] >= found[1]):
        return
    yield 1.0, *found


def between(
    before: Tensor, after: Tensor, known: Mapping[str, Callable[[Tensor], Tensor]] | None = None
) -> tuple[str, float] | None:
    """The activation φ, and the factor f, with ``after`` = φ(f · ``before``), element by element; None for none.

    None as well where the values do not tell several apart that differ within ± the largest, as of responses that are
    all positive: contributions may be negative.

    Parameters
    ----------
    before, after : tensors of the same shape.
    known : functions to choose from by name, without a factor; by default the activations.
    """
    z, wanted = before.double().flatten(), after.double().flatten()
    scale = _TOLERANCE * max(1.0, float(wanted.abs().max()))
    if known is not None:
        return next(((name, 1.0) for name, one in known.items() if float((one(z) - wanted).abs().max()) <= scale), None)
    small = z.abs().argsort()[: max(8, len(z) // 50)]
    slope = float((wanted[small] / z[small]).nan_to_num().median())
    below = z < 0
    fall = float((wanted[below] / z[below]).median()) if bool(below.any()) else 0.0
    options = [(name, 1.0) for name in ("identity", *_names()) for _ in _usual(name)]
    options += [(spelt("leaky_relu", float(f"{fall:.5g}")), 1.0)]
    options += [
        (name, float(f"{factor:.{digits}g}")) for factor in [slope] for digits in (2, 4, 7) for name in ("sin",)
    ]
    if slope > 0:
        options += [
            (spelt("finer", factor), factor) for factor in (float(f"{slope:.{digits}g}") for digits in (2, 4, 7))
        ]

    def values(said: str, factor: float, of: Tensor) -> Tensor:
        return activation(said)(factor * of)

    fitting = [one for one in options if float((values(*one, z) - wanted).abs().max()) <= scale]
    if not fitting:
        return None
    places = torch.linspace(-1, 1, 201, dtype=torch.float64) * z.abs().max()
    first = values(*fitting[0], places)
    alike = all(float((values(*one, places) - first).abs().max()) <= 10 * scale for one in fitting[1:])
    return fitting[0] if alike else None
