"""Optical flow of the user's own, from the file to the store."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from tests.helpers.movies import pictures
from xinc.errors import InputError
from xinc.video.clip import Window
from xinc.video.flow import FlowSettings, build_flow
from xinc.video.prepare import build_video
from xinc.video.settings import VideoSettings
from xinc.video.sources import check_source, examples, source_files
from xinc.video.sources.given_flow import read_flow

COUNT, SIZE = 4, (64, 128)
WHOLE = Window(0, 0, *examples.COLLAGE_SIZE)


def write_flo(path: Path, flow: np.ndarray) -> None:
    height, width = flow.shape[:2]
    path.write_bytes(struct.pack("<fii", 202021.25, width, height) + flow.astype("<f4").tobytes())


@pytest.fixture
def collage(tmp_path: Path, write_folder: Callable[..., Path]) -> VideoSettings:
    """Frames of the collage in a folder, and its exact flow in ``flow/``: alternately .flo, and .npy at half size."""
    (tmp_path / "flow").mkdir()
    for index in range(COUNT - 1):
        flow = examples.motion(index, index + 1, WHOLE).flow
        if index % 2:
            np.save(tmp_path / "flow" / f"{index}.npy", flow[::2, ::2] / 2)
        else:
            write_flo(tmp_path / "flow" / f"{index}.flo", flow)
    frames = write_folder([examples.compose(index)[0] for index in range(COUNT)])
    return VideoSettings(name="c", source=str(frames), flow=str(tmp_path / "flow"), resolution=SIZE)


@pytest.fixture
def exact() -> xr.Dataset:
    return build_video(VideoSettings(name="c", source="example:collage", count=COUNT, resolution=SIZE))


def test_flow_given_is_the_flow_of_the_video(collage: VideoSettings, exact: xr.Dataset) -> None:
    video = build_video(collage)
    assert np.isnan(video["flow"][0]).all()
    for frame in range(1, COUNT):
        # At half the size, borders of objects are a pixel off.
        off = (video["flow"][frame] != exact["flow"][frame]).any("component")
        assert float(off.mean()) < (0.02 if frame == 2 else 1e-9)
    assert "revealed" not in video
    assert "occluded" not in video


@pytest.mark.slow
def test_flow_given_is_used_and_the_estimate_scored_against_it(collage: VideoSettings, exact: xr.Dataset) -> None:
    video = build_video(collage)
    flow = build_flow(video)
    assert flow.attrs["source"] == flow.attrs["scored_against"] == "given"
    assert flow.attrs["filled"] == 0
    np.testing.assert_array_equal(flow["flow"], video["flow"])
    assert 0 < flow.attrs["endpoint_error"] < 0.6
    # The flow is the truth, the flow back an estimate: better than two estimates.
    truth, found = exact["revealed"].values[1:], flow["revealed"].values[1:]
    assert (truth & found).sum() / truth.sum() > 0.3
    assert (truth & found).sum() / found.sum() > 0.3
    estimated = build_flow(video, FlowSettings(method="dis"))
    assert estimated.attrs["source"] == "estimated"
    np.testing.assert_array_equal(estimated["flow"], estimated["estimated"])
    np.testing.assert_array_equal(estimated["estimated"], flow["estimated"])


def test_what_is_not_known_has_the_estimate(collage: VideoSettings, tmp_path: Path) -> None:
    flow = examples.motion(0, 1, WHOLE).flow
    flow[:64, :128] = 2e9
    write_flo(tmp_path / "flow" / "0.flo", flow)
    found = build_flow(build_video(collage))
    assert found.attrs["filled"] == pytest.approx(1 / 16 / 3)
    np.testing.assert_array_equal(found["flow"][1, :16, :32], found["estimated"][1, :16, :32])
    assert np.isfinite(found["flow"][1:]).all()


def test_a_crop_and_a_part_of_the_frames(collage: VideoSettings, exact: xr.Dataset) -> None:
    part = collage.model_copy(update={"crop": "128x256", "start": 2, "count": 2, "resolution": (32, 64)})
    video = build_video(part)
    np.testing.assert_array_equal(video["flow"][1], exact["flow"][3, 16:48, 32:96])
    assert [Path(path).name for path in source_files(part)][-3:] == ["0.flo", "1.npy", "2.flo"]


def test_a_videos_own_folder_of_a_data_sets_flow(tmp_path: Path) -> None:
    from tests.helpers import datasets

    root = datasets.write_vipseg(tmp_path, {"a": 2, "b": 2})
    (tmp_path / "flow" / "b").mkdir(parents=True)
    np.save(tmp_path / "flow" / "b" / "0.npy", np.full((64, 128, 2), 8, np.float32))
    values = {"name": "v", "source": f"vipseg:{root}", "flow": str(tmp_path / "flow"), "resolution": (32, 64)}
    video = build_video(VideoSettings(clips="b", **values))
    np.testing.assert_array_equal(video["flow"][1], 4)
    with pytest.raises(InputError, match=r"flow' of video 'v' has no folder '.*flow/a', which was looked for first"):
        check_source(VideoSettings(clips="a", **values))
    (tmp_path / "flow" / "a").mkdir()
    with pytest.raises(InputError, match=r"flow/a' of video 'v' has no file: expected \.flo or \.npy files in it"):
        check_source(VideoSettings(clips="a", **values))


def given(root: Path, count: int, **values: Any) -> VideoSettings:
    (root / "flow").mkdir()
    for number in range(count):
        np.save(root / "flow" / f"{number}.npy", np.zeros((12, 20, 2), np.float32))
    return VideoSettings(name="clip", source=str(root / "frames"), flow=str(root / "flow"), **values)


def test_what_does_not_fit_is_told_first(tmp_path: Path, write_folder: Callable[..., Path]) -> None:
    write_folder(pictures(4))
    video = given(tmp_path, 4)
    with pytest.raises(InputError, match=r"has 4 frames but 4 flow files in .*: expected 3, one for each frame but"):
        check_source(video)
    (tmp_path / "flow" / "3.npy").unlink()
    assert len(check_source(video)) == 4
    with pytest.raises(InputError, match=r"has step 2, but flow files lead from each frame to the next"):
        check_source(video.model_copy(update={"step": 2}))
    with pytest.raises(InputError, match=r"none' of video 'clip' is not a folder"):
        check_source(video.model_copy(update={"flow": str(tmp_path / "none")}))
    with pytest.raises(InputError, match=r"gives flow for example:collage, which knows its own"):
        check_source(video.model_copy(update={"source": "example:collage"}))
    np.save(tmp_path / "flow" / "1.npy", np.zeros((12, 40, 2), np.float32))
    with pytest.raises(InputError, match=r"1\.npy' has 12x40 pixels, its frame 12x20: expected the flow of the whole"):
        build_video(video)


@pytest.mark.parametrize("unknown", [1e10, -1e10, 1.666666752e9, np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("component", [0, 1, slice(None)])
def test_what_is_not_known_is_the_same_in_either_format(
    tmp_path: Path, unknown: float, dtype: type, component: Any
) -> None:
    flow = np.random.default_rng(0).normal(size=(6, 8, 2)).astype(np.float32)
    flow[2:4, 3, component] = unknown
    expected = flow.copy()
    expected[2:4, 3] = np.nan
    write_flo(tmp_path / "a.flo", flow)
    np.save(tmp_path / "a.npy", flow.astype(dtype))
    np.save(tmp_path / "b.npy", np.where(np.isfinite(flow), flow * (abs(flow) < 1e9) + (abs(flow) > 1e9) * 1e300, flow))
    for name in ("a.flo", "a.npy", "b.npy"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(read_flow(tmp_path / name), expected)


def test_half_precision_and_whole_numbers_are_known(tmp_path: Path) -> None:
    for dtype in (np.float16, np.int16, np.int64):
        np.save(tmp_path / "a.npy", np.full((4, 6, 2), 3, dtype))
        np.testing.assert_array_equal(read_flow(tmp_path / "a.npy"), np.full((4, 6, 2), 3, np.float32))


def test_a_displacement_longer_than_the_frame_is_reported(tmp_path: Path, write_folder: Callable[..., Path]) -> None:
    write_folder(pictures(3))
    video = given(tmp_path, 2, resolution=(6, 10))
    flow = np.zeros((12, 20, 2), np.float32)
    flow[3, 4] = 39, 0
    np.save(tmp_path / "flow" / "0.npy", flow)
    assert "warnings" in build_video(video).attrs
    assert build_video(video).attrs["warnings"] == []
    flow[3, 4] = 9999, np.nan
    flow[3, 5] = -999, 0
    np.save(tmp_path / "flow" / "1.npy", flow)
    [said] = build_video(video).attrs["warnings"]
    assert "1.npy' has a displacement of 999 pixels in a frame of 12x20: mark what is not known by NaN" in said


@pytest.mark.parametrize(
    ("frames", "files", "said"),
    [
        ([0, 1, 2], ["0", "1"], ""),
        ([20, 21, 22], ["0020", "0021"], ""),
        ([20, 21, 22], ["0021", "0022"], ""),
        ([20, 21, 22], ["20_to_21", "21_to_22"], ""),
        ([0, 2, 4], ["0", "2"], ""),
        ([20, 21, 22], ["0", "1"], "files 0-1 are taken to lead from frames 20-21 in order, though their numbers"),
        ([0, 1, 2], ["first", "second"], ""),
        ([0, 1, 2, 3], ["0", "1", "5"], "'5.npy' would lead from frame 2 to 3, but their numbers disagree: name each"),
    ],
)
def test_names_of_flow_files_are_compared_with_those_of_frames(
    tmp_path: Path, frames: list[int], files: list[str], said: str
) -> None:
    for folder in ("frames", "flow"):
        (tmp_path / folder).mkdir()
    for number in frames:
        Image.fromarray(pictures(1)[0]).save(tmp_path / "frames" / f"{number}.png")
    for name in files:
        np.save(tmp_path / "flow" / f"{name}.npy", np.zeros((12, 20, 2), np.float32))
    video = VideoSettings(name="c", source=str(tmp_path / "frames"), flow=str(tmp_path / "flow"), resolution=(6, 10))
    if "disagree" in said:
        with pytest.raises(InputError, match=said):
            check_source(video)
    else:
        assert [said in text for text in build_video(video).attrs["warnings"]] == [True] * bool(said)
