"""Hash grids of torch-ngp: tensors ``embeddings`` and ``offsets`` of its encoder, and linear layers without biases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xinc.errors import InputError
from xinc.models.hashgrid import HashGrid, grid_levels
from xinc.models.imports.ffn import one_frame
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors, single

HINTS = (
    "resolution", "base_resolution", "per_level_scale", "log2_hashmap_size", "align_corners", "interpolation",
    "activation", "output_activation", "num_frames", "frames", "parameters",
)  # fmt: skip

_OUTPUTS = {name: name for name in ("identity", "sigmoid", "tanh", "centred")}
_LAYER = re.compile(r"((?:\w+\.)*)(\d+)\.weight")


def _encoder(tensors: Tensors) -> str | None:
    """What the names of the encoder's tensors begin with; None without one."""
    ends = (name.removesuffix("embeddings") for name in tensors if name.endswith("embeddings"))
    return next((prefix for prefix in ends if f"{prefix}offsets" in tensors), None)


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    return _encoder(tensors) is not None


def read(tensors: Tensors, hints: Hints) -> Imported:
    prefix = _encoder(tensors)
    assert prefix is not None
    tables = tensors.shaped(f"{prefix}embeddings", None, None)
    offsets = [int(one) for one in tensors[f"{prefix}offsets"].flatten()]
    tensors.leave(re.escape(f"{prefix}offsets"))
    names = _layers(tensors, hints)
    levels, features = len(offsets) - 1, int(tables.shape[1])
    hidden = int(tensors.shaped(names[0], None, levels * features).shape[0]) if len(names) > 1 else 64
    widths = [levels * features, *[hidden] * (len(names) - 1), 3]
    state = {"tables": single(tables.flatten())}
    for k, name in enumerate(names):
        state[f"weights.{k}"] = single(tensors.shaped(name, widths[k + 1], widths[k]))
    hints.check("parameters", sum(tensor.numel() for tensor in state.values()))
    settings: dict[str, Any] = {
        "levels": levels,
        "features": features,
        "log2_entries": hints.whole("log2_hashmap_size", 19, 3),
        "base_resolution": hints.whole("base_resolution", 16),
        "level_scale": hints.number("per_level_scale", 2.0),
        "interpolation": hints.choice("interpolation", "linear", {name: name for name in ("linear", "smoothstep")}),
        "rules": "torch-ngp-corners" if hints.flag("align_corners", False) else "torch-ngp",
        "hidden_width": hidden,
        "layers": len(names),
        "activation": hints.activation("relu"),
        "output_activation": hints.choice("output_activation", "identity", _OUTPUTS),
    }
    _check_sizes(offsets, settings, len(tables), hints)
    return one_frame("hashgrid", settings, state, hints)


def _layers(tensors: Tensors, hints: Hints) -> list[str]:
    """Names of the weights of the linear layers, first to last."""
    found: dict[str, list[int]] = {}
    for name in tensors:
        if match := _LAYER.fullmatch(name):
            found.setdefault(match[1], []).append(int(match[2]))
    if len(found) != 1:
        raise InputError(
            f"{hints.path} has linear layers below {sorted(found) or 'no prefix'}: one MLP behind the grid was "
            "expected; save the network that is meant by itself."
        )
    if tensors.has_biases:
        raise InputError(f"{hints.path} has layers with biases: an MLP without any was expected, as torch-ngp has it.")
    [(prefix, numbers)] = found.items()
    if sorted(numbers) != list(range(len(numbers))):
        raise InputError(
            f"{hints.path} lacks a layer: found the layers {sorted(numbers)}, expected all up to {max(numbers)}."
        )
    return [f"{prefix}{k}.weight" for k in sorted(numbers)]


def _check_sizes(offsets: list[int], settings: dict[str, Any], entries: int, hints: Hints) -> None:
    """`InputError` where levels are not as large as the hints make them."""
    made = [0]
    for level in grid_levels(HashGrid.Settings(**settings)):
        made.append(made[-1] + level.entries)
    if offsets != made or offsets[-1] != entries:
        raise InputError(
            f"{hints.path}: its levels begin at {offsets} among {entries} entries, but base_resolution "
            f"{settings['base_resolution']}, per_level_scale {settings['level_scale']:g}, log2_hashmap_size "
            f"{settings['log2_entries']} and align_corners make {made}: give these as hints, as the encoder had them."
        )


LAYOUT = Layout(
    "a hash grid of torch-ngp",
    HINTS,
    matches,
    read,
    {("activation",): tuple((name,) for name in ("relu", "gelu", "silu", "tanh", "leaky_relu", "softplus"))},
    ("output_activation", tuple(_OUTPUTS)),
)
