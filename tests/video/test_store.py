"""Tests of how videos are prepared and opened."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.helpers.coded import encode
from tests.helpers.movies import pictures
from tests.helpers.tiers import exhaustive
from xinc.errors import InputError
from xinc.storage import datasets
from xinc.video import prepare
from xinc.video.clip import Clip, Motion, Segment
from xinc.video.prepare import build_video, prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.sources import examples
from xinc.video.store import open_video
from xinc.video.transforms import nearest_index

COLLAGE = VideoSettings(name="c", source="example:collage", start=3, count=5, step=2, resolution=(64, 128))


@pytest.fixture(scope="module")
def collage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "deep" / "video.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare_video(COLLAGE, path)
    return path


def test_what_is_written_is_read_back(collage: Path) -> None:
    (collage / ".snakemake_timestamp").touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = open_video(collage).load()
    xr.testing.assert_identical(found, build_video(COLLAGE).astype(found.dtypes))
    assert {name: array.dtype.str for name, array in found.items() if name != "category"} == {
        "frames": "<f4", "instances": "<i4", "annotated": "|b1", "segment_id": "<i4", "isthing": "|b1",
        "flow": "<f4", "revealed": "|b1", "occluded": "|b1",
    }  # fmt: skip


def test_everything_is_labelled(collage: Path) -> None:
    video = open_video(collage)
    assert video.source_frame.values.tolist() == [3, 5, 7, 9, 11]
    assert video.frame.values.tolist() == [0, 1, 2, 3, 4]
    assert video.channel.values.tolist() == ["r", "g", "b"]
    assert video.component.values.tolist() == ["dx", "dy"]
    assert video.category.values.tolist() == ["horse", "cat", "person", "person", "cup", "cup"]
    assert video.annotated.values.all()
    for array in video.values():
        assert {"long_name", "units", "description"} <= set(array.attrs)
    assert VideoSettings.model_validate(json.loads(video.attrs["settings"])) == COLLAGE
    assert video.attrs["source_size"] == [256, 512]


def test_motion_is_that_of_the_selected_frames_in_analysis_pixels(collage: Path) -> None:
    video = open_video(collage).load()
    velocities = np.array([examples.BACKGROUND_VELOCITY, *(s.velocity for s in examples.sprites())])
    assert np.isnan(video.flow[0]).all()
    assert not video.revealed[0].any()
    for frame in range(1, 5):
        # Two source frames at a quarter of the resolution.
        expected = velocities[video.instances[frame - 1].values] * 2 / 4
        np.testing.assert_array_equal(video.flow[frame], expected)
    rows, columns = nearest_index(256, 64), nearest_index(512, 128)
    _, layers = examples.compose(7)
    np.testing.assert_array_equal(video.instances[2], layers[rows[:, None], columns])


def test_at_a_quarter_of_the_resolution_labels_move_exactly(collage: Path) -> None:
    """Velocities are whole analysis pixels there, so `revealed` accounts for every label that was not there before."""
    video = open_video(collage).load()
    for frame in range(1, 5):
        before, after = video.instances[frame - 1].values, video.instances[frame].values
        flow = video.flow[frame].values.astype(int)
        arrived = np.full_like(after, -1)
        for y, x in np.argwhere(~video.occluded[frame].values):
            dx, dy = flow[y, x]
            arrived[y + dy, x + dx] = before[y, x]
        np.testing.assert_array_equal(arrived >= 0, ~video.revealed[frame].values)
        np.testing.assert_array_equal(arrived[arrived >= 0], after[arrived >= 0])


def test_a_video_without_masks_has_no_mask_variables(write_folder: Any, settings: Any, tmp_path: Path) -> None:
    frames = pictures(3)
    prepare_video(settings(write_folder(frames), resolution="12x20"), tmp_path / "v.zarr")
    video = open_video(tmp_path / "v.zarr")
    assert set(video.data_vars) == {"frames"}
    np.testing.assert_array_equal(video.frames, np.stack(frames).astype(np.float32) / np.float32(255))


def test_instances_that_vanish_are_reported(write_folder: Any, write_masks: Any, settings: Any) -> None:
    masks = [np.zeros((12, 20), np.uint8) for _ in range(8)]
    for mask in masks:
        mask[2:10, 2:10] = 1
        mask[0, 0] = 2
    masks[0][:8, 12:] = 2
    video = build_video(settings(write_folder(pictures(8)), masks=str(write_masks(masks)), resolution="3x5"))
    assert video.segment_id.values.tolist() == [1, 2]
    assert video.category.values.tolist() == ["object", "object"]
    assert video.attrs["warnings"] == [
        "Instance 2 vanishes in the resize from 12x20 to 3x5 pixels in frames 1, 2, 3, 4, 5 and 2 more."
    ]


def test_frames_without_masks_are_told_apart(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    frames = pictures(3)

    def masks(indices: Any) -> Any:
        return (np.full((12, 20), 9, np.int32) if index == 1 else None for index in indices)

    clip = Clip("made", 3, lambda indices: (frames[i] for i in indices), masks, (Segment(9, "sky", isthing=False),))
    monkeypatch.setattr(prepare, "open_source", lambda _: clip)
    video = build_video(settings("made", resolution="6x10"))
    assert video.annotated.values.tolist() == [False, True, False]
    assert (video.category.item(), video.isthing.item()) == ("sky", False)
    assert [int(n) for n in video.instances.sum(["y", "x"])] == [0, 9 * 60, 0]


def test_enlarging_is_reported(write_folder: Any, settings: Any) -> None:
    video = build_video(settings(write_folder(pictures(1)), resolution="24x40"))
    assert video.attrs["warnings"] == ["Frames are enlarged from 12x20 to 24x40 pixels."]


def test_a_failure_leaves_what_was_there(write_folder: Any, settings: Any, tmp_path: Path) -> None:
    folder, target = write_folder(pictures(3)), tmp_path / "out" / "video.zarr"
    prepare_video(settings(folder, resolution="6x10"), target)
    (folder / "frame1.png").write_text("broken")
    with pytest.raises(InputError, match=r"frame1\.png"):
        prepare_video(settings(folder, resolution="6x10"), target)
    assert [path.name for path in target.parent.iterdir()] == ["video.zarr"]
    assert open_video(target).sizes["frame"] == 3


def test_a_failed_write_leaves_nothing(
    write_folder: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: xr.Dataset, path: Path, **_: object) -> None:
        (path / "zarr.json").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_zarr", fail)
    with pytest.raises(InputError, match=r"video\.zarr could not be written: No space left on device"):
        prepare_video(settings(write_folder(pictures(1))), tmp_path / "out" / "video.zarr")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_store_is_replaced_whole(write_folder: Any, settings: Any, tmp_path: Path) -> None:
    folder, target = write_folder(pictures(3)), tmp_path / "video.zarr"
    prepare_video(COLLAGE, target)
    prepare_video(settings(folder, resolution="6x10"), target)
    assert not (target / "flow").exists()
    assert open_video(target).sizes["y"] == 6


def test_a_crop_too_large_names_the_video(write_folder: Any, settings: Any) -> None:
    with pytest.raises(InputError, match=r"Video 'clip': crop 90x90 is larger than the source frame of 12x20"):
        build_video(settings(write_folder(pictures(1)), crop="90x90"))


def test_other_stores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no store '.*nothing\.zarr'"):
        open_video(tmp_path / "nothing.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(InputError, match="is not a Zarr store of format 'video'"):
        open_video(tmp_path / "empty.zarr")
    for attrs, found in (({}, "format None, version None"), ({"xinc_format": "video", "version": 2}, "version 2")):
        path = tmp_path / f"{len(attrs)}.zarr"
        xr.Dataset(attrs=attrs).to_zarr(path, zarr_format=3, consolidated=False)
        with pytest.raises(InputError, match=found):
            open_video(path)


# Streaming


@pytest.mark.parametrize("chunk", [1, 100_000, 1 << 30])
def test_a_store_is_the_same_whatever_its_chunks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chunk: int) -> None:
    monkeypatch.setattr(datasets, "CHUNK", chunk)
    prepare_video(COLLAGE, tmp_path / "v.zarr")
    with open_video(tmp_path / "v.zarr") as found:
        xr.testing.assert_identical(found.load(), build_video(COLLAGE).astype(found.dtypes))
        rows = found["frames"].encoding["chunks"][0]
    assert rows == {1: 1, 100_000: 1, 1 << 30: 5}[chunk]


@pytest.mark.parametrize("name", ["example:collage", "folder", "masks"])
def test_of_one_frame_the_store_is_whole_too(
    tmp_path: Path, write_folder: Any, write_masks: Any, settings: Any, name: str
) -> None:
    source = name if name.startswith("example") else write_folder(pictures(1))
    masks = {"masks": str(write_masks([np.ones((12, 20), np.uint8)]))} if name == "masks" else {}
    video = settings(source, count=1, resolution="6x10", **masks)
    prepare_video(video, tmp_path / "v.zarr")
    with open_video(tmp_path / "v.zarr") as found:
        xr.testing.assert_identical(found.load(), build_video(video).astype(found.dtypes))


def _long(frames: int) -> Clip:
    """A clip of so many frames with masks and motion, all made when asked for."""
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (64, 128, 3), np.uint8)
    step = Motion(np.ones((64, 128, 2), np.float32), np.ones((64, 128), bool), np.zeros((64, 128), bool))
    return Clip(
        "long",
        frames,
        lambda indices: (np.roll(picture, index, axis=1) for index in indices),
        lambda indices: (np.full((64, 128), index % 5, np.int32) for index in indices),
        motion=lambda earlier, later, window: step,
    )


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(datasets, "CHUNK", 1 << 18)
    peaks = []
    for frames in (30, 30, 200):
        monkeypatch.setattr(prepare, "open_source", lambda _, frames=frames: _long(frames))
        tracemalloc.start()
        prepare_video(settings("long", resolution="32x64"), tmp_path / "v.zarr")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 200 frames, masks and motion take 11 MB.
    assert peaks[2] < peaks[1] + 1_000_000
    assert open_video(tmp_path / "v.zarr").sizes["frame"] == 200


_PEAK = """
import resource, sys
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
prepare_video(VideoSettings(name="v", source=sys.argv[1], resolution=(64, 128)), sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@exhaustive
def test_six_minutes_need_no_more_memory_than_ten_seconds(tmp_path: Path) -> None:
    """At 30 frames a second; the frames alone would take 1,062 MB."""
    peaks = []
    for seconds in (10, 360):
        frames = pictures(30, 96, 192) * seconds
        path = encode(tmp_path / f"{seconds}.mp4", frames, "libx264", options={"preset": "ultrafast"})
        command = [sys.executable, "-c", _PEAK, str(path), str(tmp_path / "v.zarr")]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(run.stdout) / 1024)
    assert peaks[1] < peaks[0] + 80, peaks
