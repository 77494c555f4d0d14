"""Validation of a stored layer: arrays, sizes and chunks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from xinc.canvas.copies import absent_means_fill, is_foreign
from xinc.canvas.schema import LayerRecord, coordinate_arrays, data_arrays
from xinc.errors import InputError
from xinc.storage.locations import Location


def check_group(path: Location, record: LayerRecord, group: Any, stored: Mapping[str, int]) -> None:
    """Raise `InputError` where the arrays of an open Zarr group are missing, incomplete or contradict each other.

    ``stored`` are the bytes of its files by relative path.
    """
    sizes = {"y": record.resolution[0], "x": record.resolution[1]}
    arrays = coordinate_arrays() | data_arrays(record)
    copied = any(is_foreign(group[name]) for name in arrays if name in group)
    for name, dims in arrays.items():
        if name not in group:
            raise InputError(f"{path} {_lacking(name, copied)}.")
        array = group[name]
        found = tuple(array.metadata.dimension_names or ())
        if found != dims:
            kept = "; select with lists, which keep a dimension, as in .isel(frame=[0])" if copied else ""
            raise InputError(f"{path}: '{name}' has the dimensions {found}, expected {dims}{kept}.")
        for dim, size in zip(dims, array.shape, strict=True):
            if copied and dim in ("y", "x") and size < sizes[dim]:
                raise InputError(
                    f"{path} is a copy of a window of the maps, {size} of {sizes[dim]} along {dim}: open it with "
                    "xarray.open_zarr; a canvas holds maps of the whole frame."
                )
            if sizes.setdefault(dim, size) != size:
                raise InputError(f"{path}: '{name}' has {size} along {dim}, expected {sizes[dim]}.")
        _check_chunks(path, name, record, group, stored)


def _lacking(name: str, copied: bool) -> str:
    if copied:
        return (
            f"lacks the array '{name}', which a layer of a canvas has: copy all variables of the layer, or compute "
            "this canvas again"
        )
    return f"is damaged: the array '{name}' is missing; compute this canvas again"


def _check_chunks(path: Location, name: str, record: LayerRecord, group: Any, stored: Mapping[str, int]) -> None:
    """Raise `InputError` where an array lacks chunk files, or one is empty."""
    array = group[name]
    chunks = [size for key, size in stored.items() if re.fullmatch(rf"{name}/c([./]\d+)*", key)]
    # An empty shard would read as absent, and so as fill values.
    if 0 in chunks:
        raise InputError(f"{path} is damaged: a chunk file of '{name}' is empty; compute this canvas again.")
    # Shards, in canvases of earlier versions, are files; or chunks, where an array has none.
    unit = array.shards or array.chunks
    expected = math.prod(-(-size // step) for size, step in zip(array.shape, unit, strict=True))
    if len(chunks) != expected and not absent_means_fill(name, array, record, group):
        again = "copy it, or compute this canvas again" if is_foreign(array) else "compute this canvas again"
        raise InputError(f"{path} is incomplete: '{name}' has {len(chunks)} of {expected} chunk files; {again}.")
