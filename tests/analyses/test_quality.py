"""PSNR, SSIM and bits per pixel, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from tests.helpers.subjects import Make
from xinc.analyses.making import make_analysis


@dataclass
class Network:
    """What `quality` asks of a network, with the images given."""

    images: dict[int, np.ndarray]
    count: int = 640
    name: str = "given"
    output_activation: str = "identity"
    resolution: tuple[int, int] = (8, 10)
    frames: tuple[int, ...] = field(init=False)
    outcome: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.frames = tuple(self.images)

    def reconstruct(self, frame: int) -> torch.Tensor:
        return torch.from_numpy(self.images[frame]).permute(2, 0, 1)

    def parameter_count(self) -> int:
        return self.count


@dataclass
class Given:
    model: Any
    video: xr.Dataset
    history: pd.DataFrame | None = None


@pytest.fixture
def video() -> xr.Dataset:
    frames = np.random.default_rng(0).random((5, 8, 10, 3)).astype(np.float32)
    return xr.Dataset({"frames": (("frame", "y", "x", "channel"), frames)}, {"frame": range(5)})


@pytest.fixture
def quality(video: xr.Dataset) -> Callable[..., xr.Dataset]:
    def compute(images: dict[int, np.ndarray], **settings: Any) -> xr.Dataset:
        return make_analysis("quality", settings).compute(Given(Network(images), video))  # type: ignore[arg-type]

    return compute


@pytest.mark.parametrize("shown", [1, 2, 4])
def test_no_line_joins_frames_of_different_networks(video: xr.Dataset, quality: Any, shown: int) -> None:
    result = quality({f: video["frames"].values[f] * 0.9 for f in range(4)}, show=shown)
    for shared, line in ((True, "-"), (False, "None")):
        figure = make_analysis("quality", {"show": shown}).plot(result.assign_attrs(shared_weights=shared))["all"]
        (psnr,) = [axis for axis in figure.axes if axis.get_xlabel() == "frame"]
        assert psnr.get_lines()[0].get_linestyle() == line
        assert len([axis for axis in figure.axes if axis.images]) == 3 * shown
        labels = {axis.get_xlabel() for parent in figure.axes for axis in parent.child_axes}
        assert ("|error|, one scale for all" if shown > 2 else "|error|") in labels


def test_the_worst_frame_is_shown(video: xr.Dataset, quality: Any) -> None:
    """In the place of the nearest of those evenly spread, with its own reconstruction."""
    images = {f: video["frames"].values[f] * (0.5 if f == 3 else 0.9) for f in range(5)}
    shown = {1: [3], 2: [0, 3], 5: [0, 1, 2, 3, 4]}
    for count, frames in shown.items():
        result = quality(images, show=count)
        assert result["shown"].values.tolist() == frames
        np.testing.assert_allclose(result["reconstruction"].sel(shown=3), images[3], atol=1e-6)
    figure = make_analysis("quality").plot(quality(images, show=4))["all"]
    assert [axis.get_title() for axis in figure.axes if axis.get_title().endswith("the worst")] == [
        f"{float(quality(images)['psnr'].sel(frame=3)):.2f} dB, the worst"
    ]


def test_psnr_of_known_errors(video: xr.Dataset, quality: Any) -> None:
    """A constant error e gives −20 log10 e; the mean is over frames, not that of the mean error."""
    grey = video["frames"].values * 0.5 + 0.25
    video["frames"].values[:] = grey
    result = quality({1: grey[1] + np.float32(0.1), 3: grey[3] - np.float32(0.01)})
    np.testing.assert_allclose(result["psnr"], [20, 40], atol=1e-3)
    assert float(result["mean_psnr"]) == pytest.approx(30, abs=1e-3)
    of_mean_error = -10 * np.log10((0.1**2 + 0.01**2) / 2)
    assert abs(float(result["mean_psnr"]) - of_mean_error) > 5
    assert result["frame"].values.tolist() == [1, 3]
    assert result["psnr"].attrs["units"] == "dB"


def test_colours_are_clamped_first(video: xr.Dataset, quality: Any) -> None:
    video["frames"].values[0], video["frames"].values[1] = 0.0, 1.0
    result = quality({0: video["frames"].values[0] - 3, 1: video["frames"].values[1] + 0.5})
    assert (result["psnr"] >= 190).all()
    assert np.isfinite(result["psnr"]).all()
    assert float(result["reconstruction"].min()) == 0
    assert float(result["reconstruction"].max()) == 1


def test_ssim(video: xr.Dataset, quality: Any) -> None:
    frames = video["frames"].values
    noise = np.random.default_rng(1).normal(0, 0.2, frames[1].shape).astype(np.float32)
    result = quality({0: frames[0], 1: frames[1] + noise, 2: 1 - frames[2]})
    assert float(result["ssim"][0]) == pytest.approx(1)
    assert 0 < float(result["ssim"][1]) < 0.99
    assert float(result["ssim"][2]) < 0
    assert float(result["mean_ssim"]) == pytest.approx(float(result["ssim"].mean()))


def test_ssim_of_flat_frames_by_its_formula(video: xr.Dataset, quality: Any) -> None:
    """Without variance, SSIM is (2ab + c) / (a² + b² + c) with c = 0.01²."""
    video["frames"].values[0] = 0.4
    result = quality({0: np.full((8, 10, 3), 0.6, np.float32)})
    c = 0.01**2
    assert float(result["ssim"][0]) == pytest.approx((2 * 0.4 * 0.6 + c) / (0.4**2 + 0.6**2 + c), abs=1e-5)


def test_bits_per_pixel(video: xr.Dataset, quality: Any) -> None:
    """640 parameters for 2 frames of 8 × 10 pixels are 4 a pixel."""
    frames = video["frames"].values
    result = quality({0: frames[0], 4: frames[4]}, bits=[32, 8, 1])
    assert result["bits_per_pixel"].values.tolist() == [128, 32, 4]
    assert result["bits"].values.tolist() == [32, 8, 1]
    assert "bits per stored parameter" in result["bits_per_pixel"].attrs["description"]
    assert result.attrs["parameters"] == 640


def test_the_papers_pair_has_equal_budgets() -> None:
    from xinc.models.storage import build

    nerv = build("nerv", {"strides": [4, 2, 2], "size": 1e6}, (128, 256), range(30), 30).parameter_count()
    ffn = build("ffn", {}, (128, 256), [0], 30).parameter_count()
    assert nerv == 978557
    assert ffn == 32971
    assert nerv / 30 / ffn == pytest.approx(1, abs=0.02)


def test_the_variance_explained(video: xr.Dataset, quality: Any) -> None:
    """1 of the frames themselves, 0 of their mean colours, 1 − w² if w of a mean colour is mixed in; of all frames."""
    frames = video["frames"].values
    plain = np.broadcast_to(frames.mean((1, 2), keepdims=True), frames.shape)
    for weight in (0, 0.3, 1, 1.4):
        mixed = frames + np.float32(weight) * (plain - frames)
        # Clamping would come between: the frames are grey enough.
        inner = video.assign(frames=video["frames"] * 0 + (0.3 + 0.3 * frames))
        network = Network({f: 0.3 + 0.3 * mixed[f] for f in (0, 3)})
        result = make_analysis("quality").compute(Given(network, inner))  # type: ignore[arg-type]
        assert float(result["explained"]) == pytest.approx(1 - weight**2, abs=1e-5)
    one_flat = {0: frames[0], 1: np.zeros_like(frames[1]) + 0.5}
    video["frames"].values[1] = 0.5
    assert float(quality(one_flat)["explained"]) == pytest.approx(1)


def test_frames_of_one_colour_have_no_variance(video: xr.Dataset, quality: Any) -> None:
    """Up to half a step of 8 bits, which nobody sees."""
    noise = np.random.default_rng(0).choice([-1, 1], video["frames"].shape)
    for step, known in ((0, False), (0.4 / 255, False), (0.6 / 255, True)):
        video["frames"].values[:] = 0.5 + step * noise
        assert np.isfinite(float(quality({0: video["frames"].values[0]})["explained"])) == known


def test_frames_shown(video: xr.Dataset, quality: Any) -> None:
    images = {f: video["frames"].values[f] for f in (0, 1, 2, 4)}
    assert quality(images, show=2)["shown"].values.tolist() == [0, 2]
    assert quality(images, show=9)["shown"].values.tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize("size", [(3, 40), (6, 5), (7, 7)])
def test_small_frames_have_an_ssim(size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).random((1, *size, 3)).astype(np.float32)
    video = xr.Dataset({"frames": (("frame", "y", "x", "channel"), frames)}, {"frame": [0]})
    network = Network({0: frames[0]}, resolution=size)
    assert float(make_analysis("quality").compute(Given(network, video))["ssim"][0]) == pytest.approx(1)  # type: ignore[arg-type]


def test_a_real_network_and_its_history(subjects: Make) -> None:
    result = make_analysis("quality").compute(subjects("ffn"))
    assert result["training_psnr"].values.tolist() == [10, 13.01]
    assert result["epoch"].values.tolist() == [1, 2]
    assert result.attrs["training_ended_by"] == "epochs"
    assert result.attrs["architecture"] == "ffn"
    assert result.attrs["output_activation"] == "identity"
    assert not [name for name in result if "seconds" in str(name)], "the same network has the same result"
    subject = subjects("ffn")
    image = subject.model.reconstruct(3).clamp(0, 1).permute(1, 2, 0).numpy()
    error = np.square(image.astype(float) - subject.video["frames"].sel(frame=3).values).mean()
    assert float(result["psnr"].sel(frame=3)) == pytest.approx(-10 * np.log10(error))


def test_what_ended_a_training_is_said(subjects: Make) -> None:
    subject = subjects("nerv")
    subject.model.outcome["stopped"] = "time_budget"
    quality = make_analysis("quality")
    result = quality.compute(subject)
    assert result.attrs["training_ended_by"] == "time_budget"
    titles = [axes.get_title() for part in quality.plot(result)["all"].subfigs for axes in part.axes]
    assert "training, ended by time_budget" in titles


def test_a_network_without_history(subjects: Make) -> None:
    result = make_analysis("quality").compute(subjects("nerv", history=False))
    assert "training_psnr" not in result
    assert set(make_analysis("quality").plot(result)) == {"all"}
