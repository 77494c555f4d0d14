"""SIREN in the two namings of its authors: ``net.net.N.0`` (their repository), ``net.N.linear`` (their notebook)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xinc.errors import InputError
from xinc.models.imports.ffn import one_frame
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors, single

HINTS = (
    "resolution", "omega", "hidden_features", "layers", "coordinates", "outermost_linear", "output_activation",
    "num_frames", "frames", "parameters",
)  # fmt: skip

#: Layer by layer; the notebook's last layer is a plain one.
_NAMES = (r"net\.net\.(\d+)\.0\.weight", r"net\.(\d+)(?:\.linear)?\.weight")


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    return "net.net.0.0.weight" in tensors or "net.0.linear.weight" in tensors


def read(tensors: Tensors, hints: Hints) -> Imported:
    pattern = next(p for p in _NAMES if tensors.numbers(p))
    numbers = tensors.numbers(pattern)
    names = [next(name for name in tensors if _is(pattern, name, k)) for k in numbers]
    if numbers != list(range(len(numbers))):
        raise InputError(f"{hints.path} lacks a layer: found the layers {numbers}, expected all up to {numbers[-1]}.")
    if not hints.take("outermost_linear", True):
        raise InputError(
            f"{hints.path}: outermost_linear is false, but a network that ends in a sine cannot be dissected: its last "
            "layer must be linear."
        )
    hidden = int(tensors.shaped(names[0], None, None).shape[0])
    widths = [2, *[hidden] * (len(names) - 1), 3]
    state: dict[str, Any] = {}
    parameters = 0
    for k, name in enumerate(names):
        weight = tensors.shaped(name, widths[k + 1], widths[k])
        bias = tensors.shaped(name.replace("weight", "bias"), widths[k + 1])
        state |= {f"weights.{k}": single(weight), f"biases.{k}": single(bias)}
        parameters += weight.numel() + bias.numel()
    hints.check("layers", len(names))
    hints.check("hidden_features", hidden)
    hints.check("parameters", parameters)
    choices = {name: name for name in ("identity", "sigmoid", "tanh", "centred")}
    settings = {
        "hidden_width": hidden,
        "layers": len(names),
        "omega": float(hints.take("omega", 30.0)),
        "coordinates": hints.choice("coordinates", "stretched", {"stretched": "stretched", "square": "square"}),
        "output_activation": hints.choice("output_activation", "centred", choices),
    }
    return one_frame("siren", settings, state, hints)


def _is(pattern: str, name: str, number: int) -> bool:
    match = re.fullmatch(pattern, name)
    return match is not None and int(match[1]) == number


LAYOUT = Layout("a SIREN", HINTS, matches, read)
