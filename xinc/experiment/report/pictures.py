"""Pictures as a page holds them: small, without looking different."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

#: Pixels of a thumbnail: at most so wide and so high.
THUMBNAIL = (176, 110)
#: Of each colour channel a still keeps so many levels, evenly spread: half as many bytes, and nothing to be seen of it.
_LEVELS = 64
_ROUNDED = [round(round(value / 255 * (_LEVELS - 1)) * 255 / (_LEVELS - 1)) for value in range(256)]
#: A chart has fewer colours, a picture more; of what lies between, both ways of writing are tried.
_FEW, _MANY = 600, 2000
#: Settings of WebP. Charts are smallest without loss, pictures with it.
_LOSSLESS: dict[str, Any] = {"lossless": True, "method": 1, "quality": 30}
_LOSSY: dict[str, Any] = {"quality": 78, "method": 4}
_MOVING: dict[str, Any] = {"quality": 50, "method": 4}


@dataclass(frozen=True)
class Encoded:
    """A picture as bytes of a MIME type; width and height in pixels, 0 where they are not known."""

    kind: str
    content: bytes
    width: int = 0
    height: int = 0

    @cached_property
    def uri(self) -> str:
        """All of it as the address of an image."""
        return f"data:{self.kind};base64,{base64.b64encode(self.content).decode('ascii')}"


@dataclass(frozen=True)
class Picture:
    """A picture, its thumbnail and, if it moves, all its frames; of a picture without dots there is no thumbnail.

    Attributes
    ----------
    still : the picture, or the first frame; None where the page only refers to the file.
    """

    still: Encoded | None
    thumbnail: Encoded | None = None
    film: Encoded | None = None
    moves: bool = False


def encode(path: str | Path, embedded: bool = True) -> Picture:
    """A PNG, GIF or SVG file as it goes into a page; if it is not ``embedded``, its thumbnail only."""
    from PIL import Image

    if Path(path).suffix == ".svg":
        return Picture(Encoded("image/svg+xml", Path(path).read_bytes()) if embedded else None)
    with Image.open(path) as file:
        moves = getattr(file, "n_frames", 1) > 1
        image = file.convert("RGB")
        film = _film(file) if moves and embedded else None
    return Picture(_still(image) if embedded else None, _thumbnail(image), film, moves)


def moves(path: str | Path) -> bool:
    """Whether a PNG or GIF file is an animation."""
    from PIL import Image

    with Image.open(path) as file:
        return bool(getattr(file, "n_frames", 1) > 1)


def enlarged(image: np.ndarray, width: int) -> Encoded:
    """uint8 RGB (h, w, 3) with every pixel repeated, as often as it takes to be about ``width`` pixels wide."""
    from PIL import Image

    from xinc.plotting.animation import enlarge

    return _still(Image.fromarray(enlarge(image, max(1, round(width / image.shape[1])))))


def _still(image: Image) -> Encoded:
    rounded = image.point(_ROUNDED * 3)
    colours = rounded.getcolors(_MANY)  # None if there are more
    written = []
    if colours is not None:
        written.append(_webp(rounded, **_LOSSLESS))
    if colours is None or len(colours) > _FEW:
        written.append(_webp(image, **_LOSSY))
    return Encoded("image/webp", min(written, key=len), *image.size)


def _thumbnail(image: Image) -> Encoded:
    small = image.copy()
    small.thumbnail(THUMBNAIL)
    return Encoded("image/webp", _webp(small, **_LOSSY), *small.size)


def _film(file: Any) -> Encoded:
    """All frames, which show as long as they do in the file."""
    frames, durations = [], []
    for at in range(file.n_frames):
        file.seek(at)
        frames.append(file.convert("RGB"))
        durations.append(int(file.info.get("duration", 125)))
    first, *rest = frames
    content = _webp(first, save_all=True, append_images=rest, duration=durations, loop=0, **_MOVING)
    return Encoded("image/webp", content, *first.size)


def _webp(image: Image, **settings: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, "WEBP", **settings)
    return written.getvalue()
