"""Reading of an image file: a frame as RGB, or a mask as instance ids."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xinc.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
#: Modes of indexed and grey images, whose values are labels.
INDEXED_MODES = ("P", "L", "1", "I;16", "I;16B", "I;16L", "I")


def list_images(folder: str | Path, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> list[Path]:
    """The images of a folder in natural order (frame2 before frame10); hidden files are not images."""
    found = [p for p in Path(folder).iterdir() if p.suffix.lower() in suffixes and not p.name.startswith(".")]
    return sorted(found, key=lambda path: natural(path.name))


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts names as people count: frame2 before frame10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], name


def read_frame(path: str | Path) -> np.ndarray:
    """An image as uint8 (H, W, 3) RGB.

    Grey and palette images are spread to RGB, 16-bit ones divided by 257, transparent pixels laid over white, and the
    orientation a camera noted is applied.

    Raises
    ------
    InputError : the file cannot be decoded.
    """
    image = _load(path)
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        grey = np.rint(np.asarray(image).astype(np.float64).clip(0, 65535) / 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return over_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def over_white(rgba: np.ndarray) -> np.ndarray:
    """An image uint8 (H, W, 4) whose transparent pixels are laid over white, as (H, W, 3).

    >>> over_white(np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)).tolist()
    [[[200, 0, 0], [255, 255, 255], [204, 204, 204]]]
    """
    colours = rgba.astype(np.float32)
    alpha = colours[..., 3:] / 255
    return np.rint(colours[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def read_mask(path: str | Path) -> np.ndarray:
    """An indexed, grey or 16-bit image as int32 (H, W): the palette index or grey value is the instance id.

    Raises
    ------
    InputError : the file cannot be decoded, or is a colour image.
    """
    image = _load(path)
    if image.mode not in INDEXED_MODES:
        raise InputError(
            f"Mask '{path}' is a colour image (mode {image.mode}): expected an indexed or grey PNG whose values are "
            "instance ids, 0 for the background; convert it."
        )
    return np.asarray(image).astype(np.int32) // _grey_step(path)


def _grey_step(path: str | Path) -> int:
    """Pillow spreads the grey values of PNGs of 2 and 4 bits over 0 to 255: by what; 1 of any other file."""
    with open(path, "rb") as file:
        header = file.read(26)
    if len(header) < 26 or not header.startswith(b"\x89PNG\r\n\x1a\n"):
        return 1
    bits, colours = header[24:26]
    return 255 // (2**bits - 1) if colours == 0 and bits in (2, 4) else 1


def _load(path: str | Path) -> Image:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image.load()
            return ImageOps.exif_transpose(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "it is not in a known image format" if isinstance(error, UnidentifiedImageError) else str(error)
        raise InputError(f"Cannot read image '{path}': {reason}; replace the file.") from None
