"""The optimisation loop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from xinc.devices import pick_device, threads
from xinc.errors import InputError
from xinc.models.base import INR
from xinc.models.mlp import MLP, pixel_coordinates
from xinc.progress import Progress
from xinc.training.settings import TrainingSettings


@dataclass
class History:
    """What happened during training: one row an epoch, and the outcome.

    Attributes
    ----------
    rows : epoch, learning_rate, loss (mean squared error), psnr (dB; mean over frames of the PSNR while training,
        before clamping) and seconds since the start.
    psnr : (frames,) dB of the finished network, clamped to [0, 1].
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)

    def outcome(self) -> dict[str, Any]:
        return {
            "psnr": self.psnr,
            "mean_psnr": sum(self.psnr) / len(self.psnr),
            "epochs": len(self.rows),
            "seconds": self.rows[-1]["seconds"] if self.rows else 0.0,
        }


def psnr(mse: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of mean squared errors on a [0, 1] scale: −10 log10(mse)."""
    return -10 * torch.log10(mse.clamp_min(1e-20))


def learning_rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Linear from 0 to the peak over the warm-up, then half a cosine to 0."""
    warm = settings.warmup * steps
    if step < warm:
        return settings.learning_rate * (step + 1) / math.ceil(warm)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def fit(model: INR, targets: Tensor, settings: TrainingSettings, label: str = "training") -> History:
    """Train ``model`` in place.

    The same model, targets, settings and seed give bit-identical weights on the same CPU machine.

    Parameters
    ----------
    model : a new network.
    targets : (frames, 3, H, W) in [0, 1], the frames ``model.frames`` in that order.
    settings : see `TrainingSettings`.
    label : shown beside the progress.

    Raises
    ------
    InputError : the loss became infinite or NaN, or the PSNR reached lies below ``settings.min_psnr``.
    """
    device = pick_device(settings.device)
    history = History()
    with threads(settings.threads):
        model.to(device).train()
        model.before_training(targets)
        steps = _mlp_steps(model, targets, device) if isinstance(model, MLP) else _frame_steps(model, targets, settings)
        _optimise(model, steps, settings, history, label)
        model.eval()
        model.after_training()
        history.psnr = final_psnr(model, targets)
        model.to("cpu")
    _check_outcome(model, history, settings)
    return history


@dataclass
class _Steps:
    """Where batches come from: ``epoch`` yields, for every step of one epoch, the squared errors (n,) of n frames."""

    per_epoch: int
    epoch: Any


def _mlp_steps(model: MLP, targets: Tensor, device: torch.device) -> _Steps:
    """All networks on all pixels in every step; their errors are independent, so one sum trains each alone."""
    encoded = model.encode(pixel_coordinates(model.resolution, device))
    flat = targets.flatten(2).transpose(1, 2).contiguous().to(device)

    def epoch() -> Iterator[Tensor]:
        yield (model.colours(encoded) - flat).square().mean(dim=(1, 2))

    return _Steps(1, epoch)


def _frame_steps(model: INR, targets: Tensor, settings: TrainingSettings) -> _Steps:
    """Batches of frames in an order drawn anew each epoch from the model's seed."""
    device = next(model.parameters()).device
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    data = targets.to(device)
    numbers = torch.tensor(model.frames)
    generator = torch.Generator().manual_seed(model.seed)

    def epoch() -> Iterator[Tensor]:
        for batch in torch.randperm(len(numbers), generator=generator).split(settings.batch_size):
            error = model(numbers[batch]) - data[batch.to(device)]
            yield error.square().mean(dim=(1, 2, 3))

    return _Steps(math.ceil(len(numbers) / settings.batch_size), epoch)


def _optimise(model: INR, steps: _Steps, settings: TrainingSettings, history: History, label: str) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    total, step, start = settings.epochs * steps.per_epoch, 0, time.monotonic()
    with Progress(settings.epochs, label) as progress:
        for number in range(settings.epochs):
            errors = []
            for error in steps.epoch():
                rate = learning_rate(step, total, settings)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                optimiser.zero_grad(set_to_none=True)
                # A network of one frame has a loss of its own; a video network, the mean over the batch.
                (error.sum() if model.per_frame else error.mean()).backward()
                optimiser.step()
                errors.append(error.detach())
                step += 1
            mse = torch.cat(errors)
            loss, reached = float(mse.mean()), float(psnr(mse).mean())
            if not math.isfinite(loss):
                raise InputError(
                    f"{label}: the loss became {loss} in epoch {number + 1}: lower learning_rate (now "
                    f"{settings.learning_rate:g}) or lengthen warmup (now {settings.warmup:g})."
                )
            history.rows.append(
                {
                    "epoch": number + 1,
                    "learning_rate": rate,
                    "loss": loss,
                    "psnr": reached,
                    "seconds": time.monotonic() - start,
                }
            )
            progress.update(PSNR=f"{reached:.2f} dB")


def final_psnr(model: INR, targets: Tensor) -> list[float]:
    """PSNR in dB of each frame's reconstruction clamped to [0, 1] against ``targets`` (frames, 3, H, W)."""
    device = next(model.parameters()).device
    found = []
    for frame, target in zip(model.frames, targets, strict=True):
        image = model.reconstruct(frame).clamp(0, 1)
        found.append(float(psnr((image - target.to(device)).square().mean())))
    return found


def _check_outcome(model: INR, history: History, settings: TrainingSettings) -> None:
    if settings.min_psnr is None:
        return
    worst, what = sum(history.psnr) / len(history.psnr), "the mean PSNR"
    if model.per_frame:
        worst = min(history.psnr)
        what = f"the PSNR of frame {model.frames[history.psnr.index(worst)]}"
    if not worst >= settings.min_psnr:
        raise InputError(
            f"Training of {model.name} ended with {what} at {worst:.2f} dB, below min_psnr {settings.min_psnr:g}: "
            f"raise epochs (now {settings.epochs}) or the network's size, change learning_rate (now "
            f"{settings.learning_rate:g}), or lower min_psnr."
        )
