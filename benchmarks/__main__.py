"""``python -m benchmarks TASK FOLDER ARGUMENTS``: one measurement, its results as JSON; see `benchmarks.process`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from benchmarks.process import Job


def main(name: str, folder: str, arguments: str) -> None:
    from benchmarks import tasks

    if name not in tasks.TASKS:  # these import more, and what is imported counts as memory
        from benchmarks import chunks, roofline, training_tasks  # noqa: F401 (they register)

    torch.set_num_threads(2)
    job = Job(json.loads(arguments), Path(folder))
    tasks.TASKS[name](job)
    print(json.dumps(job.found))


main(*sys.argv[1:])
