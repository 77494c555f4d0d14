"""Import of an existing checkpoint instead of training: from its entry in the configuration to ``model.pt``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from xinc.errors import InputError
from xinc.frames import FrameChoice, select_frames
from xinc.models.checkpoints import describe, doubts, judge, try_conventions
from xinc.models.imports.footage import open_footage
from xinc.models.imports.parts import PER_FRAME, Imported
from xinc.models.imports.unpickling import read_checkpoint
from xinc.models.storage import save_model
from xinc.models.templates import filled
from xinc.runtime.progress import say


def checkpoint_files(
    path: str, hints: Mapping[str, Any], frames: FrameChoice, video: str, seed: int, num_frames: int
) -> list[str]:
    """The files that a network is imported from."""
    found = [filled(path, video, seed)]
    if "{frame}" in path:
        found = [filled(path, video, seed, f) for f in select_frames(range(num_frames), frames, of="the video")]
    if isinstance(hints.get("embeddings"), str):
        found.append(filled(hints["embeddings"], video, seed))
    return found


def inspect(
    path: str,
    hints: Mapping[str, Any],
    frames: FrameChoice,
    trust: bool,
    video: str,
    seed: int,
    resolution: tuple[int, int],
    num_frames: int,
) -> Imported:
    """The network that an entry of the configuration stands for on one video, with one seed.

    Parameters
    ----------
    path : of the checkpoint; may contain ``{video}``, ``{seed}`` and, for networks of one frame each, ``{frame}``.
    hints, trust : see `xinc.models.checkpoints.load_model`.
    frames : which frames are represented.
    video, seed : names of the branch.
    resolution, num_frames : of the video.

    Raises
    ------
    InputError : see `xinc.models.checkpoints.describe`; or networks of several frames that do not go together.
    """
    own = _filled_hints(hints, video, seed)
    if "{frame}" not in path:
        return describe(filled(path, video, seed), own, resolution, num_frames, frames, trust)
    chosen = select_frames(range(num_frames), frames, of="the video")
    files = [filled(path, video, seed, frame) for frame in chosen]
    found = [
        describe(file, own, resolution, num_frames, (frame,), trust) for file, frame in zip(files, chosen, strict=True)
    ]
    return _together(found, files)


def _together(found: Sequence[Imported], files: Sequence[str]) -> Imported:
    """Networks of one frame each as one; their weights are stacked, all else must agree."""
    first = found[0]
    for other, file in zip(found, files, strict=True):
        same = (other.architecture, other.settings) == (first.architecture, first.settings)
        if not other.per_frame or not same or other.state.keys() != first.state.keys():
            raise InputError(
                f"{file} and {files[0]} do not go together: one network for each frame was expected, all of the same "
                "architecture and settings, and all pruned or none."
            )
    state = {}
    for name, tensor in first.state.items():
        every = [one.state[name] for one in found]
        if name.startswith(PER_FRAME):
            state[name] = torch.cat(every)
            continue
        for own, file in zip(every, files, strict=True):
            if not torch.equal(own, tensor):
                raise InputError(
                    f"{file} and {files[0]} do not go together: their '{name}' differ, which the frames of one network "
                    "share; give each an entry of its own."
                )
        state[name] = tensor
    frames = [frame for one in found for frame in one.frames]
    return Imported(
        first.architecture, first.settings, first.resolution, frames, first.num_frames, state, first.unread,
        first.pruning,
    )  # fmt: skip


def import_model(video_store: str | Path, output: str | Path, settings: Mapping[str, Any]) -> None:
    """Write the network of an entry as ``model.pt``.

    Parameters
    ----------
    video_store : ``video.zarr``.
    output : path of ``model.pt``.
    settings : the arguments of `inspect` but the video's size, ``min_psnr`` (dB, or None), and ``files``, the digests
        of what is read.

    Raises
    ------
    InputError : see `inspect` and `xinc.models.checkpoints.judge`.
    """
    given: dict[str, Any] = {name: settings[name] for name in ("path", "hints", "frames", "trust", "video", "seed")}
    with open_footage(video_store) as footage:
        size: dict[str, Any] = {"resolution": footage.resolution, "num_frames": footage.num_frames}
        found = inspect(**given, **size)
        frame = found.frames[0]
        path = filled(settings["path"], settings["video"], settings["seed"], frame)
        own = _filled_hints(given["hints"], settings["video"], settings["seed"])
        trial = try_conventions(read_checkpoint(path, given["trust"]), path, own, footage, frame)
        if accepted := trial.accepted(settings["min_psnr"]):
            found = inspect(**{**given, "hints": {**given["hints"], **accepted}}, **size)
        model = found.make(path, footage.read(found.frames) if found.needs_images else None)
        trial = judge(model, footage, trial, settings["min_psnr"], path)
    model.check_trace()
    print(f"{path}: {trial}")
    for text in doubts(found, path, trial):
        say(text)
    save_model(model, output, {"imported": dict(settings), "outcome": {"conventions": trial.as_dict()}})


def _filled_hints(hints: Mapping[str, Any], video: str, seed: int) -> dict[str, Any]:
    """Hints with the path of a table of embeddings filled in."""
    path = hints.get("embeddings")
    return {**hints, "embeddings": filled(path, video, seed)} if isinstance(path, str) else dict(hints)
