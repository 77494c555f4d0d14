"""From a video store to model.pt."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from xinc import load_model
from xinc.errors import InputError
from xinc.training.run import train_model
from xinc.training.settings import TrainingSettings
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.store import open_video

TRAINING = TrainingSettings(epochs=4, threads=1, device="cpu")
NERV = {"embed_levels": 4, "strides": [2, 2], "widths": [4, 3, 2]}


@pytest.fixture
def video(tmp_path):
    """Four frames of 8×12, with a gradient that moves."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(4):
        x = np.linspace(0, 255, 12)[None, :, None] * np.array([1, 0.5, number / 4])
        Image.fromarray(np.broadcast_to(x, (8, 12, 3)).astype(np.uint8)).save(folder / f"{number}.png")
    settings = VideoSettings.model_validate({"name": "clip", "source": str(folder), "resolution": [8, 12]})
    prepare_video(settings, tmp_path / "video.zarr")
    return tmp_path / "video.zarr"


def train(video, architecture="nerv", settings=NERV, **more):
    output, history = video.parent / "run" / "model.pt", video.parent / "run" / "history.csv"
    return train_model(video, output, history, architecture, settings, TRAINING, **more), output, history


def test_trained_network_and_history(video):
    record, output, history = train(video, seed=5)
    model = load_model(output)
    assert (model.name, model.seed, model.resolution, model.frames, model.num_frames) == (
        "nerv",
        5,
        (8, 12),
        (0, 1, 2, 3),
        4,
    )
    with open_video(video) as stored:
        frames = stored["frames"].transpose("frame", "channel", "y", "x").values
    for frame, found in enumerate(record.psnr):
        error = model.reconstruct(frame).clamp(0, 1).numpy() - frames[frame]
        assert found == pytest.approx(-10 * np.log10(np.mean(error.astype(float) ** 2)), abs=1e-3)
    with open(history, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "learning_rate", "loss", "psnr", "seconds", "cpu_seconds"]
    for row, kept in zip(rows, record.rows, strict=True):
        assert {key: float(value) for key, value in row.items()} == pytest.approx(kept, rel=1e-8)
    training = torch.load(output, weights_only=True)["training"]
    assert training["settings"]["epochs"] == 4
    assert training["outcome"]["psnr"] == record.psnr
    assert sorted(path.name for path in output.parent.iterdir()) == ["history.csv", "model.pt"]


def test_chosen_frames(video):
    settings = {"fourier_features": 4, "hidden_width": 5}
    record, output, _ = train(video, "ffn", settings, frames=[3, 1])
    model = load_model(output)
    assert model.frames == (3, 1)
    assert model.num_frames == 4
    assert len(record.psnr) == 2


def test_frames_that_the_video_lacks(video):
    with pytest.raises(InputError, match=r"Frames 4 were asked for, but the video .*video.zarr has frames 0-3: choose"):
        train(video, frames=[1, 4])
    with pytest.raises(InputError, match="Frames -1 were asked for"):
        train(video, frames=[-1])


def test_a_network_that_cannot_make_this_video(video):
    with pytest.raises(InputError, match="Resolution 8x12 cannot be produced by strides"):
        train(video, settings={"strides": [5]})
    assert not (video.parent / "run").exists()


def test_a_training_that_fails_leaves_nothing(video):
    strict = TRAINING.model_copy(update={"min_psnr": 99.0})
    output = video.parent / "run" / "model.pt"
    with pytest.raises(InputError, match="below min_psnr 99"):
        train_model(video, output, output.with_suffix(".csv"), "nerv", NERV, strict)
    assert not output.parent.exists()
