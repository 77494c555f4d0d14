"""The profile for Slurm, on a real Slurm of one node that the tests start and stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import slurm
from tests.helpers.small import config, write_clip, write_table
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import Workspace

REASON = slurm.why_not()
PATIENT = bool(os.environ.get("XINC_PATIENT"))
REQUIRED = bool(os.environ.get("XINC_REQUIRE_SLURM"))  # in continuous integration
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.slow,
    exhaustive,
    pytest.mark.skipif(REASON is not None and not REQUIRED, reason=str(REASON)),
]

#: The profile is made for clusters with patience.
QUICK = [
    "--latency-wait",
    "15",
    "--slurm-init-seconds-before-status-checks",
    "1",
    "--seconds-between-status-checks",
    "1",
]
RUN = "results/clip/nerv/seed0"

ODD = '''"""Fails, or takes long, or much memory."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.subject import Subject
from xinc.errors import InputError
from xinc.settings import StrictModel


@analyses.register("odd")
class Odd(Analysis):
    """Of no use."""

    question = "What happens?"
    section = "none"

    class Settings(StrictModel):
        memory_mb: int = Field(1, description="Memory.")
        seconds: float = Field(0.0, description="Duration.")
        once: bool = Field(False, description="Whether only the first attempt takes so long.")
        fail: bool = Field(False, description="Whether it fails.")

    def compute(self, subject: Subject) -> xr.Dataset:
        taken = np.ones(self.settings.memory_mb * 2**20 // 8)
        tried = Path("odd was tried")
        if not (self.settings.once and tried.exists()):
            tried.touch()
            time.sleep(self.settings.seconds)
        if self.settings.fail:
            raise InputError("The clip is too odd: found 4 frames, expected an even number of odd ones.")
        return xr.Dataset({"size": taken.size})

    def plot(self, result):
        return {}
'''


@pytest.fixture
def node() -> Iterator[Path]:
    with slurm.one_node() as state:
        yield state


def on_slurm(space: Workspace, *arguments: str) -> list[str]:
    return ["--profile", str(space.code / "workflow/profiles/slurm"), *QUICK, *arguments]


def submissions(*fields: str) -> list[list[str]]:
    """These fields of every job that Slurm knows of, the first submitted first."""
    wanted = ",".join(f"{field}:200" for field in ("comment", *fields))
    done = subprocess.run(
        ["squeue", "-h", "-t", "all", "-S", "i", "-O", wanted], capture_output=True, text=True, check=True
    )
    width = 200
    lines = done.stdout.splitlines()
    return [[line[at : at + width].strip() for at in range(0, width * (1 + len(fields)), width)] for line in lines]


def contents(root: Path) -> dict[str, Any]:
    """The content of every file of the results, by path; of networks without the seconds that their training took."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.name == "model.pt":
            content = torch.load(path, weights_only=True)
            assert content["training"]["outcome"].pop("seconds") > 0
            del content["checksum"]  # which depends on the seconds
            weights = content.pop("state_dict")
            found[name] = (content, {key: tensor.numpy().tobytes() for key, tensor in weights.items()})
        elif path.name == "history.csv":
            found[name] = [line.rsplit(",", 2)[0] for line in path.read_text(encoding="utf-8").splitlines()]
        elif path.is_file() and path.name != ".snakemake_timestamp":
            found[name] = path.read_bytes()
    return found


def test_the_same_results_as_here(node: Path, finished: Workspace, tmp_path: Path) -> None:
    """The profile as it is documented: few submissions, each with its resources, and the bytes of a local run."""
    space = Workspace.create(tmp_path)
    write_clip(space.run)
    write_table(space.run)
    values = config()
    analyses = {name: values["analyses"][name] for name in ("quality", "maps")}
    space.configure(config(models={"nerv": values["models"]["nerv"]}, analyses=analyses))
    done = space.snakemake(*on_slurm(space, "--set-resources", "train:gpu=1", "canvas:gpu=1"))
    assert done.returncode == 0, done.stdout
    here = contents(finished.run / "results")
    expected = {name: content for name, content in here.items() if not re.search("ffn|siren|intensity|report", name)}
    made = contents(space.run / "results")
    assert made.pop("report.html", None), "the report, of other analyses than that of the local run"
    # Names alone: pytest takes minutes to say how two pictures differ.
    assert sorted(name for name in made.keys() | expected.keys() if made.get(name) != expected.get(name)) == []
    assert len([name for name in expected if name.endswith((".png", "zarr.json", "model.pt"))]) > 30
    found = submissions("numcpus", "minmemory", "timelimit", "tres-per-job", "state")
    assert [[re.sub("^rule_|_.*", "", line[0]), *line[1:]] for line in found] == [
        ["video-clip", "1", "2000M", "1:00:00", "N/A", "COMPLETED"],
        ["train", "1", "4000M", "4:00:00", "gres:gpu:1", "COMPLETED"],
        ["canvas", "1", "4000M", "2:00:00", "gres:gpu:1", "COMPLETED"],
        ["study-clip-nerv-0", "1", "4000M", "3:00:00", "N/A", "COMPLETED"],
        ["project", "2", "2000M", "30:00", "N/A", "COMPLETED"],
    ]
    assert space.pending() == set()


def odd(space: Workspace, minutes: int = 60, **settings: object) -> None:
    """An analysis that behaves so, of 1500 MB and so many minutes at the first attempt.

    The path of the interpreter has a blank.
    """
    environment = space.root / "an environment"
    environment.symlink_to(sys.prefix)
    space.python = str(environment / "bin" / Path(sys.executable).name)
    (space.code / "xinc" / "analyses" / "odd.py").write_text(ODD, encoding="utf-8")
    rules = space.code / "workflow" / "rules" / "analysis.smk"
    text = rules.read_text(encoding="utf-8")
    for usual, own in (
        ("mem_mb=growing(4000)", "mem_mb=growing(1500)"),
        ("runtime=growing(60)", f"runtime=growing({minutes})"),
    ):
        assert usual in text
        text = text.replace(usual, own)
    rules.write_text(text, encoding="utf-8")
    values = config()
    values["analyses"]["odd"] = settings
    space.configure(values)


def test_a_job_killed_for_memory_gets_more(node: Path, workspace: Workspace) -> None:
    odd(workspace, memory_mb=1400, seconds=4)
    done = workspace.snakemake(*on_slurm(workspace, f"{RUN}/odd"))
    assert done.returncode == 0, done.stdout
    assert [line[1:] for line in submissions("minmemory", "state")] == [["1500M", "FAILED"], ["3000M", "COMPLETED"]]
    assert (workspace.run / RUN / "odd" / "result.zarr").is_dir()


@pytest.mark.skipif(not PATIENT, reason="three minutes of waiting, for Slurm counts in minutes: set XINC_PATIENT=1")
def test_a_job_that_takes_too_long_gets_more_time(node: Path, workspace: Workspace) -> None:
    odd(workspace, minutes=1, seconds=600, once=True)
    done = workspace.snakemake(*on_slurm(workspace, f"{RUN}/odd"))
    assert done.returncode == 0, done.stdout
    assert [line[1:] for line in submissions("timelimit", "state")] == [["1:00", "TIMEOUT"], ["2:00", "COMPLETED"]]
    assert (workspace.run / RUN / "odd" / "result.zarr").is_dir()


def test_a_failure_says_its_sentence(node: Path, workspace: Workspace) -> None:
    odd(workspace, fail=True)
    done = workspace.snakemake(*on_slurm(workspace, "--retries", "0", f"{RUN}/odd", f"{RUN}/quality"))
    assert done.returncode == 1
    assert "\nError: The clip is too odd: found 4 frames, expected an even number of odd ones.\n" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (workspace.run / RUN / "odd").exists()


def test_an_interrupted_run_leaves_no_job_behind(node: Path, workspace: Workspace) -> None:
    odd(workspace, seconds=600)
    process = workspace.start(*on_slurm(workspace, f"{RUN}/odd"))
    try:
        waited = time.monotonic() + 120
        while not [line for line in submissions("state") if line[1] == "RUNNING"]:
            assert process.poll() is None
            assert time.monotonic() < waited
            time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(120) != 0
    finally:
        process.kill()
        process.wait()
    waited = time.monotonic() + 30
    while [line[1] for line in submissions("state")] != ["CANCELLED"]:
        assert time.monotonic() < waited, submissions("state")
        time.sleep(0.5)
    assert not (workspace.run / RUN / "odd").exists()
