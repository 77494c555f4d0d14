"""Reading of video files with PyAV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from xinc.errors import InputError
from xinc.video.clip import Clip, note
from xinc.video.sources.damage import Watch
from xinc.video.sources.display import Orientation
from xinc.video.sources.images import over_white
from xinc.video.sources.matroska import check_size
from xinc.video.sources.raw import RAW_SUFFIXES, Raw, check_y4m

MOVIE_SUFFIXES = (
    *(".mp4", ".avi", ".mov", ".webm", ".mkv", ".m4v", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".y4m"),
    *RAW_SUFFIXES,
)

#: Transfer characteristics of high dynamic range, by their numbers in ITU-T H.273.
_HDR = {16: "PQ", 18: "HLG"}


def movie_clip(title: str, path: str | Path, raw: Raw | None = None, length: int | None = None) -> Clip:
    """A video file as a clip.

    Parameters
    ----------
    title : how to call it.
    path : the file.
    raw : layout of a file without a header.
    length : number of frames, where it is known without opening the file.

    Raises
    ------
    InputError : see `movie_length`.
    """
    notes: list[str] = []
    checks: list[str] = []
    shown = _Shown()
    if length is None:
        length = movie_length(path, raw, notes)

    def frames(indices: Sequence[int]) -> Iterator[np.ndarray]:
        return movie_frames(path, indices, raw, shown, notes, checks)

    return Clip(title, length, frames, notes=notes, checks=checks, pixel_aspect=lambda: shown.pixel_aspect)


class _Shown:
    """What is known of how the frames of a file are shown, once one has been read."""

    def __init__(self) -> None:
        self.pixel_aspect = Fraction(1)


def movie_length(path: str | Path, raw: Raw | None = None, notes: list[str] | None = None) -> int:
    """Number of frames of a video file that play: what its index or header says, else the number of packets.

    Samples that an edit list leaves out do not play; ``notes`` says so.

    Raises
    ------
    InputError : not a video, truncated as far as its header shows, or without frames.
    """
    import av

    if raw is not None:
        return Path(path).stat().st_size // raw.frame_bytes
    with _opened(path) as container:
        stream = _stream(container, path, [] if notes is None else notes)
        length = int(stream.frames)
        if length and "mov" in container.format.name.split(","):
            # FFmpeg has applied the edit list to the index: what does not play is not in it, or marked.
            stored, length = length, sum(not entry.is_discard for entry in stream.index_entries)
            if length != stored and notes is not None:
                note(notes, f"Of {stored} frames stored in '{path}', its edit list plays {length}: only these count.")
        elif not length:
            check_size(path)
            try:
                length = _count(container.demux(stream))
            except av.error.FFmpegError as error:
                raise InputError(f"Video '{path}' cannot be read to the end ({error.strerror}): copy it.") from None
            if container.format.name == "yuv4mpegpipe":
                check_y4m(path, length)
            if container.format.name == "mpegts":
                _check_whole_packets(path)
    if not length:
        raise InputError(f"Video '{path}' has no frames: give another file.")
    return length


def _count(packets: Iterator[Any]) -> int:
    """How many packets play: not those before the first key frame, which a recording that was cut begins with."""
    before, count = 0, 0
    first: Any = None
    for packet in packets:
        if not packet.size or packet.is_discard:
            continue
        if first is None and packet.is_keyframe:
            first = packet
        if first is None:
            before += 1
        elif packet.pts is None or first.pts is None or packet.pts >= first.pts:
            count += 1
    # A stream may be refreshed bit by bit and have no key frame at all.
    return before if first is None else count


def movie_frames(
    path: str | Path,
    indices: Sequence[int],
    raw: Raw | None = None,
    shown: _Shown | None = None,
    notes: list[str] | None = None,
    checks: list[str] | None = None,
) -> Iterator[np.ndarray]:
    """The frames of a video file at increasing ``indices``, uint8 (H, W, 3) RGB, shown as its header asks.

    Transparent pixels are laid over white, as those of images are.

    Parameters
    ----------
    path, raw : see `movie_clip`.
    shown : takes up the aspect of the pixels at the first frame.
    notes : takes up what is to be said of the frames, when the last one has been read: damage above all.
    checks : likewise, what was checked.

    Raises
    ------
    InputError : a frame that cannot be decoded, or a file that ends too early; the message names the frame.
    """
    notes = [] if notes is None else notes
    wanted = iter(indices)
    index = next(wanted, None)
    if index is None:
        return
    number = -1
    with _opened(path, raw) as container:
        stream = _stream(container, path, notes)
        watch = Watch(path, container, stream)
        for number, frame in enumerate(_decoded(container, stream, watch, path)):
            watch.frame(number, frame, wanted=number == index)
            if number == index:
                index = next(wanted, None)
                yield _rgb(frame, stream, path, shown, notes)
            # A frame that is damaged spoils earlier ones too, which are predicted from both sides.
            if index is None and not watch.predicted_from_both_sides(frame):
                break
    if index is not None:
        raise InputError(
            f"Video '{path}' ends after {number + 1} frames, frame {index} was asked for: the file is truncated, or "
            "its header announces too many frames; copy it again, or lower count."
        )
    for text in watch.notes():
        note(notes, text)
    if checks is not None:
        checks[:] = watch.checks()


def _decoded(container: Any, stream: Any, watch: Watch, path: str | Path) -> Iterator[Any]:
    """The frames that play, in the order in which they are shown."""
    import av

    found = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            watch.packet(packet)
            frames = packet.decode()
        except av.error.FFmpegError as error:
            raise InputError(
                f"Frame {found} of '{path}' cannot be decoded ({error.strerror}): the file is damaged or truncated; "
                "copy it again, or use the frames before it only."
            ) from None
        for frame in frames:
            yield frame
            found += 1


def _check_whole_packets(path: str | Path) -> None:
    """`InputError` where a transport stream ends within one of its packets: FFmpeg leaves that out without a word.

    Packets have 188 bytes and begin with the byte 0x47; in ``.m2ts`` 4 bytes of time come before each, and 16 bytes for
    the correction of errors may come after it (ISO/IEC 13818-1, ITU-T H.222.0).
    """
    with open(path, "rb") as file:
        head = file.read(5 * 204)
    for size, first in ((188, 0), (192, 4), (204, 0)):
        if head[first::size] and set(head[first::size]) == {0x47}:
            rest = Path(path).stat().st_size % size
            if rest:
                raise InputError(
                    f"Video '{path}' is truncated: its last packet has {rest} of {size} bytes; copy it again, or "
                    "convert it with a program that reads it to its end."
                )
            return


def _opened(path: str | Path, raw: Raw | None = None) -> Any:
    """An open container."""
    import av

    try:
        if raw is not None:
            return av.open(str(path), format="rawvideo", options=raw.options)
        return av.open(str(path))
    except av.error.FFmpegError as error:
        raise InputError(
            f"Video '{path}' cannot be opened ({error.strerror}): it is damaged, cut short or not a video; copy it "
            "again."
        ) from None


def _stream(container: Any, path: str | Path, notes: list[str]) -> Any:
    """The video stream that players show: the first one marked as default, or the first; covers do not count."""
    from av.stream import Disposition

    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        kind = "a cover but no" if container.streams.video else "no"
        raise InputError(f"'{path}' has {kind} video stream: give a file with pictures in it.")
    chosen = next((s for s in videos if s.disposition & Disposition.default), videos[0])
    if len(videos) > 1:
        marked = "its default" if chosen.disposition & Disposition.default else "the first"
        others = ", ".join(f"{s.index} ({s.codec_context.height}x{s.codec_context.width})" for s in videos)
        note(notes, f"'{path}' has {len(videos)} video streams, {others}: taken is {chosen.index}, {marked}.")
    return chosen


def _rgb(frame: Any, stream: Any, path: str | Path, shown: _Shown | None, notes: list[str]) -> np.ndarray:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    orientation = Orientation(None if matrix is None else bytes(matrix))
    if not orientation.exact:
        note(
            notes,
            f"The header of '{path}' turns its frames by an angle that is not a quarter turn, {orientation.off:.1f} "
            "degrees off: they are turned to the nearest one.",
        )
    if shown is not None:
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        shown.pixel_aspect = 1 / aspect if orientation.transposed else aspect
    if frame.interlaced_frame:
        note(
            notes,
            f"'{path}' is interlaced: each of its frames shows two moments, in alternate rows, and is taken as it is; "
            "deinterlace it where things move.",
        )
    if frame.color_trc in _HDR:
        note(
            notes,
            f"'{path}' is in high dynamic range ({_HDR[frame.color_trc]}): its values are taken as if they were of "
            "standard range, which looks pale; convert it where colours matter.",
        )
    if any(component.is_alpha for component in frame.format.components):
        return orientation.apply(over_white(frame.to_ndarray(format="rgba")))
    return orientation.apply(frame.to_ndarray(format="rgb24"))
