"""Training of one network, or of several together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.models.base import INR
from xinc.runtime.devices import pick_device, tensor_float, threads
from xinc.runtime.gpu_memory import shortage_named
from xinc.runtime.malloc import freed_memory_kept
from xinc.training.checkpoint import Checkpoint
from xinc.training.history import History, psnr
from xinc.training.learner import Learner, final_psnr, learning_rate
from xinc.training.settings import TrainingSettings

__all__ = ["History", "final_psnr", "fit", "fit_together", "learning_rate", "psnr"]

#: What to do where a GPU's memory does not hold a training. Steps need no smaller batch: they are done in parts.
_REMEDY = (
    "end what else uses it and run again, which goes on from the last checkpoint; or take a lower resolution, fewer "
    "frames or a smaller network, or set device: cpu"
)


def fit(
    model: INR,
    targets: Tensor,
    settings: TrainingSettings,
    label: str = "training",
    checkpoint: Checkpoint | None = None,
) -> History:
    """Train ``model`` in place.

    The same model, targets, settings and seed give bit-identical weights on the same CPU machine, even if the training
    was interrupted and resumed.

    Parameters
    ----------
    model : a new network.
    targets : (frames, 3, H, W) in [0, 1], the frames ``model.frames`` in that order.
    settings : see `TrainingSettings`.
    label : shown beside the progress.
    checkpoint : where the training is saved while it lasts; None: nowhere.

    Raises
    ------
    InputError : the loss became infinite or NaN, or the PSNR reached is below ``settings.min_psnr``.
    GPUMemoryError : a GPU does not hold the frames, the network with its optimiser, or one frame's share of a step
        (where it only does not hold the whole step, that is done in parts, with a warning).
    """
    return fit_together([model], [targets], settings, [label], [checkpoint])[0]


def fit_together(
    models: Sequence[INR],
    targets: Sequence[Tensor],
    settings: TrainingSettings,
    labels: Sequence[str] | None = None,
    checkpoints: Sequence[Checkpoint | None] | None = None,
) -> list[History]:
    """Train several networks in place, of any seeds, videos or shapes, each with the result that it would have alone.

    On a GPU all advance step by step, each on a stream of its own, so that small networks share the device. On a CPU,
    which one network keeps busy, they are trained one after another.

    Parameters
    ----------
    models, targets, labels, checkpoints : one each per network, as `fit` takes them.
    settings : common to all.

    Raises
    ------
    InputError : see `fit`; or a number of targets, labels or checkpoints other than that of the models.
    """
    names = [f"{model.name} seed {model.seed}" for model in models] if labels is None else labels
    places = [None] * len(models) if checkpoints is None else checkpoints
    if not len(models) == len(targets) == len(names) == len(places):
        raise InputError(
            f"{len(models)} networks were given with {len(targets)} targets, {len(names)} labels and {len(places)} "
            "checkpoints: give one of each per network."
        )
    device = pick_device(settings.device)
    jobs = list(zip(models, targets, names, places, strict=True))
    together = [jobs] if device.type == "cuda" else [[job] for job in jobs]
    what = f"{', '.join(names)}: training {_size_of(models)}"
    with (
        threads(settings.threads),
        tensor_float(settings.precision == "tf32"),
        freed_memory_kept(),
        shortage_named(what, _REMEDY),
    ):
        return [history for group in together for history in _train(group, settings, device)]


def _size_of(models: Sequence[INR]) -> str:
    """What decides how much memory training takes, in words."""
    (height, width), frames = models[0].resolution, sum(len(model.frames) for model in models)
    return f"{sum(model.parameter_count() for model in models):,} parameters on {frames} frames of {height}x{width}"


def _train(
    jobs: list[tuple[INR, Tensor, str, Checkpoint | None]], settings: TrainingSettings, device: torch.device
) -> list[History]:
    """Train networks in turns of one step each."""
    learners = [Learner(model, data, settings, label, device, place) for model, data, label, place in jobs]
    try:
        for learner in learners:
            learner.progress.__enter__()
        waiting = [learner for learner in learners if not learner.done]
        while waiting:
            epochs = [learner.epoch() for learner in waiting]
            while epochs:
                epochs = [epoch for epoch in epochs if next(epoch, _END) is not _END]
            waiting = [learner for learner in waiting if not learner.done]
    finally:
        for learner in learners:
            learner.progress.__exit__()
    for learner in learners:
        learner.finish()
    return [learner.history for learner in learners]


_END = object()
