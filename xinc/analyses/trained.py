"""What the training of a network took, by the history beside it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

NAN = float("nan")


@dataclass(frozen=True)
class Trained:
    """NaN where a network was not trained here, and CPU seconds where they were not noted.

    Attributes
    ----------
    epochs : epochs of the training.
    seconds : its wall-clock time.
    cpu_seconds : CPU time of the process, all threads; comparable between trainings on a machine with other work.
    """

    epochs: float = NAN
    seconds: float = NAN
    cpu_seconds: float = NAN


def trained(folder: Path) -> Trained:
    """What the training of the network in a folder took, by its ``history.csv``."""
    file = folder / "history.csv"
    if not file.is_file():
        return Trained()
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if not rows:
        return Trained()
    last = rows[-1]
    return Trained(len(rows), float(last.get("seconds", NAN)), float(last.get("cpu_seconds", NAN)))
