"""Reading of video files with PyAV."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from xinc.errors import InputError

MOVIE_SUFFIXES = (".mp4", ".avi", ".mov", ".webm", ".mkv")


def movie_length(path: str | Path) -> int:
    """Number of frames of a video file: what its header says, or the number of packets where it says nothing.

    Raises
    ------
    InputError : not a video, truncated as far as its header shows, or without frames.
    """
    import av

    with _opened(path) as container:
        stream = container.streams.video[0]
        length = int(stream.frames)
        if not length:
            _check_size(path)
            try:
                length = sum(1 for packet in container.demux(stream) if packet.size)
            except av.error.FFmpegError as error:
                raise InputError(f"Video '{path}' cannot be read to the end ({error.strerror}): copy it.") from None
    if not length:
        raise InputError(f"Video '{path}' has no frames: give another file.")
    return length


def _check_size(path: str | Path) -> None:
    """`InputError` where a Matroska or WebM file is shorter than its header says: its end would not be missed."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x1a\x45\xdf\xa3":
            return
        file.seek(_vint(file) or 0, os.SEEK_CUR)
        if file.read(4) != b"\x18\x53\x80\x67":
            return
        size = _vint(file)
        expected = None if size is None else file.tell() + size
    found = os.path.getsize(path)
    if expected is not None and found < expected:
        raise InputError(
            f"Video '{path}' is truncated: found {found} bytes, its header announces {expected}; copy it again, or "
            "convert it with a program that reads it to its end."
        )


def _vint(file: BinaryIO) -> int | None:
    """The next size of an EBML element (RFC 8794, section 4), None where it is unknown, as of live streams."""
    first = file.read(1)
    length = 9 - int.from_bytes(first, "big").bit_length()
    ones = 2 ** (7 * length) - 1
    value = int.from_bytes(first + file.read(length - 1), "big") & ones
    return None if value == ones else value


def movie_frames(path: str | Path, indices: Sequence[int]) -> Iterator[np.ndarray]:
    """The frames of a video file at increasing ``indices``, uint8 (H, W, 3) RGB, turned as its header asks.

    Raises
    ------
    InputError : a frame that cannot be decoded, or a file that ends too early; the message names the frame.
    """
    import av

    wanted = list(indices)
    found = 0
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        frames = container.decode(stream)
        while wanted:
            try:
                frame = next(frames)
            except StopIteration:
                break
            except av.error.FFmpegError as error:
                raise InputError(
                    f"Frame {found} of '{path}' cannot be decoded ({error.strerror}): the file is damaged or "
                    "truncated; copy it again, or use the frames before it only."
                ) from None
            if found == wanted[0]:
                wanted.pop(0)
                yield _rgb(frame)
            found += 1
    if wanted:
        raise InputError(
            f"Video '{path}' ends after {found} frames, frame {wanted[0]} was asked for: the file is truncated, or its "
            "header announces too many frames; copy it again, or lower count."
        )


def _opened(path: str | Path) -> Any:
    """An open container with at least one video stream."""
    import av

    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise InputError(
            f"Video '{path}' cannot be opened ({error.strerror}): it is damaged, cut short or not a video; copy it "
            "again."
        ) from None
    if not container.streams.video:
        container.close()
        raise InputError(f"'{path}' has no video stream: give a file with pictures in it.")
    return container


def _rgb(frame: Any) -> np.ndarray:
    quarter_turns = round(frame.rotation / 90) % 4
    return np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns)
