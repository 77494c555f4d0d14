"""Tests of the settings of a video and of the table that lists videos."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinc.errors import InputError
from xinc.settings import validate
from xinc.video.settings import VideoSettings, parse_size, read_table


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "videos.tsv"
    path.write_text(text.replace("|", "\t"), encoding="utf-8")
    return path


@given(st.integers(1, 9999), st.integers(1, 9999))
def test_sizes_read_back(height: int, width: int) -> None:
    assert parse_size(f"{height}x{width}") == (height, width)


@pytest.mark.parametrize("text", ["", "128", "0x5", "5x0", "-1x5", "1.5x2", "axb", "1x2x3"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected HEIGHTxWIDTH"):
        parse_size(text)


def test_defaults_are_the_papers() -> None:
    video = VideoSettings(name="a", source="a.mp4")
    assert (video.start, video.count, video.step) == (0, None, 1)
    assert (video.crop, video.resolution, video.resize) == ("fit", (128, 256), "area")


def test_settings_survive_json() -> None:
    video = VideoSettings(name="a", source="a.mp4", resolution="6x8", crop="10 x 20", count=3)
    assert VideoSettings.model_validate_json(video.model_dump_json()) == video
    assert video.crop == "10x20"


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "-a", "é", "a\n"])
def test_names_unfit_for_a_path_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="name unfit for a path"):
        validate(VideoSettings, {"name": name, "source": "a.mp4"}, "videos")


def test_table_keeps_order_and_fills_defaults(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "# the videos\nvideo|source|count|resolution|crop|masks\n\n"
        "b|example:bunny|16|||\n#c|no||||\na|clips/a.mp4||64x128|none|clips/masks\n",
    )
    first, second = read_table(path, "32x48")
    assert (first.name, first.source, first.count, first.resolution, first.masks) == (
        "b", "example:bunny", 16, (32, 48), None,
    )  # fmt: skip
    assert second == VideoSettings(
        name="a", source="clips/a.mp4", masks="clips/masks", resolution=(64, 128), crop="none"
    )


def test_short_rows_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    path = table(tmp_path, "\ufeffvideo|source|count\na|x.mp4\n")
    assert read_table(path, (4, 6))[0].count is None


def test_tabs_at_the_end_of_lines_are_fine(tmp_path: Path) -> None:
    """As spreadsheets write them; what stands below such a column is still one cell too many."""
    path = table(tmp_path, "video|source||\na|x.mp4||\nb|y.mp4\n")
    assert [video.source for video in read_table(path, (4, 6))] == ["x.mp4", "y.mp4"]
    with pytest.raises(InputError, match="line 2 has 3 cells but the header has 2 columns"):
        read_table(table(tmp_path, "video|source|\na|x.mp4|z\n"), (4, 6))


ERRORS = {
    "empty": ("# nothing\n", "videos.tsv is empty: expected a header line with at least video and source"),
    "no rows": ("video|source\n", "lists no videos: expected a line for each video below the header in line 1"),
    "missing column": ("video|masks\na|b\n", "line 1 has no column 'source': found video, masks; add it"),
    "unknown column": (
        "video|source|mask\na|b|c\n",
        "unknown column 'mask': did you mean 'masks'? Expected one of clips, count",
    ),
    "column twice": ("video|source|source\na|b|c\n", "line 1 has the column 'source' twice"),
    "duplicate": ("video|source\na|b\na|c\n", "line 3 lists video 'a' again: give each video its own name"),
    "unfit name": ("video|source\na/b|c\n", "line 2, video 'a/b': video is 'a/b': name unfit for a path"),
    "no source": ("video|source\na|\n", "line 2 has nothing in the column 'source'"),
    "bad number": ("video|source|count\na|b|many\n", "video 'a': count is 'many', expected a whole number"),
    "negative": ("video|source|start\na|b|-1\n", "video 'a': start is -1: input should be greater than or equal to 0"),
    "no frames": ("video|source|count\na|b|0\n", "video 'a': count is 0: input should be greater than or equal to 1"),
    "bad resolution": ("video|source|resolution\na|b|128\n", "resolution is '128': expected HEIGHTxWIDTH in pixels"),
    "bad crop": ("video|source|crop\na|b|square\n", "crop is 'square': expected 'none', 'fit' or a height x width"),
    "bad resize": ("video|source|resize\na|b|cubic\n", "resize is 'cubic': input should be 'area' or 'bicubic'"),
    "blanks for tabs": (
        "video source\na b\n",
        "line 1 is one cell, 'video source': expected columns separated by",
    ),
    "commas for tabs": ("video,source\na,b\n", "replace what stands between them by one tab"),
    "semicolons for tabs": ("video;source\na;b\n", "separated by a tab each, as in video<tab>source"),
    "blanks in a line": (
        "video|source\na  b\n",
        "has nothing in the column 'source': separate cells with one tab",
    ),
    "commas in a line": ("video|source\na,b\n", "separate cells with one tab, not with commas"),
    "tab in the middle": ("video||source\na||b\n", "line 1 has a column without a name, between two tabs"),
    "surplus": ("video|source\na|b|c\n", "line 2 has 3 cells but the header has 2 columns"),
}


@pytest.mark.parametrize(("text", "message"), ERRORS.values(), ids=ERRORS)
def test_a_malformed_table_says_where_and_what(tmp_path: Path, text: str, message: str) -> None:
    path = table(tmp_path, text)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_table(path, (128, 256))
    assert str(path) in str(caught.value)


def test_a_missing_table_is_named() -> None:
    with pytest.raises(InputError, match=r"table of videos 'nowhere.tsv' does not exist"):
        read_table("nowhere.tsv", (128, 256))


def test_a_table_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "videos.tsv"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_table(path, (128, 256))
