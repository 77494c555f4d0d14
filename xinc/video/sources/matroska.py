"""Sizes and checksums of Matroska and WebM files (RFC 8794 and RFC 9559), which FFmpeg does not check."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from xinc.errors import InputError

_EBML, _SEGMENT, _CRC = 0x1A45DFA3, 0x18538067, 0xBF
#: Bytes read at once.
_PIECE = 1 << 20


def check_size(path: str | Path) -> None:
    """`InputError` where a Matroska or WebM file is shorter than its header says: its end would not be missed."""
    with open(path, "rb") as file:
        size = _segment(file)
        if size is None:
            return
        expected = file.tell() + size
    found = os.path.getsize(path)
    if found < expected:
        raise InputError(
            f"Video '{path}' is truncated: found {found} bytes, its header announces {expected}; copy it again, or "
            "convert it with a program that reads it to its end."
        )


def checked_parts(path: str | Path) -> Iterator[tuple[range, bool | None]]:
    """The bytes of each part of a file, in order, and whether its content agrees with its checksum.

    None where it has none. Nothing for another file. A part is read when it is asked for.
    """
    with open(path, "rb") as file:
        if _segment(file, live=True) is None:
            return
        for start, size in _elements(file):
            sound = None
            if _vint(file, keep_marker=True) == _CRC and _vint(file) == 4:
                expected = int.from_bytes(file.read(4), "little")
                sound = _crc(file, start + size - file.tell()) == expected
            yield range(start, start + size), sound


def _elements(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """(position, size) of the content of each element of the segment, where the file is then read on."""
    while _vint(file, keep_marker=True):
        size = _vint(file)
        if size is None:
            # Of unknown size, as live streams are: where it ends is not known without reading what is in it.
            return
        start = file.tell()
        yield start, size
        file.seek(start + size)


def _crc(file: BinaryIO, size: int) -> int:
    crc = 0
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        crc = zlib.crc32(piece, crc)
        size -= len(piece)
    return crc


def _segment(file: BinaryIO, live: bool = False) -> int | None:
    """Go to the content of the segment; its size, 0 where it is unknown and ``live``; None of another file."""
    if _vint(file, keep_marker=True) != _EBML:
        return None
    file.seek(_vint(file) or 0, os.SEEK_CUR)
    if _vint(file, keep_marker=True) != _SEGMENT:
        return None
    size = _vint(file)
    return 0 if size is None and live else size


def _vint(file: BinaryIO, keep_marker: bool = False) -> int | None:
    """The next integer of variable length: a size, None where it is unknown, or, with its marker, an identifier."""
    first = file.read(1)
    if not first or not first[0]:
        return 0
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big")
    if keep_marker:
        return value
    ones = (1 << 7 * length) - 1
    return None if value & ones == ones else value & ones
