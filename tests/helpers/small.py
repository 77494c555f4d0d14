"""The smallest experiment that has everything: a clip of four frames with masks, its table and a configuration."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH, FRAMES = 16, 32, 4

CONFIG: dict[str, Any] = {
    "videos": "videos.tsv",
    "resolution": f"{HEIGHT}x{WIDTH}",
    "seeds": [0],
    "models": {
        "ffn": {
            "architecture": "ffn",
            "frames": [0],
            "settings": {"fourier_features": 4, "hidden_width": 6, "layers": 2},
            "training": {"epochs": 3, "threads": 1},
        },
        "nerv": {
            "architecture": "nerv",
            "settings": {"fc_dim": 4, "strides": [2, 2], "embed_levels": 4},
            "training": {"epochs": 3, "batch_size": 2, "threads": 1},
            "canvas": {"layers": ["block2", "head"]},
        },
        "siren": {
            "architecture": "siren",
            "frames": [0, 2],
            "settings": {"hidden_width": 5, "layers": 2},
            "training": {"epochs": 3, "threads": 1},
            "canvas": {"layers": ["layer1"]},
        },
    },
    "canvas": {"frames": 2},
    "analyses": {"quality": {"show": 2}, "maps": {"neurons": 3, "animated": 2, "zoom": 1}, "intensity": {"frames": 1}},
}


def config(**changes: Any) -> dict[str, Any]:
    """The configuration with these top-level sections replaced."""
    return copy.deepcopy(CONFIG) | changes


def changed(path: str, value: Any, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The configuration (default: as it is here) with one setting changed, ``models.nerv.training.epochs``."""
    values = config() if values is None else copy.deepcopy(values)
    *sections, last = path.split(".")
    inner = values
    for section in sections:
        inner = inner.setdefault(section, {})
    inner[last] = value
    return values


def frame(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A disc that moves over a gradient, uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    disc = disc_mask(number, height, width) > 0
    return np.stack([(8 * x + 5 * number) % 256, (16 * y) % 256, np.where(disc, 250, 40)], -1).astype(np.uint8)


def disc_mask(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((x - 8 - number) ** 2 + (y - height // 2) ** 2 < 16).astype(np.uint8)


def write_clip(root: Path, name: str = "clip", count: int = FRAMES) -> None:
    """``clip/`` with frames and ``clip_masks/`` with indexed masks."""
    frames, masks = root / name, root / f"{name}_masks"
    for folder in (frames, masks):
        folder.mkdir(parents=True)
    for number in range(count):
        Image.fromarray(frame(number)).save(frames / f"{number}.png")
        mask = Image.fromarray(disc_mask(number)).convert("P")
        mask.putdata(disc_mask(number).ravel().tolist())
        mask.putpalette([0, 0, 0, 90, 90, 90])
        mask.save(masks / f"{number}.png")


def write_table(root: Path, *lines: str, columns: str = "video source masks") -> None:
    """``videos.tsv``; blanks stand for tabs."""
    rows = [columns, *(lines or ("clip clip clip_masks",))]
    (root / "videos.tsv").write_text("".join(row.replace(" ", "\t") + "\n" for row in rows), encoding="utf-8")
