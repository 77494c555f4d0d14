"""Small data sets, written in exactly the formats in which the real ones lie on disk, from the collage's exact masks.

`layers` are the collage's: 0 the background, 1 horse, 2 cat, 3 and 4 person, 5 and 6 cup.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from xinc.video.sources import examples

HEIGHT, WIDTH = 64, 128

#: Cityscapes' classes as its annotations for video spell them.
CITY_CLASSES = (
    *(
        "road",
        "sidewalk",
        "building",
        "wall",
        "fence",
        "pole",
        "traffic light",
        "traffic sign",
        "vegitation",
        "terrain",
    ),
    *("sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
)
#: Of each layer of the collage, its class: background and horse are stuff.
CITY = {0: 8, 1: 10, 2: 13, 3: 11, 4: 11, 5: 18, 6: 18}
#: The label ids that instance masks have in place of train ids.
CITY_LABELS = {11: 24, 13: 26, 18: 33}
#: The same for VIPSeg, in its masks' numbering from 1; 61 is person there.
VIPSEG = {0: 4, 1: 12, 2: 80, 3: 61, 4: 61, 5: 99, 6: 99}
VIPSEG_THINGS = range(41, 99 + 1)


@functools.cache
def picture(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Frame ``index`` of the collage at a quarter of its size, uint8 (64, 128, 3), and its layers, (64, 128)."""
    frame, layers = examples.compose(index)
    small = cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return small, layers[2::4, 2::4]


def instance(layer: int, classes: dict[int, int]) -> int:
    """Number of a layer among those of its class, from 0 on."""
    return [other for other in sorted(classes) if classes[other] == classes[layer]].index(layer)


def rgb(ids: np.ndarray) -> Image.Image:
    """A colour mask: id = R + 256·G + 65536·B."""
    return Image.fromarray(np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8))


def grey16(values: np.ndarray) -> Image.Image:
    """A 16-bit PNG."""
    return Image.fromarray(values.astype(np.uint16))


def colours(layers: Sequence[int], seed: int) -> dict[int, int]:
    """An id that a converter might have drawn for each layer."""
    drawn = np.random.default_rng(seed).choice(np.arange(1, 2**24), len(layers), replace=False)
    return {layer: int(one) for layer, one in zip(layers, drawn, strict=True)}


def segments(layers: np.ndarray, ids: dict[int, int], classes: dict[int, int]) -> list[dict[str, Any]]:
    """``segments_info`` of a frame: a thing each, stuff with the id of its first layer."""
    found: dict[int, dict[str, Any]] = {}
    for layer in np.unique(layers).tolist():
        one = found.setdefault(
            ids[layer], {"id": ids[layer], "category_id": classes[layer], "iscrowd": 0, "area": 0, "bbox": [0, 0, 1, 1]}
        )
        one["area"] += int((layers == layer).sum())
    return list(found.values())


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_cityscapes_vps(
    root: Path,
    videos: Sequence[str] = ("0005",),
    split: str = "val",
    seed: int = 0,
    frames: int = 30,
    folders: Sequence[str] = ("panoptic_video", "panoptic_inst"),
    prefix: bool = False,
) -> Path:
    """Videos of ``frames`` frames of the collage, every fifth annotated, the fifth first; one follows the other.

    ``prefix``: images of annotated frames begin with video and frame number, as the masks do.
    """
    base = root / split
    for folder in ("img_all", *folders):
        (base / folder).mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number, video in enumerate(videos):
        ids = colours(range(7), seed + number)
        for index in range(frames):
            frame, layers = picture(index)
            # Frames of the next video follow without a gap.
            place = f"frankfurt_000000_{1732 + number * frames + index:06d}"
            labelled = index % 5 == 4
            kind = ("leftImg8bit", "gtFine_color") if index == 19 or not labelled else ("newImg8bit", "final_mask")
            identity = f"{video}_{number * 6 + index // 5 + 1:04d}_{place}"
            Image.fromarray(frame).save(
                base / "img_all" / f"{identity if prefix and labelled else place}_{kind[0]}.png"
            )
            if not labelled:
                continue
            name = f"{identity}_{kind[1]}.png"
            if "panoptic_video" in folders:
                rgb(np.vectorize(ids.get)(layers)).save(base / "panoptic_video" / name)
            if "panoptic_inst" in folders:
                values = {layer: _city_value(layer) for layer in range(7)}
                grey16(np.vectorize(values.get)(layers)).save(base / "panoptic_inst" / name)
            images.append({"id": identity, "width": WIDTH, "height": HEIGHT, "file_name": f"{identity}_{kind[0]}.png"})
            annotations.append({"image_id": identity, "file_name": name, "segments_info": segments(layers, ids, CITY)})
    categories = [
        {"id": number, "name": name, "supercategory": "", "isthing": int(number > 10), "color": [number, 0, 0]}
        for number, name in enumerate(CITY_CLASSES)
    ]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_json(root / f"panoptic_gt_{split}_city_vps.json", content)
    return root


def _city_value(layer: int) -> int:
    category = CITY[layer]
    return CITY_LABELS[category] * 1000 + instance(layer, CITY) if category in CITY_LABELS else category


def write_vipseg(
    root: Path, videos: dict[str, int] | None = None, seed: int = 0, splits: Sequence[str] = ("", "_val")
) -> Path:
    """Videos of so many frames of the collage, each annotated, in the folder ``VIPSeg_720P``."""
    base = root / "VIPSeg_720P"
    listed, annotated = [], []
    for number, (video, length) in enumerate((videos or {"12_cat-1a": 32}).items()):
        ids = colours(range(7), seed + number)
        for folder in ("images", "panomasks", "panomasksRGB"):
            (base / folder / video).mkdir(parents=True)
        images, annotations = [], []
        for index in range(length):
            frame, layers = picture(index % examples.COLLAGE_FRAMES)
            name = f"{index:08d}"
            Image.fromarray(frame).save(base / "images" / video / f"{name}.jpg", quality=95)
            values = {layer: _vipseg_value(layer) for layer in range(7)}
            grey16(np.vectorize(values.get)(layers)).save(base / "panomasks" / video / f"{name}.png")
            rgb(np.vectorize(ids.get)(layers)).save(base / "panomasksRGB" / video / f"{name}.png")
            # The scripts write the mask's name for the image, and classes from 0 on.
            images.append({"id": name, "width": WIDTH, "height": HEIGHT, "file_name": f"{name}.png"})
            less = {layer: category - 1 for layer, category in VIPSEG.items()}
            annotations.append(
                {"image_id": name, "file_name": f"{name}.png", "segments_info": segments(layers, ids, less)}
            )
        listed.append({"video_id": video, "images": images})
        annotated.append({"video_id": video, "annotations": annotations})
    names = {4: "wall", 12: "sky", 61: "person", 80: "cat", 99: "cup"}
    categories = [
        {"id": k - 1, "name": names.get(k, f"class {k}"), "isthing": int(k in VIPSEG_THINGS), "color": [k, 0, 0]}
        for k in range(1, 124 + 1)
    ]
    for split in splits:
        content = {"videos": listed, "annotations": annotated, "categories": categories}
        write_json(base / f"panoptic_gt_VIPSeg{split}.json", content)
    return base


def _vipseg_value(layer: int) -> int:
    category = VIPSEG[layer]
    return category * 100 + instance(layer, VIPSEG) if category in VIPSEG_THINGS else category


def write_coco(
    root: Path, frames: int = 4, folder: str = "", seed: int = 0, annotated: Sequence[int] | None = None
) -> Path:
    """``annotations/panoptic_val2017.json`` with its masks beside it, and ``val2017/`` with images; the root.

    ``folder`` below these: the images are frames of the video of that name.
    """
    base = root / "annotations"
    for place in (base / "panoptic_val2017" / folder, root / "val2017" / folder):
        place.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    ids = colours(range(7), seed)
    for index in range(frames):
        frame, layers = picture(index)
        name = f"{folder}/{index}" if folder else f"{index}"
        Image.fromarray(frame).save(root / "val2017" / f"{name}.png")
        images.append({"id": 1000 + index, "width": WIDTH, "height": HEIGHT, "file_name": f"{name}.png"})
        if annotated is not None and index not in annotated:
            continue
        rgb(np.vectorize(ids.get)(layers)).save(base / "panoptic_val2017" / f"{name}.png")
        info = segments(layers, ids, {layer: layer + 7 for layer in range(7)})
        annotations.append({"image_id": 1000 + index, "file_name": f"{name}.png", "segments_info": info})
    names = ("background", "horse", "cat", "person", "person", "cup", "cup")
    categories = [{"id": k + 7, "name": name, "isthing": int(k > 0)} for k, name in enumerate(names)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_json(base / "panoptic_val2017.json", content)
    return root
