"""Layers that xarray copied: what is otherwise there than in those that xinc writes, and yet whole.

A copy holds maps, whatever its record says of how the original was stored. Zarr leaves out chunks that hold nothing but
the fill value, and so of a copy all coordinates that are zeros; what xinc writes never lacks a chunk.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xinc.canvas.schema import NEURON_COORDINATES, LayerRecord


def as_stored(record: LayerRecord, group: Any) -> LayerRecord:
    """The record of a group as it is stored: dense where it holds maps in place of what they are computed from.

    Copies of what was opened have no gains: it was opened without, or their maps are gained maps.
    """
    copied = "contribution" in group and is_foreign(group["contribution"]) and "input" not in group
    if record.gain == "kept" and copied:
        record = record.model_copy(update={"gain": "none", "probes": 0})
    if record.layout == "factored" and "contribution" in group and "input" not in group:
        return record.model_copy(update={"layout": "dense"})
    return record


def is_foreign(array: Any) -> bool:
    """Whether another program than this xinc, such as xarray, may have written a Zarr array.

    Its chunks lie in a directory for each axis, Zarr's default; those of xinc lie side by side. So did those of early
    versions of xinc, which is why whatever such an array lacks is still looked at.
    """
    return getattr(array.metadata.chunk_key_encoding, "separator", "/") != "."


def absent_means_fill(name: str, array: Any, record: LayerRecord, group: Any) -> bool:
    """Whether chunks that an array lacks stand for its fill value, and are not lost."""
    if not is_foreign(array):
        return False
    if array.dtype.kind == "f":
        return bool(np.isfinite(array.fill_value))
    if name in NEURON_COORDINATES:
        return _are_neurons({label: group[label][...] for label in NEURON_COORDINATES if label in group}, record)
    values = array[...]
    return len(np.unique(values)) == len(values)


def _are_neurons(labels: dict[str, np.ndarray], record: LayerRecord) -> bool:
    """Whether these coordinates are those of different neurons of one layer, each with the sub-pixel that it has."""
    if len(labels) < len(NEURON_COORDINATES):
        return False
    inputs, outputs = labels["in_channel"], labels["out_channel"]
    phase = np.where(outputs >= 0, outputs % record.upscale**2, 0)
    same = np.array_equal(labels["phase_y"], phase // record.upscale) and np.array_equal(
        labels["phase_x"], phase % record.upscale
    )
    return same and len(np.unique(np.stack([inputs, outputs]), axis=1).T) == len(inputs)
