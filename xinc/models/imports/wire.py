"""WIRE's networks of complex wavelets, as its authors' code and FINER's save them.

The file holds ω and s of every layer (``omega_0``, ``scale_0``) beside the weights, and of the two-dimensional form
those of the windows (``scale_orth``): it tells all but where pixels lie.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from xinc.errors import InputError
from xinc.models.imports.ffn import one_frame
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors, single
from xinc.models.imports.siren import AXES, CONVENTIONS, placing

HINTS = (
    "resolution", "convention", "omega", "first_omega", "scale", "hidden_features", "layers", "coordinates",
    "coordinate_order", "coordinate_range", "pixels", "output_activation", "num_frames", "frames", "parameters",
)  # fmt: skip

_LINEAR, _LAST = r"net\.(\d+)\.linear\.weight", r"net\.(\d+)\.weight"


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    known = {*tensors.numbers(_LINEAR), *tensors.numbers(_LAST)}
    return "net.0.linear.weight" in tensors and any(tensors[_name(tensors, k)].is_complex() for k in known)


def _name(tensors: Tensors, number: int) -> str:
    hidden = f"net.{number}.linear.weight"
    return hidden if hidden in tensors else f"net.{number}.weight"


def read(tensors: Tensors, hints: Hints) -> Imported:
    flat = not any(".scale_orth." in name for name in tensors)
    hidden, ends = tensors.numbers(_LINEAR), tensors.numbers(_LAST)
    last = len(hidden)
    if hidden != list(range(last)) or ends != [last]:
        raise InputError(
            f"{hints.path}: found the layers {[*hidden, *ends]}, expected hidden ones from 0 on and one more, "
            f"net.{last}.weight."
        )
    channels = int(tensors.shaped("net.0.linear.weight", None, 2).shape[0])
    widths, state, parameters = [2, *[channels] * last, 3], {}, 0
    maps = [(k, f"net.{k}.{kind}") for k in range(last) for kind in (["linear"] if flat else ["linear", "scale_orth"])]
    for number, (k, name) in enumerate([*maps, (last, f"net.{last}")]):
        weight = tensors.shaped(f"{name}.weight", widths[k + 1], widths[k], of_complex=k > 0)
        bias = tensors.shaped(f"{name}.bias", widths[k + 1], of_complex=k > 0)
        for kind, values in (("weights", weight), ("biases", bias)):
            state[f"{kind}.{number}"] = single(torch.view_as_real(values) if k > 0 else values)
        parameters += (weight.numel() + bias.numel()) * (2 if k > 0 else 1)
    width = math.ceil(channels * math.sqrt(2)) if flat else 2 * channels
    hints.check("layers", last + 1)
    hints.check("hidden_features", width)
    hints.check("parameters", parameters)
    settings = {"hidden_width": width, "layers": last + 1, **_meaning(tensors, hints, last)}
    return one_frame("wire" if flat else "wire2d", settings, state, hints)


def _meaning(tensors: Tensors, hints: Hints, hidden: int) -> dict[str, Any]:
    usual = CONVENTIONS[hints.choice("convention", "wire", {name: name for name in ("wire", "finer")})]
    first = _number(tensors, hints, "omega_0", [0], "first_omega")
    return {
        "first_omega": first,
        "omega": _number(tensors, hints, "omega_0", range(1, hidden), "omega") if hidden > 1 else first,
        "scale": _number(tensors, hints, "scale_0", range(hidden), "scale"),
        **placing(hints, usual),
    }


def _number(tensors: Tensors, hints: Hints, name: str, layers: Any, hint: str) -> float:
    """A constant of some layers, which is the same in all of them; the hint where the file lacks it."""
    names = [f"net.{k}.{name}" for k in layers]
    if not all(one in tensors for one in names):
        hints.take(hint, required=f"the {name.removesuffix('_0')} of the wavelets, which the file lacks ('{names[0]}')")
        return hints.number(hint, 0.0)
    values = {float(tensors.shaped(one, 1)) for one in names}
    if len(values) > 1:
        raise InputError(f"{hints.path}: {', '.join(names)} are {sorted(values)}; expected the same in these layers.")
    value = values.pop()
    hints.check(hint, value)
    return value


LAYOUT = Layout(
    "a WIRE, of one or two dimensions",
    HINTS,
    matches,
    read,
    {names: values for names, values in AXES.items() if "activation" not in names},
    ("output_activation", ("identity", "sigmoid", "tanh", "centred")),
)
