"""Optical flow: what is exact, what is estimated, and how far that is off."""

from __future__ import annotations

import itertools
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import xarray as xr
import zarr

from xinc.errors import InputError
from xinc.storage import datasets
from xinc.storage.datasets import write_dataset
from xinc.video import flow, prepare
from xinc.video.clip import Clip
from xinc.video.flow import (
    FlowSettings,
    build_flow,
    consistency,
    endpoint_error,
    estimate_flow,
    open_flow,
    prepare_flow,
    to_grey,
)
from xinc.video.prepare import build_video, prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.sources.given_flow import read_flo, read_flow
from xinc.video.sources.images import read_frame

SIZE = (64, 128)


@pytest.fixture(scope="module")
def collage() -> xr.Dataset:
    return build_video(VideoSettings(name="collage", source="example:collage", count=4, resolution=SIZE))


@pytest.fixture(scope="module")
def found(collage: xr.Dataset) -> xr.Dataset:
    return build_flow(collage)


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth pattern, 8-bit."""
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.rint(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


def movie(frames: np.ndarray) -> xr.Dataset:
    """A video of 8-bit grey frames (frame, y, x)."""
    values = np.repeat(frames[..., None] / np.float32(255), 3, axis=-1)
    coords = {name: np.arange(size) for name, size in zip(("frame", "y", "x"), frames.shape, strict=True)}
    return xr.Dataset({"frames": (("frame", "y", "x", "channel"), values)}, coords)


def test_the_flow_of_the_collage_is_exact(collage: xr.Dataset, found: xr.Dataset) -> None:
    assert found.attrs["source"] == "exact"
    np.testing.assert_array_equal(found["flow"], collage["flow"])
    np.testing.assert_array_equal(found["revealed"], collage["revealed"])
    assert found["flow"].dims == ("frame", "y", "x", "component")
    assert np.isnan(found["flow"][0]).all()
    assert not found["revealed"][0].any()


def test_the_estimate_is_scored_against_the_truth(collage: xr.Dataset, found: xr.Dataset) -> None:
    visible = ~collage["occluded"].values[1:]
    error = endpoint_error(found["estimated"].values[1:], collage["flow"].values[1:])[visible].mean()
    assert found.attrs["endpoint_error"] == pytest.approx(error)
    # 0.14 pixels measured, where things move by 1.3 pixels a frame.
    assert 0 < error < 0.3
    assert found.attrs["revealed_precision"] > 0.3
    assert found.attrs["revealed_recall"] > 0.3


def test_an_estimate_can_be_asked_for(collage: xr.Dataset, found: xr.Dataset) -> None:
    other = build_flow(collage, FlowSettings(method="dis"))
    assert other.attrs["source"] == "estimated"
    assert "forward-backward" in other.attrs["rule"]
    np.testing.assert_array_equal(other["flow"], found["estimated"])
    assert other.attrs["endpoint_error"] == found.attrs["endpoint_error"]
    share = float(other["revealed"][1:].mean())
    assert 0.5 < share / float(found["revealed"][1:].mean()) < 2


@pytest.mark.parametrize("size", [(64, 128), (128, 256), (300, 400)])
def test_a_shift_is_found(size: tuple[int, int]) -> None:
    """Frames of a window that moves over a pattern by (−3, 2): the pattern moves by (3, −2)."""
    whole = texture(size[0] + 10, size[1] + 10)
    earlier, later = whole[5:-5, 5:-5], whole[7:-3, 2:-8]
    flow = estimate_flow(earlier, later)
    assert flow.shape == (*size, 2)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(flow[8:-8, 8:-8].mean((0, 1)), (3, -2), atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (6, 9), (16, 32), (8, 200)])
def test_tiny_frames_have_a_flow(size: tuple[int, int]) -> None:
    frames = np.stack([texture(*size, seed) if min(size) > 1 else np.zeros(size, np.uint8) for seed in (0, 1, 0)])
    flow = build_flow(movie(frames))
    assert flow["flow"].shape == (3, *size, 2)
    assert np.isfinite(flow["flow"][1:]).all()


def test_still_frames_do_not_move() -> None:
    frames = np.stack([texture(32, 64)] * 3)
    flow = build_flow(movie(frames))
    assert abs(flow["flow"][1:]).max() < 0.05
    assert not flow["revealed"].any()
    assert "endpoint_error" not in flow.attrs


def test_a_single_frame_has_no_flow(collage: xr.Dataset) -> None:
    for video in (movie(texture(16, 32)[None]), collage.isel(frame=[0])):
        flow = build_flow(video)
        assert np.isnan(flow["flow"]).all()
        assert np.isnan(flow["estimated"]).all()
        assert not flow["revealed"].any()
        assert "endpoint_error" not in flow.attrs


def test_an_estimate_does_not_depend_on_what_was_estimated_before() -> None:
    """OpenCV's object changes its scales after small frames."""
    large, small = texture(256, 300), texture(16, 32)
    first = estimate_flow(large[:, :-5], large[:, 5:])
    estimate_flow(small, small)
    np.testing.assert_array_equal(estimate_flow(large[:, :-5], large[:, 5:]), first)


def test_consistency_finds_what_contradicts_itself_or_comes_from_outside() -> None:
    """A square of 4 pixels moves right by 3 over still ground; the flow back of what it reveals contradicts."""
    forth, back = np.zeros((10, 20, 2), np.float32), np.zeros((10, 20, 2), np.float32)
    forth[3:7, 5:9, 0] = 3
    back[3:7, 8:12, 0] = -3
    revealed = np.zeros((10, 20), bool)
    revealed[3:7, 5:8] = True
    np.testing.assert_array_equal(consistency(forth, back), revealed)
    pan = np.full((10, 20, 2), (-2, 0), np.float32)
    entered = np.zeros((10, 20), bool)
    entered[:, 18:] = True
    np.testing.assert_array_equal(consistency(pan, -pan), entered)


def test_the_rule_of_consistency_is_that_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    forth, back = (rng.integers(-3, 4, (8, 12, 2)).astype(np.float32) for _ in range(2))
    expected = np.zeros((8, 12), bool)
    for y, x in itertools.product(range(8), range(12)):
        b = back[y, x]
        at_x, at_y = int(x + b[0]), int(y + b[1])
        if not (0 <= at_x < 12 and 0 <= at_y < 8):
            expected[y, x] = True
            continue
        f = forth[at_y, at_x]
        expected[y, x] = ((b + f) ** 2).sum() > 0.01 * ((b**2).sum() + (f**2).sum()) + 0.5
    np.testing.assert_array_equal(consistency(forth, back), expected)


def test_the_store_is_written_whole_and_read_again(tmp_path: Path) -> None:
    video = VideoSettings(name="collage", source="example:collage", count=2, resolution=(16, 32))
    prepare_video(video, tmp_path / "video.zarr")
    prepare_flow(tmp_path / "video.zarr", tmp_path / "flow.zarr", FlowSettings())
    flow = open_flow(tmp_path / "flow.zarr")
    assert set(flow.data_vars) == {"flow", "estimated", "revealed"}
    assert flow["component"].values.tolist() == ["dx", "dy"]
    for variable in flow.data_vars.values():
        assert {"long_name", "units", "description"} <= set(variable.attrs)
    assert flow["flow"].attrs["units"] == "pixel"
    assert {path.name for path in tmp_path.iterdir()} == {"video.zarr", "flow.zarr"}


def test_other_stores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no store '.*none\.zarr'"):
        open_flow(tmp_path / "none.zarr")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="not a Zarr store of format 'flow'"):
        open_flow(tmp_path / "empty")
    zarr.create_group(tmp_path / "other.zarr", attributes={"xinc_format": "flow", "version": 99})
    with pytest.raises(InputError, match="version 99, expected 'flow', version 1"):
        open_flow(tmp_path / "other.zarr")
    with pytest.raises(InputError, match="There is no store"):
        prepare_flow(tmp_path / "no video", tmp_path / "flow.zarr", FlowSettings())
    assert not (tmp_path / "flow.zarr").exists()


def write_flo(path: Path, flow: np.ndarray) -> Path:
    height, width = flow.shape[:2]
    head = struct.pack("<fii", 202021.25, width, height)
    path.write_bytes(head + flow.astype("<f4").tobytes())
    return path


def test_flow_files_are_read(tmp_path: Path) -> None:
    flow = np.random.default_rng(0).normal(size=(4, 6, 2)).astype(np.float32)
    np.save(tmp_path / "flow.npy", flow)
    for path in (write_flo(tmp_path / "flow.flo", flow), tmp_path / "flow.npy"):
        np.testing.assert_array_equal(read_flow(path), flow)
    flow[1, 2, 0] = 2e9
    unknown = read_flo(write_flo(tmp_path / "flow.flo", flow))
    assert np.isnan(unknown[1, 2]).all()
    assert np.isnan(unknown).sum() == 2


def test_vectors_are_scaled_with_the_frame(tmp_path: Path) -> None:
    flow = np.tile(np.array([3, 4], np.float32), (8, 16, 1))
    half = read_flow(write_flo(tmp_path / "flow.flo", flow), (4, 4))
    np.testing.assert_allclose(half, np.tile([3 / 4, 2], (4, 4, 1)))


def test_damaged_flow_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.flo' does not exist"):
        read_flow(tmp_path / "nothing.flo")
    (tmp_path / "a.flo").write_bytes(b"PIEH")
    with pytest.raises(InputError, match=r"a\.flo' is not a whole \.flo file"):
        read_flow(tmp_path / "a.flo")
    write_flo(tmp_path / "b.flo", np.zeros((4, 6, 2)))
    (tmp_path / "b.flo").write_bytes((tmp_path / "b.flo").read_bytes()[:-8])
    with pytest.raises(InputError, match=r"b\.flo' is not a whole \.flo file"):
        read_flow(tmp_path / "b.flo")
    np.save(tmp_path / "c.npy", np.zeros((4, 6)))
    with pytest.raises(InputError, match=r"holds \(4, 6\), expected numbers of shape"):
        read_flow(tmp_path / "c.npy")
    (tmp_path / "d.npy").write_text("no array")
    with pytest.raises(InputError, match="cannot be read"):
        read_flow(tmp_path / "d.npy")


@pytest.mark.parametrize(("size", "worst"), [((256, 448), 1.4), ((128, 256), 1.2)])
def test_the_estimate_of_real_frames_is_near_the_truth(shared: Path, size: tuple[int, int], worst: float) -> None:
    """Motion of 17 pixels on average at their own size; 1.2 and 0.9 pixels of error measured."""
    folder = shared / "clips" / "tennis_flow"
    if not folder.is_dir():
        pytest.skip(f"the clip with known flow is not there: {folder}")
    errors, lengths = [], []
    for path in sorted((folder / "flow").glob("*.flo")):
        number = int(path.stem)
        images = [read_frame(folder / "rgb" / f"{k:04d}.png") for k in (number, number + 1)]
        small = [cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA) for image in images]
        truth = read_flow(path, size)
        known = np.isfinite(truth).all(-1)
        assert known.all()
        errors.append(endpoint_error(estimate_flow(*(to_grey(image / 255) for image in small)), truth).mean())
        lengths.append(np.hypot(*np.moveaxis(truth, -1, 0)).mean())
    assert len(errors) == 5
    assert np.mean(errors) < worst
    assert np.mean(lengths) > 9


@pytest.mark.slow
def test_the_estimate_is_scored_against_flow_files(shared: Path) -> None:
    """The same clip by its folder of flow files, through the store: 0.9 pixels of error at a mean motion of 10."""
    folder = shared / "clips" / "tennis_flow"
    if not folder.is_dir():
        pytest.skip(f"the clip with known flow is not there: {folder}")
    settings = VideoSettings(
        name="tennis", source=str(folder / "rgb"), masks=str(folder / "mask"), flow=str(folder / "flow"),
        resolution=(128, 256), crop="none",
    )  # fmt: skip
    video = build_video(settings)
    flow = build_flow(video)
    assert flow.attrs["source"] == flow.attrs["scored_against"] == "given"
    assert flow.attrs["filled"] == 0
    for number, path in enumerate(sorted((folder / "flow").glob("*.flo")), start=1):
        np.testing.assert_allclose(flow["flow"][number], read_flow(path, (128, 256)), rtol=1e-5)
    assert flow.attrs["endpoint_error"] < 1.2
    assert float(np.hypot(*np.moveaxis(flow["flow"].values[1:], -1, 0)).mean()) > 9
    assert 0 < float(flow["revealed"][1:].mean()) < 0.5


# Streaming


def quick(earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
    """In place of the estimate: something that depends on both frames."""
    return np.stack([earlier / np.float32(64) - 2, later / np.float32(32)], axis=-1)


@pytest.mark.parametrize("chunk", [pytest.param(1, marks=pytest.mark.slow), 40_000, 1 << 30])
@pytest.mark.parametrize("method", ["auto", "dis"])
@pytest.mark.parametrize("kind", ["exact", "given", "none"])
def test_a_store_is_what_is_made_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, method: str, chunk: int
) -> None:
    monkeypatch.setattr(flow, "estimate_flow", quick)
    video = build_video(VideoSettings(name="c", source="example:collage", count=4, resolution=(32, 64)))
    if kind != "exact":
        video = video.drop_vars(["revealed", "occluded"] if kind == "given" else ["revealed", "occluded", "flow"])
    if kind == "given":
        video["flow"][2, 3:9, 4:8, 0] = np.nan
    write_dataset(video, tmp_path / "video.zarr")
    monkeypatch.setattr(datasets, "CHUNK", chunk)
    settings = FlowSettings(method=method)  # type: ignore[arg-type]
    prepare_flow(tmp_path / "video.zarr", tmp_path / "flow.zarr", settings)
    with open_flow(tmp_path / "flow.zarr") as stored:
        xr.testing.assert_identical(stored.load(), build_flow(video, settings).astype(stored.dtypes))
    assert ("filled" in stored.attrs) == (kind == "given" and method == "auto")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Callable[..., VideoSettings]
) -> None:
    monkeypatch.setattr(datasets, "CHUNK", 1 << 17)
    monkeypatch.setattr(flow, "estimate_flow", quick)
    picture = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    peaks = []
    for frames in (20, 20, 160):
        clip = Clip("long", frames, lambda indices: (np.roll(picture, index, axis=1) for index in indices))
        monkeypatch.setattr(prepare, "open_source", lambda _, clip=clip: clip)
        prepare_video(settings("long", resolution="32x64"), tmp_path / "video.zarr")
        tracemalloc.start()
        prepare_flow(tmp_path / "video.zarr", tmp_path / "flow.zarr", FlowSettings())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 160 frames and their flow, read and written, take 9 MB.
    assert peaks[2] < peaks[1] + 1_000_000, peaks
