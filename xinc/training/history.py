"""History of a training: loss and quality by epoch, and the reason for its end."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from xinc.storage.atomic import whole_file

#: Why a training ended: all its epochs, or the setting of this name.
Stopped = Literal["epochs", "target_psnr", "time_budget"]


@dataclass
class History:
    """What happened during training: one row an epoch, and the outcome.

    Attributes
    ----------
    rows : epoch, learning_rate, loss (mean squared error), psnr (dB; mean over frames of the PSNR while training,
        before clamping), seconds since the start, and CPU seconds of the process (all its threads; for comparing
        trainings on a machine with other work).
    psnr : (frames,) dB of the finished network, clamped to [0, 1].
    stopped : what ended the training.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)
    stopped: Stopped = "epochs"

    def outcome(self) -> dict[str, Any]:
        return {
            "psnr": self.psnr,
            "mean_psnr": sum(self.psnr) / len(self.psnr),
            "epochs": len(self.rows),
            "seconds": self.rows[-1]["seconds"] if self.rows else 0.0,
            "stopped": self.stopped,
        }


def psnr(mse: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of mean squared errors on a [0, 1] scale: −10 log10(mse)."""
    return -10 * torch.log10(mse.clamp_min(1e-20))


def write_history(record: History, path: str | Path) -> None:
    """One row an epoch, see `History`; a reader sees the whole file or none."""
    with whole_file(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(record.rows[0]))
        writer.writeheader()
        writer.writerows({key: f"{value:.9g}" for key, value in row.items()} for row in record.rows)
