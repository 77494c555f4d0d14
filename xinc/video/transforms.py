"""A centred crop and a resize, from the source frame to the analysis resolution.

Frames are averaged (or resampled bicubically); labels, and what goes with them pixel by pixel, take the value of the
source pixel nearest to the centre of the analysis pixel.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np

from xinc.errors import InputError
from xinc.video.clip import Window
from xinc.video.settings import parse_size


def crop_window(
    size: tuple[int, int], crop: str, resolution: tuple[int, int], pixel_aspect: Fraction | int = 1
) -> Window:
    """The centred part of a source frame that is analysed.

    Parameters
    ----------
    size : (height, width) of the source frame, pixels.
    crop : ``"none"``, ``"fit"`` (the largest window with the aspect ratio of ``resolution``) or ``"HxW"``.
    resolution : (height, width) of the analysis, pixels.
    pixel_aspect : width to height of a source pixel as it is shown; "fit" makes square ones of them.

    Raises
    ------
    InputError : the window is larger than the frame.

    >>> crop_window((720, 1280), "fit", (128, 256))
    Window(top=40, left=0, height=640, width=1280)
    >>> crop_window((576, 720), "fit", (128, 256), Fraction(16, 15))
    Window(top=96, left=0, height=384, width=720)
    """
    height, width = size
    if crop == "fit":
        # Sides of the window in source pixels are as h to w.
        h, w = resolution[0] * Fraction(pixel_aspect), resolution[1]
        if width * h >= height * w:
            width = max(1, round(height * w / h))
        else:
            height = max(1, round(width * h / w))
    elif crop != "none":
        height, width = parse_size(crop)
    if height > size[0] or width > size[1]:
        raise InputError(
            f"crop {height}x{width} is larger than the source frame of {size[0]}x{size[1]} pixels: "
            "lower it, or use 'fit' or 'none'."
        )
    return Window((size[0] - height) // 2, (size[1] - width) // 2, height, width)


def resize_frame(frame: np.ndarray, resolution: tuple[int, int], method: Literal["area", "bicubic"]) -> np.ndarray:
    """A uint8 (H, W, 3) frame at (height, width) = ``resolution``, as float32 in [0, 1].

    "area" is the mean over the source pixels below each analysis pixel, "bicubic" is antialiased (the kernel widens
    with the reduction) and clipped to [0, 1].
    """
    scaled = np.ascontiguousarray(frame, np.float32) / np.float32(255)
    if frame.shape[:2] == tuple(resolution):
        return scaled
    height, width = resolution
    if method == "area":
        import cv2

        resized = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_AREA)
    else:
        from PIL import Image

        bands = [
            Image.fromarray(np.ascontiguousarray(scaled[..., c])).resize((width, height), Image.Resampling.BICUBIC)
            for c in range(scaled.shape[2])
        ]
        resized = np.stack([np.asarray(band) for band in bands], axis=-1)
    return np.asarray(resized, np.float32).clip(0, 1)


def nearest_index(source: int, target: int) -> np.ndarray:
    """For each of ``target`` pixels along an axis, the one of ``source`` pixels that its centre lies in.

    >>> nearest_index(8, 2)
    array([2, 6])
    """
    return np.asarray((2 * np.arange(target) + 1) * source // (2 * target))


def resize_labels(labels: np.ndarray, resolution: tuple[int, int]) -> np.ndarray:
    """Labels (H, W, ...) of any type at (height, width) = ``resolution``: the nearest pixel's, never a mixture."""
    rows, columns = (nearest_index(n, m) for n, m in zip(labels.shape, resolution, strict=False))
    return np.asarray(labels[rows[:, None], columns])


def resize_flow(flow: np.ndarray, resolution: tuple[int, int]) -> np.ndarray:
    """Flow (H, W, 2) in source pixels at (height, width) = ``resolution``, its (dx, dy) in analysis pixels."""
    height, width = flow.shape[:2]
    scale = np.array([resolution[1] / width, resolution[0] / height])
    return np.asarray(resize_labels(flow, resolution) * scale, np.float32)
