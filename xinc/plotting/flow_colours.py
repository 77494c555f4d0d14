"""Optical flow as colours."""

from __future__ import annotations

import numpy as np


def flow_colours(flow: np.ndarray, fastest: float) -> np.ndarray:
    """Flow (..., 2) as colours (..., 3): the hue is the direction, white is rest, full colour is ``fastest`` pixels."""
    from matplotlib.colors import hsv_to_rgb

    dx, dy = np.nan_to_num(flow[..., 0]), np.nan_to_num(flow[..., 1])
    # Up in the picture is negative dy.
    hue = np.arctan2(-dy, dx) / (2 * np.pi) % 1
    saturation = np.clip(np.hypot(dx, dy) / fastest, 0, 1)
    return np.asarray(hsv_to_rgb(np.stack([hue, saturation, np.full_like(hue, 0.95)], axis=-1)))
