"""Subjects made by hand: maps on frames with optical flow."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from tests.helpers.made import made

HEIGHT, WIDTH = 12, 24


def with_flow(flow: np.ndarray, revealed: np.ndarray | None = None, **layers: np.ndarray) -> Any:
    """A subject of these maps (frame, neuron, y, x) and this flow (frame, y, x, 2)."""
    frames, height, width = flow.shape[:3]
    subject = made(np.random.default_rng(0).random((frames, height, width, 3)), **layers)
    revealed = np.zeros((frames, height, width), bool) if revealed is None else revealed
    subject.__dict__["flow"] = xr.Dataset(
        {
            "flow": (("frame", "y", "x", "component"), flow.astype(np.float32)),
            "revealed": (("frame", "y", "x"), revealed),
        },
        {"frame": range(frames)},
        {"source": "exact"},
    )
    return subject


def moving_square() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two frames in which rows 4 to 7 of columns 6 to 11 move right by 2: flow, revealed, and where it is (2, y, x)."""
    flow = np.zeros((2, HEIGHT, WIDTH, 2))
    flow[0] = np.nan
    flow[1, 4:8, 6:12, 0] = 2
    revealed = np.zeros((2, HEIGHT, WIDTH), bool)
    revealed[1, 4:8, 6:8] = True
    there = np.zeros((2, HEIGHT, WIDTH), bool)
    there[0, 4:8, 6:12] = there[1, 4:8, 8:14] = True
    return flow, revealed, there
