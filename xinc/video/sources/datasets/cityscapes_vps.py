"""Cityscapes-VPS (Kim et al. 2020): 30 frames a video, every fifth annotated.

Below the root lie ``panoptic_gt_<split>_city_vps.json`` and ``<split>/`` with ``img_all/``, ``panoptic_video/`` and
``panoptic_inst/``. Of an annotated frame, the mask ``VVVV_FFFF_<place>_<number>_final_mask.png`` (or
``…_gtFine_color.png``, where Cityscapes itself has labels) names the video VVVV and the image
``<place>_<number>_newImg8bit.png`` (``…_leftImg8bit.png``), which may begin with ``VVVV_FFFF_`` too. The frames between
carry no video's number: a frame belongs to the video of the next annotated frame.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from xinc.errors import InputError, nearest
from xinc.video.sources.datasets.panoptic import (
    CROWD,
    NUMBERED,
    VOID,
    Category,
    Decoder,
    Label,
    Recording,
    colour_decoders,
    read_categories,
    read_list,
)

_LIST = re.compile(r"panoptic_gt_(\w+)_city_vps\.json")
_IMAGE = re.compile(
    r"(?:(?P<video>\d{4})_\d{4}_)?(?P<place>.+)_(?P<number>\d{6})_(?P<kind>leftImg8bit|newImg8bit)\.png"
)
_ID = re.compile(r"(?P<video>\d{4})_\d{4}_(?P<place>.+)_(?P<number>\d{6})")
#: Every how many frames one is annotated.
_SPACING = 5
#: Of the things, Cityscapes' label id, which some instance masks have in place of the train id.
_LABEL_IDS = {24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18}

_Frame = tuple[str, int]


class CityscapesVPS:
    """One split of a copy of Cityscapes-VPS.

    Raises
    ------
    InputError : the root or the split does not exist.
    """

    def __init__(self, root: Path, split: str | None) -> None:
        self.split, self.root = _split(root, split), root
        self.list = root / f"panoptic_gt_{self.split}_city_vps.json"
        self.images = root / self.split / "img_all"
        if not self.images.is_dir():
            raise InputError(
                f"Cityscapes-VPS in '{root}' has no folder '{self.split}/img_all', which holds the frames: unpack the "
                "images there, or correct the root."
            )

    @cached_property
    def lengths(self) -> dict[str, int]:
        return {name: len(self._frames[name]) for name in sorted(self._annotations)}

    def recording(self, name: str) -> Recording:
        """Masks are those of ``panoptic_video``, or, where that folder is missing, of ``panoptic_inst``."""
        annotations = self._annotations[name]
        frames = sorted(self._frames[name])
        for frame, annotation in annotations.items():
            if frame not in self._frames[name]:
                raise InputError(
                    f"'{self.list}' names the frame {annotation['image_id']}, but '{self.images}' has no image "
                    f"(…{frame[0]}_{frame[1]:06d}_newImg8bit.png or …_leftImg8bit.png): complete the images, or leave "
                    f"out video {name}."
                )
        self._check_complete(name, frames)
        coloured = (self.root / self.split / "panoptic_video").is_dir()
        folder = self.root / self.split / ("panoptic_video" if coloured else "panoptic_inst")
        masks = [folder / Path(str(annotations[f]["file_name"])).name if f in annotations else None for f in frames]
        for mask in masks:
            if mask is not None and not mask.is_file():
                raise InputError(
                    f"Mask '{mask}', which '{self.list}' names, is missing: complete the masks, or leave out video "
                    f"{name}."
                )
        decoders: list[Decoder | None]
        if coloured:
            decoders = colour_decoders([annotations.get(f) for f in frames], self._categories, self.list)
        else:
            decoders = [None if mask is None else self._instance for mask in masks]
        paths = [self._image(name, frame, annotations.get(frame)) for frame in frames]
        title = f"Cityscapes-VPS {self.split} {name}"
        return Recording(title, paths, masks, decoders, coloured, lists=(self.list,))

    def _check_complete(self, name: str, frames: list[_Frame]) -> None:
        """`InputError` where an annotation is missing, or a frame between others: all later ones would move up."""
        annotated = {one["image_id"] for one in self._annotations[name].values()}
        for image in self._listed.get(name, ()):
            if image not in annotated:
                raise InputError(
                    f"'{self.list}' lists the image {image}, but has no annotation of it: take the annotations of "
                    f"Cityscapes-VPS, or leave out video {name}."
                )
        for (place, number), after in itertools.pairwise(frames):
            if after[0] == place and after[1] != number + 1:
                raise InputError(
                    f"'{self.images}' has the frames {place}_{number:06d} and {place}_{after[1]:06d} of video {name}, "
                    f"but none between: complete the images (…{place}_{number + 1:06d}_leftImg8bit.png or "
                    f"…_newImg8bit.png), or leave out video {name}."
                )

    def _image(self, name: str, frame: _Frame, annotation: Mapping[str, Any] | None) -> Path:
        """The image of a frame; of several, the one that its mask's name goes with."""
        kinds = self._frames[name][frame]
        wanted = "newImg8bit" if annotation and "final_mask" in str(annotation["file_name"]) else "leftImg8bit"
        return kinds.get(wanted) or next(iter(kinds.values()))

    def _instance(self, value: int) -> Label:
        """A value of ``panoptic_inst``: a stuff class, thing class · 1000 + instance (from 0 on), or 255 for void."""
        if value == 255:
            return VOID
        numbered = value >= 1000
        number = value // 1000 if numbered else value
        category = self._categories.get(_LABEL_IDS.get(number, number))
        if category is None:
            raise InputError(f"the value {value} is of class {number}, which '{self.list}' does not list.")
        if not category.isthing:
            return Label(None, category, NUMBERED) if numbered else Label(number + 1, category)
        return Label(value, category) if numbered else Label(None, category, CROWD)

    @cached_property
    def _content(self) -> dict[str, Any]:
        return read_list(self.list, "annotations", "categories")

    @cached_property
    def _categories(self) -> dict[int, Category]:
        return read_categories(self._content, self.list)

    @cached_property
    def _listed(self) -> dict[str, list[str]]:
        """Images that the list names, by video; they are annotated."""
        found: dict[str, list[str]] = {}
        for one in self._content.get("images", ()):
            if match := _ID.fullmatch(str(one.get("id"))):
                found.setdefault(match["video"], []).append(match[0])
        return found

    @cached_property
    def _annotations(self) -> dict[str, dict[_Frame, dict[str, Any]]]:
        """Annotations by video and frame."""
        found: dict[str, dict[_Frame, dict[str, Any]]] = {}
        for one in self._content["annotations"]:
            # Where there is no image_id, it is the mask's name without its last two parts.
            image = str(one.get("image_id") or Path(str(one.get("file_name"))).stem.rsplit("_", 2)[0])
            match = _ID.fullmatch(image)
            if match is None or "file_name" not in one:
                raise InputError(
                    f"'{self.list}' has an annotation of '{image}', expected VVVV_FFFF_<place>_<number> and the name "
                    "of its mask: take the annotations of Cityscapes-VPS."
                )
            found.setdefault(match["video"], {})[match["place"], int(match["number"])] = one | {"image_id": image}
        return found

    @cached_property
    def _frames(self) -> dict[str, dict[_Frame, dict[str, Path]]]:
        """Images by video, frame and kind."""
        owners = {frame: video for video, frames in self._annotations.items() for frame in frames}
        found: dict[str, dict[_Frame, dict[str, Path]]] = {video: {} for video in self._annotations}
        for path in sorted(self.images.iterdir()):
            match = _IMAGE.fullmatch(path.name)
            if match is None:
                continue
            frame = match["place"], int(match["number"])
            video = match["video"] or _owner(frame, owners)
            if video in found:
                found[video].setdefault(frame, {})[match["kind"]] = path
        return found


def _owner(frame: _Frame, owners: Mapping[_Frame, str]) -> str | None:
    """The video of the next annotated frame within reach, or else of the last one before."""
    place, number = frame
    for step in (*range(_SPACING), *range(-1, -_SPACING, -1)):
        if (place, number + step) in owners:
            return owners[place, number + step]
    return None


def _split(root: Path, split: str | None) -> str:
    """The split asked for, or the only one there is."""
    if not root.is_dir():
        raise InputError(f"The root '{root}' of Cityscapes-VPS is not a folder: correct the path.")
    known = sorted(match[1] for path in root.iterdir() if (match := _LIST.fullmatch(path.name)))
    if not known:
        raise InputError(
            f"The root '{root}' of Cityscapes-VPS has no annotations: expected panoptic_gt_val_city_vps.json "
            "(or of another split) beside the folder val; correct the path, or add them."
        )
    if split is None and len(known) == 1:
        return known[0]
    if split is None:
        raise InputError(f"Cityscapes-VPS in '{root}' has the splits {', '.join(known)}: name one in the column split.")
    if split not in known:
        raise InputError(
            f"Cityscapes-VPS in '{root}' has no annotations of split '{split}' (panoptic_gt_{split}_city_vps.json): "
            f"{nearest(split, known)}; name one of these in the column split."
        )
    return split
