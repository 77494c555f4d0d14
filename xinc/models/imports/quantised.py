"""HNeRV's quantised files: ``{embed: {quant, min, scale}, model: {name: {…}}}``, min + scale · quant."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from xinc.errors import InputError

_ENTRIES = {"quant", "min", "scale"}


def is_quantised(content: dict[str, Any]) -> bool:
    """Whether the content of a checkpoint has this form."""
    model = content.get("model")
    return isinstance(model, dict) and bool(model) and all(_is_entry(entry) for entry in model.values())


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and bool(_ENTRIES & set(entry))


def dequantised(content: dict[str, Any], path: Any) -> dict[str, Tensor]:
    """The weights as float32, and the frames' embeddings as ``embed``, where the file has them."""
    found = {name: _value(name, entry, path) for name, entry in content["model"].items()}
    if content.get("embed") is not None:
        found["embed"] = _value("embed", content["embed"], path)
    return found


def _value(name: str, entry: Any, path: Any) -> Tensor:
    if not isinstance(entry, dict) or not set(entry) >= _ENTRIES or not all(_is_number(entry[e]) for e in _ENTRIES):
        held = sorted(map(str, entry)) if isinstance(entry, dict) else type(entry).__name__
        raise InputError(f"{path}: the quantised tensor '{name}' holds {held}, expected tensors quant, min and scale.")
    quant, least, scale = (torch.as_tensor(entry[e]) for e in ("quant", "min", "scale"))
    try:
        shape = torch.broadcast_shapes(quant.shape, least.shape, scale.shape)
    except RuntimeError:
        shape = torch.Size()
    if shape != quant.shape:
        raise InputError(
            f"{path}: the quantised tensor '{name}' has min of shape {tuple(least.shape)} and scale of shape "
            f"{tuple(scale.shape)}, expected shapes that stretch to {tuple(quant.shape)}, that of quant."
        )
    return least.float() + scale.float() * quant.float()


def _is_number(value: Any) -> bool:
    return isinstance(value, Tensor | float | int) and not isinstance(value, bool)
