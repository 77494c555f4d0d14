"""Hash grids of tiny-cuda-nn: one vector ``params``, which its JSON configuration takes apart.

The vector holds the matrices of the network, each row by row (out, in), without biases, and then the tables, level by
level (``network_with_input_encoding.h``). The network's output is padded to a multiple of 16 (8 of a CutlassMLP).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from xinc.errors import InputError, nearest
from xinc.models.hashgrid import HashGrid, grid_levels
from xinc.models.imports.ffn import one_frame
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors, single

HINTS = ("encoding", "network", "loss", "optimizer", "resolution", "num_frames", "frames", "parameters")

#: To how many channels the input and output of a network are padded.
_ALIGNED = {"FullyFusedMLP": 16, "CutlassMLP": 8}
_ACTIVATIONS = {
    "None": "identity", "ReLU": "relu", "LeakyReLU": "leaky_relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Sine": "sin",
}  # fmt: skip
_OUTPUTS = {"None": "identity", "Sigmoid": "sigmoid"}


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    return "params" in tensors and tensors["params"].ndim == 1


def read(tensors: Tensors, hints: Hints) -> Imported:
    params = tensors.shaped("params", None)
    hints.check("parameters", params.numel())
    encoding, network = (_section(hints, name) for name in ("encoding", "network"))
    _one_of(hints, "encoding", encoding, "otype", {"HashGrid": "Hash", "Grid": "Grid"}, "Grid")
    if str(encoding["otype"]) == "Grid":
        _one_of(hints, "encoding", encoding, "type", {"Hash": "Hash"}, "Hash")
    aligned = _one_of(hints, "network", network, "otype", _ALIGNED, "FullyFusedMLP")
    settings: dict[str, Any] = {
        "levels": _number(hints, "encoding", encoding, "n_levels", 16),
        "features": _number(hints, "encoding", encoding, "n_features_per_level", 2),
        "log2_entries": _number(hints, "encoding", encoding, "log2_hashmap_size", 19),
        "base_resolution": _number(hints, "encoding", encoding, "base_resolution", 16),
        "level_scale": float(encoding.get("per_level_scale", 2.0)),
        "interpolation": _one_of(
            hints, "encoding", encoding, "interpolation", {"Linear": "linear", "Smoothstep": "smoothstep"}, "Linear"
        ),
        "hidden_width": _number(hints, "network", network, "n_neurons", 128),
        "layers": _number(hints, "network", network, "n_hidden_layers", 5) + 1,
        "activation": _one_of(hints, "network", network, "activation", _ACTIVATIONS, "ReLU"),
        "output_activation": _one_of(hints, "network", network, "output_activation", _OUTPUTS, "None"),
    }
    inputs = settings["levels"] * settings["features"]
    if inputs % aligned:
        raise InputError(
            f"{hints.path}: the encoding has {inputs} features, which a {network.get('otype', 'FullyFusedMLP')} pads "
            f"to a multiple of {aligned} with numbers that depend on the version: only encodings that need no padding "
            "can be read."
        )
    outputs = -(-3 // aligned) * aligned
    widths = [inputs, *[settings["hidden_width"]] * (settings["layers"] - 1), outputs]
    return one_frame("hashgrid", *_parts(params, settings, widths, hints), hints)


def _parts(
    params: Tensor, settings: dict[str, Any], widths: list[int], hints: Hints
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings with the rules of the grid, and tensors by the names of ours."""
    state, start = {}, 0
    for k, (before, after) in enumerate(itertools.pairwise(widths)):
        matrix = params[start : start + before * after]
        if matrix.numel() == before * after:  # or the vector is too short, as is found below
            rows = matrix.view(after, before)
            state[f"weights.{k}"] = single(rows[:3] if k == len(widths) - 2 else rows)
        start += before * after
    sizes = {}
    for rules in ("tiny-cuda-nn", "tiny-cuda-nn-float32"):
        own = {**settings, "rules": rules}
        sizes[rules] = sum(level.entries * level.features for level in grid_levels(HashGrid.Settings(**own)))
        if start + sizes[rules] == params.numel():
            return own, state | {"tables": single(params[start:])}
    raise InputError(
        f"{hints.path}: the tensor 'params' has {params.numel():,} numbers, but its configuration makes {start:,} of "
        f"the network and {' or '.join(f'{size:,}' for size in dict.fromkeys(sizes.values()))} of the tables: give the "
        "configuration that it was trained with, as the hints encoding and network."
    )


def _section(hints: Hints, name: str) -> dict[str, Any]:
    found = hints.take(name, required=f"the section '{name}' of tiny-cuda-nn's JSON configuration")
    if not isinstance(found, Mapping):
        raise InputError(
            f"{hints.path}: the hint {name} is {found!r}; expected the section '{name}' of tiny-cuda-nn's JSON "
            "configuration."
        )
    return dict(found)


def _one_of(
    hints: Hints, section: str, values: Mapping[str, Any], name: str, known: Mapping[str, Any], default: str
) -> Any:
    """What a word of the configuration stands for; `InputError` where it is not one that can be read."""
    said = str(values.get(name, default))
    if said not in known:
        raise InputError(f"{hints.path}: {section}.{name} is {said!r}, which cannot be read: {nearest(said, known)}.")
    return known[said]


def _number(hints: Hints, section: str, values: Mapping[str, Any], name: str, default: int) -> int:
    found = values.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise InputError(f"{hints.path}: {section}.{name} is {found!r}; expected a whole number from 1 on.")
    return found


LAYOUT = Layout("a hash grid of tiny-cuda-nn", HINTS, matches, read)
