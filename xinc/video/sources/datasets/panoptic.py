"""Parts shared by the data sets: a JSON of annotations, colour masks that number segments, and rules for both.

Whatever the data set, a mask says of each pixel: 0, unlabelled; or the id of a segment, the same in all frames. Things
are segments one by one, stuff is a segment a category. What is unlabelled: void; a crowd region, which shows several
things that the annotators did not tell apart; nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from xinc.errors import InputError
from xinc.frames import ranges
from xinc.video.clip import Clip, Segment, note
from xinc.video.sources.images import read_frame, read_mask

#: Class names that the data sets spell wrong.
CORRECTIONS = {"vegitation": "vegetation"}


class DataSet(Protocol):
    """A data set whose lists have been read; no image has been opened."""

    @property
    def lengths(self) -> Mapping[str, int]:
        """Number of frames of each video, by name."""

    def recording(self, name: str) -> Recording:
        """The files of one video; `InputError` names one that is missing."""


class Category(NamedTuple):
    """A class of the data set."""

    name: str
    isthing: bool


class Label(NamedTuple):
    """What a value of a mask stands for.

    ``key`` is the same for the same segment in every frame; None: unlabelled. ``why`` says why pixels that the mask
    gives a class are left unlabelled all the same.
    """

    key: int | None
    category: Category
    why: str = ""


#: From the values in the mask of a frame to what they stand for; `InputError` for a value that has no meaning.
Decoder = Callable[[int], Label]

VOID = Label(None, Category("void", False))
#: Reasons to leave a class's pixels unlabelled, as notes begin that name the class.
CROWD = "Crowd regions of"
NUMBERED = "Regions with an instance number, which stuff does not have, of"


@dataclass(frozen=True)
class Recording:
    """The files of one video, a mask only where a frame is annotated, and what the values of each mask mean.

    Attributes
    ----------
    title : how to call the video in a message.
    frames : image of each frame.
    masks : mask of each frame, None where it is not annotated.
    decoders : one for each mask, None for a frame without one.
    colours : whether masks are RGB images that number segments (R + 256·G + 65536·B); else grey ones.
    lists : files that the meaning of the masks was read from.
    """

    title: str
    frames: Sequence[Path]
    masks: Sequence[Path | None]
    decoders: Sequence[Decoder | None]
    colours: bool
    lists: Sequence[Path] = ()

    def clip(self) -> Clip:
        """The video; images are read when asked for."""
        segments: list[Segment] = []
        notes: list[str] = []

        def frames(indices: Sequence[int]) -> Iterator[np.ndarray]:
            return (read_frame(self.frames[index]) for index in indices)

        def masks(indices: Sequence[int]) -> Iterator[np.ndarray | None]:
            known: dict[int, Segment] = {}
            left: dict[tuple[str, str], list[int]] = {}
            for number, index in enumerate(indices):
                mask, found = self._mask(index)
                for label in found:
                    if label.why:
                        left.setdefault((label.why, label.category.name), []).append(number)
                    elif label.key is not None:
                        known.setdefault(label.key, Segment(label.key, *label.category))
                yield mask
            segments[:] = known.values()
            for (why, name), where in sorted(left.items()):
                note(notes, f"{why} {name} are left unlabelled in frames {ranges(sorted(set(where)))}.")

        return Clip(self.title, len(self.frames), frames, masks, segments, None, notes)

    def _mask(self, index: int) -> tuple[np.ndarray | None, list[Label]]:
        """Segment ids (y, x) int32 of a frame and what they are; None of a frame that is not annotated."""
        path, decode = self.masks[index], self.decoders[index]
        if path is None or decode is None:
            return None, []
        values = read_colours(path) if self.colours else read_mask(path)
        _check_size(values.shape, path, self.frames[index])
        found, places = np.unique(values, return_inverse=True)
        try:
            labels = [decode(int(value)) for value in found]
        except InputError as error:
            raise InputError(f"Mask '{path}': {error}") from None
        keys = np.array([label.key or 0 for label in labels], np.int32)
        return keys[places].reshape(values.shape), labels


def _check_size(shape: tuple[int, ...], mask: Path, frame: Path) -> None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(frame) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError):
        # Reading the frame tells what is wrong with it.
        return
    if shape[:2] != (height, width):
        raise InputError(
            f"Mask '{mask}' has {shape[0]}x{shape[1]} pixels but its frame '{frame}' has {height}x{width} pixels: "
            "masks need the size of the frames; convert the data set again."
        )


def read_colours(path: Path) -> np.ndarray:
    """The numbers R + 256·G + 65536·B of a colour mask, int64 (y, x).

    Raises
    ------
    InputError : the file cannot be read, or is not an RGB image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.mode not in ("RGB", "RGBA"):
                raise InputError(
                    f"Mask '{path}' is an image of mode {image.mode}: expected an RGB image that numbers segments, "
                    "R + 256·G + 65536·B; convert the data set again."
                )
            values = np.asarray(image.convert("RGB")).astype(np.int64)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise InputError(f"Cannot read mask '{path}' ({error}); replace the file.") from None
    return np.asarray(values @ np.array([1, 256, 65536]))


def read_list(path: Path, *keys: str) -> dict[str, Any]:
    """A JSON file of annotations that has these keys.

    Raises
    ------
    InputError : the file is missing, is not JSON, or lacks a key.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"Annotations '{path}' cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise InputError(f"Annotations '{path}' are not JSON ({error}): download or convert them again.") from None
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise InputError(
            f"Annotations '{path}' have no '{missing[0]}': expected {', '.join(keys)}; convert them again."
        )
    return dict(content)


def read_parts(path: Path, *keys: str) -> dict[str, Any]:
    """Lists of a JSON file of annotations by their keys, as `read_list` gives them, without parsing what is between.

    Of a large data set the annotations themselves are most of the file.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return read_list(path, *keys)
    found: dict[str, Any] = {}
    for key in keys:
        places = [match.end() for match in re.finditer(rf'"{key}"\s*:\s*(?=\[)', text)]
        try:
            [start] = places
            found[key], _ = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            # Not there, or not only there: the whole of it tells.
            return read_list(path, *keys)
    return found


def read_categories(content: Mapping[str, Any], path: Path) -> dict[int, Category]:
    """The classes of a JSON by their ids, misspelt names corrected."""
    try:
        return {
            int(one["id"]): Category(CORRECTIONS.get(str(one["name"]), str(one["name"])), bool(one["isthing"]))
            for one in content["categories"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"Annotations '{path}' have a category without id, name or isthing ({error!r}): convert them again."
        ) from None


def colour_decoders(
    annotations: Sequence[Mapping[str, Any] | None], categories: Mapping[int, Category], path: Path
) -> list[Decoder | None]:
    """What the colours of each frame's mask stand for, by the ``segments_info`` of its annotation.

    A segment is numbered in the order in which it first occurs: by frame, class and area. The colours themselves, which
    converters draw at random, only say what belongs together within the video.

    Parameters
    ----------
    annotations : of each frame, None where it has none.
    categories : by id.
    path : the JSON, for messages.
    """
    numbers: dict[tuple[int, int], int] = {}
    return [
        None if one is None else _colour_decoder(_segments(one, categories, path), numbers, str(one["image_id"]), path)
        for one in annotations
    ]


class _Info(NamedTuple):
    colour: int
    category_id: int
    category: Category
    crowd: bool


def _segments(annotation: Mapping[str, Any], categories: Mapping[int, Category], path: Path) -> list[_Info]:
    """The segments of a frame, by class and from large to small."""
    try:
        rows = sorted(
            ((int(one["category_id"]), -float(one.get("area", 0)), one) for one in annotation["segments_info"]),
            key=lambda row: row[:2],
        )
        parsed = [(int(one["id"]), category, bool(one.get("iscrowd", 0))) for category, _, one in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"Annotations '{path}' have a segment of image '{annotation.get('image_id')}' without id or category_id "
            f"({error!r}): convert them again."
        ) from None
    for _, category, _ in parsed:
        if category not in categories:
            raise InputError(
                f"Annotations '{path}' put a segment of image '{annotation.get('image_id')}' into category {category}, "
                f"which they do not list: known are {ranges(sorted(categories))}; convert them again."
            )
    return [_Info(colour, category, categories[category], crowd) for colour, category, crowd in parsed]


def _colour_decoder(infos: list[_Info], numbers: dict[tuple[int, int], int], image: str, path: Path) -> Decoder:
    """Decoder of one frame; ``numbers`` of (class, colour), colour 0 for stuff, are shared by all frames of a video."""
    table: dict[int, Label] = {0: VOID}
    for info in infos:
        crowd = info.crowd and info.category.isthing
        if crowd:
            table[info.colour] = Label(None, info.category, CROWD)
            continue
        key = (info.category_id, info.colour if info.category.isthing else 0)
        table[info.colour] = Label(numbers.setdefault(key, len(numbers) + 1), info.category)

    def decode(colour: int) -> Label:
        if colour not in table:
            raise InputError(
                f"the colour ({colour % 256}, {colour // 256 % 256}, {colour // 65536}), id {colour}, is not a segment "
                f"that '{path}' lists for image '{image}': the two do not belong together; convert the data set again."
            )
        return table[colour]

    return decode
