"""Coded movies of real motion, and damage to them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.helpers.datasets import picture

#: Encoders that print what they do unless they are told not to.
_QUIET = {"libx265": {"x265-params": "log-level=none"}, "libx264": {"x264-params": "log-level=none"}}


def moving(count: int = 20) -> list[np.ndarray]:
    """Frames of the collage, uint8 (64, 128, 3)."""
    return [picture(index)[0] for index in range(count)]


def encode(
    path: Path,
    frames: Sequence[np.ndarray],
    codec: str,
    *,
    gop: int = 12,
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    shown: tuple[float, bool, bool] | None = None,
    transfer: int | None = None,
) -> Path:
    """Write ``frames`` as a movie of ten frames a second.

    Parameters
    ----------
    gop : frames from key frame to key frame.
    options, muxer : options of the encoder and of the container.
    aspect : width to height of a pixel.
    shown : degrees counterclockwise, whether mirrored left to right, and upside down, as the header asks.
    transfer : characteristics of the colours, by their number in ITU-T H.273.
    """
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream: Any = container.add_stream(codec, rate=Fraction(10), options=_QUIET.get(codec, {}) | (options or {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate, stream.gop_size = "yuv420p", 400_000, gop
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if transfer is not None:
            stream.codec_context.color_trc = transfer
        if shown is not None:
            stream.set_display_rotation(shown[0], hflip=shown[1], vflip=shown[2])
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def flip(path: Path, packet: int, count: int, seed: int = 0) -> Path:
    """A copy of a movie with ``count`` bytes changed in the data of one packet, in the order of the file."""
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    position, size = packets[packet]
    data = bytearray(path.read_bytes())
    # Past the headers: a decoder that finds them wrong refuses the packet.
    first = position + min(size // 4, 40)
    generator = np.random.default_rng(seed)
    for at in generator.choice(np.arange(first, position + size), count, replace=False):
        data[at] ^= int(generator.integers(1, 256))
    damaged = path.with_stem(f"{path.stem}-damaged")
    damaged.write_bytes(data)
    return damaged


def edit(path: Path, duration: int, first: int | None, rate: int = 10) -> Path:
    """A copy of an MP4 whose edit list plays ``duration`` frames from the ``first`` on; None: nothing of it."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst")
    count, _, start, speed = struct.unpack(">IIiI", data[at + 8 : at + 24])
    assert (data[at + 4], count) == (0, 1)
    with av.open(str(path)) as container:
        ticks = int(Fraction(1, rate) / (container.streams.video[0].time_base or 1))
    start = -1 if first is None else start + first * ticks
    struct.pack_into(">IiI", data, at + 12, duration * 1000 // rate, start, speed)
    trimmed = path.with_stem(f"{path.stem}-trimmed")
    trimmed.write_bytes(data)
    return trimmed


def y4m(path: Path, frames: Sequence[np.ndarray], tags: str = "A1:1") -> Path:
    """Write ``frames`` as YUV4MPEG2, 4:2:0."""
    height, width = frames[0].shape[:2]
    body = b"".join(b"FRAME\n" + samples(frame, "yuv420p") for frame in frames)
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip {tags} C420jpeg\n".encode() + body)
    return path


def samples(frame: np.ndarray, format: str) -> bytes:
    """The samples of an RGB frame in a pixel format, plane by plane without padding.

    Its width must be a multiple of 16: of others, FFmpeg's conversion to ten bits now and then gives a pixel that the
    frame does not have.
    """
    assert "10" not in format or frame.shape[1] % 16 == 0
    converted: Any = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=format)
    return bytes(converted.to_ndarray().tobytes())
