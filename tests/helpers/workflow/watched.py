"""Which modules of the library the jobs of a run import."""

from __future__ import annotations

import json
from typing import Any

from tests.helpers.workflow.runs import Workspace

#: Every Python of a run imports this (`forking/sitecustomize.py`). At the end of a job's script it writes which modules
#: of the library it has imported.
_WATCH = """
import atexit, json, os, sys, time

def _write():
    job = sys.modules["__main__"].snakemake
    found = {"rule": job.rule, "wildcards": dict(job.wildcards.items())}
    found["modules"] = [name for name in sys.modules if name.split(".")[0] == "xinc"]
    with open(os.path.join(os.path.dirname(__file__), "watched", f"{time.time_ns()}-{os.getpid()}.json"), "w") as file:
        json.dump(found, file)

if any("/.snakemake/scripts/" in word for word in sys.orig_argv):
    atexit.register(_write)
"""


def watch(space: Workspace) -> None:
    """Have the jobs of runs in this workspace, and in its copies, write down what they import."""
    (space.code / "watched").mkdir()
    (space.code / "watching.py").write_text(_WATCH, encoding="utf-8")


def watched(space: Workspace) -> list[dict[str, Any]]:
    """Of each job that ran, the last time that it did: its rule, its wildcards and the modules that it imported."""
    found = [json.loads(file.read_text("utf-8")) for file in sorted((space.code / "watched").iterdir())]
    return list({(job["rule"], *sorted(job["wildcards"].items())): job for job in found}.values())
