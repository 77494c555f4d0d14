"""VIPSeg (Miao et al. 2022), as its scripts convert it to 720 lines: every frame annotated.

Below the root ``VIPSeg_720P`` lie ``images/<video>/<frame>.jpg``, ``panomasks/<video>/<frame>.png`` and
``panoptic_gt_VIPSeg.json`` (``…_train.json``, ``…_val.json``), which lists videos, frames and classes. Instances are
those of ``panomasks``, whose values mean the same in every frame and every copy; ``panomasksRGB``, whose colours the
conversion draws at random, is not used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from xinc.errors import InputError, nearest
from xinc.video.sources.datasets.panoptic import (
    CROWD,
    NUMBERED,
    VOID,
    Category,
    Label,
    Recording,
    read_categories,
    read_parts,
)

_LIST = re.compile(r"panoptic_gt_VIPSeg(?:_(\w+))?\.json")
#: Values of masks from here on are class · 100 + instance (from 0 on).
_INSTANCES = 125


class VIPSeg:
    """A copy of VIPSeg, or one split of it.

    Raises
    ------
    InputError : the root or the split does not exist.
    """

    def __init__(self, root: Path, split: str | None) -> None:
        self.root, self.list = root, _list(root, split)

    @cached_property
    def lengths(self) -> dict[str, int]:
        return {name: len(stems) for name, stems in self._videos.items()}

    def recording(self, name: str) -> Recording:
        stems = self._videos[name]
        images, masks = self.root / "images" / name, self.root / "panomasks" / name
        frames = _files(images, stems, (".jpg", ".png", ".jpeg"), "frame", self.list, name)
        labels = _files(masks, stems, (".png",), "mask", self.list, name)
        decoders = [self._decode] * len(stems)
        return Recording(f"VIPSeg {name}", frames, labels, decoders, False, (self.list,))

    def _decode(self, value: int) -> Label:
        if value == 0:
            return VOID
        number = value if value < _INSTANCES else value // 100
        # Classes are numbered from 1 in the masks and from 0 in the list.
        category = self._categories.get(number - 1)
        if category is None:
            raise InputError(
                f"the value {value} is of class {number}, but '{self.list}' lists {len(self._categories)} classes, "
                "1 less each: the two do not belong together; convert the data set again."
            )
        numbered = value >= _INSTANCES
        if not category.isthing:
            # Stuff has no instances: the data set's authors call such pixels void.
            return Label(None, category, NUMBERED) if numbered else Label(number, category)
        return Label(value, category) if numbered else Label(None, category, CROWD)

    @cached_property
    def _content(self) -> dict[str, Any]:
        # The annotations repeat what the masks say.
        return read_parts(self.list, "videos", "categories")

    @cached_property
    def _categories(self) -> dict[int, Category]:
        return read_categories(self._content, self.list)

    @cached_property
    def _videos(self) -> dict[str, list[str]]:
        """Names of the frames of each video, without their suffix: the list gives them the suffix of the masks."""
        try:
            return {
                str(video["video_id"]): [Path(str(image["file_name"])).stem for image in video["images"]]
                for video in sorted(self._content["videos"], key=lambda video: str(video["video_id"]))
            }
        except (KeyError, TypeError) as error:
            raise InputError(
                f"Annotations '{self.list}' have a video without video_id, or an image without file_name ({error!r}): "
                "convert the data set again."
            ) from None


def _files(
    folder: Path, stems: Sequence[str], suffixes: Sequence[str], what: str, listed: Path, video: str
) -> list[Path]:
    """The file of each frame, by one listing of the folder."""
    if not folder.is_dir():
        raise InputError(
            f"'{listed}' names the video {video}, which has no folder '{folder}': complete the {what}s, or leave the "
            "video out."
        )
    there = set(os.listdir(folder))
    found = []
    for stem in stems:
        name = next((stem + suffix for suffix in suffixes if stem + suffix in there), None)
        if name is None:
            raise InputError(
                f"'{listed}' names the frame {stem} of video {video}, but '{folder}' has no {what} "
                f"({' or '.join(stem + suffix for suffix in suffixes[:2])}): complete the {what}s, or leave the video "
                "out."
            )
        found.append(folder / name)
    return found


def _list(root: Path, split: str | None) -> Path:
    """The JSON of the split asked for; without one, that of the whole data set."""
    if not root.is_dir():
        raise InputError(f"The root '{root}' of VIPSeg is not a folder: correct the path.")
    known = {match[1]: path for path in sorted(root.iterdir()) if (match := _LIST.fullmatch(path.name))}
    if not known:
        raise InputError(
            f"The root '{root}' of VIPSeg has no annotations: expected panoptic_gt_VIPSeg.json, which the data set's "
            "scripts write; correct the path, or run them."
        )
    if split in known:
        return known[split]
    splits = [name for name in known if name]
    if split is None:
        raise InputError(f"VIPSeg in '{root}' has the splits {', '.join(splits)}: name one in the column split.")
    whole = "leave the column split empty for the whole data set"
    hint = f"{nearest(split, splits)}; name one of these in the column split" if splits else whole
    hint += f", or {whole}" if splits and None in known else ""
    raise InputError(f"VIPSeg in '{root}' has no split '{split}' (panoptic_gt_VIPSeg_{split}.json): {hint}.")
