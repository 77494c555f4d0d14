"""Tests of what a video file says of itself: orientation, shape of pixels, edit list, streams, raw samples."""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from tests.helpers.coded import edit, encode, moving, samples, y4m
from tests.helpers.movies import pictures
from xinc.errors import InputError
from xinc.video.prepare import build_video
from xinc.video.settings import VideoSettings
from xinc.video.sources import check_source, open_source
from xinc.video.sources.display import Orientation
from xinc.video.sources.movies import _count, movie_frames, movie_length

#: A colour a quarter, each far from the others.
QUARTERS = np.zeros((32, 48, 3), np.uint8)
QUARTERS[:16, :24], QUARTERS[:16, 24:], QUARTERS[16:, :24], QUARTERS[16:, 24:] = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255),
)  # fmt: skip
TURNS = [(turn, left_right, upside) for turn in (0, 90, 180, -90) for left_right in (0, 1) for upside in (0, 1)]


def colours(frame: np.ndarray) -> str:
    """The colours of the quarters, row by row."""
    height, width = frame.shape[:2]
    corners = [frame[y, x] for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return "".join("RGB"[int(c.argmax())] if c.min() < 128 else "W" for c in corners)


def read(path: Path) -> list[np.ndarray]:
    return list(movie_frames(path, range(movie_length(path))))


# Orientation


def shown_by_formula(frame: np.ndarray, matrix: tuple[int, ...]) -> np.ndarray:
    """Pixel by pixel: (x, y) goes to (a·x + c·y, b·x + d·y), moved to where both are at least 0."""
    a, b, _, c, d = (value // 65536 for value in matrix[:5])
    height, width = frame.shape[:2]
    places = {(a * x + c * y, b * x + d * y): frame[y, x] for y in range(height) for x in range(width)}
    left, top = min(x for x, _ in places), min(y for _, y in places)
    out = np.zeros((1 + max(y for _, y in places) - top, 1 + max(x for x, _ in places) - left, 3), np.uint8)
    for (x, y), value in places.items():
        out[y - top, x - left] = value
    return out


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_matrix_is_applied_as_its_formula_says(signs: tuple[int, int], transposed: bool) -> None:
    one, other = (65536 * sign for sign in signs)
    matrix = (0, one, 0, other, 0, 0, 0, 0, 1 << 30) if transposed else (one, 0, 0, 0, other, 0, 0, 0, 1 << 30)
    frame = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    found = Orientation(struct.pack("<9i", *matrix))
    np.testing.assert_array_equal(found.apply(frame), shown_by_formula(frame, matrix))
    assert found.exact
    assert found.mirrored == ((signs[0] * signs[1] < 0) != transposed)


def test_an_empty_matrix_asks_for_nothing() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    for found in (Orientation(), Orientation(bytes(36))):
        np.testing.assert_array_equal(found.apply(frame), frame)
        assert not found


@pytest.mark.parametrize(("turn", "left_right", "upside"), TURNS)
def test_a_movie_is_shown_as_its_matrix_asks(tmp_path: Path, turn: int, left_right: int, upside: int) -> None:
    """Turned first, then mirrored; compared with NumPy's turns of the picture."""
    path = encode(tmp_path / "a.mp4", [QUARTERS], "mpeg4", shown=(turn, bool(left_right), bool(upside)))
    expected = np.rot90(QUARTERS, turn // 90)
    expected = expected[:: -1 if upside else 1, :: -1 if left_right else 1]
    [found] = read(path)
    assert found.shape == expected.shape
    assert colours(found) == colours(expected)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.mov", "libx265"), ("a.webm", "libvpx-vp9")])
def test_other_containers_mirror_as_well(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, [QUARTERS], codec, shown=(90, True, False))
    assert colours(read(path)[0]) == colours(np.rot90(QUARTERS)[:, ::-1])


def test_a_turn_that_is_not_by_quarters_is_said(tmp_path: Path, settings: Any) -> None:
    path = encode(tmp_path / "a.mp4", [QUARTERS] * 2, "mpeg4", shown=(80, False, False))
    found = build_video(settings(path, resolution="8x8"))
    assert re.search(r"not a quarter turn, 10\.0 degrees off", found.attrs["warnings"][0])


# What a frame is shown as


def test_interlaced_frames_are_said(tmp_path: Path, settings: Any) -> None:
    fields = {"flags": "+ildct+ilme"}
    path = encode(tmp_path / "a.mp4", [QUARTERS] * 2, "libx264", options=fields)
    [said] = build_video(settings(path, resolution="8x8")).attrs["warnings"]
    assert re.search(r"a\.mp4' is interlaced: each of its frames shows two moments", said)
    path = encode(tmp_path / "b.mp4", [QUARTERS] * 2, "libx264")
    assert not build_video(settings(path, resolution="8x8")).attrs["warnings"]


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG"), (1, "")])
def test_high_dynamic_range_is_said(tmp_path: Path, settings: Any, transfer: int, name: str) -> None:
    path = encode(tmp_path / "a.mp4", [QUARTERS] * 2, "libx264", transfer=transfer)
    said = build_video(settings(path, resolution="8x8")).attrs["warnings"]
    assert [f"({name})" in one for one in said] == [True] * bool(name)


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    """As those of images are, whatever colour lies below."""
    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream: Any = container.add_stream("qtrle", rate=10)
        stream.height, stream.width, stream.pix_fmt = 4, 8, "argb"
        rgba = np.full((4, 8, 4), (200, 0, 0, 255), np.uint8)
        rgba[:, 4:, 3] = 0
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, format="rgba")))
        container.mux(stream.encode())
    [frame] = read(tmp_path / "a.mov")
    assert frame[0, 0].tolist() == [200, 0, 0]
    assert frame[0, 7].tolist() == [255, 255, 255]


# Shape of pixels


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, settings: Any) -> None:
    """A circle stays one: 720x576 pixels of 64:45, of which 16:9 are shown."""
    y, x = np.mgrid[:144, :180]
    disc = np.hypot((x - 89.5) * 64 / 45, y - 71.5) < 40
    frame = np.where(disc[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
    path = encode(tmp_path / "a.mp4", [frame] * 2, "mpeg4", aspect=Fraction(64, 45))
    video = build_video(settings(path, resolution="72x128"))
    shown = video["frames"][0].values.mean(-1) > 0.5
    across, down = (np.ptp(np.flatnonzero(shown.any(axis))) + 1 for axis in (0, 1))
    assert abs(across - down) <= 1
    assert video.attrs["source_size"] == [144, 180]
    assert video.attrs["warnings"] == [
        f"Pixels of '{path}' are 64:45 (width to height) when shown: the window of 144x180 source pixels makes them "
        "square."
    ]


@pytest.mark.parametrize(
    ("turn", "crop", "said"),
    [
        (0, "none", "Pixels of .* are 2:1 .*: crop none makes pixels of 2:1; 'fit' makes square ones"),
        (90, "fit", r"Pixels of .* are 1:2 .*: the window of 48x48 source pixels makes them square"),
        (0, "16x16", "Pixels of .* are 2:1 .*: crop 16x16 makes pixels of 4:1; 'fit' makes square ones"),
    ],
)
def test_what_becomes_of_the_pixels_is_said(tmp_path: Path, settings: Any, turn: int, crop: str, said: str) -> None:
    path = encode(tmp_path / "a.mkv", [np.full((48, 96, 3), 90, np.uint8)], "mpeg4", aspect=Fraction(2),
                  shown=(turn, False, False))  # fmt: skip
    resolution = {"none": "8x16", "fit": "16x8", "16x16": "16x8"}[crop]
    [found] = build_video(settings(path, crop=crop, resolution=resolution)).attrs["warnings"]
    assert re.search(said, found)


def test_y4m_tells_the_shape_of_its_pixels(tmp_path: Path, settings: Any) -> None:
    for tags, count in (("A4:3", 1), ("A1:1", 0), ("A0:0", 0)):
        path = y4m(tmp_path / "a.y4m", pictures(2, 16, 16), tags)
        assert len(build_video(settings(path, resolution="8x8")).attrs["warnings"]) == count


# Edit lists


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_what_an_edit_list_leaves_out_does_not_count(
    tmp_path: Path, codec: str, settings: Any, write_masks: Any
) -> None:
    whole = encode(tmp_path / "a.mp4", pictures(20, 64, 64), codec)
    path = edit(whole, duration=10, first=5)
    masks = [np.full((64, 64), k + 1, np.uint8) for k in range(10)]
    video = settings(path, masks=str(write_masks(masks)), resolution="8x8")
    assert check_source(video) == range(10)
    for found, expected in zip(read(path), read(whole)[5:15], strict=True):
        np.testing.assert_array_equal(found, expected)
    built = build_video(video)
    assert built["instances"][:, 0, 0].values.tolist() == list(range(1, 11))
    assert built.attrs["warnings"] == [f"Of 20 frames stored in '{path}', its edit list plays 10: only these count."]


def test_an_edit_list_that_plays_everything_is_not_mentioned(tmp_path: Path, settings: Any) -> None:
    path = encode(tmp_path / "a.mp4", pictures(6, 64, 64), "libx264")
    assert build_video(settings(path, resolution="8x8")).attrs["warnings"] == []


def test_an_edit_list_that_plays_nothing_leaves_no_frames(tmp_path: Path, settings: Any) -> None:
    path = edit(encode(tmp_path / "a.mp4", pictures(6, 64, 64), "mpeg4"), duration=6, first=None)
    with pytest.raises(InputError, match=r"has no frames: give another file"):
        check_source(settings(path))


def test_a_count_beyond_what_plays_is_refused_first(tmp_path: Path, settings: Any) -> None:
    path = edit(encode(tmp_path / "a.mov", pictures(20, 64, 64), "libx264"), duration=10, first=5)
    with pytest.raises(InputError, match=r"found 10 frames, start 0, count 11"):
        check_source(settings(path, count=11))


def test_a_fragmented_movie_counts_its_packets(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", pictures(9, 64, 64), "libx264", muxer={"movflags": "frag_keyframe+empty_moov"})
    assert len(read(path)) == 9


# Streams


def two_streams(path: Path, default: int) -> Path:
    """Stream 0 shows the picture, stream 1 its negative at another size."""
    from av.stream import Disposition

    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        for number in range(2):
            stream: Any = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = (48, 32, "yuv420p") if number == 0 else (96, 64, "yuv420p")
            stream.disposition = Disposition.default if number == default else Disposition(0)
            streams.append(stream)
        for stream, frame in zip(streams, (QUARTERS, 255 - QUARTERS.repeat(2, 0).repeat(2, 1)), strict=True):
            for _ in range(3):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("default", "taken", "why"), [(0, 0, "its default"), (1, 1, "its default"), (9, 0, "the fir")])
def test_of_several_streams_the_default_is_taken(
    tmp_path: Path, settings: Any, default: int, taken: int, why: str
) -> None:
    path = two_streams(tmp_path / "a.mkv", default)
    if default == 9:
        # Matroska marks all streams where none is marked.
        path = two_streams(tmp_path / "a.nut", default).rename(tmp_path / "a.ts")
    clip = open_source(settings(path))
    assert next(iter(clip.frames([0]))).shape[0] == (32, 64)[taken]
    assert clip.length == 3
    assert len(clip.notes) == 1
    assert re.search(rf"has 2 video streams, 0 \(32x48\), 1 \(64x96\): taken is {taken}, {why}", clip.notes[0])


def test_a_cover_is_not_the_video(tmp_path: Path, settings: Any) -> None:
    from av.stream import Disposition

    def write(path: Path, video: bool) -> Path:
        with av.open(str(path), "w") as container:
            cover: Any = container.add_stream("png")
            cover.width, cover.height, cover.pix_fmt = 16, 16, "rgb24"
            cover.disposition = Disposition.attached_pic
            stream: Any = container.add_stream("mpeg4", rate=10) if video else None
            if stream is not None:
                stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
            picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
            container.mux(cover.encode(picture))
            if stream is not None:
                for _ in range(3):
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(QUARTERS, format="rgb24")))
                container.mux(stream.encode())
        return path

    clip = open_source(settings(write(tmp_path / "a.mp4", True)))
    assert (clip.length, next(iter(clip.frames([0]))).shape) == (3, (32, 48, 3))
    with pytest.raises(InputError, match=r"has a cover but no video stream: give a file with pictures in it"):
        check_source(settings(write(tmp_path / "b.mp4", False)))


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.m4v", "mpeg4"), ("a.m4v", "libx264"), ("a.ts", "libx264"), ("a.ts", "mpeg2video"), ("a.m2ts", "libx265")),
        *(("a.mpg", "mpeg2video"), ("a.mts", "libx264")),
    ],
)
def test_other_containers(tmp_path: Path, settings: Any, name: str, codec: str) -> None:
    frames = pictures(9, 64, 64)
    path = encode(tmp_path / name, frames, codec)
    found = build_video(settings(path, crop="none", resolution="64x64"))
    assert found.attrs["warnings"] == []
    assert np.abs(found["frames"].values * 255 - np.stack(frames)).mean() < 4
    assert found.sizes["frame"] == 9


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video", "libx265"])
def test_a_recording_that_was_cut_counts_from_its_first_key_frame(tmp_path: Path, settings: Any, codec: str) -> None:
    whole = encode(tmp_path / "a.ts", moving(20), codec, gop=6)
    with av.open(str(whole)) as container:
        cut = [p.pos for p in container.demux(video=0) if p.size][2]
    data = whole.read_bytes()
    path = tmp_path / "cut.ts"
    # Tables come first, and again; cut at a packet of the transport stream.
    path.write_bytes(data[: 3 * 188] + data[cut // 188 * 188 :])
    frames = read(path)
    assert 12 <= len(frames) <= 15
    for found, expected in zip(frames[::-1], read(whole)[::-1], strict=False):
        np.testing.assert_array_equal(found, expected)
    build_video(settings(path, resolution="8x16"))


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        ("K0 -1 -2", 3),
        ("-0 -1 K2 -3 -4", 3),
        # Shown before the key frame, and predicted from what was cut off as well.
        ("-0 K5 -3 -4 -6", 2),
        ("-0 -1 -2", 3),
        ("K? -? -?", 3),
        ("", 0),
    ],
)
def test_packets_that_play(packets: str, expected: int) -> None:
    found = [
        SimpleNamespace(
            size=1, is_discard=False, is_keyframe=word[0] == "K", pts=None if word[1] == "?" else int(word[1])
        )
        for word in packets.split()
    ]
    nothing = [SimpleNamespace(size=0, is_discard=False, is_keyframe=False, pts=None)]
    left_out = [SimpleNamespace(size=1, is_discard=True, is_keyframe=True, pts=0)]
    assert _count(iter(left_out + found + nothing)) == expected


# Samples without a header


def test_y4m_reads_back(tmp_path: Path, settings: Any) -> None:
    frames = pictures(5, 16, 24)
    path = y4m(tmp_path / "a.y4m", frames)
    assert check_source(settings(path)) == range(5)
    assert np.abs(np.stack(read(path)).astype(int) - np.stack(frames)).max() <= 3


def test_y4m_that_was_cut_is_refused(tmp_path: Path, settings: Any) -> None:
    path = y4m(tmp_path / "a.y4m", pictures(5, 16, 24))
    whole = path.read_bytes()
    for cut in (1, 100, 580):
        path.write_bytes(whole[:-cut])
        with pytest.raises(InputError, match=r"a\.y4m' is truncated: it ends within frame 4; copy it again"):
            check_source(settings(path))
    path.write_bytes(whole.replace(b"FRAME\n", b"FRAME Ip\n"))
    assert check_source(settings(path)) == range(5)


def raw(path: Path, frames: list[np.ndarray], format: str) -> Path:
    path.write_bytes(b"".join(samples(frame, format) for frame in frames))
    return path


@pytest.mark.parametrize(
    ("format", "written"),
    [*((f, f) for f in ("yuv420p", "yuv420p10le", "yuv422p", "yuv444p", "nv12", "gray", "rgb24")), ("I420", "yuv420p")],
)
def test_raw_samples_read_back(tmp_path: Path, settings: Any, format: str, written: str) -> None:
    frames = [np.full((16, 32, 3), (shade, shade, shade), np.uint8) for shade in (40, 90, 140, 190)]
    path = raw(tmp_path / "a.yuv", frames, written)
    video = settings(path, size="16x32", format=format, start=1, count=2, step=2, resolution="16x32", crop="none")
    found = build_video(video)
    assert np.abs(found["frames"].values * 255 - np.stack(frames[1::2])).max() <= 3
    assert open_source(video).length == 4
    assert found.attrs["warnings"] == []


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    wave = 128 + 60 * np.sin(y / 7) + 50 * np.cos(x / 9)
    return wave[..., None].repeat(3, -1).astype(np.uint8)


RAW: dict[str, tuple[dict[str, str], str]] = {
    "no size": ({"format": "yuv420p"}, r"has no header and size is not given: fill in the columns size \(height x "
                r"width; its name suggests 48x64\) and format"),
    "no format": ({"size": "48x64"}, r"has no header and format is not given"),
    "neither": ({}, r"has no header and size and format are not given"),
    "format": ({"size": "48x64", "format": "yuv420"}, ""),
    "unknown format": ({"size": "48x64", "format": "yuv420p11"}, r"unknown format 'yuv420p11': did you mean 'yuv420p"),
    "size": ({"size": "50x64", "format": "yuv420p"}, r"has 9216 bytes, which is not a whole number of frames of 50x64 "
             r"pixels in yuv420p \(4800 bytes each\): correct size"),
    "depth": ({"size": "48x64", "format": "yuv444p16le"}, r"not a whole number of frames of 48x64 pixels in yuv444p16"),
    "width first": ({"size": "64x48", "format": "yuv420p"}, r"is said to have 64x48 pixels .*, but its first picture "
                    r"is smooth only with sides exchanged: write 48x64"),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "message"), RAW.values(), ids=RAW)
def test_a_layout_that_does_not_fit_is_told_first(
    tmp_path: Path, settings: Any, columns: dict[str, str], message: str
) -> None:
    video = settings(raw(tmp_path / "Wave_64x48_8bit.yuv", [smooth(48, 64)] * 2, "yuv420p"), **columns)
    if not message:
        assert check_source(video) == range(2)
        return
    with pytest.raises(InputError, match=message):
        check_source(video)


def test_sides_are_not_doubted_without_reason(tmp_path: Path, settings: Any) -> None:
    """Noise, and a flat picture, say nothing of them."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for frame in (noise, np.full((48, 64, 3), 90, np.uint8), smooth(48, 64)):
        video = settings(raw(tmp_path / "a.yuv", [frame], "yuv420p"), size="48x64", format="yuv420p")
        assert check_source(video) == range(1)


def test_layout_columns_are_for_raw_files_only(tmp_path: Path, settings: Any) -> None:
    path = encode(tmp_path / "a.mp4", pictures(2, 32, 32), "mpeg4")
    for columns in ({"size": "32x32"}, {"format": "yuv420p"}):
        with pytest.raises(InputError, match=r"tells its own size and format, but the column \w+ is filled: leave it"):
            check_source(settings(path, **columns))
    with pytest.raises(InputError, match=r"tells its own size"):
        check_source(VideoSettings(name="a", source="example:bunny", size=(9, 9)))
