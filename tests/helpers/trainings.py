"""Trainings of tiny networks on smooth pictures."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from tests.helpers import stepwise
from xinc.models.storage import build
from xinc.training.run import train_model
from xinc.training.settings import TrainingSettings

RESOLUTION = (8, 12)
SMALL = {
    "ffn": {"fourier_features": 6, "hidden_width": 8, "sigma": 1.0},
    "siren": {"hidden_width": 8, "layers": 3},
    "finer": {"hidden_width": 8, "layers": 3},
    "gauss": {"hidden_width": 8, "layers": 3, "scale": 3.0},
    "wire2d": {"hidden_width": 8, "layers": 3, "omega": 5.0, "scale": 5.0},
    "wire": {"hidden_width": 8, "layers": 3, "omega": 5.0, "scale": 5.0},
    "coinpp": {"hidden_width": 8, "layers": 3, "omega": 20.0, "latent_dim": 4},
    "pemlp": {"frequencies": 3, "hidden_width": 8, "layers": 3},
    "hashgrid": {"levels": 2, "log2_entries": 5, "base_resolution": 4, "hidden_width": 16, "layers": 2},
    "nerv": {"embed_levels": 6, "strides": [2, 2], "widths": [6, 5, 4]},
}
#: Networks that learn frames in batches: some of these, and others that only few tests train.
OF_VIDEOS = ("coinpp", "nerv", *stepwise.SMALL)


def training(**values):
    return TrainingSettings(**{"epochs": 8, "threads": 1, "device": "cpu", "learning_rate": 1e-2, **values})


def make(name, frames=(0, 1, 2), seed=0, **more):
    return build(name, {**(SMALL | stepwise.SMALL)[name], **more}, RESOLUTION, frames, 4, seed)


def targets(frames=(0, 1, 2)):
    """Smooth pictures that a tiny network can learn, (frames, 3, H, W) in [0, 1]."""
    y, x = torch.meshgrid(torch.linspace(0, 1, RESOLUTION[0]), torch.linspace(0, 1, RESOLUTION[1]), indexing="ij")
    return torch.stack([torch.stack([y, x, (x + y + f) / (2 + f)]) for f in frames])


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


NERV = {"fc_dim": 4, "strides": [2, 2], "embed_levels": 4}


def trained(video, place, settings):
    train_model(video, place / "model.pt", place / "history.csv", "nerv", NERV, settings, seed=3)


def kept(checkpoint: Path) -> list[dict[str, float]]:
    """The history in a checkpoint."""
    content = checkpoint.read_bytes().split(b"\n", 1)[1]
    rows: list[dict[str, float]] = torch.load(io.BytesIO(content), weights_only=True)["rows"]
    return rows
