"""Tests of how damage in video files is noticed: bytes are flipped, and what is said compared with what differs."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.helpers.coded import encode, flip, moving
from xinc.errors import InputError
from xinc.video.prepare import build_video
from xinc.video.sources import open_source
from xinc.video.sources.matroska import check_size, checked_parts

COUNT = 20
#: Suffix and encoder.
CODED = {
    "H.264 in MP4": (".mp4", "libx264"),
    "H.264 in a transport stream": (".ts", "libx264"),
    "H.265 in MP4": (".mp4", "libx265"),
    "H.265 in Matroska": (".mkv", "libx265"),
    "VP9": (".webm", "libvpx-vp9"),
    "VP8": (".webm", "libvpx"),
    "VP8 in Matroska": (".mkv", "libvpx"),
    "MPEG-4 in AVI": (".avi", "mpeg4"),
    "MPEG-4 in MP4": (".mp4", "mpeg4"),
    "MPEG-2": (".avi", "mpeg2video"),
    "FFV1": (".mkv", "ffv1"),
}
#: How many of the changed packets are noticed at least. Checksums and the second decoder of VP9 tell them all; other
#: decoders notice what makes no sense to them.
NOTICED = {
    "H.264 in MP4": 0.4,
    "H.264 in a transport stream": 0.4,
    "H.265 in Matroska": 1,
    "VP9": 1,
    "VP8 in Matroska": 1,
    "MPEG-4 in AVI": 0.8,
    "MPEG-4 in MP4": 0.8,
    "MPEG-2": 0.6,
    "FFV1": 1,
}
#: In these, decoders do not notice that a packet was changed.
BLIND = ("H.265 in MP4", "VP8")


def read(path: Path, settings: Any) -> tuple[np.ndarray, list[str], list[str]]:
    """Frames, notes and checks."""
    clip = open_source(settings(path))
    frames = np.stack(list(clip.frames(range(COUNT))))
    return frames, clip.notes, clip.checks


def named(notes: list[str]) -> set[int]:
    """The frames that notes name."""
    found: set[int] = set()
    for listed in re.findall(r"source frames ([\d, -]+?)(?: are|, up)", " ".join(notes)):
        for part in listed.split(","):
            first, _, last = part.strip().partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", CODED)
def test_sound_files_pass(tmp_path: Path, settings: Any, kind: str) -> None:
    suffix, codec = CODED[kind]
    _, notes, checks = read(encode(tmp_path / f"a{suffix}", moving(COUNT), codec), settings)
    assert notes == []
    assert len(checks) == 1
    assert ("most damage inside a packet may not show" in checks[0]) == (kind in BLIND)


#: Variants of the others.
HEAVY = ("H.264 in a transport stream", "VP8 in Matroska", "MPEG-4 in MP4", "MPEG-2", "FFV1")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) if kind in HEAVY else kind for kind in NOTICED]
)
def test_frames_that_damage_makes_wrong_are_named(tmp_path: Path, settings: Any, kind: str) -> None:
    suffix, codec = CODED[kind]
    path = encode(tmp_path / f"a{suffix}", moving(COUNT), codec)
    whole, _, _ = read(path, settings)
    noticed = []
    for packet, seed in itertools.product((0, 4, 8, 13), range(3)):
        try:
            found, notes, _ = read(flip(path, packet, 24, seed), settings)
        except InputError:
            noticed.append(True)
            continue
        wrong = {int(frame) for frame in np.flatnonzero((found != whole).reshape(COUNT, -1).any(1))}
        assert wrong
        noticed.append(bool(notes))
        if notes:
            [said] = notes
            assert wrong <= named(notes)
            assert said.endswith(": copy the file again, or use other frames.")
            assert kind != "VP9" or wrong == named(notes)
    assert np.mean(noticed) >= NOTICED[kind], np.mean(noticed)


@pytest.mark.parametrize("kind", BLIND)
def test_where_the_codec_cannot_tell_the_record_says_so(tmp_path: Path, settings: Any, kind: str) -> None:
    """That nothing is noticed here is a fact about codecs; if it changes, `damage._BLIND` is out of date."""
    suffix, codec = CODED[kind]
    path = flip(encode(tmp_path / f"a{suffix}", moving(COUNT), codec), 5, 8)
    video = build_video(settings(path, resolution="16x32"))
    assert video.attrs["warnings"] == []
    [said] = video.attrs["checks"]
    assert re.search(r"looked for in what demuxer and decoder \(\w+\) report; most damage inside a packet may", said)


def test_frames_that_are_not_used_are_not_named(tmp_path: Path, settings: Any) -> None:
    path = flip(encode(tmp_path / "a.mp4", moving(COUNT), "mpeg4", gop=5), 12, 8)
    said = build_video(settings(path, resolution="16x32")).attrs["warnings"]
    assert named(said) == {12, 13, 14}
    assert "frames 12 are damaged" in said[0]
    for part in ({"count": 12}, {"start": 15}):
        assert build_video(settings(path, resolution="16x32", **part)).attrs["warnings"] == []
    said = build_video(settings(path, resolution="16x32", start=13, step=3, count=2)).attrs["warnings"]
    assert named(said) == {13}


def test_a_frame_behind_the_last_one_used_may_spoil_those_before_it(tmp_path: Path, settings: Any) -> None:
    """Frames that are predicted from both sides are shown before one that they depend on."""
    options = {"x264-params": "log-level=none:bframes=3:b-adapt=0:scenecut=0:b-pyramid=none"}
    path = encode(tmp_path / "a.mp4", moving(COUNT), "libx264", options=options)
    whole, _, _ = read(path, settings)
    # In the order of the file: 0, 4, 1, 2, 3, 8, … The first damage to frame 4 that the decoder notices.
    damaged = next(bad for seed in range(20) if read(bad := flip(path, 1, 24, seed), settings)[1])
    clip = open_source(settings(damaged))
    found = np.stack(list(clip.frames(range(3))))
    wrong = {int(frame) for frame in np.flatnonzero((found != whole[:3]).reshape(3, -1).any(1))}
    assert wrong == named(clip.notes) == {1, 2}


def test_checksums_of_pictures_are_compared(tmp_path: Path, settings: Any) -> None:
    """H.265 may carry one for each picture."""
    options = {"x265-params": "log-level=none:hash=1"}
    path = encode(tmp_path / "a.mp4", moving(COUNT), "libx265", options=options)
    _, notes, [checks] = read(path, settings)
    assert notes == []
    assert "the checksum of each picture" in checks
    with pytest.raises(InputError, match=r"Frame \d+ of '.*' cannot be decoded .*: the file is damaged or truncated"):
        read(flip(path, 5, 8), settings)


def test_a_lost_packet_of_a_transport_stream_is_noticed(tmp_path: Path, settings: Any) -> None:
    path = encode(tmp_path / "a.ts", moving(COUNT), "libx264")
    data = path.read_bytes()
    with av.open(str(path)) as container:
        at = [(p.pos, p.size) for p in container.demux(video=0) if p.size][5][0] // 188 * 188
    path.write_bytes(data[: at + 188] + data[at + 376 :])
    try:
        _, notes, _ = read(path, settings)
    except InputError as error:
        notes = [str(error)]
    assert notes


@pytest.mark.parametrize(("name", "codec"), [("a.ts", "libx264"), ("a.webm", "libvpx-vp9")])
def test_frames_that_are_lost_are_noticed(tmp_path: Path, settings: Any, name: str, codec: str) -> None:
    path = encode(tmp_path / name, moving(COUNT), codec)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        at = [p.pos for p in container.demux(video=0) if p.size][6]
    data[at : at + 1024] = bytes(1024)
    path.write_bytes(data)
    video = build_video(settings(path, resolution="16x32"))
    assert video.sizes["frame"] < COUNT
    assert re.search(r"timestamps jump behind source frames 5: frames seem to be lost", video.attrs["warnings"][0])


@pytest.mark.parametrize(
    ("times", "lost"),
    [
        (range(20), []),
        ([*range(10), *range(12, 20)], [9]),
        ([*range(5), *range(9, 15), *range(17, 60)], [4, 10]),
        # A rate that varies, and one that halves.
        ([0, 2, 3, 7, 8, 11, 12, 16, 20, 21, 23], []),
        ([*range(10), *range(10, 30, 2)], []),
        ([0, 1, 2, 9], []),
    ],
)
def test_gaps_are_told_from_a_rate_that_varies(
    tmp_path: Path, settings: Any, times: list[int], lost: list[int]
) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 10)
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    said = build_video(settings(path, resolution="8x8")).attrs["warnings"]
    assert len(said) == bool(lost)
    assert all(f"behind source frames {', '.join(map(str, lost))}:" in text for text in said)


# Checksums of Matroska


def test_checksums_of_matroska_cover_the_file(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", moving(6), "mpeg4")
    parts = list(checked_parts(path))
    assert sum(sound is True for _, sound in parts) >= 4
    assert all(sound is not False for _, sound in parts)
    assert parts[-1][0].stop == path.stat().st_size
    check_size(path)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        positions = [p.pos for p in container.demux(video=0) if p.size]
    data[positions[3] + 50] ^= 1
    path.write_bytes(data)
    [damaged] = [part for part, sound in checked_parts(path) if sound is False]
    assert all(position in damaged for position in positions)


def test_only_what_is_used_is_read_for_its_checksum(tmp_path: Path, settings: Any) -> None:
    """Clusters of a second: damage behind the frames that are used is not looked for."""
    path = encode(tmp_path / "a.mkv", moving(COUNT), "libx265", muxer={"cluster_time_limit": "500"}, gop=4)
    parts = sum(sound is not None for _, sound in checked_parts(path))
    damaged = flip(path, 15, 8)
    video = build_video(settings(damaged, count=4, resolution="8x16"))
    assert video.attrs["warnings"] == []
    checked = int(re.search(r"(\d+) checksums of the file", video.attrs["checks"][0])[1])  # type: ignore[index]
    assert 1 <= checked < parts
    assert 15 in named(build_video(settings(damaged, resolution="8x16")).attrs["warnings"])


@pytest.mark.parametrize("content", [b"", b"\x1a", b"\x1a\x45\xdf\xa3", bytes(100), b"\x1a\x45\xdf\xa3" + b"\xff" * 30])
def test_other_files_have_no_checksums(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(content)
    assert list(checked_parts(path)) == []
    check_size(path)


def test_a_live_recording_has_no_size_to_go_by(tmp_path: Path, settings: Any) -> None:
    path = encode(tmp_path / "a.mkv", moving(COUNT), "mpeg4", muxer={"live": "1"})
    found, notes, _ = read(path, settings)
    assert (len(found), notes) == (COUNT, [])
