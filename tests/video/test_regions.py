"""Groupings of pixels, against what they are by definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import gabor, gabor_kernel

from tests.helpers.movies import pictures
from xinc.errors import InputError
from xinc.video.figures.regions import _gabor_colours, contact_sheet_of_regions
from xinc.video.prepare import build_video, prepare_video
from xinc.video.regions import (
    GROUPINGS,
    RegionSettings,
    build_regions,
    gabor_magnitudes,
    grid_labels,
    instance_regions,
    open_regions,
    prepare_regions,
)
from xinc.video.settings import VideoSettings
from xinc.video.store import open_video

RNG = np.random.default_rng(0)


def video(frames: np.ndarray, **more: Any) -> xr.Dataset:
    """A video of frames (frame, y, x, 3)."""
    axes = {name: range(n) for name, n in zip(("frame", "y", "x"), frames.shape[:3], strict=True)}
    return xr.Dataset({"frames": (("frame", "y", "x", "channel"), frames.astype(np.float32)), **more}, axes)


def masked(masks: list[list[int]], annotated: list[bool], *segments: tuple[int, str, bool]) -> xr.Dataset:
    """A video of one row of pixels with these masks and (id, category, isthing)."""
    ids, categories, things = zip(*segments, strict=True)
    array = np.array(masks, np.int32)[:, None]
    return video(
        RNG.random((*array.shape, 3)),
        instances=(("frame", "y", "x"), array),
        annotated=("frame", annotated),
        segment_id=("segment", list(ids)),
        category=("segment", np.array(categories, object)),
        isthing=("segment", list(things)),
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("collage")
    settings = VideoSettings(name="c", source="example:collage", count=3, resolution=(32, 64))
    prepare_video(settings, root / "video.zarr")
    return root


def test_written_and_opened(store: Path) -> None:
    prepare_regions(store / "video.zarr", store / "regions.zarr", RegionSettings())
    with open_regions(store / "regions.zarr") as regions:
        regions.load()
    assert regions.attrs["settings"] == RegionSettings().model_dump_json()
    for name in GROUPINGS:
        assert regions[name].dims == ("frame", "y", "x")
        assert regions[name].shape == (3, 32, 64)
        assert regions[name].dtype == np.int32
        assert regions[name].min() == 0
    assert [int(regions[name].max()) + 1 for name in GROUPINGS] == [7, 32, 32, 32]
    for key, variable in regions.variables.items():
        assert variable.attrs.get("long_name"), key
    for key, values in regions.data_vars.items():
        assert values.attrs.get("units"), key
        assert values.attrs.get("description"), key
    names = ["horse 1", "cat 2", "person 3", "person 4", "cup 5", "cup 6", "unlabelled"]
    assert regions["instances_name"].values.tolist() == names
    prepare_regions(store / "video.zarr", store / "again.zarr", RegionSettings())
    xr.testing.assert_identical(regions, open_regions(store / "again.zarr").load())


def test_what_is_no_store_of_regions_is_named(tmp_path: Path, store: Path) -> None:
    with pytest.raises(InputError, match="There is no store"):
        open_regions(tmp_path / "none.zarr")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is not a Zarr store of format 'regions'"):
        open_regions(tmp_path / "empty")
    with pytest.raises(InputError, match="format 'video', version 1, expected 'regions'"):
        open_regions(store / "video.zarr")


def test_nothing_is_left_when_it_fails(tmp_path: Path, store: Path) -> None:
    with pytest.raises(InputError, match="A grid of 99 x 1 cells does not fit on frames of 32 x 64 pixels"):
        prepare_regions(store / "video.zarr", tmp_path / "regions.zarr", RegionSettings(grid=(99, 1)))
    assert not list(tmp_path.iterdir())


def test_colours_are_told_apart_and_sorted_from_dark_to_bright() -> None:
    palette = np.array([[0.9, 0.9, 0.8], [0, 0, 0.1], [0.5, 0, 0]])
    which = RNG.integers(0, 3, (2, 9, 8))
    noisy = palette[which] + RNG.normal(0, 0.01, (2, 9, 8, 3))
    regions = build_regions(video(noisy), RegionSettings(rgb=3, gabor=2, grid=(1, 1)))
    assert (regions["rgb"].values == np.array([2, 0, 1])[which]).all()
    np.testing.assert_allclose(regions["rgb_colour"], palette[[1, 2, 0]], atol=0.02)
    assert "instances" not in regions


def test_every_pixel_goes_to_the_nearest_centre() -> None:
    frames = RNG.random((2, 12, 16, 3)).astype(np.float32)
    regions = build_regions(video(frames), RegionSettings(rgb=5, gabor=4, grid=(1, 1)))
    distance = ((frames[..., None, :] - regions["rgb_colour"].values) ** 2).sum(-1)
    chosen = np.take_along_axis(distance, regions["rgb"].values[..., None], -1)[..., 0]
    np.testing.assert_allclose(chosen, distance.min(-1), atol=1e-6)


def test_a_flat_video_has_as_many_clusters_as_values() -> None:
    flat = np.concatenate([np.full((1, 6, 8, 3), 0.2), np.full((1, 6, 8, 3), 0.7)])
    regions = build_regions(video(flat), RegionSettings(grid=(2, 2)))
    assert np.unique(regions["rgb"]).tolist() == [0, 1]
    assert regions.sizes["rgb_region"] == 2
    assert regions.sizes["gabor_region"] <= 32


def test_gabor_magnitudes_are_those_of_scikit_image() -> None:
    shape = (20, 30)
    grey = RNG.random(shape)
    bank = [(angle, frequency) for angle in (0, np.pi / 4, 2.0) for frequency in (0.05, 0.25, 0.5)]
    found = gabor_magnitudes(grey, bank)
    assert found.shape == (*shape, len(bank))
    for at, (angle, frequency) in enumerate(bank):
        expected = np.hypot(*gabor(grey, frequency, theta=angle))
        np.testing.assert_allclose(found[..., at], expected, atol=1e-12)


def test_an_image_much_smaller_than_the_filter_is_mirrored_again_and_again() -> None:
    """By the definition: scipy's convolution, and so scikit-image, is off where the filter reaches twice as far."""
    grey, kernel = RNG.random((7, 5)), gabor_kernel(0.05, theta=1.0)
    rows, columns = (np.arange(-(k // 2), n + k // 2) for n, k in zip(grey.shape, kernel.shape, strict=True))
    mirrored = grey[np.minimum(rows % 14, 13 - rows % 14)[:, None], np.minimum(columns % 10, 9 - columns % 10)]
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, kernel.shape)
    expected = abs((windows * kernel[::-1, ::-1]).sum((2, 3)))
    np.testing.assert_allclose(gabor_magnitudes(grey, [(1.0, 0.05)])[..., 0], expected, atol=1e-12)


def test_a_wave_answers_to_its_own_filter() -> None:
    x = np.indices((64, 64))[1]
    bank = [(angle, frequency) for frequency in (0.05, 0.25) for angle in (0, np.pi / 2)]
    for at, frequency in ((0, 0.05), (2, 0.25)):
        response = gabor_magnitudes(np.sin(2 * np.pi * frequency * x), bank)[16:-16, 16:-16].mean((0, 1))
        assert response.argmax() == at


def test_textures_are_told_apart() -> None:
    """Stripes along and across, of one mean colour, and nothing."""
    y, x = np.indices((32, 96))
    grey = 0.5 + 0.3 * np.where(x < 32, np.sin(x * np.pi / 2), np.where(x < 64, 0, np.sin(y * np.pi / 2)))
    regions = build_regions(video(grey[None, ..., None].repeat(3, -1)), RegionSettings(gabor=3, rgb=2, grid=(1, 1)))
    inside = [regions["gabor"].values[0, 8:-8, at : at + 12] for at in (10, 42, 74)]
    assert [len(np.unique(part)) for part in inside] == [1, 1, 1]
    labels = [int(part[0, 0]) for part in inside]
    assert labels[1] == 0, "the flat area is the weakest"
    assert sorted(labels) == [0, 1, 2]


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_grid_cells_are_rectangles_of_nearly_equal_size(height: int, width: int, data: Any) -> None:
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    labels = grid_labels((height, width), (rows, columns))
    assert np.unique(labels).tolist() == list(range(rows * columns))
    sizes = []
    for label in range(rows * columns):
        y, x = np.nonzero(labels == label)
        sizes.append((np.ptp(y) + 1, np.ptp(x) + 1))
        assert len(y) == sizes[-1][0] * sizes[-1][1]
    assert (np.ptp(np.array(sizes), axis=0) <= 1).all()


def test_things_one_by_one_stuff_by_class_and_the_rest() -> None:
    segments = ((7, "sky", False), (3, "cat", True), (9, "sky", False), (4, "cat", True), (5, "grass", False))
    found = instance_regions(
        masked([[7, 3, 9, 0, 4], [4, 0, 0, 5, 7], [0, 0, 0, 0, 0]], [True, True, False], *segments)
    )
    assert found["name"].values.tolist() == ["cat 3", "cat 4", "sky", "grass", "unlabelled"]
    assert found["category"].values.tolist() == ["cat", "cat", "sky", "grass", "unlabelled"]
    assert found["isthing"].values.tolist() == [True, True, False, False, False]
    assert found["label"].values[:, 0].tolist() == [[2, 0, 2, 4, 1], [1, 4, 4, 3, 2], [-1] * 5]


def test_masks_that_leave_nothing_out_have_no_rest() -> None:
    found = instance_regions(masked([[3, 4], [4, 4]], [True, True], (3, "cat", True), (4, "dog", True)))
    assert found["name"].values.tolist() == ["cat 3", "dog 4"]
    assert found["label"].values[:, 0].tolist() == [[0, 1], [1, 1]]


def test_a_video_without_masks_has_no_instances(write_folder: Any, settings: Any) -> None:
    plain = build_video(settings(write_folder(pictures(3)), resolution="6x10"))
    regions = build_regions(plain, RegionSettings(grid=(2, 3)))
    assert set(GROUPINGS) - set(regions) == {"instances"}


@pytest.mark.parametrize("drop", [[], ["instances", "annotated", "segment_id", "category", "isthing"]])
def test_a_picture_of_all_groupings(store: Path, drop: list[str]) -> None:
    source = open_video(store / "video.zarr").load().drop_vars(drop)
    figure = contact_sheet_of_regions(build_regions(source, RegionSettings()), source, "collage")
    rows = 4 if drop else 5
    assert len([axis for axis in figure.axes if axis.images]) == 3 * rows
    texts = {text.get_text() for axis in figure.axes for text in axis.texts}
    if not drop:
        assert {str(number) for number in range(1, 7)} <= texts, "instances are numbered"
    assert texts >= {"frame", "rgb (32)", "gabor (32)", "grid (32)"}
    assert ("instances (7)" in texts) == (not drop)
    if not drop:
        partly = source.assign(annotated=("frame", [True, False, True]))
        figure = contact_sheet_of_regions(build_regions(partly, RegionSettings()), partly, "collage")
        shown = [int(source["source_frame"][at]) for at in (0, 2)]
        assert [axis.get_title() for axis in figure.axes if axis.get_title()] == [f"frame {at}" for at in shown]
        none = source.assign(annotated=("frame", [False] * 3))
        figure = contact_sheet_of_regions(build_regions(none, RegionSettings()), none, "collage")
        assert "not annotated" in {text.get_text() for axis in figure.axes for text in axis.texts}


def test_gabor_clusters_have_colours_of_their_own(store: Path) -> None:
    regions = build_regions(open_video(store / "video.zarr").load(), RegionSettings())
    colours = _gabor_colours(regions)
    assert colours.shape == (32, 3)
    assert (colours.min(), colours.max()) >= (0, 0)
    assert colours.max() <= 1
    assert len(np.unique(colours.round(3), axis=0)) == 32
    response, angles = regions["gabor_response"].values, regions["orientation"].values
    strongest = [max(set(angles), key=lambda angle: float(row[angles == angle].sum())) for row in response]
    hues = {angle: {int(np.ptp(colours[k]) and colours[k].argmax()) for k in range(32) if strongest[k] == angle}
            for angle in set(strongest)}  # fmt: skip
    assert all(len(own) == 1 for own in hues.values()), "one hue an orientation"
