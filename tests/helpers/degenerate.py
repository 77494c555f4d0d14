"""Networks with nothing to find: of frames of one colour, of random weights, hardly trained; and one with something."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

import xinc
from tests.helpers.subjects import QUICK
from xinc.analyses import analyses
from xinc.analyses.making import make_analysis
from xinc.analyses.results import Record
from xinc.analyses.subject import Subject
from xinc.models.base import INR
from xinc.models.storage import build
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings
from xinc.video.flow import build_flow
from xinc.video.prepare import build_video
from xinc.video.region_settings import RegionSettings
from xinc.video.regions import build_regions
from xinc.video.settings import VideoSettings

SIZE, FRAMES = (32, 64), 4
NETWORKS: dict[str, dict[str, Any]] = {
    "ffn": {"frames": [0, 2], "settings": {"fourier_features": 12, "hidden_width": 24}, "rate": 2e-2},
    "nerv": {
        "frames": list(range(FRAMES)),
        "settings": {"widths": [6, 5, 4], "strides": [4, 2], "embed_levels": 8},
        "rate": 8e-3,
    },
}
#: Colour of all pixels (None: the collage) and epochs of training. Masks, flow and areas are those of the collage,
#: so that no claim is spared for want of them.
KINDS: dict[str, tuple[tuple[float, float, float] | None, int]] = {
    "flat": ((0.7, 0.4, 0.2), 30),
    "black": ((0.0, 0.0, 0.0), 30),
    "random": (None, 0),
    "two epochs": (None, 2),
    "trained": (None, 120),
}
#: The rest is as by default.
SETTINGS: dict[str, dict[str, Any]] = QUICK | {
    "grouping": {"shifts": 64, "neurons": 16},
    "clusters": {"clusters": 3, "max_neurons": 40},
}


@dataclass(frozen=True)
class Held(Record):
    """A result that was never written."""

    result: xr.Dataset | None = None

    def open(self) -> xr.Dataset:
        assert self.result is not None
        return self.result.copy()


@functools.cache
def results(kind: str, seeds: Iterable[int] = (0, 1)) -> tuple[Held, ...]:
    """Results of every analysis that makes claims, and of `quality`, for an FFN and a NeRV of this kind."""
    colour, epochs = KINDS[kind]
    video, regions, flow = _video(colour)
    found = []
    for model in NETWORKS:
        subjects = {seed: _subject(_network(model, video, epochs, seed), video, regions, flow) for seed in seeds}
        for name in analyses:
            cls = analyses[name]
            if (cls.claims() or name == "quality") and not (cls.across_frames and model == "ffn"):
                of_seeds = cls.scope == "seeds"
                about: Any = subjects if of_seeds else subjects[0]
                analysis: Any = make_analysis(name, SETTINGS.get(name))
                result = analysis.compute(about).assign_attrs(architecture=model)
                found.append(Held(name, kind, model, None if of_seeds else 0, Path("nowhere"), result))
    return tuple(found)


@functools.cache
def _video(colour: tuple[float, float, float] | None) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    real = build_video(VideoSettings(name="clip", source="example:collage", resolution=SIZE, count=FRAMES))
    flow = build_flow(real)
    video = real
    if colour is not None:
        frames = real["frames"].transpose(..., "channel")
        video = real.assign(frames=frames.copy(data=np.broadcast_to(np.float32(colour), frames.shape)))
    return video, build_regions(video, RegionSettings(rgb=8, gabor=8, grid=(2, 4))), flow


def _network(name: str, video: xr.Dataset, epochs: int, seed: int) -> INR:
    about = NETWORKS[name]
    model = build(name, about["settings"], SIZE, about["frames"], FRAMES, seed)
    if epochs:
        frames = video["frames"].transpose("frame", "channel", "y", "x").values[about["frames"]]
        training = TrainingSettings(
            epochs=epochs, batch_size=1, learning_rate=about["rate"], warmup=0.2, threads=1, device="cpu"
        )
        fit(model, torch.from_numpy(frames.copy()), training)
    return model


def _subject(model: INR, video: xr.Dataset, regions: xr.Dataset, flow: xr.Dataset) -> Subject:
    subject = Subject(Path("nowhere"))
    layers = {name: node.to_dataset() for name, node in xinc.dissect(model).children.items()}
    subject.__dict__ |= {
        "video": video, "regions": regions, "flow": flow, "model": model, "history": None, "canvas": layers,
    }  # fmt: skip
    return subject
