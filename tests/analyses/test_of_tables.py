"""Every analysis of one network, of a hash grid with more numbers in its tables than are looked at one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import xarray as xr

import xinc
from tests.helpers.subjects import QUICK
from tests.helpers.tiers import exhaustive
from xinc.analyses import analyses, few
from xinc.models.base import INR
from xinc.models.storage import build
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings
from xinc.video.prepare import build_video
from xinc.video.settings import VideoSettings

OF_FRAMES = sorted(name for name in analyses if analyses[name].scope == "network" and not analyses[name].across_frames)
FEW: dict[str, dict[str, Any]] = QUICK | {"grouping": {"shifts": 20, "neurons": 5}, "error": {"candidates": 3}}


@pytest.fixture(scope="module")
def video() -> xr.Dataset:
    return build_video(VideoSettings(name="clip", source="example:collage", resolution=(16, 32), count=3))


@pytest.fixture(scope="module")
def model(video: xr.Dataset) -> INR:
    settings = {"levels": 4, "log2_entries": 6, "base_resolution": 4, "hidden_width": 16, "layers": 2}
    found = build("hashgrid", settings, (16, 32), [0, 2], 3)
    frames = video["frames"].sel(frame=[0, 2]).transpose("frame", "channel", "y", "x").values
    fit(found, torch.from_numpy(frames.copy()), TrainingSettings(epochs=40, learning_rate=1e-2, threads=1))
    return found.eval()


@exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("name", OF_FRAMES)
def test_every_analysis(name: str, model: INR, video: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few.few_of, "__defaults__", (0, 100))
    result = xinc.analyse(name, model, video, **FEW.get(name, {}))
    assert result.sizes
    if "layer" in result.dims and "neurons" in result and result["neurons"].dims == ("layer",):
        assert int(result["neurons"].sel(layer="grid")) in (100, sum(p[0].numel() for p in [model.tables]))  # type: ignore[index]
    assert xinc.plot(result) is not None


@exhaustive
@pytest.mark.slow
def test_two_hash_grids_compared(model: INR, monkeypatch: pytest.MonkeyPatch) -> None:
    """With itself: every drawn entry finds itself, by its own number."""
    result = xinc.compare(model, model, max_neurons=50)
    own = result["pair_layer"].values == "grid"
    matched = own & (result["partner"].values >= 0)
    assert matched.any()
    assert int(result["neuron"].values[own].max()) >= 50
    assert result["neurons"].sel(layer="grid").values.tolist() == [model.tables.shape[1]] * 2  # type: ignore[union-attr]
