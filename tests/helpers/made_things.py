"""Subjects made by hand: maps on annotated instances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xinc.analyses.subject import Subject


def squares(frames: int = 4, velocities: tuple[int, ...] = (0, 0, 0, 0), size: int = 3) -> np.ndarray:
    """Masks (frame, y, x): an instance in each band of rows, that moves along x so many pixels a frame."""
    masks = np.zeros((frames, (size + 1) * len(velocities), 32), np.int32)
    for number, velocity in enumerate(velocities):
        for at in range(frames):
            x = 2 + at * velocity
            masks[at, number * (size + 1) : number * (size + 1) + size, x : x + size] = number + 1
    return masks


def made(
    masks: np.ndarray,
    categories: list[str],
    shared: bool = True,
    annotated: list[bool] | None = None,
    video: np.ndarray | None = None,
    **layers: Any,
) -> Subject:
    """A subject with these masks (frame, y, x) and contributions (frame, neuron, y, x)."""
    axes = {name: range(n) for name, n in zip(("frame", "y", "x"), masks.shape, strict=True)}
    frames = np.zeros((*masks.shape, 3)) if video is None else video
    subject = Subject(video_path=Path("nowhere"))
    subject.__dict__["video"] = xr.Dataset(
        {
            "frames": (("frame", "y", "x", "channel"), frames),
            "instances": (("frame", "y", "x"), masks),
            "annotated": ("frame", [True] * len(masks) if annotated is None else annotated),
            "segment_id": ("segment", np.arange(1, len(categories) + 1)),
            "category": ("segment", np.array(categories, object)),
            "isthing": ("segment", [True] * len(categories)),
        },
        axes,
    )
    subject.__dict__["canvas"] = {
        name: xr.Dataset(
            {"contribution": (("frame", "neuron", "y", "x"), maps.astype(np.float32))},
            {**axes, "neuron": range(maps.shape[1])},
            {"xinc": {"shared_weights": shared}},
        )
        for name, maps in layers.items()
    }
    return subject


def painted(masks: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Maps (frame, neuron, y, x) with ``values`` (neuron, frame, instance) on the instances and 1 elsewhere."""
    out = np.ones((len(masks), len(values), *masks.shape[1:]))
    for number in range(values.shape[2]):
        out = np.where((masks == number + 1)[:, None], values[:, :, number].T[:, :, None, None], out)
    return out
