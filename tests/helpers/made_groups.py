"""Subjects made by hand: maps on labelled regions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from xinc.analyses.subject import Subject


def made(labels: dict[str, np.ndarray], **layers: np.ndarray) -> Subject:
    """A subject with these label maps (y, x) and contributions (neuron, y, x), one frame."""
    shape = next(iter(labels.values())).shape
    axes = {"frame": [0], "y": range(shape[0]), "x": range(shape[1])}
    subject = Subject(video_path=Path("nowhere"))
    subject.__dict__["video"] = xr.Dataset({"frames": (("frame", "y", "x", "channel"), np.zeros((1, *shape, 3)))}, axes)
    subject.__dict__["regions"] = xr.Dataset(
        {name: (("frame", "y", "x"), label[None].astype(np.int32)) for name, label in labels.items()}, axes
    )
    subject.__dict__["canvas"] = {
        name: xr.Dataset(
            {"contribution": (("frame", "neuron", "y", "x"), maps[None].astype(np.float32))},
            {**axes, "neuron": range(len(maps))},
        )
        for name, maps in layers.items()
    }
    return subject


def cells(shape: tuple[int, int] = (8, 16), rows: int = 2, columns: int = 4) -> np.ndarray:
    y, x = np.indices(shape)
    return y * rows // shape[0] * columns + x * columns // shape[1]
