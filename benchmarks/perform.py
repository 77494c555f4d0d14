"""One measurement in the process that imports this: everything that any of them needs is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from benchmarks.process import Job


def perform(name: str, folder: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a task finds."""
    from benchmarks import tasks

    if name not in tasks.TASKS:  # these import more, and what is imported counts as memory
        from benchmarks import chunks, roofline, training_tasks  # noqa: F401 (they register)

    torch.set_num_threads(2)
    job = Job(arguments, Path(folder))
    tasks.TASKS[name](job)
    return job.found
