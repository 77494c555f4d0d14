"""Training a network on a prepared video, from store to ``model.pt``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import torch

from xinc.frames import FrameChoice, select_frames
from xinc.models.storage import build, save_model
from xinc.training.loop import History, fit
from xinc.training.settings import TrainingSettings
from xinc.video.store import open_video


def train_model(
    video: str | Path,
    output: str | Path,
    history: str | Path,
    architecture: str,
    settings: dict[str, Any],
    training: TrainingSettings,
    frames: FrameChoice = "all",
    seed: int = 0,
    label: str | None = None,
) -> History:
    """Train a network on a video store and write it, with its history as CSV, where a reader sees all or nothing.

    Parameters
    ----------
    video : path of ``video.zarr``.
    output, history : paths of ``model.pt`` and of the CSV file to write.
    architecture, settings : a registered name and its settings.
    training : how to train.
    frames : which frames to represent, see `xinc.frames.select_frames`.
    seed : of the initial weights and of the order of frames.
    label : shown beside the progress.

    Raises
    ------
    InputError : see `xinc.models.storage.build` and `xinc.training.loop.fit`; or a frame that the video lacks.
    """
    with open_video(video) as stored:
        data = stored["frames"].transpose("frame", "channel", "y", "x").load()
    count = data.sizes["frame"]
    chosen = select_frames(range(count), frames, of=f"the video {video}")
    model = build(architecture, settings, (data.sizes["y"], data.sizes["x"]), chosen, count, seed)
    targets = torch.from_numpy(data.values[chosen])
    record = fit(model, targets, training, label or f"{architecture} seed {seed}")
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    write_history(record, history)
    save_model(model, output, {"settings": json.loads(training.model_dump_json()), "outcome": record.outcome()})
    return record


def write_history(record: History, path: str | Path) -> None:
    """One row an epoch: epoch, learning_rate, loss, psnr (dB), seconds."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(record.rows[0]))
        writer.writeheader()
        writer.writerows({key: f"{value:.9g}" for key, value in row.items()} for row in record.rows)
