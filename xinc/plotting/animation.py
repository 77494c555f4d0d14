"""Animations: pictures beside each other, frame by frame, as GIF and animated PNG."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

#: Pixels of the height of the titles of an animation.
LETTERING = 18


def save_animation(images: Sequence[np.ndarray], *paths: str | Path, milliseconds: int = 125) -> None:
    """Write uint8 RGB images (h, w, 3) as an endless animation, with one palette for all of them.

    Parameters
    ----------
    images : the frames.
    paths : the files to write, each a .gif or an animated .png.
    milliseconds : how long each frame is shown.
    """
    from PIL import Image

    frames = [Image.fromarray(image) for image in images]
    sample = Image.fromarray(np.concatenate(images[:: max(1, len(images) // 8)]))
    palette = sample.quantize(256, method=Image.Quantize.MEDIANCUT)
    first, *rest = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    for target in map(Path, paths):
        target.parent.mkdir(parents=True, exist_ok=True)
        kind: dict[str, Any] = {"format": "PNG"} if target.suffix == ".png" else {"format": "GIF", "optimize": False}
        first.save(target, save_all=True, append_images=rest, duration=milliseconds, loop=0, **kind)


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel repeated ``factor`` times along both axes."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def film_picture(panels: Sequence[np.ndarray], titles: Sequence[str], zoom: int = 1, note: str = "") -> np.ndarray:
    """One picture of an animation: panels (h, w, 3) uint8 side by side, ``zoom`` times enlarged, a title above each.

    What there is to ``note`` stands below, on a line of its own.
    """
    gap = max(2 * zoom, 2)
    large = [enlarge(panel, zoom) for panel in panels]
    white = np.full((large[0].shape[0], gap, 3), 255, np.uint8)
    row = np.concatenate([part for panel in large for part in (panel, white)][:-1], axis=1)
    widths = [panel.shape[1] + gap for panel in large[:-1]] + [large[-1].shape[1]]
    above = np.concatenate([_lettering(width, title) for width, title in zip(widths, titles, strict=True)], axis=1)
    below = [_lettering(row.shape[1], note)] if note else []
    return np.concatenate([above, row, *below])


@functools.lru_cache(maxsize=256)  # most titles are the same on all pictures of an animation
def _lettering(width: int, title: str, height: int = LETTERING) -> np.ndarray:
    """White (height, width, 3) uint8 with a title at its left."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    figure.text(2 / width, 0.5, title, fontsize=8.5, va="center_baseline", ha="left")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:height, :width, :3].copy()
