"""The frame of every job of the workflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import atexit, gc, json
from types import SimpleNamespace
from xinc.experiment.job import job

# Called last: handlers are called in reverse order.
atexit.register(lambda: print(gc.get_freeze_count() > 0))
params = {"settings": {"layer": "head"}, "code": {}, "upstream": {}}
with job(SimpleNamespace(log=["job.log"], threads=1, input=[], output=["results/made"], params=params)):
    print("work")
print(gc.get_freeze_count())
"""


def test_a_job_logs_its_work_and_ends_without_a_last_collection(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (tmp_path / "job.log").read_text() == "work\n"
    assert done.stdout.split() == ["0", "True"]
