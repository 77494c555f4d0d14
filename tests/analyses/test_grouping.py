"""Variances of grouped contributions and their null, against plain numpy and np.roll."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.helpers.made_groups import cells, made
from tests.helpers.subjects import Make
from xinc.analyses.grouping import Grouping
from xinc.analyses.grouping.compute import frames_of
from xinc.analyses.grouping.variances import near_equal_cells
from xinc.analyses.making import make_analysis
from xinc.canvas.reductions import execute
from xinc.statistics.label_shifts import Shifts
from xinc.video.regions import RegionSettings, grid_labels, open_regions, prepare_regions

GROUPINGS = ["instances", "rgb", "gabor", "grid"]
RNG = np.random.default_rng(0)


def plain_variance(magnitude: np.ndarray, labels: np.ndarray) -> float:
    """Section 4.2, word for word."""
    deltas = []
    for k in np.unique(labels[labels >= 0]):
        expected = (labels == k).sum() / labels.size * magnitude.sum()
        deltas.append((expected - magnitude[labels == k].sum()) / expected)
    return float(np.var(deltas, ddof=1)) if len(deltas) > 1 else float("nan")


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", ["nerv", "ffn"])
def test_against_plain_numpy(subjects: Make, tmp_path: Path, model: str, layout: str) -> None:
    subject = subjects(model, layout)
    prepare_regions(subject.video_path, tmp_path / "regions.zarr", RegionSettings(rgb=5, gabor=4, grid=(2, 4)))
    subject.__dict__["regions"] = open_regions(tmp_path / "regions.zarr")
    result = make_analysis("grouping", {"neurons": 3}).compute(subject)
    assert result["grouping"].values.tolist() == GROUPINGS
    assert result["layer"].values.tolist() == list(subject.canvas)
    for layer, data in subject.canvas.items():
        one = result.sel(layer=layer)
        assert int(one["neurons"]) == data.sizes["neuron"]
        for frame in result["frame"].values:
            maps = abs(data["contribution"].sel(frame=frame).values.astype(float))
            assert int(one["dead"].sel(frame=frame)) == (maps.sum((1, 2)) == 0).sum()
            for grouping in GROUPINGS:
                labels = subject.regions[grouping].sel(frame=frame).values
                expected = [plain_variance(m, labels) if m.any() else np.nan for m in maps]
                found = one["variance"].sel(frame=frame, grouping=grouping).values
                np.testing.assert_allclose(found[: len(maps)], expected, rtol=1e-3, atol=1e-7)
                assert np.isnan(found[len(maps) :]).all()
                cells_alike = near_equal_cells(labels.shape, int(result["regions"].sel(frame=frame, grouping=grouping)))
                expected = [plain_variance(m, cells_alike) if m.any() else np.nan for m in maps]
                found = one["same_count_variance"].sel(frame=frame, grouping=grouping).values
                np.testing.assert_allclose(found[: len(maps)], expected, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(result["std"] ** 2, result["variance"])


def test_one_pass_a_layer_and_frame(subjects: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all label maps, and grids of as many cells as they have regions; a grid that is one of them is none more."""
    subject = subjects("nerv")
    prepare_regions(subject.video_path, tmp_path / "regions.zarr", RegionSettings(rgb=5, gabor=4, grid=(2, 4)))
    subject.__dict__["regions"] = open_regions(tmp_path / "regions.zarr")
    asked = []
    plain = execute._on_cpu
    monkeypatch.setattr(execute, "_on_cpu", lambda *given: asked.append(given[2]) or plain(*given))
    result = make_analysis("grouping", {"neurons": 3}).compute(subject)
    assert len(asked) == len(subject.canvas) * result.sizes["frame"]
    assert all({one.kernel for one in reductions} == {"region_sums"} for reductions in asked)
    assert {len(reductions) for reductions in asked} <= set(range(len(GROUPINGS), 2 * len(GROUPINGS)))


@pytest.mark.parametrize("size", [(16, 32), (64, 128), (63, 100)])
def test_a_grid_of_any_number_of_near_equal_rectangles(size: tuple[int, int]) -> None:
    for count in range(1, 41):
        labels = near_equal_cells(size, count)
        areas = np.bincount(labels.ravel())
        assert len(areas) == count
        assert areas.min() > 0
        boxes = [[axis.max() - axis.min() + 1 for axis in np.nonzero(labels == k)] for k in range(count)]
        assert [h * w for h, w in boxes] == areas.tolist(), "cells are rectangles"
        # As far as whole pixels allow it.
        side = 1 / min(min(box) for box in boxes)
        assert abs(areas / areas.mean() - 1).max() < 2 * side
    if size[1] == 2 * size[0]:
        np.testing.assert_array_equal(near_equal_cells(size, 32), grid_labels(size, (4, 8)))
        np.testing.assert_array_equal(near_equal_cells(size, 8), grid_labels(size, (2, 4)))


def test_every_grouping_is_compared_with_a_grid_of_as_many_cells() -> None:
    labels = {"instances": RNG.integers(-1, 3, (8, 16)), "rgb": RNG.integers(0, 5, (8, 16)), "grid": cells()}
    maps = RNG.random((7, 8, 16)) ** 2
    maps[2], maps[3] = 0, 0.2
    analysis = make_analysis("grouping", {"shifts": 9})
    result = analysis.compute(made(labels, a=maps)).sel(frame=0, layer="a")
    table = analysis.table(analysis.compute(made(labels, a=maps)))
    assert table is not None
    for grouping, count in (("instances", 3), ("rgb", 5), ("grid", 8)):
        assert int(result["regions"].sel(grouping=grouping)) == count
        alike = near_equal_cells((8, 16), count)
        own, other = (
            np.array([plain_variance(m, one) for m in np.delete(maps, [2, 3], 0).astype(np.float32).astype(float)])
            for one in (labels[grouping], alike)
        )
        found = result["same_count_variance"].sel(grouping=grouping).values
        np.testing.assert_allclose(np.delete(found, [2, 3]), other, rtol=1e-4)
        assert np.isnan(found[2])
        assert found[3] == 0
        ratio = float(np.median(np.sqrt(own / other)))
        assert float(result["over_same_count"].sel(grouping=grouping)) == pytest.approx(ratio, rel=1e-4)
        row = table[table["grouping"] == grouping].iloc[0]
        assert row["over_same_count"] == pytest.approx(ratio, rel=1e-4)
        assert row["same_count_variance_median"] == pytest.approx(np.median([*other, 0]), rel=1e-4)
    assert float(result["over_same_count"].sel(grouping="grid")) == 1


def test_null_against_rolled_labels() -> None:
    labels = RNG.integers(-1, 4, (5, 7))
    labels[labels == 2] = 3
    magnitude = RNG.random((5, 7)) ** 3
    found = Shifts(labels).variances(magnitude)
    rolled = [plain_variance(magnitude, np.roll(labels, (dy, dx), (0, 1))) for dy in range(5) for dx in range(7)]
    np.testing.assert_allclose(found, rolled, rtol=1e-9)


@pytest.mark.parametrize("labels", [np.zeros((3, 4), int), np.full((3, 4), -1)])
def test_null_of_fewer_than_two_regions_is_undefined(labels: np.ndarray) -> None:
    assert np.isnan(Shifts(labels).variances(RNG.random((3, 4)))).all()


def test_standing_of_sampled_neurons_against_rolled_labels() -> None:
    maps = RNG.random((3, 8, 16)) ** 2
    labels = {"rgb": RNG.integers(0, 5, (8, 16)), "grid": cells()}
    result = make_analysis("grouping", {"neurons": 5, "shifts": "all"}).compute(made(labels, a=maps))
    assert result.attrs["shifts"] == 8 * 16 - 1
    assert result["sampled_neuron"].values.tolist() == [[0, 1, 2, -1, -1]]
    one = result.sel(layer="a", frame=0)
    zs = []
    for n in range(3):
        rolls = [np.roll(labels["rgb"], (dy, dx), (0, 1)) for dy in range(8) for dx in range(16)]
        observed, *null = [plain_variance(maps[n].astype(np.float32).astype(float), label) for label in rolls]
        p = (1 + np.sum(np.array(null) >= observed)) / (1 + len(null))
        zs.append((observed - np.mean(null)) / np.std(null, ddof=1))
        here = one.sel(grouping="rgb").isel(sample=n)
        assert float(here["z"]) == pytest.approx(zs[-1], rel=1e-5)
        assert float(here["p_value"]) == pytest.approx(p)
        assert float(here["percentile"]) == pytest.approx(100 * np.mean(np.array(null) < observed))
    assert one["z"].isel(sample=slice(3, None)).isnull().all()
    assert float(one["median_z"].sel(grouping="rgb")) == pytest.approx(np.median(zs), rel=1e-5)


def test_what_is_tested_and_stated_is_of_the_sampled_neurons() -> None:
    labels = {"rgb": RNG.integers(0, 5, (8, 16)), "grid": cells()}
    result = make_analysis("grouping", {"neurons": 4, "shifts": 9}).compute(
        made(labels, a=RNG.random((12, 8, 16)) ** 4)
    )
    drawn = result["sampled_neuron"].values[0]
    assert len(drawn) == 4
    std = result["std"].sel(layer="a", neuron=drawn).isel(frame=0)
    ratio = std.sel(grouping="rgb") / std.sel(grouping="grid")
    assert float(result["over_grid"].sel(grouping="rgb", layer="a")) == pytest.approx(float(ratio.median()), rel=1e-4)
    high = std.sel(grouping="rgb").values >= np.quantile(std.sel(grouping="rgb").values ** 2, 0.75) ** 0.5
    above = std.sel(grouping="rgb").values > float(std.sel(grouping="grid").max())
    assert float(result["top"].sel(grouping="rgb", layer="a")) == pytest.approx((high & above).sum() / high.sum())
    claims = {claim.name: claim for claim in Grouping.claims()}
    assert float(claims["rgb_over_space"].statistic(result).squeeze()) == float(
        result["over_grid"].sel(grouping="rgb", layer="a")
    )


def test_a_number_of_shifts_is_drawn() -> None:
    labels = {"rgb": RNG.integers(0, 5, (8, 16)), "grid": cells()}
    result = make_analysis("grouping", {"shifts": 9}).compute(made(labels, a=RNG.random((3, 8, 16))))
    assert result.attrs["shifts"] == 9
    assert set((result["p_value"] * 10).round(6).values[result["p_value"].notnull().values]) <= set(range(1, 11))


def test_grid_of_a_shifted_grid_is_degenerate() -> None:
    """Shifts by whole cells give the same regions: the p-value counts these ties against the observed variance."""
    labels = {"grid": cells()}
    peak = np.zeros((1, 8, 16))
    peak[0, 1, 1] = 1
    result = make_analysis("grouping").compute(made(labels, a=peak))
    assert result["p_value"].isel(sample=0).item() == 1
    assert result["z"].isnull().all()
    assert not result["significant"].any()


def test_dead_and_constant_neurons_and_empty_regions() -> None:
    maps = RNG.random((4, 8, 16))
    maps[1], maps[2] = 0, -0.3
    rgb = RNG.integers(0, 3, (8, 16)) * 2
    result = make_analysis("grouping").compute(made({"rgb": rgb, "grid": cells()}, a=maps, none=maps[1:2]))
    one = result.sel(layer="a", frame=0)
    assert (int(one["dead"]), int(one["constant"])) == (1, 1)
    assert one["variance"].sel(neuron=1).isnull().all()
    assert (one["variance"].sel(neuron=2) == 0).all()
    assert one["sampled_neuron"].values[:3].tolist() == [0, 3, -1]
    assert result["regions"].sel(frame=0).values.tolist() == [3, 8]
    none = result.sel(layer="none")
    assert none["dead"].item() == 1
    for name in ("variance", "z", "median_z", "layer_p_value", "share_significant"):
        assert none[name].isnull().all()
    for one_claim in Grouping.claims():
        value = one_claim.statistic(result)
        assert not (value.sel(layer="none") > 0).any(), one_claim.name
    analysis = make_analysis("grouping")
    assert list(analysis.plot(result)) == ["frame0"]
    table = analysis.table(result)
    assert table is not None
    assert len(table) == 2 * 2
    assert {"grouping", "layer", "frame", "std_median", "median_z", "share_significant"} <= set(table.columns)


@pytest.mark.parametrize(("lowest", "below"), [(1e-6, 0), (1e-18, 1)])
def test_the_axis_holds_all_neurons_or_says_how_many_it_does_not(lowest: float, below: int) -> None:
    maps = RNG.random((20, 8, 16))
    result = make_analysis("grouping").compute(made({"rgb": cells(), "gabor": cells(), "grid": cells()}, a=maps))
    result["variance"] = result["variance"].where(result["neuron"] > 0, lowest)
    axis = make_analysis("grouping").plot(result)["frame0"].axes[0]
    low, high = axis.get_ylim()
    drawn = result["variance"].values
    assert high > drawn.max()
    assert (drawn < low).any() == bool(below)
    assert ("5 % below axis" in axis.get_title()) == bool(below)


def test_a_video_without_masks_says_nothing_of_instances() -> None:
    result = make_analysis("grouping").compute(
        made({"rgb": cells(), "gabor": cells(), "grid": cells()}, a=RNG.random((3, 8, 16)), b=RNG.random((3, 8, 16)))
    )
    for one in Grouping.claims():
        assert one.statistic(result).isnull().all() == ("instances" in one.name), one.name


def test_layers_and_frames_are_shifted_together() -> None:
    """Medians over neurons under the same shifts: the p-value of their mean over frames, and of a difference."""
    labels = np.stack([RNG.integers(0, 4, (6, 8)) for _ in range(2)])
    maps = {name: RNG.random((2, 5, 6, 8)) for name in "ab"}
    subject = made({"rgb": labels[0], "grid": cells((6, 8))}, a=maps["a"][0], b=maps["b"][0])
    axes = {"frame": [0, 1], "y": range(6), "x": range(8)}
    grid = np.stack([cells((6, 8))] * 2)
    pixels = ("frame", "y", "x")
    subject.__dict__["regions"] = xr.Dataset({"rgb": (pixels, labels), "grid": (pixels, grid)}, axes)
    subject.__dict__["video"] = xr.Dataset({"frames": ((*pixels, "channel"), np.zeros((2, 6, 8, 3)))}, axes)
    subject.__dict__["canvas"] = {
        name: xr.Dataset({"contribution": (("frame", "neuron", "y", "x"), own)}, axes | {"neuron": range(5)})
        for name, own in maps.items()
    }
    result = make_analysis("grouping", {"shifts": "all"}).compute(subject)
    shifts = [(dy, dx) for dy in range(6) for dx in range(8)]

    def medians(name: str) -> np.ndarray:
        per_frame = []
        for frame in range(2):
            v = np.array(
                [[plain_variance(m, np.roll(labels[frame], s, (0, 1))) for s in shifts] for m in maps[name][frame]]
            )
            z = (v - v[:, 1:].mean(1, keepdims=True)) / v[:, 1:].std(1, ddof=1, keepdims=True)
            per_frame.append(np.median(z, axis=0))
        return np.mean(per_frame, axis=0)

    expected = {name: medians(name) for name in "ab"}
    for name, values in expected.items():
        null = result["median_z_null"].sel(layer=name, grouping="rgb")
        assert float(null.sel(null="p_value")) == pytest.approx(np.mean(values >= values[0] - 1e-9))
        assert float(result["median_z"].sel(layer=name, grouping="rgb").mean()) == pytest.approx(values[0], abs=1e-5)
    progress = expected["b"] - expected["a"]
    assert float(result["progress"].sel(layer="b")) == pytest.approx(progress[0], abs=1e-5)
    p = float(result["progress_null"].sel(layer="b", null="p_value"))
    assert p == pytest.approx(np.mean(progress >= progress[0] - 1e-9))
    assert np.isnan(result["progress"].sel(layer="a"))


def test_frames_with_masks_are_preferred(subjects: Make) -> None:
    subject = subjects("nerv")
    video = subject.video.load()
    subject.__dict__["video"] = video.assign(annotated=("frame", [False, True, False, True]))
    assert frames_of(subject, 2) == [1, 3]
    subject.__dict__["video"] = video.assign(annotated=("frame", [False] * 4))
    assert frames_of(subject, 2) == [0, 2]


def following(labels: np.ndarray, neurons: int = 12, spread: float = 1.0) -> np.ndarray:
    """Neurons that contribute to whole regions, each to some of them."""
    weights = RNG.random((neurons, labels.max() + 1)) ** 3 * spread + 0.01
    out: np.ndarray = weights[:, labels]
    return out
