"""Data sets as they lie on disk: loading them back gives the collage's masks, and every trap has its outcome."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers import datasets as made
from xinc.errors import InputError
from xinc.video.clip import Clip, Segment
from xinc.video.prepare import build_video, prepare_video
from xinc.video.settings import VideoSettings, parse_range
from xinc.video.sources import check_source, open_source, read_videos, source_files
from xinc.video.sources.datasets import expand, kind_of
from xinc.video.sources.datasets.panoptic import read_list, read_parts

Spoil = Callable[[Path], None]


def city(root: Path, **values: Any) -> VideoSettings:
    return VideoSettings(name="clip", source=f"cityscapes-vps:{root}", **{"clips": "0005"} | values)


def vipseg(root: Path, **values: Any) -> VideoSettings:
    return VideoSettings(name="clip", source=f"vipseg:{root}", **{"clips": "12_cat-1a"} | values)


def coco(root: Path, **values: Any) -> VideoSettings:
    return VideoSettings(name="clip", source=f"coco-panoptic:{root}", **values)


def masks(video: VideoSettings) -> tuple[Clip, list[np.ndarray | None]]:
    clip = open_source(video)
    assert clip.masks is not None
    return clip, list(clip.masks(range(clip.length or 0)))


def check(video: VideoSettings, classes: dict[int, str], stuff: tuple[int, ...], annotated: range) -> list[Segment]:
    """The masks are the collage's: one id a layer, the same in all frames, and it is of the layer's class."""
    clip, found = masks(video)
    assert [index for index, mask in enumerate(found) if mask is not None] == list(annotated)
    known = {segment.id: segment for segment in clip.segments}
    ids: dict[int, set[int]] = {}
    for index in annotated:
        mask = found[index]
        assert mask is not None
        assert mask.dtype == np.int32
        layers = made.picture(index)[1]
        for layer in np.unique(layers).tolist():
            ids.setdefault(layer, set()).update(np.unique(mask[layers == layer]).tolist())
    assert all(len(one) == 1 for one in ids.values()), ids
    single = {layer: one.pop() for layer, one in ids.items()}
    assert len(set(single.values())) == len(single), "each layer has an id of its own"
    assert {layer: known[one].category for layer, one in single.items()} == {k: classes[k] for k in single}
    assert {layer for layer, one in single.items() if not known[one].isthing} == set(stuff)
    assert set(known) == set(single.values())
    assert clip.notes == []
    return [known[single[layer]] for layer in sorted(single)]


CITY = {0: "vegetation", 1: "sky", 2: "car", 3: "person", 4: "person", 5: "bicycle", 6: "bicycle"}
VIPSEG = {0: "wall", 1: "sky", 2: "cat", 3: "person", 4: "person", 5: "cup", 6: "cup"}
COCO = dict(enumerate(("background", "horse", "cat", "person", "person", "cup", "cup")))
LABELLED = range(4, 30, 5)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("sets")
    return {
        "city": made.write_cityscapes_vps(base / "city", ["0005", "0006"]),
        "vipseg": made.write_vipseg(base / "vipseg", {"12_cat-1a": 32, "3_b c": 6, "3_b_d": 30}),
        "coco": made.write_coco(base / "coco"),
    }


@pytest.mark.parametrize("video", ["0005", "0006"])
def test_cityscapes_vps_gives_the_collage_back(roots: dict[str, Path], video: str) -> None:
    """The frames of both videos follow each other in one folder."""
    check(city(roots["city"], clips=video), CITY, (0, 1), LABELLED)
    frames = list(open_source(city(roots["city"], clips=video)).frames(range(30)))
    assert all((frame == made.picture(index)[0]).all() for index, frame in enumerate(frames))


def test_cityscapes_vps_without_colour_masks(tmp_path: Path) -> None:
    """Instances are numbered from 0: a person of value 24000 is one, and no stuff."""
    made.write_cityscapes_vps(tmp_path, folders=("panoptic_inst",))
    found = check(city(tmp_path), CITY, (0, 1), LABELLED)
    assert [segment.id for segment in found] == [9, 11, 26000, 24000, 24001, 33000, 33001]


def test_images_of_cityscapes_vps_may_begin_with_the_video(tmp_path: Path) -> None:
    check(city(made.write_cityscapes_vps(tmp_path, prefix=True)), CITY, (0, 1), LABELLED)


def test_the_image_that_goes_with_the_mask_is_taken(tmp_path: Path) -> None:
    """Where there are both, …_final_mask goes with …_newImg8bit and …_gtFine_color with …_leftImg8bit."""
    images = made.write_cityscapes_vps(tmp_path) / "val" / "img_all"
    other = Image.fromarray(np.zeros((made.HEIGHT, made.WIDTH, 3), np.uint8))
    for path in list(images.iterdir()):
        kinds = ("leftImg8bit", "newImg8bit")
        have = next(kind for kind in kinds if kind in path.name)
        other.save(images / path.name.replace(have, kinds[have == "leftImg8bit"]))
    shown = {index: frame.any() for index, frame in enumerate(open_source(city(tmp_path)).frames(range(30)))}
    assert all(shown.values())


def test_vipseg_gives_the_collage_back(roots: dict[str, Path]) -> None:
    found = check(vipseg(roots["vipseg"]), VIPSEG, (0, 1), range(32))
    assert [segment.id for segment in found] == [4, 12, 8000, 6100, 6101, 9900, 9901]


def test_coco_panoptic_gives_the_collage_back(roots: dict[str, Path]) -> None:
    root = roots["coco"]
    for source in (root, root / "annotations" / "panoptic_val2017.json"):
        check(coco(source), COCO, (0,), range(4))


def test_coco_panoptic_videos_are_folders_ids_or_images(tmp_path: Path) -> None:
    made.write_coco(tmp_path / "a", folder="v1")
    check(coco(tmp_path / "a"), COCO, (0,), range(4))
    made.write_coco(tmp_path / "b", annotated=[1, 3])
    assert [mask is None for mask in masks(coco(tmp_path / "b"))[1]] == [True, False, True, False]
    [third] = masks(coco(tmp_path / "b", clips="3"))[1]
    np.testing.assert_array_equal(np.unique(third), np.unique(masks(coco(tmp_path / "b"))[1][3]))
    assert [video.clips for video in expand(coco(tmp_path / "b", clips="all"))] == ["0", "1", "2", "3"]
    listed = tmp_path / "b" / "annotations" / "panoptic_val2017.json"
    content = json.loads(listed.read_text())
    for image in content["images"]:
        image["video_id"] = image["id"] // 1002
    listed.write_text(json.dumps(content))
    assert {v.clips: check_source(v) for v in expand(coco(tmp_path / "b", clips="all"))} == {
        "0": range(2), "1": range(2),
    }  # fmt: skip


@pytest.mark.parametrize("write", [made.write_cityscapes_vps, made.write_vipseg, made.write_coco])
def test_nothing_depends_on_the_colours_drawn(tmp_path: Path, write: Callable[..., Path]) -> None:
    make = {"write_cityscapes_vps": city, "write_vipseg": vipseg, "write_coco": coco}[write.__name__]
    one, other = (make(write(tmp_path / str(seed), seed=seed)) for seed in (1, 2))
    (first, found), (second, again) = masks(one), masks(other)
    assert sorted(first.segments, key=lambda s: s.id) == sorted(second.segments, key=lambda s: s.id)
    for a, b in zip(found, again, strict=True):
        assert (a is None) == (b is None)
        assert a is None or b is None or np.array_equal(a, b)


def test_ids_do_not_depend_on_the_frames_selected(roots: dict[str, Path]) -> None:
    for video in (city(roots["city"]), vipseg(roots["vipseg"])):
        clip, found = masks(video)
        assert clip.masks is not None
        np.testing.assert_array_equal(next(iter(clip.masks([14]))), found[14])


def test_the_store_has_classes_and_annotated_frames(roots: dict[str, Path]) -> None:
    video = build_video(city(roots["city"], start=10, count=15, resolution="16x32"))
    assert video["source_frame"].values[video["annotated"].values].tolist() == [14, 19, 24]
    assert set(video["category"].values.tolist()) == {"vegetation", "sky", "person", "car", "bicycle"}
    assert not video["instances"].values[~video["annotated"].values].any()


# Traps of the formats.


def edit(listed: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(listed.read_text())
    change(content)
    listed.write_text(json.dumps(content))


def city_list(root: Path) -> Path:
    return root / "panoptic_gt_val_city_vps.json"


def paint(path: Path, value: int | tuple[int, int, int], box: tuple[slice, slice]) -> None:
    values = np.asarray(Image.open(path)).copy()
    values[box] = value
    Image.fromarray(values).save(path)


BOX = (slice(0, 8), slice(0, 8))


def test_void_is_unlabelled(tmp_path: Path) -> None:
    made.write_cityscapes_vps(tmp_path / "city")
    for path in (tmp_path / "city/val/panoptic_video").iterdir():
        paint(path, (0, 0, 0), BOX)
    made.write_cityscapes_vps(tmp_path / "inst", folders=("panoptic_inst",))
    for path in (tmp_path / "inst/val/panoptic_inst").iterdir():
        paint(path, 255, BOX)
    made.write_vipseg(tmp_path / "vipseg")
    for path in (tmp_path / "vipseg/VIPSeg_720P/panomasks/12_cat-1a").iterdir():
        paint(path, 0, BOX)
    for video in (city(tmp_path / "city"), city(tmp_path / "inst"), vipseg(tmp_path / "vipseg/VIPSeg_720P")):
        clip, found = masks(video)
        labelled = [mask for mask in found if mask is not None]
        assert all((mask[BOX] == 0).all() and (mask[8:] > 0).all() for mask in labelled)
        assert 0 not in [segment.id for segment in clip.segments]


def test_a_crowd_is_unlabelled_and_reported(tmp_path: Path) -> None:
    def crowd(content: Any) -> None:
        for annotation in content["annotations"]:
            for segment in annotation["segments_info"]:
                segment["iscrowd"] = int(segment["category_id"] in (13, 8))

    edit(city_list(made.write_cityscapes_vps(tmp_path / "city")), crowd)
    video = build_video(city(tmp_path / "city", resolution="64x128"))
    layers = made.picture(4)[1]
    assert (video["instances"].values[4][layers == 2] == 0).all()
    assert (video["instances"].values[4][layers == 0] > 0).all(), "of stuff, crowds say nothing"
    assert "car" not in video["category"].values
    seen = [index for index in LABELLED if (made.picture(index)[1] == 2).any()]
    assert video.attrs["warnings"] == [
        f"Crowd regions of car are left unlabelled in frames {', '.join(map(str, seen))}."
    ]
    made.write_vipseg(tmp_path / "vipseg")
    for path in (tmp_path / "vipseg/VIPSeg_720P/panomasks/12_cat-1a").iterdir():
        paint(path, 61, BOX)
    video = build_video(vipseg(tmp_path / "vipseg/VIPSeg_720P", count=3, resolution="64x128"))
    assert not video["instances"].values[:, 0:8, 0:8].any()
    assert video.attrs["warnings"] == ["Crowd regions of person are left unlabelled in frames 0-2."]


def test_stuff_with_an_instance_number_is_void(tmp_path: Path) -> None:
    """12 is sky and 4 is wall in VIPSeg, 8 vegetation in Cityscapes-VPS: there are no instances of them."""
    made.write_vipseg(tmp_path / "vipseg")
    for path in (tmp_path / "vipseg/VIPSeg_720P/panomasks/12_cat-1a").iterdir():
        paint(path, 1200 if path.stem.endswith("0") else 401, BOX)
    video = build_video(vipseg(tmp_path / "vipseg/VIPSeg_720P", count=3, resolution="64x128"))
    assert not video["instances"].values[:, 0:8, 0:8].any()
    assert (video["instances"].values[:, 8:] > 0).all()
    reason = "Regions with an instance number, which stuff does not have, of"
    assert video.attrs["warnings"] == [
        f"{reason} sky are left unlabelled in frames 0.", f"{reason} wall are left unlabelled in frames 1-2.",
    ]  # fmt: skip
    made.write_cityscapes_vps(tmp_path / "city", folders=("panoptic_inst",))
    for path in (tmp_path / "city/val/panoptic_inst").iterdir():
        paint(path, 8003, BOX)
    video = build_video(city(tmp_path / "city", resolution="64x128"))
    assert not video["instances"].values[:, 0:8, 0:8].any()
    assert video.attrs["warnings"] == [f"{reason} vegetation are left unlabelled in frames 4, 9, 14, 19, 24, 29."]


def _no_mask(root: Path) -> None:
    next(iter(sorted((root / "city/val/panoptic_video").iterdir()))).unlink()


def _absent_frame(root: Path) -> None:
    (root / "city/val/img_all/frankfurt_000000_001741_leftImg8bit.png").unlink(missing_ok=True)
    (root / "city/val/img_all/frankfurt_000000_001741_newImg8bit.png").unlink()


def _missing_frame(root: Path) -> None:
    """One that is not annotated, which nothing names."""
    (root / "city/val/img_all/frankfurt_000000_001743_leftImg8bit.png").unlink()


def _missing_annotation(root: Path) -> None:
    edit(city_list(root / "city"), lambda content: content["annotations"].pop(1))


def _other_colour(root: Path) -> None:
    paint(sorted((root / "city/val/panoptic_video").iterdir())[2], (1, 2, 3), BOX)


def _class_beyond(root: Path) -> None:
    paint(root / "vipseg/VIPSeg_720P/panomasks/12_cat-1a/00000003.png", 12501, BOX)


def _city_class_beyond(root: Path) -> None:
    shutil.rmtree(root / "city/val/panoptic_video")
    paint(sorted((root / "city/val/panoptic_inst").iterdir())[0], 45000, BOX)


def _class_not_listed(root: Path) -> None:
    edit(city_list(root / "city"), lambda content: content["annotations"][0]["segments_info"][0].update(category_id=19))


def _other_size(root: Path) -> None:
    path = root / "vipseg/VIPSeg_720P/panomasks/12_cat-1a/00000003.png"
    Image.open(path).resize((64, 32)).save(path)


def _grey(root: Path) -> None:
    path = sorted((root / "city/val/panoptic_video").iterdir())[0]
    Image.open(path).convert("L").save(path)


def _vipseg_file(folder: str) -> Spoil:
    def remove(root: Path) -> None:
        next((root / "vipseg/VIPSeg_720P" / folder / "12_cat-1a").glob("00000003.*")).unlink()

    return remove


def _coco_file(folder: str) -> Spoil:
    return lambda root: (root / "coco" / folder / "2.png").unlink()


def _json(path: str, text: str) -> Spoil:
    return lambda root: (root / path).write_text(text) and None


def _nothing(root: Path) -> None:
    return


CITY_JSON = "city/panoptic_gt_val_city_vps.json"
VIPSEG_JSON = "vipseg/VIPSeg_720P/panoptic_gt_VIPSeg.json"
COCO_JSON = "coco/annotations/panoptic_val2017.json"

#: What is spoilt, the kind of source, its settings, and what the message says. All before a frame is decoded.
FIRST: dict[str, tuple[Spoil, str, dict[str, Any], list[str]]] = {
    "missing mask": (_no_mask, "city", {}, ["0005_0001_frankfurt_000000_001736_final_mask.png", "is missing"]),
    "absent frame": (_absent_frame, "city", {}, ["names the frame 0005_0002_frankfurt_000000_001741", "no image"]),
    "missing frame": (_missing_frame, "city", {}, ["frankfurt_000000_001742 and frankfurt_000000_001744", "0005"]),
    "missing annotation": (
        _missing_annotation, "city", {}, ["lists the image 0005_0002_frankfurt_000000_001741", "no annotation"],
    ),
    "vipseg: missing mask": (_vipseg_file("panomasks"), "vipseg", {}, ["frame 00000003 of video 12_cat-1a", "no mask"]),
    "vipseg: absent frame": (_vipseg_file("images"), "vipseg", {}, ["frame 00000003", "no frame (00000003.jpg"]),
    "vipseg: absent video": (
        lambda root: shutil.rmtree(root / "vipseg/VIPSeg_720P/images/12_cat-1a"), "vipseg", {},
        ["names the video 12_cat-1a, which has no folder"],
    ),
    "coco: missing mask": (_coco_file("annotations/panoptic_val2017"), "coco", {}, ["Mask", "2.png", "is missing"]),
    "coco: absent frame": (_coco_file("val2017"), "coco", {}, ["Image", "2.png", "is missing"]),
    "coco: no images": (
        lambda root: shutil.rmtree(root / "coco/val2017"), "coco", {}, ["image '0.png'", "is in none of", "val2017"],
    ),
    "coco: no masks": (
        lambda root: shutil.rmtree(root / "coco/annotations/panoptic_val2017"), "coco", {}, ["in the column masks"],
    ),
    "class not listed": (_class_not_listed, "city", {}, ["category 19", "known are 0-18"]),
    "no root": (lambda root: shutil.rmtree(root / "city"), "city", {}, ["root", "Cityscapes-VPS is not a folder"]),
    "vipseg: no root": (lambda root: shutil.rmtree(root / "vipseg"), "vipseg", {}, ["root", "VIPSeg is not a folder"]),
    "no json": (lambda root: city_list(root / "city").unlink(), "city", {}, ["has no annotations", "_city_vps.json"]),
    "vipseg: no json": (
        lambda root: [p.unlink() for p in (root / "vipseg/VIPSeg_720P").glob("*.json")] and None, "vipseg", {},
        ["has no annotations", "panoptic_gt_VIPSeg.json"],
    ),
    "coco: no json": (lambda root: (root / COCO_JSON).unlink(), "coco", {}, ["neither a JSON nor a root"]),
    "no images": (lambda root: shutil.rmtree(root / "city/val/img_all"), "city", {}, ["no folder 'val/img_all'"]),
    "unknown split": (_nothing, "city", {"split": "vall"}, ["split 'vall'", "did you mean 'val'"]),
    "vipseg: unknown split": (
        _nothing, "vipseg", {"split": "vall"},
        ["split 'vall'", "did you mean 'val'", "one of these in the column split, or leave the column split empty for"],
    ),
    "coco: unknown split": (
        _nothing, "coco", {"split": "val2018"},
        ["split 'val2018'", "did you mean 'val2017'", "name one of these in the column split"],
    ),
    "no json at all": (_json(CITY_JSON, "nothing"), "city", {}, ["are not JSON"]),
    "json without classes": (_json(CITY_JSON, '{"annotations": []}'), "city", {}, ["have no 'categories'"]),
    "vipseg: json of another kind": (_json(VIPSEG_JSON, "[1]"), "vipseg", {}, ["have no 'videos'"]),
    "coco: json of another kind": (_json(COCO_JSON, "{}"), "coco", {}, ["have no 'images'"]),
    "no such video": (_nothing, "city", {"clips": "0006"}, ["no video '0006' among its 1", "nearest names are 0005"]),
    "vipseg: no such video": (_nothing, "vipseg", {"clips": "12_cat"}, ["no video '12_cat'", "are 12_cat-1a"]),
    "pattern": (_nothing, "city", {"clips": "9*"}, ["no video '9*' among its 1", "it has 0005"]),
    "lengths": (_nothing, "city", {"clips": "all", "lengths": "31-45"}, ["no video 'all' with 31 to 45 frames"]),
    "lengths there are": (
        _nothing, "vipseg", {"clips": "12*", "lengths": "31"},
        ["no video '12*' with 31 frames: those of this name (1) have 5 frames; change the column lengths"],
    ),
    "no number": (_nothing, "city", {"clips": "five of all"}, ["'five' is not a number", "such as '5 of all'"]),
    "too many": (_nothing, "city", {"clips": "5 of all"}, ["asks for 5 of 1 videos", "ask for 1 to 1"]),
    "masks": (_nothing, "city", {"masks": "masks"}, ["gives masks for a data set"]),
    "too few frames": (_nothing, "city", {"count": 31}, ["found 30 frames", "needs 31"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, roots: dict[str, Path]) -> Path:
    base = tmp_path_factory.mktemp("sound")
    made.write_cityscapes_vps(base / "city")
    made.write_vipseg(base / "vipseg", {"12_cat-1a": 5})
    shutil.copytree(roots["coco"], base / "coco")
    return base


@pytest.fixture
def three(tmp_path: Path, sound: Path) -> Path:
    """Copies to be spoilt."""
    return shutil.copytree(sound, tmp_path, dirs_exist_ok=True)


def settings(root: Path, kind: str, values: dict[str, Any]) -> VideoSettings:
    if kind == "city":
        return city(root / "city", **values)
    return vipseg(root / "vipseg/VIPSeg_720P", **values) if kind == "vipseg" else coco(root / "coco", **values)


def said(make: Callable[[], object], parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        make()
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert [part for part in parts if part not in text] == [], text


@pytest.mark.parametrize(("spoil", "kind", "values", "parts"), FIRST.values(), ids=FIRST)
def test_what_can_be_checked_first_is(
    three: Path, spoil: Spoil, kind: str, values: dict[str, Any], parts: list[str]
) -> None:
    spoil(three)

    def check_all() -> None:
        for video in expand(settings(three, kind, values)):
            check_source(video)

    said(check_all, parts)


READING: dict[str, tuple[Spoil, str, list[str]]] = {
    "colour not listed": (_other_colour, "city", ["Mask", "(1, 2, 3)", "not a segment", "do not belong together"]),
    "class out of range": (_class_beyond, "vipseg", ["00000003.png", "12501 is of class 125", "lists 124 classes"]),
    "city class out of range": (_city_class_beyond, "city", ["45000 is of class 45"]),
    "size": (_other_size, "vipseg", ["00000003.png' has 32x64 pixels but its frame", "64x128"]),
    "no colours": (_grey, "city", ["final_mask.png' is an image of mode L", "RGB"]),
    "no picture": (
        lambda root: sorted((root / "city/val/panoptic_video").iterdir())[0].write_text("x") and None, "city",
        ["Cannot read mask"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "kind", "parts"), READING.values(), ids=READING)
def test_what_a_mask_cannot_be_is_told_when_it_is_read(three: Path, spoil: Spoil, kind: str, parts: list[str]) -> None:
    spoil(three)
    said(lambda: build_video(settings(three, kind, {"resolution": (16, 32)})), parts)


# Rows that stand for many videos.


def table(root: Path, *rows: str) -> Path:
    path = root / "videos.tsv"
    path.write_text("video\tsource\tclips\tlengths\n" + "".join(row.replace("|", "\t") + "\n" for row in rows))
    return path


SELECTIONS = {
    "12_cat-1a": ["v"],
    "all": ["v-12_cat-1a", "v-3_b_c", "v-3_b_d"],
    "3_*": ["v-3_b_c", "v-3_b_d"],
    "12*": ["v-12_cat-1a"],
    "3_b c, 12*": ["v-12_cat-1a", "v-3_b_c"],
    "2 of all": ["v-12_cat-1a", "v-3_b_c"],
    "1 of 3_*": ["v-3_b_c"],
    "all|30-45": ["v-12_cat-1a", "v-3_b_d"],
    "all|30": ["v-3_b_d"],
}


@pytest.mark.parametrize(("cell", "names"), SELECTIONS.items(), ids=SELECTIONS)
def test_a_row_becomes_a_row_for_each_video(
    tmp_path: Path, roots: dict[str, Path], cell: str, names: list[str]
) -> None:
    videos = read_videos(table(tmp_path, f"v|vipseg|{cell}"), (16, 32), {"vipseg": str(roots["vipseg"])})
    assert [video.name for video in videos] == names
    for video in videos:
        assert video.source == f"vipseg:{roots['vipseg']}"
        assert video.lengths is None
        assert VideoSettings.model_validate_json(video.model_dump_json()) == video
        assert len(check_source(video)) == {"12_cat-1a": 32, "3_b c": 6, "3_b_d": 30}[str(video.clips)]


def test_numbers_near_one_that_is_not_there(tmp_path: Path) -> None:
    root = made.write_vipseg(tmp_path, {f"{number:04d}": 1 for number in (*range(5, 60, 5), 600, 1006)})
    said(lambda: expand(vipseg(root, clips="0006")), ["nearest names are 0005, 0010, 0015; correct the column clips"])


def test_a_name_may_have_of_in_it(tmp_path: Path) -> None:
    root = made.write_vipseg(tmp_path, {"king of 1": 1, "king of 2": 1, "a": 1})
    assert [video.clips for video in expand(vipseg(root, clips="king of *"))] == ["king of 1", "king of 2"]
    assert [video.clips for video in expand(vipseg(root, clips="1  of king*"))] == ["king of 1"]


def test_the_page_says_how_classes_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, roots: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results/street").mkdir(parents=True)
    prepare_video(city(roots["city"], resolution="16x32"), "results/street/video.zarr")
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "data-sets.md").read_text("utf-8")
    [program] = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    exec(program, {})
    printed = capsys.readouterr().out
    assert re.search(r"\d +person +True", printed)
    assert re.search(r"\d +sky +False", printed)
    assert program.strip().endswith(printed.splitlines()[-1])


def test_the_only_video_needs_no_name(tmp_path: Path, roots: dict[str, Path]) -> None:
    root = made.write_vipseg(tmp_path, {"a": 2})
    [video] = expand(vipseg(root, clips=None))
    assert (video.name, video.clips) == ("clip", "a")
    said(
        lambda: expand(vipseg(roots["vipseg"], clips=None)), ["has 3 videos (12_cat-1a, 3_b c, 3_b_d)", "column clips"]
    )


def test_names_that_would_be_equal_are_refused(tmp_path: Path) -> None:
    root = made.write_vipseg(tmp_path, {"b c": 1, "b_c": 1})
    path = table(tmp_path, "v|vipseg|all")
    said(lambda: read_videos(path, (16, 32), {"vipseg": str(root)}), ["second video 'v-b_c'", "of b c"])


def test_roots(tmp_path: Path, roots: dict[str, Path]) -> None:
    path = table(tmp_path, "v|vipseg|all")
    said(
        lambda: read_videos(path, (16, 32), {}),
        ["'vipseg' of video 'v' has no root", "vipseg:<root>", "--config 'roots={vipseg: <root>}'"],
    )
    said(lambda: read_videos(path, (16, 32), {"vipsge": "x"}), ["unknown data set 'vipsge'", "did you mean 'vipseg'"])
    own = table(tmp_path, f"v|vipseg:{roots['vipseg']}|all")
    assert len(read_videos(own, (16, 32), {"vipseg": "elsewhere"})) == 3
    assert kind_of("example:bunny") is kind_of("a/b.mp4") is None


def test_columns_of_data_sets_are_for_data_sets(tmp_path: Path) -> None:
    path = table(tmp_path, "v|example:collage|all")
    said(
        lambda: read_videos(path, (16, 32), {}),
        ["'example:collage'", "not a data set", "column clips", "vipseg:<root>"],
    )
    said(lambda: read_videos(path, (16, 32), {}), ["is filled: leave it empty"])
    for source, meant in {"cityscapes": "cityscapes-vps:<root>", "VIPSge:/d": "vipseg:/d"}.items():
        path = table(tmp_path, f"v|{source}|all")
        said(lambda path=path: read_videos(path, (16, 32), {}), ["not a data set", f"did you mean '{meant}'"])
        with pytest.raises(InputError, match=f"does not exist: did you mean '{meant}'. If not, correct the path"):
            check_source(VideoSettings(name="v", source=source))
    path = table(tmp_path, "v|vipseg:x|all|45-30")
    said(lambda: read_videos(path, (16, 32), {}), ["line 2, video 'v': lengths is '45-30'", "such as 30-45"])


@pytest.mark.parametrize("text", ["", "0", "a", "30-", "-30", "45-30", "1-2-3"])
def test_other_ranges_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number of frames"):
        parse_range(text)


def test_files_of_a_video_are_the_selected_ones(roots: dict[str, Path]) -> None:
    found = [Path(p).relative_to(roots["vipseg"]) for p in source_files(vipseg(roots["vipseg"], start=3, count=2))]
    assert [path.as_posix() for path in found] == [
        "panoptic_gt_VIPSeg.json",
        *(f"images/12_cat-1a/0000000{k}.jpg" for k in (3, 4)),
        *(f"panomasks/12_cat-1a/0000000{k}.png" for k in (3, 4)),
    ]
    found = [Path(path) for path in source_files(city(roots["city"]))]
    assert len(found) == 1 + 30 + 6
    assert all(path.is_file() for path in found)


def test_a_list_is_read_once_for_all_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no image is opened until a video is prepared."""
    names = {f"v{k}": 1 for k in range(5)}
    root = made.write_vipseg(tmp_path, names)
    read: list[Path] = []

    def reading(path: Path, *keys: str) -> Any:
        read.append(path)
        return read_parts(path, *keys)

    monkeypatch.setattr("xinc.video.sources.datasets.vipseg.read_parts", reading)
    monkeypatch.setattr("PIL.Image.open", lambda *_: pytest.fail("an image was opened"))
    for video in expand(vipseg(root, clips="all")):
        check_source(video)
        source_files(video)
    assert len(read) == 1
    assert re.fullmatch(r"v\d", str(video.clips))


@pytest.mark.parametrize(
    "text",
    [
        '{"videos": [{"a": [1]}], "annotations": [{"annotations": []}], "categories" : [2]}',
        '{"annotations": [{"videos": [3], "categories": [4]}], "videos": [5], "categories": [6]}',
        '{"categories": [], "videos": [7], "note": "\\"categories\\": ["}',
    ],
)
def test_parts_of_a_list_are_those_of_the_whole(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(text)
    whole, parts = read_list(path, "videos"), read_parts(path, "videos", "categories")
    assert {key: parts[key] for key in ("videos", "categories")} == {k: whole[k] for k in ("videos", "categories")}
