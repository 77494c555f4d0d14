"""E-NeRV's code: ``stem_t.*``, ``trans1.*``, ``t_layers.<n>.*``, ``layers.<n>.*`` and ``head_layers.<last>.*``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from xinc.errors import InputError
from xinc.models.imports.hnerv_nerv import ACTIVATION_AXIS, ACTIVATIONS, check_resolution
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors

#: Names of the code base's configuration; `num_frames`, `frames`, `resolution` are ours.
HINTS = ("pos_b", "act", "sigmoid", "reduction", "num_frames", "frames", "resolution", "parameters")

#: Our names of a transformer's layers, and the code base's.
_TRANSFORMER = {
    "queries_keys_values": "attn.to_qkv",
    "out": "attn.to_out.0",
    "expand": "ffn.net.0",
    "contract": "ffn.net.3",
}


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    return "trans1.attn.to_qkv.weight" in tensors and "stem_t.0.weight" in tensors


def read(tensors: Tensors, hints: Hints) -> Imported:
    state = _mlp(tensors, "stem_t", "time", 2) | _mlp(tensors, "stem_xy", "space", 1)
    state |= _mlp(tensors, "t_branch", "modulation", 2)
    if "toconv.0.weight" in tensors:
        state |= _mlp(tensors, "toconv", "narrow", 1)
    for ours, theirs in {"before": "trans1", "after": "trans2"}.items():
        for own, name in _TRANSFORMER.items():
            state[f"{ours}.{own}.weight"] = tensors.shaped(f"{theirs}.{name}.weight", None, None)
            if own != "queries_keys_values":
                state[f"{ours}.{own}.bias"] = tensors.shaped(f"{theirs}.{name}.bias", None)
    names = ["layers.0.conv1.conv", "layers.0.conv2"]
    names += [f"layers.{k}.conv.conv" for k in tensors.numbers(r"layers\.(\d+)\.conv\.conv\.weight")]
    names.append(f"head_layers.{len(names) - 2}")
    own_names = ["first.0", "first.1", *(f"blocks.{k}" for k in range(len(names) - 3)), "head"]
    for own, name in zip(own_names, names, strict=True):
        state[f"{own}.weight"] = tensors.shaped(f"{name}.weight", None, None, None, None)
        state[f"{own}.bias"] = tensors.shaped(f"{name}.bias", None)
    for k in range(len(names) - 2):
        state |= _mlp(tensors, f"t_layers.{k}", f"modulations.{k}", 1)
    weights = [f"{name}.weight" for name in names]
    strides = [*tensors.strides(weights[:1], weights[1]), *tensors.strides(weights[2:-1], weights[-1])]
    widths = [int(tensors[weights[0]].shape[1]), *(int(tensors[name].shape[1]) for name in weights[2:])]
    places = tensors.shaped("xy_coord", 2, None)
    rows = len(places[0].unique())
    size = (rows, places.shape[1] // rows)
    resolution = (size[0] * math.prod(strides), size[1] * math.prod(strides))
    check_resolution(hints, resolution, "xy_coord")
    hints.check("parameters", sum(t.numel() for name, t in tensors.items() if name != "xy_coord"))
    inside = int(tensors["trans1.attn.to_qkv.weight"].shape[0]) // 3
    settings = {
        "strides": strides,
        "fc_dim": widths[0],
        "expansion": _ratio(widths),
        "reduction": hints.whole("reduction", 2),
        "lower_width": min(widths[2:], default=1),
        "embed_base": hints.number("pos_b", 1.25),
        "embed_levels": int(tensors["stem_t.0.weight"].shape[1]) // 2,
        "time_width": len(tensors["stem_t.0.weight"]),
        "width": len(tensors["stem_xy.0.weight"]),
        "mlp_width": len(tensors["trans1.ffn.net.0.weight"]),
        "heads": int(tensors["trans2.attn.to_qkv.weight"].shape[0]) // 3 // inside,
        "head_width": inside,
        "modulation_width": len(tensors["t_branch.0.weight"]),
        "activation": hints.choice("act", "gelu", ACTIVATIONS),
        "output_activation": "sigmoid" if hints.flag("sigmoid", True) else "tanh",
    }
    num_frames = hints.num_frames("the number of frames of the video it was trained on")
    return Imported("enerv", settings, resolution, hints.frames(num_frames), num_frames, state)


def _mlp(tensors: Tensors, theirs: str, ours: str, layers: int) -> dict[str, Tensor]:
    """Fully connected layers with an activation after each."""
    found = {}
    for k in range(layers):
        weight = found[f"{ours}.layers.{k}.weight"] = tensors.shaped(f"{theirs}.{2 * k}.weight", None, None)
        found[f"{ours}.layers.{k}.bias"] = tensors.shaped(f"{theirs}.{2 * k}.bias", len(weight))
    return found


def _ratio(widths: list[int]) -> float:
    """The expansion of the first block, which is truncated to a whole number of channels."""
    if len(widths) < 2:
        raise InputError("An E-NeRV of no blocks: expected at least one.")
    found = widths[1] / widths[0]
    return found if int(widths[0] * found) == widths[1] else math.nextafter(found, math.inf)


LAYOUT = Layout("an E-NeRV of its code base", HINTS, matches, read, ACTIVATION_AXIS, ("sigmoid", (True, False)))
