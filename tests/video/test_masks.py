"""Tests of which mask belongs to which frame, and of values that are void."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers.movies import pictures
from xinc.errors import InputError
from xinc.video.prepare import build_video
from xinc.video.settings import VideoSettings, read_table
from xinc.video.sources import check_source, source_files

Make = Callable[..., VideoSettings]


@pytest.fixture
def named(tmp_path: Path) -> Make:
    """A video of four frames with such names, and masks with such names: each is the instance of its place, from 1."""

    def make(frames: list[str], masks: list[str], **values: Any) -> VideoSettings:
        for folder, names in (("frames", frames), ("masks", masks)):
            (tmp_path / folder).mkdir()
            for place, name in enumerate(names):
                picture = pictures(len(frames))[0] if folder == "frames" else np.full((12, 20), place + 1, np.uint8)
                Image.fromarray(picture).save(tmp_path / folder / name)
        return VideoSettings(
            name="v", source=str(tmp_path / "frames"), masks=str(tmp_path / "masks"), resolution=(6, 10), **values
        )

    return make


#: Names of frames, names of masks, the instance that each frame gets, and what is said of it.
PAIRED: dict[str, tuple[list[str], list[str], list[int], str]] = {
    "the same": (["0.png", "1.png", "2.png"], ["0.png", "1.png", "2.png"], [1, 2, 3], ""),
    "padded": (["0008.jpg", "0009.jpg", "0010.jpg"], ["8.png", "9.png", "10.png"], [1, 2, 3], ""),
    # Sorted by name, c1 comes last.
    "in another order": (["1.png", "2.png", "3.png"], ["c1.png", "a2.png", "b3.png"], [1, 2, 3], ""),
    "a number that all share": (
        ["v1_0003.png", "v1_0004.png"], ["v1_0003_mask2.png", "v1_0004_mask2.png"], [1, 2], "",
    ),
    "a number in front": (["3_left.png", "4_left.png"], ["seg_3.png", "seg_4.png"], [1, 2], ""),
    "masks of more frames": (
        ["2.png", "4.png"], ["1.png", "2.png", "3.png", "4.png", "5.png"], [2, 4],
        "masks 1, 3, 5 have no frame of their number and are left out",
    ),
    "counted from 1": (
        ["0.png", "1.png", "2.png"], ["1.png", "2.png", "3.png"], [1, 2, 3],
        "masks 1-3 are paired with frames 0-2 in order, though their numbers differ",
    ),
    "frames counted again": (
        ["0.png", "1.png", "2.png"], ["0.png", "5.png", "10.png"], [1, 2, 3],
        "masks 0-10 are paired with frames 0-2 in order, though",
    ),
    "names without numbers": (["dog.png", "cat.jpg"], ["cat.png", "dog.png"], [1, 2], ""),
    "masks without numbers": (
        ["0.png", "1.png"], ["a.png", "b.png"], [1, 2], "names of the masks hold no numbers; masks are paired in order",
    ),
    "frames without numbers": (
        ["a.png", "b.png"], ["0.png", "1.png"], [1, 2], "names of the frames hold no numbers; masks are paired in",
    ),
    "one of each": (["photo.jpg"], ["photo_mask.png"], [1], ""),
}  # fmt: skip


@pytest.mark.parametrize(("frames", "masks", "expected", "said"), PAIRED.values(), ids=PAIRED)
def test_masks_belong_to_the_frames_of_their_number(
    named: Make, frames: list[str], masks: list[str], expected: list[int], said: str
) -> None:
    order = {name: place + 1 for place, name in enumerate(masks)}
    assert sorted(order.values()) == list(range(1, len(masks) + 1))
    video = named(frames, masks)
    found = build_video(video)
    in_order = found.sortby("source_frame")["instances"][:, 0, 0].values.tolist()
    assert in_order == expected
    assert len(found.attrs["warnings"]) == bool(said)
    assert all(said in text for text in found.attrs["warnings"])
    used = [Path(path).name for path in source_files(video) if Path(path).parent.name == "masks"]
    assert [order[name] for name in used] == expected


@pytest.mark.parametrize(
    ("frames", "masks", "message"),
    [
        (
            ["00000.jpg", "00001.jpg", "00002.jpg", "00003.jpg"], ["00000.png", "00001.png", "00002.png", "00005.png"],
            r"at place 3 of both lies '00003\.jpg' beside mask '00005\.png', whose numbers disagree",
        ),
        (["0.png", "1.png", "5.png"], ["0.png", "2.png", "5.png"], r"at place 1 of both lies '1\.png' beside mask '2"),
        (["0.png", "1.png", "2.png"], ["0.png", "2.png"], r"3 frames in .* but 2 masks in .* \(none for 1\): expected"),
        (["0.png", "1.png"], ["a.png", "b.png", "c.png"], r"2 frames in .* but 3 masks in"),
    ],
)  # fmt: skip
def test_numbers_that_contradict_each_other_are_refused(
    named: Make, frames: list[str], masks: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_source(named(frames, masks))


def test_a_movie_counts_its_frames_from_0(write_movie: Any, write_masks: Any, settings: Any) -> None:
    movie = write_movie(pictures(4, 32, 32))
    folder = write_masks([np.full((32, 32), k + 1, np.uint8) for k in range(4)])
    video = settings(movie, masks=str(folder), resolution="8x8")
    assert build_video(video).attrs["warnings"] == []
    for number in (3, 2, 1, 0):
        (folder / f"{number:05d}.png").rename(folder / f"{number + 1:05d}.png")
    found = build_video(video)
    assert found["instances"][:, 0, 0].values.tolist() == [1, 2, 3, 4]
    assert re.search("masks 1-4 are paired with frames 0-3 in order", found.attrs["warnings"][0])
    (folder / "00004.png").rename(folder / "00007.png")
    with pytest.raises(InputError, match=r"at place 3 of both lies frame 3 beside mask '00007\.png'"):
        check_source(video)


def masked(values: list[int]) -> np.ndarray:
    return np.repeat(np.array([values], np.uint8), 4, axis=0).repeat(4, axis=1)


@pytest.mark.parametrize(
    ("values", "void", "left", "warned"),
    [
        ([0, 1, 2, 255], None, [1, 2, 255], True),
        ([0, 1, 2, 255], "255", [1, 2], False),
        ([0, 1, 2, 255], "none", [1, 2, 255], False),
        ([0, 1, 2, 255], "2,255", [1], False),
        ([0, 255], None, [255], False),
        ([0, 1, 200, 255], None, [1, 200, 255], False),
        ([0, 1, 2, 3], "255", [1, 2, 3], False),
    ],
)
def test_a_column_says_which_values_are_void(
    write_folder: Any, write_masks: Any, settings: Any,
    values: list[int], void: str | None, left: list[int], warned: bool,
) -> None:  # fmt: skip
    mask = masked(values)
    frames = write_folder([np.zeros((*mask.shape, 3), np.uint8)] * 2)
    columns = {} if void is None else {"void": void}
    video = settings(
        frames,
        masks=str(write_masks([mask] * 2)),
        crop="none",
        resolution=f"{mask.shape[0]}x{mask.shape[1]}",
        **columns,
    )
    found = build_video(video)
    assert found["segment_id"].values.tolist() == left
    assert (found["instances"].values[:, np.isin(mask, left)] > 0).all()
    assert (found["instances"].values[:, ~np.isin(mask, left)] == 0).all()
    assert [bool(re.search("the value 255 stands beside .* by convention it is void: write 255 into the column", text))
            for text in found.attrs["warnings"]] == [True] * warned  # fmt: skip


def test_void_is_read_from_the_table(tmp_path: Path) -> None:
    path = tmp_path / "videos.tsv"
    rows = {"a": ("", None), "b": ("255", (255,)), "c": ("255, 254", (254, 255)), "d": ("none", ())}
    path.write_text("video\tsource\tmasks\tvoid\n" + "".join(f"{k}\tx\tm\t{v[0]}\n" for k, v in rows.items()))
    found = read_table(path, (4, 6))
    assert {video.name: video.void for video in found} == {name: row[1] for name, row in rows.items()}
    for video in found:
        assert VideoSettings.model_validate_json(video.model_dump_json()) == video
    path.write_text("video\tsource\tmasks\tvoid\na\tx\tm\tblack\n")
    with pytest.raises(InputError, match=r"void is 'black': expected the value of a mask, several separated by commas"):
        read_table(path, (4, 6))


@pytest.mark.parametrize("values", [{"source": "example:collage"}, {"source": "example:bunny"}])
def test_void_without_masks_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"has the column void filled, which says what values of the column masks are"):
        check_source(VideoSettings(name="a", void=(255,), **values))
