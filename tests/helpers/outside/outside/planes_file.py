"""The layout of files in which another program keeps networks of plane waves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xinc.models.imports.ffn import one_frame
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    return "mixing.0" in tensors


def read(tensors: Tensors, hints: Hints) -> Imported:
    waves = tensors.shaped("mixing.0", None, None).shape[1]
    state = {}
    for k, rows in enumerate((waves, 3)):
        state[f"weights.{k}"] = tensors.shaped(f"mixing.{k}", rows, waves)[None]
        state[f"biases.{k}"] = tensors.shaped(f"offset.{k}", rows)[None]
    return one_frame("planes", {"waves": waves}, state, hints)


LAYOUT = Layout("a network of plane waves", ("resolution", "num_frames", "frames"), matches, read)
