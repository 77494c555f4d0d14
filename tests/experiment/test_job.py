"""The frame of every job of the workflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import atexit, gc, json, os
from types import SimpleNamespace
from xinc.experiment.job import imports, job
from xinc.runtime import process

# Called last: handlers are called in reverse order.
atexit.register(lambda: print(gc.get_freeze_count() > 0))
params = {"settings": {"layer": "head"}, "code": {}, "upstream": {}}
with job(SimpleNamespace(log=["job.log"], threads=1, input=[], output=["results/made"], params=params)):
    print("work", process.is_job)
print(gc.get_freeze_count())
with imports():
    print(gc.isenabled(), os.environ["OMP_WAIT_POLICY"])
    import decimal
print(gc.isenabled(), gc.get_freeze_count() > 0)
"""


def test_a_job_logs_its_work_and_looks_for_no_cycles_in_what_it_imports_nor_at_its_end(tmp_path: Path) -> None:
    plain = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    words = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(words, cwd=tmp_path, env=plain, capture_output=True, text=True, check=True)
    assert (tmp_path / "job.log").read_text() == "work True\n"
    assert done.stdout.split() == ["0", "False", "PASSIVE", "True", "True", "True"]
    wanted = plain | {"OMP_WAIT_POLICY": "ACTIVE"}
    done = subprocess.run(words, cwd=tmp_path, env=wanted, capture_output=True, text=True, check=True)
    assert done.stdout.split()[2] == "ACTIVE", "what the user asks for"
