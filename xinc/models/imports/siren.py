"""Networks of plain layers over pixel coordinates, as SIREN and its relatives are saved.

Their tensors tell widths and depth, and nothing of the activation, its frequency, or where a pixel lies: all of these
share the same names and shapes. `CONVENTIONS` has what the usual code bases mean; `AXES` what may be tried.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xinc.errors import InputError
from xinc.models.imports.ffn import one_frame
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors, listed, single

HINTS = (
    "resolution", "convention", "activation", "omega", "first_omega", "hidden_features", "layers", "coordinates",
    "coordinate_order", "coordinate_range", "pixels", "outermost_linear", "output_activation", "num_frames", "frames",
    "parameters",
)  # fmt: skip

_WAVES: dict[str, Any] = {"activation": "sin", "omega": 30.0, "first_omega": 30.0}
_STRETCHED: dict[str, Any] = {
    "coordinates": "stretched", "coordinate_order": "row_column", "coordinate_range": (-1.0, 1.0), "pixels": "corners",
}  # fmt: skip

#: What code bases mean, by the name that the hint ``convention`` takes. Sources: their public repositories
#: (vsitzmann/siren, lucidrains/siren-pytorch, EmilienDupont/coin, vishwa91/wire, liuzhen0212/FINER).
CONVENTIONS: dict[str, dict[str, Any]] = {
    "siren": {**_WAVES, **_STRETCHED, "output_activation": "centred"},
    "siren-pytorch": {**_WAVES, "omega": 1.0, **_STRETCHED, "output_activation": "identity"},
    "coin": {**_WAVES, **_STRETCHED, "coordinates": "height", "output_activation": "identity"},
    "wire": {**_WAVES, **_STRETCHED, "coordinate_order": "column_row", "output_activation": "identity"},
    "finer": {**_WAVES, "activation": "finer", **_STRETCHED, "output_activation": "centred"},
}

_OUTPUTS = {name: name for name in ("identity", "sigmoid", "tanh", "centred")}

#: What is tried where a hint does not say it: the names of hints, and their values together, the usual ones first.
AXES: dict[tuple[str, ...], tuple[tuple[Any, ...], ...]] = {
    ("activation", "first_omega", "omega"): (
        *(
            ("sin", first, omega)
            for first, omega in ((30.0, 30.0), (30.0, 1.0), (20.0, 20.0), (10.0, 10.0), (5.0, 5.0))
        ),
        *(("sin", first, omega) for first, omega in ((60.0, 60.0), (60.0, 30.0), (10.0, 30.0), (1.0, 1.0))),
        *(("finer", omega, omega) for omega in (30.0, 10.0, 5.0)),
        *(("gauss", s, s) for s in (10.0, 30.0, 20.0, 5.0, 1.0)),
        *((name, None, None) for name in ("relu", "gelu", "silu", "tanh", "leaky_relu", "elu", "softplus")),
    ),
    ("coordinate_order",): (("row_column",), ("column_row",)),
    ("coordinates",): (("stretched",), ("square",), ("height",)),
    ("coordinate_range",): (((-1.0, 1.0),), ((0.0, 1.0),), ((-0.5, 0.5),)),
    ("pixels",): (("corners",), ("centres",)),
}

#: Names of the tensors of layer k, by code base. In all but the first the last layer is a plain one of another name.
_NAMES: dict[str, tuple[str, str | None]] = {
    "siren": (r"net\.net\.(\d+)\.0\.weight", None),
    "coin": (r"net\.(\d+)\.linear\.weight", "last_layer.linear.weight"),
    "siren-pytorch": (r"(?:net\.)?layers\.(\d+)\.weight", "last_layer.weight"),
    "notebook": (r"net\.(\d+)(?:\.linear)?\.weight", None),
}


def _naming(tensors: Tensors) -> str | None:
    for name, (pattern, last) in _NAMES.items():
        if last is not None and not any(given in tensors for given in (last, f"net.{last}")):
            continue
        if 0 in tensors.numbers(pattern):
            return name
    return None


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    naming = _naming(tensors)
    return naming is not None and (naming != "notebook" or "net.0.linear.weight" in tensors)


def read(tensors: Tensors, hints: Hints) -> Imported:
    names = _layers(tensors, hints)
    if not hints.flag("outermost_linear", True):
        raise InputError(
            f"{hints.path}: outermost_linear is false, but a network that ends in a sine cannot be dissected: its last "
            "layer must be linear."
        )
    hidden = int(tensors.shaped(names[0], None, 2).shape[0])
    widths = [2, *[hidden] * (len(names) - 1), 3]
    state: dict[str, Any] = {}
    parameters = 0
    for k, name in enumerate(names):
        weight = tensors.shaped(name, widths[k + 1], widths[k])
        bias = tensors.bias(name, widths[k + 1])
        state |= {f"weights.{k}": single(weight), f"biases.{k}": single(bias)}
        parameters += weight.numel() + bias.numel() * tensors.has_biases
    hints.check("layers", len(names))
    hints.check("hidden_features", hidden)
    hints.check("parameters", parameters)
    settings = {"hidden_width": hidden, "layers": len(names), **_meaning(_naming(tensors) or "siren", hints)}
    return one_frame("siren", settings, state, hints)


def _meaning(naming: str, hints: Hints) -> dict[str, Any]:
    """Settings that the tensors do not tell: those of the convention, unless a hint says something else."""
    usual = CONVENTIONS["siren" if naming == "notebook" else naming]
    if "convention" in hints:
        usual = CONVENTIONS[hints.choice("convention", "siren", {name: name for name in CONVENTIONS})]
    omega = hints.number("omega", usual["omega"])
    first = usual["first_omega"] if "omega" not in hints or usual["first_omega"] != usual["omega"] else omega
    return {
        "activation": hints.activation(usual["activation"]),
        "omega": omega,
        "first_omega": hints.number("first_omega", first),
        **placing(hints, usual),
    }


def placing(hints: Hints, usual: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that say where pixels lie and what becomes of the output: hints, or what is usual."""
    return {
        "coordinates": hints.choice("coordinates", usual["coordinates"], _same("stretched", "square", "height")),
        "coordinate_order": hints.choice(
            "coordinate_order",
            usual["coordinate_order"],
            {**_same("row_column", "column_row"), "yx": "row_column", "xy": "column_row"},
        ),
        "coordinate_range": _range(hints, usual["coordinate_range"]),
        "pixels": hints.choice("pixels", usual["pixels"], _same("corners", "centres")),
        "output_activation": hints.choice("output_activation", usual["output_activation"], _OUTPUTS),
    }


def _same(*words: str) -> dict[str, str]:
    return {word: word for word in words}


def _range(hints: Hints, default: tuple[float, float]) -> tuple[float, float]:
    given = listed(hints.take("coordinate_range", default))
    numbers = [one for one in given if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(given) != 2 or numbers != given or given[0] == given[1]:
        raise InputError(f"{hints.path}: coordinate_range is {given}; expected its two ends, e.g. [-1, 1].")
    return float(given[0]), float(given[1])


def _layers(tensors: Tensors, hints: Hints) -> list[str]:
    """Names of the layers' weights, first to last."""
    naming = _naming(tensors)
    assert naming is not None
    pattern, last = _NAMES[naming]
    numbers = tensors.numbers(pattern)
    if numbers != list(range(len(numbers))):
        raise InputError(f"{hints.path} lacks a layer: found the layers {numbers}, expected all up to {numbers[-1]}.")
    names = [next(name for name in tensors if _is(pattern, name, k)) for k in numbers]
    ends = [] if last is None else [name for name in (last, f"net.{last}") if name in tensors]
    return [*names, *ends]


def _is(pattern: str, name: str, number: int) -> bool:
    match = re.fullmatch(pattern, name)
    return match is not None and int(match[1]) == number


LAYOUT = Layout("a SIREN or its like", HINTS, matches, read, AXES, ("output_activation", tuple(_OUTPUTS)))
