"""A network in training: its place in the schedule, and its results so far."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.models.base import INR
from xinc.models.mlp.network import MLP
from xinc.runtime.gpu_memory import Room
from xinc.runtime.progress import Progress
from xinc.training.checkpoint import Checkpoint
from xinc.training.graphs import Recorded
from xinc.training.history import History, psnr
from xinc.training.settings import TrainingSettings
from xinc.training.steps import FrameSteps, PixelSteps, Steps
from xinc.training.tiles import TiledSteps

#: Seconds between two looks at a GPU's results, for which the processor has to wait until it is there.
LOOK_EVERY = 0.5


def learning_rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Linear from 0 to the peak over the warm-up, then half a cosine to 0."""
    warm = settings.warmup * steps
    if step < warm:
        return settings.learning_rate * (step + 1) / math.ceil(warm)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


class Learner:
    """Trains one network, an epoch at a time.

    Parameters
    ----------
    model : a new network, trained in place; it ends on the CPU.
    targets : (frames, 3, H, W) in [0, 1], the frames ``model.frames`` in that order.
    settings, label : see `xinc.training.loop.fit`.
    device : where to compute.
    checkpoint : where this training is kept while it lasts, and taken up if it was begun before; None: nowhere.
    """

    def __init__(
        self,
        model: INR,
        targets: Tensor,
        settings: TrainingSettings,
        label: str,
        device: torch.device,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.model, self.settings, self.label, self.checkpoint = model, settings, label, checkpoint
        self.targets, self.device = targets, device
        self.history, self.done = History(), False
        self._start = self._looked = self._kept = time.monotonic()
        self._cpu_start = time.process_time()
        model.to(device).train()
        model.before_training(targets)
        self.steps = steps_of(model, targets, settings)
        recorded = device.type == "cuda" and self.steps.recordable
        rate: Any = torch.zeros((), device=device) if recorded else settings.learning_rate
        self.optimiser = torch.optim.Adam(model.parameters(), lr=rate, fused=True, capturable=recorded, **model.adam)
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._record = Recorded(self._step, self.optimiser, rate) if recorded else None
        self._room = Room(self.steps.part, self.steps.parts)
        if device.type == "cuda":
            self._allocate()
        #: Epochs trained but not looked at: last learning rate, errors (frames,), seconds, CPU seconds.
        self._pending: list[tuple[float, Tensor, float, float]] = []
        if checkpoint is not None:
            state = checkpoint.read()
            if state is not None:
                self._restore(state)
        if self._stream is not None:  # what lies on the device was put there on another stream
            self._stream.wait_stream(torch.cuda.current_stream(device))
        self.progress = Progress(settings.epochs, label)
        self.progress.done = len(self.history.rows)

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before an interruption included."""
        return time.monotonic() - self._start

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of the process since training began, those before an interruption included."""
        return time.process_time() - self._cpu_start

    def epoch(self) -> Iterator[None]:
        """The next epoch, a step at a time; at its end the history, a checkpoint and whether to stop are seen to."""
        number, rate, errors = len(self.history.rows) + len(self._pending), 0.0, []
        for at, batch in enumerate(self._batches()):
            rate = learning_rate(
                number * self.steps.per_epoch + at, self.settings.epochs * self.steps.per_epoch, self.settings
            )
            errors.append(self._fitting(batch, rate))
            yield
        with self._on_stream():
            self._pending.append((rate, torch.cat(errors), self.seconds, self.cpu_seconds))
        last = number + 1 == self.settings.epochs
        late = time.monotonic() - self._looked >= LOOK_EVERY
        if self.device.type == "cpu" or late or last or self.settings.target_psnr is not None:
            self._look()
            self.done = last or self._stops()
            if not self.done:
                self._keep()

    def finish(self) -> None:
        """Measure the finished network and bring it back to the CPU."""
        self.model.eval()
        self.model.after_training()
        self.history.psnr = final_psnr(self.model, self.targets)
        self.model.to("cpu")
        self._check_outcome()
        self.model.outcome = self.history.outcome()

    def _batches(self) -> list[Tensor]:
        with self._on_stream():
            return self.steps.batches()

    def _on_stream(self) -> Any:
        return contextlib.nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def _allocate(self) -> None:
        """Zeros of the optimiser, which it would make in the first step: where a GPU does not hold them, it shows now.

        So a step for which memory runs out does so before it changes anything, and can be tried again.
        """
        for p in self.model.parameters():
            zeros = {name: torch.zeros_like(p, requires_grad=False) for name in ("exp_avg", "exp_avg_sq")}
            self.optimiser.state[p] = {"step": torch.zeros((), device=p.device), **zeros}

    def _fitting(self, batch: Tensor, rate: float) -> Tensor:
        """A step in as many parts as a GPU's memory asks for, which changes its result by rounding only."""
        count = self.steps.count(batch)

        def step(size: int) -> Tensor:
            if size < min(count, self.steps.at_once):
                self.steps.at_once = size
                if self._record is not None:
                    self._record.graphs.clear()
            with self._on_stream():
                return self._advance(batch, rate)

        return self._room.fit(count, step)

    def _advance(self, batch: Tensor, rate: float) -> Tensor:
        if self._record is not None:
            return self._record(batch, rate)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        return self._step(batch)

    def _step(self, batch: Tensor) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        errors = self.steps.gradients(batch)
        self.optimiser.step()
        return errors

    def _look(self) -> None:
        """Read the results of all epochs since the last look."""
        if self._stream is not None:
            self._stream.synchronize()
        for rate, mse, seconds, cpu_seconds in self._pending:
            loss, reached = float(mse.mean()), psnr(mse)
            number = len(self.history.rows) + 1
            if not math.isfinite(loss):
                raise InputError(
                    f"{self.label}: the loss became {loss} in epoch {number}: lower learning_rate (now "
                    f"{self.settings.learning_rate:g}) or lengthen warmup (now {self.settings.warmup:g})."
                )
            mean = float(reached.mean())
            row = {"epoch": number, "learning_rate": rate, "loss": loss, "psnr": mean}
            row |= {"seconds": seconds, "cpu_seconds": cpu_seconds}
            self.history.rows.append(row)
            self._reached = float(reached.min()) if self.model.per_frame else mean
        self.progress.update(len(self._pending), PSNR=f"{mean:.2f} dB")
        self._pending.clear()
        self._looked = time.monotonic()

    def _stops(self) -> bool:
        """Whether a setting ends the training here."""
        target, budget = self.settings.target_psnr, self.settings.time_budget
        # What was measured while training is of the weights before each step: the network itself must have it too.
        if target is not None and self._reached >= target and self._worst(self._measured()) >= target:
            self.history.stopped = "target_psnr"
        elif budget is not None and self.seconds >= budget:
            self.history.stopped = "time_budget"
        return self.history.stopped != "epochs"

    def _measured(self) -> list[float]:
        with self._on_stream():
            return final_psnr(self.model, self.targets)

    def _worst(self, found: list[float]) -> float:
        """What settings in dB are compared with: the worst network of one frame, or a video network's mean."""
        return min(found) if self.model.per_frame else sum(found) / len(found)

    def _check_outcome(self) -> None:
        least, found = self.settings.min_psnr, self.history.psnr
        if least is None or self._worst(found) >= least:
            return
        worst, what = self._worst(found), "the mean PSNR"
        if self.model.per_frame:
            what = f"the PSNR of frame {self.model.frames[found.index(worst)]}"
        raise InputError(
            f"Training of {self.model.name} ended with {what} at {worst:.2f} dB, below min_psnr {least:g}: "
            f"raise epochs (now {self.settings.epochs}) or the network's size, change learning_rate (now "
            f"{self.settings.learning_rate:g}), or lower min_psnr."
        )

    def _keep(self) -> None:
        """Write a checkpoint where it is time for one."""
        if self.checkpoint is None or time.monotonic() - self._kept < 60 * self.settings.checkpoint_minutes:
            return
        self.checkpoint.write(
            {
                "weights": {name: tensor.cpu() for name, tensor in self.model.state_dict().items()},
                "optimiser": [
                    {name: value.cpu() for name, value in self.optimiser.state[p].items()}
                    for p in self.model.parameters()
                ],
                "generator": self.steps.generator.get_state(),
                "rows": self.history.rows,
                "seconds": self.seconds,
                "cpu_seconds": self.cpu_seconds,
            }
        )
        self._kept = time.monotonic()

    @torch.no_grad()
    def _restore(self, state: dict[str, Any]) -> None:
        """Go on from what `_keep` wrote; tensors are filled in place, so that they keep their layout in memory."""
        for name, tensor in self.model.state_dict().items():
            tensor.copy_(state["weights"][name])
        for parameter, kept in zip(self.model.parameters(), state["optimiser"], strict=True):
            own = {name: torch.zeros_like(parameter).copy_(kept[name]) for name in ("exp_avg", "exp_avg_sq")}
            self.optimiser.state[parameter] = {"step": kept["step"].to(self.device), **own}
        self.steps.generator.set_state(state["generator"])
        # Checkpoints of before CPU seconds were noted have none.
        self.history.rows = [{**row, "cpu_seconds": row.get("cpu_seconds", math.nan)} for row in state["rows"]]
        self._start -= state["seconds"]
        self._cpu_start -= state.get("cpu_seconds", math.nan)


def steps_of(model: INR, targets: Tensor, settings: TrainingSettings) -> Steps:
    """The steps in which a network, on its device, learns ``targets`` (frames, 3, H, W)."""
    if not isinstance(model, MLP):
        return FrameSteps(model, targets, settings)
    on_cpu = next(model.parameters()).device.type == "cpu"
    tiled = on_cpu and settings.precision != "bfloat16" and TiledSteps.serves(model)
    return TiledSteps(model, targets, settings) if tiled else PixelSteps(model, targets, settings)


def final_psnr(model: INR, targets: Tensor) -> list[float]:
    """PSNR in dB of each frame's reconstruction clamped to [0, 1] against ``targets`` (frames, 3, H, W)."""
    found = []
    for frame, target in zip(model.frames, targets, strict=True):
        image = model.reconstruct(frame).clamp(0, 1)
        found.append(float(psnr((image - target.to(image.device)).square().mean())))
    return found
