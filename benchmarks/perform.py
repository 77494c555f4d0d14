"""One measurement in the process that imports this."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch

from benchmarks.process import TASKS, Job


def perform(name: str, folder: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a task finds."""
    known = importlib.import_module(f"benchmarks.{TASKS[0]}").TASKS
    for module in TASKS[1:] if name not in known else ():  # these import more, and what is imported counts as memory
        importlib.import_module(f"benchmarks.{module}")
    torch.set_num_threads(2)
    job = Job(arguments, Path(folder))
    known[name](job)
    return job.found
