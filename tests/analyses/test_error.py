"""The worst tiles by brute force, errors by hand, and networks with and without a fault."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.ablated import scale
from tests.helpers.subjects import SETTINGS, Make
from xinc.analyses.error.compute import table
from xinc.analyses.error.tiles import box, worst_tiles
from xinc.analyses.making import make_analysis
from xinc.analyses.plot import plot_all
from xinc.errors import InputError
from xinc.models.base import INR
from xinc.models.storage import build


@dataclass
class Given:
    model: INR
    video: xr.Dataset


def explained(model: INR, images: np.ndarray, **settings: Any) -> xr.Dataset:
    video = xr.Dataset({"frames": (("frame", "y", "x", "channel"), images)}, {"frame": range(len(images))})
    chosen = {"probes": 4, "tile": 8, "candidates": 6} | settings
    return make_analysis("error", chosen).compute(Given(model, video))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def nerv() -> INR:
    return build("nerv", SETTINGS["nerv"] | {"widths": [5, 4, 4]}, (32, 64), range(4), 4, seed=3).eval()


@pytest.fixture(scope="module")
def frames(nerv: INR) -> np.ndarray:
    """What the network represents, but for noise of 40 dB; the third frame has more of it in its first tile."""
    images = np.stack([nerv.reconstruct(frame).permute(1, 2, 0).numpy() for frame in nerv.frames])
    noise = np.random.default_rng(0).normal(0, 0.01, images.shape).astype(np.float32)
    noise[2, :8, :8] *= 2
    return images + noise


def test_no_neuron_is_to_blame(nerv: INR, frames: np.ndarray) -> None:
    result = explained(nerv, frames)
    assert result.attrs["named"] == 0
    assert result.attrs["verdict"].startswith("No neuron stands out here: ")
    assert not result["stands_out"].any()
    assert result["looked_at"].values[0] == 2
    assert result["region"].values[:2].tolist() == ["frame 2", "frame 2, rows 0–7, columns 0–7"]
    assert result["mask"].values[1, :8, :8].all()
    assert result["mask"].values[1].sum() == 64


@pytest.mark.parametrize(("layer", "i", "j", "factor"), [("block2", 1, 6, 4.0), ("head", 2, 1, -1.0)])
def test_a_planted_fault_is_named(nerv: INR, frames: np.ndarray, layer: str, i: int, j: int, factor: float) -> None:
    faulty = copy.deepcopy(nerv)
    scale(faulty, layer, factor, i, j)
    result = explained(faulty, frames, frames=1)
    assert result.attrs["named"] > 0
    assert f"{layer}, neuron " in result.attrs["verdict"]
    assert f"(from channel {i} to {j}) stands out; " in result.attrs["verdict"]
    found = table(result)
    first = found[found["candidate"] == 0].iloc[0]
    assert (first["layer"], first["in_channel"], first["out_channel"]) == (layer, i, j)
    assert first["stands_out"]
    assert first["gain"] >= 0.05
    assert len(found) == result.sizes["region"] * result.sizes["candidate"]


def test_errors_are_those_of_quality(subjects: Make) -> None:
    for name in SETTINGS:
        subject = subjects(name)
        result = make_analysis("error", {"probes": 2, "candidates": 3}).compute(subject)
        quality = make_analysis("quality").compute(subject)
        np.testing.assert_allclose(result["frame_psnr"], quality["psnr"], atol=1e-4)
        by_hand = -10 * np.log10(result["squared_error"].astype(float).mean(("y", "x")))
        np.testing.assert_allclose(result["frame_psnr"], by_hand, atol=1e-4)
        assert result["squared_error"].sizes["frame"] == len(subject.model.frames)
        worst = result["frame_psnr"].sel(frame=result["looked_at"]).values
        assert worst.tolist() == sorted(result["frame_psnr"].values)[:2]
        for region, mask in zip(result["region"].values, result["mask"].values, strict=True):
            one = result.sel(region=region)
            error = result["squared_error"].sel(frame=one["region_frame"]).values[mask].mean(dtype=float)
            assert float(one["psnr"]) == pytest.approx(-10 * np.log10(error), abs=1e-4)


@pytest.mark.slow
def test_a_video_without_anything(nerv: INR) -> None:
    """A black video, of which the network makes a black picture, and then a grey one."""
    flat = copy.deepcopy(nerv)
    with torch.no_grad():
        for layer in flat.layer_names():
            scale(flat, layer, 0.0)
        flat.head.bias.fill_(-200.0)
    black = np.zeros((4, 32, 64, 3), np.float32)
    result = explained(flat, black)
    assert result["frame_psnr"].values.tolist() == [200] * 4
    assert result["region"].values.tolist() == ["frame 0", "frame 1"]
    assert set(result["verdict"].values) == {"There is no error to explain."}
    grey = explained(flat, black + 0.5)
    assert grey["frame_psnr"].values == pytest.approx([6.02] * 4, abs=0.01)
    assert grey["region"].values.tolist() == ["frame 0", "frame 1"]  # all tiles are alike
    assert all("none of the 6 likeliest gains anything" in one for one in grey["verdict"].values)
    for one in (result, grey):
        assert set(make_analysis("error").plot(one)) == {"all"}


def test_frames_that_are_looked_at(nerv: INR, frames: np.ndarray) -> None:
    few = {"probes": 2, "candidates": 2, "tiles": 0}
    assert explained(nerv, frames, frames=[3, 2], **few)["looked_at"].values.tolist() == [2, 3]
    assert explained(nerv, frames, frames="all", **few)["region"].size == 4
    assert explained(nerv, frames, frames=9, **few)["region"].size == 4
    with pytest.raises(InputError, match="Frames 7 were asked for, but the network has frames 0-3"):
        explained(nerv, frames, frames=[7], **few)
    assert np.isnan(explained(nerv, frames, frames=1, others=0, **few)["elsewhere"]).all()


def by_brute_force(error: np.ndarray, side: int, share: float, count: int) -> list[np.ndarray]:
    height, width = error.shape
    tiles = {
        (y, x): error[y : y + side, x : x + side].mean() for y in range(0, height, side) for x in range(0, width, side)
    }
    left, found = dict(tiles), []
    while len(found) < count and max(left.values(), default=0) > 0:
        worst = max(left, key=lambda tile: (left[tile], -tile[0], -tile[1]))
        area, edge = {worst}, [worst]
        while edge:
            y, x = edge.pop()
            for near in ((y + side, x), (y - side, x), (y, x + side), (y, x - side)):
                if near in left and near not in area and left[near] >= share * left[worst]:
                    area.add(near)
                    edge.append(near)
        if len(area) == len(tiles):
            break
        mask = np.zeros(error.shape, bool)
        for y, x in area:
            mask[y : y + side, x : x + side] = True
            del left[y, x]
        found.append(mask)
    return found


@given(
    st.integers(1, 9), st.integers(1, 12), st.integers(1, 5), st.sampled_from([0.3, 0.75, 1.0]), st.integers(0, 2**31)
)
def test_worst_tiles(height: int, width: int, side: int, share: float, seed: int) -> None:
    # Whole numbers: means of equal tiles are equal, however they are added up.
    error = np.random.default_rng(seed).integers(0, 4, (height, width)).astype(np.float64) ** 2
    found, expected = worst_tiles(error, side, share, 3), by_brute_force(error, side, share, 3)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        rows, columns = np.nonzero(one)
        assert box(one) == (rows.min(), rows.max(), columns.min(), columns.max())
    assert (np.sum(found, axis=0) <= 1).all() if found else True


@pytest.mark.slow
def test_the_figure_says_who(nerv: INR, frames: np.ndarray) -> None:
    faulty = copy.deepcopy(nerv)
    scale(faulty, "head", -1.0, 2, 1)
    result = explained(faulty, frames)
    figure = make_analysis("error").plot(result)["all"]
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    number = int(table(result)["number"].iloc[0])
    assert str(number) in texts
    assert any("(from channel 2 to 1) stands out; " in " ".join(text.split()) for text in texts)
    assert len([axis for axis in figure.axes if axis.images]) == 6
    one = make_analysis("error", {"shown": 1}).plot(result)["all"]
    assert len([axis for axis in one.axes if axis.images]) == 3
    # On a slide pictures stand beside the charts: below each other, there is room for tiny ones.
    slide = plot_all(result.assign_attrs(analysis="error"), "slide")["all"]
    pictures = [axis.get_position() for axis in slide.axes if axis.images]
    assert slide.get_figheight() <= 7.5
    assert min(place.width for place in pictures) * slide.get_figwidth() > 1.5


def test_the_table(nerv: INR, frames: np.ndarray) -> None:
    result = explained(nerv, frames, candidates=4)
    found = table(result)
    assert isinstance(found, pd.DataFrame)
    row = found[(found["region"] == "frame 2") & (found["candidate"] == 3)].iloc[0]
    one = result.sel(region="frame 2", candidate=3)
    place = int(one["place"])
    for name in ("error_change", "error_change_error", "alignment", "cosine"):
        assert row[name] == pytest.approx(float(result[name].sel(region="frame 2", neuron=place)))
    assert (row["layer"], row["number"]) == (str(result["layer"].values[place]), int(result["number"][place]))
    assert row["gain"] == pytest.approx(float(one["gain"]))
