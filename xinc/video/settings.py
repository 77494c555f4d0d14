"""Settings of a video, and the table that lists the videos of an experiment."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema, field_validator

from xinc.errors import InputError, nearest
from xinc.settings import StrictModel

#: The paper's analysis resolution, (height, width) in pixels.
PAPER_RESOLUTION = (128, 256)

COLUMNS = (
    *("video", "source", "split", "clips", "lengths", "masks", "void", "flow", "size", "format"),
    *("start", "count", "step", "crop", "resolution", "resize"),
)
REQUIRED = ("video", "source")
_NUMBERS = ("start", "count", "step")
_SIZE = "HEIGHTxWIDTH in pixels, both above 0, e.g. 64x128"
_UNFIT = "name unfit for a path: use letters, digits, '.', '_' and '-', beginning with a letter or digit"


def parse_size(text: str) -> tuple[int, int]:
    """Read ``"HxW"`` as (height, width) in pixels; ValueError if it is anything else.

    >>> parse_size("128x256")
    (128, 256)
    """
    match = re.fullmatch(r"\s*(\d+)\s*[xX×]\s*(\d+)\s*", str(text))
    if match is None or not (int(match[1]) and int(match[2])):
        raise ValueError(f"expected {_SIZE}")
    return int(match[1]), int(match[2])


def parse_range(text: str) -> tuple[int, int]:
    """Read ``"30-45"``, or ``"30"``, as (least, most); ValueError if it is anything else.

    >>> parse_range("30-45"), parse_range("30")
    ((30, 45), (30, 30))
    """
    match = re.fullmatch(r"\s*(\d+)\s*(?:[-–]\s*(\d+)\s*)?", str(text))
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= low <= high:
        raise ValueError("expected a number of frames, or the least and the most, such as 30-45")
    return low, high


def _as_range(value: Any) -> Any:
    return parse_range(value) if isinstance(value, str) else value


Range = Annotated[tuple[int, int], BeforeValidator(_as_range)]


def _as_size(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return value
    return parse_size(str(value))


def parse_values(text: str) -> tuple[int, ...]:
    """Read ``"255"``, ``"254,255"`` or ``"none"`` as the values of a mask; ValueError if it is anything else.

    >>> parse_values("254,255"), parse_values("none")
    ((254, 255), ())
    """
    if text.strip().lower() == "none":
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ValueError("expected the value of a mask, several separated by commas, or 'none', such as 255")
    return tuple(sorted({int(part) for part in parts}))


def _as_values(value: Any) -> Any:
    return parse_values(value) if isinstance(value, str) else [value] if isinstance(value, int) else value


_SIZE_IN_JSON = {
    "anyOf": [
        {"type": "string", "pattern": "^[0-9]+[xX×][0-9]+$"},
        {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
    ]
}
#: (height, width) in pixels, which a configuration may write as "HxW".
Size = Annotated[
    tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]],
    BeforeValidator(_as_size),
    WithJsonSchema(_SIZE_IN_JSON),
]


#: Values of a mask, which a configuration may write as "255" or "254,255".
Values = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...],
    BeforeValidator(_as_values),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^(none|[0-9]+(,[0-9]+)*)$"},
                {"type": "integer", "minimum": 0},
                {"type": "array", "items": {"type": "integer", "minimum": 0}},
            ]
        }
    ),
]


class VideoSettings(StrictModel):
    """One video: its source, the frames used, and the resolution at which it is analysed."""

    name: str = Field(description="Name of the video, and of its folder in the results.")
    source: str = Field(
        min_length=1,
        description="Folder of frames, video file, image, or one of the examples 'example:bunny', 'example:bikes', "
        "'example:carphone' and 'example:collage'; or a data set: 'cityscapes-vps:<root>', "
        "'vipseg:<root>' or 'coco-panoptic:<root or JSON>'; `roots` may give the root.",
    )
    split: str | None = Field(None, min_length=1, description="Split of a data set; the only one when left out.")
    clips: str | None = Field(
        None,
        min_length=1,
        description="Videos of a data set: a name; a pattern such as 00*, several separated by commas, 'all', or "
        "'5 of all', evenly spread, each of which gives videos called <video>-<name>.",
    )
    lengths: Range | None = Field(
        None, description="Of the videos that `clips` selects, only those with this many frames, e.g. 30-45."
    )
    masks: str | None = Field(None, min_length=1, description="Folder of indexed PNG masks, one for each source frame.")
    void: Values | None = Field(
        None,
        description="Values of `masks` that mark pixels as void, 255 by convention, several separated by commas; they "
        "are left unlabelled. 'none': each value is an instance.",
    )
    flow: str | None = Field(
        None,
        min_length=1,
        description="Folder of optical flow, with a .flo or .npy file for each source frame but the last, to the next"
        " one; for a data set, a folder of such folders, named after its videos.",
    )
    size: Size | None = Field(None, description="Height x width of a raw .yuv file, pixels; other files tell it.")
    format: str | None = Field(
        None, min_length=1, description="Pixel format of a raw .yuv file, as FFmpeg calls it: yuv420p, yuv420p10le, …"
    )
    start: int = Field(0, ge=0, description="First source frame used, counted from 0.")
    count: int | None = Field(None, ge=1, description="Number of frames used; all from `start` on when left out.")
    step: int = Field(1, ge=1, description="Every step-th source frame is used.")
    crop: str = Field(
        "fit",
        description="'none', 'fit' (largest centred window with the aspect ratio of `resolution`) or a centred HxW.",
    )
    resolution: Size = Field(PAPER_RESOLUTION, description="Analysis resolution HxW, pixels.")
    resize: Literal["area", "bicubic"] = Field(
        "area", description="How frames are resized; masks always take the nearest pixel."
    )

    @field_validator("name")
    @classmethod
    def _name_fits_a_path(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ValueError(_UNFIT)
        if name in ("project", "figures", "results"):
            raise ValueError("this name is taken in the folder of results: choose another name")
        return name

    @field_validator("crop")
    @classmethod
    def _crop_is_known(cls, crop: str) -> str:
        if crop in ("none", "fit"):
            return crop
        try:
            height, width = parse_size(crop)
        except ValueError:
            raise ValueError("expected 'none', 'fit' or a height x width in pixels such as 480x960") from None
        return f"{height}x{width}"


def read_table(path: str | Path, default_resolution: tuple[int, int] | str) -> list[VideoSettings]:
    """The videos listed in a tab-separated table, in its order.

    Parameters
    ----------
    path : table with the columns `COLUMNS`, of which `REQUIRED` must be there. An empty cell stands for the default;
        lines that start with ``#`` are comments. Relative paths in it start from the working directory.
    default_resolution : (height, width) in pixels, or ``"HxW"``, of videos that state none.

    Notes
    -----
    A row may stand for many videos of a data set, see `xinc.video.sources.read_videos`.

    Raises
    ------
    InputError : table missing, empty or malformed; the message names the file, the line and the video.
    """
    rows = _rows(Path(path))
    (first, header), body = rows[0], rows[1:]
    _check_header(header, f"{path}, line {first}")
    if not body:
        raise InputError(f"{path} lists no videos: expected a line for each video below the header in line {first}.")
    videos: dict[str, VideoSettings] = {}
    for line, cells in body:
        if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
            raise InputError(
                f"{path}, line {line} has {len(cells)} cells but the header has {len(header)} columns: "
                "remove the surplus, and separate cells with one tab."
            )
        filled = {key: cell.strip() for key, cell in zip(header, cells, strict=False) if cell.strip()}
        video = _video(filled, default_resolution, f"{path}, line {line}")
        if video.name in videos:
            raise InputError(f"{path}, line {line} lists video '{video.name}' again: give each video its own name.")
        videos[video.name] = video
    return list(videos.values())


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, cells) of each line that is neither empty nor a comment."""
    if not path.is_file():
        raise InputError(f"The table of videos '{path}' does not exist: create it, or correct the path.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text: expected a tab-separated table; save it as such.") from None
    rows = [
        (number, next(csv.reader([line], delimiter="\t")))
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    if not rows:
        raise InputError(f"{path} is empty: expected a header line with at least {' and '.join(REQUIRED)}.")
    return rows


def _check_header(header: list[str], where: str) -> None:
    header[:] = [column.strip() for column in header]
    while header and not header[-1]:  # tabs at the end of the line
        del header[-1]
    for column in header:
        if len(header) == 1 and column not in COLUMNS and set(COLUMNS) & set(re.split(r"[\s,;|]+", column)):
            raise InputError(
                f"{where} is one cell, '{column}': expected columns separated by a tab each, as in "
                f"{'<tab>'.join(REQUIRED)}; replace what stands between them by one tab."
            )
        if not column:
            raise InputError(f"{where} has a column without a name, between two tabs: name it, or remove one tab.")
        if column not in COLUMNS:
            raise InputError(f"{where} has the unknown column '{column}': {nearest(column, COLUMNS)}.")
        if header.count(column) > 1:
            raise InputError(f"{where} has the column '{column}' twice: remove one.")
    for column in REQUIRED:
        if column not in header:
            raise InputError(
                f"{where} has no column '{column}': found {', '.join(header)}; add it, separated by a tab."
            )


def _other_separator(cells: dict[str, str]) -> str | None:
    """What stands in the place of tabs in a line that is a single cell; None where nothing seems to."""
    if len(cells) != 1:
        return None
    (text,) = cells.values()
    found = [(sign, name) for sign, name in ((",", "commas"), (";", "semicolons"), (" ", "blanks")) if sign in text]
    return found[0][1] if found else None


def _video(cells: dict[str, str], default_resolution: tuple[int, int] | str, where: str) -> VideoSettings:
    for column in REQUIRED:
        if column not in cells:
            other = _other_separator(cells)
            raise InputError(
                f"{where} has nothing in the column '{column}': "
                + (
                    f"separate cells with one tab, not with {other}."
                    if other
                    else "fill it in (cells are separated by one tab), or remove the line."
                )
            )
    name = cells["video"]
    values: dict[str, Any] = {"resolution": default_resolution, **cells, "name": name}
    del values["video"]
    for column in _NUMBERS:
        if column in cells:
            try:
                values[column] = int(cells[column])
            except ValueError:
                raise InputError(
                    f"{where}, video '{name}': {column} is '{cells[column]}', expected a whole number."
                ) from None
    try:
        return VideoSettings.model_validate(values)
    except ValidationError as error:
        item = error.errors()[0]
        column = "video" if item["loc"][0] == "name" else str(item["loc"][0])
        message = item["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        raise InputError(f"{where}, video '{name}': {column} is {item['input']!r}: {message}.") from None
