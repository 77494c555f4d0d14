"""COCO's panoptic format: a JSON, a folder of colour masks, a folder of images.

What belongs to one video: images with the same ``video_id``; without one, images whose ``file_name`` is in the same
folder; without folders, each image is a video of one frame, or all images together are one video if none is named.
An image without an annotation is a frame that is not annotated.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from xinc.errors import InputError, nearest
from xinc.video.sources.datasets.panoptic import Category, Recording, colour_decoders, read_categories, read_list
from xinc.video.sources.images import natural


class CocoPanoptic:
    """One list of a data set in COCO's panoptic format.

    Parameters
    ----------
    source : the JSON, or a root with ``annotations/panoptic_<split>.json``.
    split : of a root.
    masks : folder of the masks, by default the one beside the JSON that is called like it.

    Raises
    ------
    InputError : the JSON, the masks or the images do not exist.
    """

    def __init__(self, source: Path, split: str | None, masks: str | None = None) -> None:
        self.list = _list(source, split)
        self.masks = Path(masks) if masks else self.list.with_suffix("")
        if not self.masks.is_dir():
            raise InputError(
                f"The masks of '{self.list}' are not in '{self.masks}': name their folder in the column masks."
            )

    @cached_property
    def lengths(self) -> dict[str, int]:
        return {name: len(images) for name, images in self._videos.items()}

    @property
    def whole(self) -> str | None:
        """Name of all images as one video, where neither folders nor ``video_id`` tell videos apart."""
        return None if self._named else self.list.stem

    def recording(self, name: str) -> Recording:
        if name in self._videos:
            images = self._videos[name]
        else:
            images = sorted(self._images, key=lambda image: natural(Path(image["file_name"]).name))
        annotations = [self._annotations.get(image["id"]) for image in images]
        frames = [self._folder / image["file_name"] for image in images]
        masks = [None if one is None else self.masks / str(one["file_name"]) for one in annotations]
        for path, kind in [*((path, "Image") for path in frames), *((path, "Mask") for path in masks)]:
            if path is not None and not path.is_file():
                raise InputError(
                    f"{kind} '{path}', which '{self.list}' names, is missing: complete the files, or leave out video "
                    f"{name}."
                )
        decoders = colour_decoders(annotations, self._categories, self.list)
        return Recording(f"COCO-panoptic {name}", frames, masks, decoders, True, lists=(self.list,))

    @cached_property
    def _content(self) -> dict[str, Any]:
        return read_list(self.list, "images", "annotations", "categories")

    @cached_property
    def _categories(self) -> dict[int, Category]:
        return read_categories(self._content, self.list)

    @cached_property
    def _images(self) -> list[dict[str, Any]]:
        images = [image for image in self._content["images"] if isinstance(image, Mapping)]
        if not images or any("id" not in image or "file_name" not in image for image in images):
            raise InputError(f"Annotations '{self.list}' have no images, or one without id or file_name.")
        return [dict(image) for image in images]

    @cached_property
    def _annotations(self) -> dict[Any, dict[str, Any]]:
        """Annotations by image id."""
        known = {image["id"] for image in self._images}
        found = {}
        for one in self._content["annotations"]:
            if one.get("image_id") not in known or "file_name" not in one:
                raise InputError(
                    f"Annotations '{self.list}' have an annotation of image '{one.get('image_id')}', which is not "
                    "among their images, or without file_name: convert the data set again."
                )
            found[one["image_id"]] = dict(one)
        return found

    @cached_property
    def _named(self) -> bool:
        """Whether images tell which video they are of."""
        return any("video_id" in image or len(PurePosixPath(image["file_name"]).parts) > 1 for image in self._images)

    @cached_property
    def _videos(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for image in self._images:
            path = PurePosixPath(image["file_name"])
            name = str(image.get("video_id", path.parent)) if self._named else path.stem
            found.setdefault(name, []).append(image)
        return {
            name: sorted(found[name], key=lambda image: natural(Path(image["file_name"]).name))
            for name in sorted(found, key=natural)
        }

    @cached_property
    def _folder(self) -> Path:
        """Where the images are: the first place that has one of them."""
        first, beside = self._images[0]["file_name"], self.list.parent
        split = self.list.stem.removeprefix("panoptic_")
        places = [beside.parent / split, beside / split, beside / "images", beside.parent / "images", beside]
        for place in places:
            if (place / first).is_file():
                return place
        raise InputError(
            f"The image '{first}', which '{self.list}' names first, is in none of "
            f"{', '.join(repr(str(place)) for place in places)}: put the images, or a link to them, into one of these."
        )


def _list(source: Path, split: str | None) -> Path:
    """The JSON that is meant."""
    if source.is_file():
        if split is not None:
            raise InputError(f"Source '{source}' of COCO-panoptic is one list: leave the column split empty.")
        return source
    folder = source / "annotations"
    known = sorted(path.stem.removeprefix("panoptic_") for path in folder.glob("panoptic_*.json"))
    if not known:
        raise InputError(
            f"The source '{source}' of COCO-panoptic is neither a JSON nor a root with annotations/panoptic_*.json: "
            "correct the path."
        )
    if split is None and len(known) == 1:
        split = known[0]
    if split is None:
        raise InputError(
            f"COCO-panoptic in '{source}' has the splits {', '.join(known)}: name one in the column split."
        )
    if split not in known:
        raise InputError(
            f"COCO-panoptic in '{source}' has no split '{split}': {nearest(split, known)}; name one of these in the "
            "column split."
        )
    return folder / f"panoptic_{split}.json"
