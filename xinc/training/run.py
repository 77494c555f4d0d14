"""Training on a prepared video, from its store to ``model.pt``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from xinc.errors import InputError
from xinc.frames import FrameChoice, select_frames
from xinc.models.storage import build, save_model
from xinc.runtime.gpu_memory import GPUMemoryError
from xinc.training.checkpoint import FOLDER, Checkpoint
from xinc.training.history import History, write_history
from xinc.training.loop import fit
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
    code: str = "",
) -> History:
    """Train a network on a video store and write it, with its history as CSV, where a reader sees all or nothing.

    While it lasts, a checkpoint in the folder ``.training`` beside ``output`` is kept up to date. A training that was
    killed goes on from there when it is started again, and ends with the weights that it would have had.

    Parameters
    ----------
    video : path of ``video.zarr``.
    output, history : paths of ``model.pt`` and of the CSV file to write.
    architecture, settings : a registered name and its settings.
    training : how to train.
    frames : which frames to represent, see `xinc.frames.select_frames`.
    seed : of the initial weights and of the order of frames.
    label : shown beside the progress.
    code : digest of the code that trains: a checkpoint of other code is left alone.

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
    checkpoint = Checkpoint(Path(output).parent / FOLDER / "checkpoint.pt", model, targets, training, code)
    try:
        record = fit(model, targets, training, label or f"{architecture} seed {seed}", checkpoint)
    except GPUMemoryError:
        raise  # with more memory it would go on from its checkpoint
    except InputError:
        checkpoint.remove()  # it would fail again
        raise
    write_history(record, history)
    save_model(model, output, {"settings": json.loads(training.model_dump_json()), "outcome": record.outcome()})
    checkpoint.remove()
    return record
