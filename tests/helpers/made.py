"""Subjects made by hand: these frames, these maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xinc.analyses.subject import Subject


def made(source: np.ndarray, **layers: np.ndarray) -> Any:
    """A subject with these frames (frame, y, x, channel) and maps (frame, neuron, y, x)."""
    video = xr.Dataset({"frames": (("frame", "y", "x", "channel"), source)}, {"frame": range(len(source))})
    subject = Subject(video_path="nowhere")  # type: ignore[arg-type]
    subject.__dict__["video"] = video
    axes = {"y": range(source.shape[1]), "x": range(source.shape[2]), "frame": range(len(source))}
    subject.__dict__["canvas"] = {
        name: xr.Dataset(
            {"contribution": (("frame", "neuron", "y", "x"), maps.astype(np.float32))},
            {**axes, "neuron": range(maps.shape[1])},
        )
        for name, maps in layers.items()
    }
    return subject


def made_of(**layers: np.ndarray) -> Any:
    """A subject with these maps (frame, neuron, y, x) and random frames."""
    shape = next(iter(layers.values())).shape
    return made(np.random.default_rng(0).random((shape[0], *shape[2:], 3)), **layers)
