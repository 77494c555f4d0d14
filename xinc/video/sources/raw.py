"""Uncompressed video: samples without a header, whose size and pixel format the table states, and YUV4MPEG2."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xinc.errors import InputError, nearest
from xinc.video.settings import VideoSettings

RAW_SUFFIXES = (".yuv", ".rgb", ".raw")
#: What each frame of YUV4MPEG2 begins with.
_FRAME = b"FRAME\n"

#: Names of pixel formats that people use, and FFmpeg's.
_ALIASES = {"i420": "yuv420p", "iyuv": "yuv420p", "yuv420": "yuv420p", "yuv422": "yuv422p", "yuv444": "yuv444p"}
_COMMON = ("yuv420p", "yuv420p10le", "yuv422p", "yuv422p10le", "yuv444p", "yuv444p10le", "nv12", "gray", "rgb24")
_SIZE_IN_NAME = re.compile(r"(?<!\d)(\d{2,5})x(\d{2,5})(?!\d)", re.IGNORECASE)
#: The lines of a picture differ from those above by less than this share of what they do with sides exchanged, if
#: width and height have been.
_EXCHANGED = 0.5


@dataclass(frozen=True)
class Raw:
    """The layout of a raw file: (height, width) in pixels, FFmpeg's name of the pixel format, bytes a frame."""

    size: tuple[int, int]
    format: str
    frame_bytes: int

    @property
    def options(self) -> dict[str, str]:
        """For FFmpeg's demuxer ``rawvideo``."""
        return {"video_size": f"{self.size[1]}x{self.size[0]}", "pixel_format": self.format}


def raw_layout(settings: VideoSettings) -> Raw:
    """The layout that the table states of a raw file.

    Raises
    ------
    InputError : no size or format, an unknown format, or a file that is not a whole number of such frames.
    """
    where = f"Raw video '{settings.source}' of video '{settings.name}'"
    if settings.size is None or settings.format is None:
        missing = [column for column in ("size", "format") if getattr(settings, column) is None]
        raise InputError(
            f"{where} has no header and {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not given: fill "
            f"in the columns size (height x width{_hint(settings.source)}) and format (such as yuv420p)."
        )
    (height, width), name = settings.size, _format(settings.format, where)
    frame_bytes = _frame_bytes(name, height, width)
    found = os.path.getsize(settings.source)
    if not found or found % frame_bytes:
        raise InputError(
            f"{where} has {found} bytes, which is not a whole number of frames of {height}x{width} pixels in {name} "
            f"({frame_bytes} bytes each): correct size (height x width{_hint(settings.source)}) or format, or copy the "
            "file again."
        )
    raw = Raw((height, width), name, frame_bytes)
    _check_sides(raw, Path(settings.source), where)
    return raw


def check_y4m(path: str | Path, frames: int) -> None:
    """`InputError` where a YUV4MPEG2 file goes on with a part of a frame behind ``frames`` whole ones."""
    import av

    with av.open(str(path)) as container:
        size = int(next(container.demux(video=0)).size)
    with open(path, "rb") as file:
        file.readline()
        # Frames may have parameters of their own, and then what is found here begins otherwise.
        file.seek(frames * (len(_FRAME) + size), os.SEEK_CUR)
        rest = file.read(len(_FRAME))
    if rest and _FRAME.startswith(rest):
        raise InputError(
            f"Video '{path}' is truncated: it ends within frame {frames}; copy it again, or remove the part of a frame."
        )


def _hint(source: str) -> str:
    """What a name such as ``Beauty_1920x1080_…``, width first as is usual, says of the size."""
    match = _SIZE_IN_NAME.search(Path(source).name)
    return f"; its name suggests {match[2]}x{match[1]}" if match else ""


def _format(name: str, where: str) -> str:
    """FFmpeg's name of a pixel format."""
    import av

    known = _ALIASES.get(name.lower(), name.lower())
    try:
        return str(av.VideoFormat(known, 16, 16).name)
    except ValueError:
        raise InputError(f"{where} has the unknown format '{name}': {nearest(name, _COMMON)}.") from None


class _Zeros:
    """A file of zeros without an end."""

    def read(self, size: int) -> bytes:
        return bytes(size)


def _frame_bytes(name: str, height: int, width: int) -> int:
    """What FFmpeg reads for one frame."""
    import av

    options = {"video_size": f"{width}x{height}", "pixel_format": name}
    with av.open(_Zeros(), "r", format="rawvideo", options=options) as container:
        return int(next(container.demux(video=0)).size)


def _check_sides(raw: Raw, path: Path, where: str) -> None:
    """`InputError` where the first picture is smooth only with its sides exchanged: 1920x1080 written for 1080x1920."""
    height, width = raw.size
    if height == width or not (raw.format.startswith(("yuv4", "nv", "gray")) or raw.format in ("p010le", "p016le")):
        return
    wide = raw.format.endswith(("le", "be"))
    kind = np.dtype(np.uint8 if not wide else (">u2" if raw.format.endswith("be") else "<u2"))
    luma = np.fromfile(path, kind, height * width).astype(np.float32)
    given, exchanged = (
        float(abs(np.diff(luma.reshape(size), axis=0)).mean()) for size in ((height, width), (width, height))
    )
    if exchanged < _EXCHANGED * given:
        raise InputError(
            f"{where} is said to have {height}x{width} pixels (height x width), but its first picture is smooth only "
            f"with sides exchanged: write {width}x{height}."
        )
