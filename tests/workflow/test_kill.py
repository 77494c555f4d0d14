"""What kill −9 at random moments of the work leaves behind: nothing that looks whole and is not."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from tests.helpers.small import config, write_clip, write_table
from tests.helpers.tiers import EXHAUSTIVE
from tests.helpers.workflow.runs import ANALYSES, Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@dataclass(frozen=True)
class Phase:
    """What is killed.

    Attributes
    ----------
    rules : that make it.
    work : seconds after a job began its work within which a blow falls.
    writing : seconds after something unfinished was first seen on disk within which every second blow falls.
    """

    rules: list[str]
    work: float
    writing: float


#: Seconds as such jobs take on two cores; results of analyses are written in some 50 ms, their figures in a second.
PHASES = {
    "training": Phase(["train"], 3.0, 1.0),
    "canvases": Phase(["canvas"], 0.7, 0.4),
    "analyses": Phase(["analysis", "figure"], 1.5, 0.04),
}

#: Blows into the work of each phase, and those of them that must leave something unfinished on disk.
KILLS, UNFINISHED = (6, 2) if EXHAUSTIVE else (1, 0)


def kill(running: subprocess.Popen[bytes]) -> None:
    """The whole session at once, as a power cut or an out-of-memory killer would."""
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def whole(results: Path) -> None:
    """Every store and network that can be found reads to its last byte."""
    for store in [*results.rglob("*.zarr"), *results.glob("*/*/seed*/canvas.zarr/*")]:
        if any(part.startswith(".") for part in store.relative_to(results).parts) or not (store / "zarr.json").exists():
            continue
        if store.name != "canvas.zarr":
            with xr.open_zarr(store, consolidated=False) as opened:
                opened.load()
    for model in results.glob("*/*/seed*/model.pt"):
        torch.load(model, weights_only=True)


def content(results: Path) -> dict[str, bytes]:
    """All files but hidden ones and what tells the time: by path, their bytes; of networks, the weights."""
    found = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if any(part.startswith(".") for part in path.relative_to(results).parts):
            continue
        if path.name == "model.pt":
            weights = torch.load(path, weights_only=True)["state_dict"]
            found[name] = b"".join(np.ascontiguousarray(t.numpy()).tobytes() for t in weights.values())
        elif path.name == "history.csv":
            rows = path.read_text().splitlines()
            found[name] = "\n".join(row.rsplit(",", 2)[0] for row in rows).encode()
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def targets(space: Workspace, rules: list[str]) -> list[str]:
    """The outputs of these rules, as the finished run has them."""
    of_rule = {
        "train": ["results/*/*/seed*/model.pt"],
        "canvas": ["results/*/*/seed*/canvas.zarr"],
        "analysis": [f"results/*/*/seed*/{name}" for name in ANALYSES],
        "figure": ["results/figures/*/*/*/seed*"],
    }
    found = {str(p.relative_to(space.run)) for rule in rules for one in of_rule[rule] for p in space.run.glob(one)}
    return sorted(name for name in found if not name.endswith("zarr.json"))


def remove(space: Workspace, names: list[str]) -> None:
    for name in names:
        path = space.run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def log_of(name: str) -> str:
    """The log of the job that makes a target, which the job itself opens when it begins to work.

    >>> log_of("results/figures/maps/clip/nerv/seed0")
    'logs/figure/clip/nerv/seed0/maps.log'
    """
    first, *rest = Path(name).parts[1:]
    if first == "figures":
        return f"logs/figure/{'/'.join(rest[1:])}/{rest[0]}.log"
    model, seed, *what = rest
    rule = {"model.pt": "train", "canvas.zarr": "canvas"}.get(what[0], "analysis")
    return f"logs/{rule}/{'/'.join([first, model, seed, *(what if rule == 'analysis' else [])])}.log"


def at_work(space: Workspace, wanted: list[str]) -> list[str]:
    """Those targets whose job has begun its work and not ended it, if logs of earlier runs were removed."""
    return [name for name in wanted if (space.run / log_of(name)).exists() and not (space.run / name).exists()]


def unfinished(space: Workspace, wanted: list[str]) -> set[tuple[str, int]]:
    """Hidden files and folders beside these targets, in which jobs write, checkpoints included, and their times."""
    folders = {(space.run / name).parent for name in wanted}
    found = set()
    for path in [p for folder in folders for pattern in (".*", ".training/*") for p in folder.glob(pattern)]:
        try:
            if path.name not in (".training", ".snakemake_timestamp"):
                found.add((str(path), path.stat().st_mtime_ns))
        except FileNotFoundError:  # it has just been finished
            pass
    return found


@dataclass
class Blow:
    """Targets that were being made when a run was killed, and whether it left anything unfinished on disk."""

    hit: list[str]
    left: bool


def struck(space: Workspace, wanted: list[str], writing: bool, delay: float) -> Blow | None:
    """Kill a run that makes these, so long after a job began its work, or its writing; None where it ended before."""
    for name in wanted:
        (space.run / log_of(name)).unlink(missing_ok=True)
    before = unfinished(space, wanted)
    running = space.apart("--cores", "2", "--rerun-incomplete", *wanted)
    while running.poll() is None:
        if unfinished(space, wanted) - before if writing else at_work(space, wanted):
            break
        time.sleep(0.01)
    try:
        running.wait(delay)
    except subprocess.TimeoutExpired:
        kill(running)
        locks = space.run / ".snakemake" / "locks"
        if locks.exists():  # not where the run was about to end
            shutil.rmtree(locks)  # what snakemake --unlock does
        return Blow(at_work(space, wanted), bool(unfinished(space, wanted) - before))
    assert running.returncode == 0, (space.run / "started.log").read_text()[-3000:]
    return None


def check(space: Workspace, wanted: list[str], expected: dict[str, bytes]) -> None:
    """Whatever can be found reads, and is what an undisturbed run makes of it: no target lacks a file or a byte."""
    results = space.run / "results"
    whole(results)
    found = content(results)
    assert [name for name in found if found[name] != expected[name]] == []
    for target in wanted:
        if (space.run / target).exists():
            own = Path(target).relative_to("results")
            assert {name for name in expected if Path(name).is_relative_to(own)} <= found.keys(), target


def strike(space: Workspace, phase: Phase, wanted: list[str], expected: dict[str, bytes], rng: random.Random) -> str:
    """Kill a phase until enough blows fell into its work, and enough of those left something unfinished."""
    kills, left, tries = 0, 0, 0
    while kills < KILLS or left < UNFINISHED:
        assert tries < 4 * KILLS + 4, f"of {tries} blows {kills} fell into work, {left} left something unfinished"
        writing = tries % 2 == 1
        blow = struck(space, wanted, writing, rng.uniform(0, phase.writing if writing else phase.work))
        tries += 1
        if blow is None:  # done before the blow fell: it is to be made again
            remove(space, wanted)
        elif blow.hit:
            kills, left = kills + 1, left + blow.left
        check(space, wanted, expected)
    return f"of {tries} runs {kills} were killed at work, {left} of them left something unfinished"


def long_jobs() -> dict[str, object]:
    """An experiment whose jobs last: every epoch of training is kept, every map is written, a few at a time."""
    values = config(canvas={"layout": "dense", "memory_mb": 0.001})
    values["models"] = {name: values["models"][name] for name in (("ffn", "nerv") if EXHAUSTIVE else ("nerv",))}
    if not EXHAUSTIVE:
        values["analyses"] = {"maps": values["analyses"]["maps"]}
    for model in values["models"].values():
        model["training"] |= {"epochs": 200, "checkpoint_minutes": 1e-9}
    return values


def test_killed_again_and_again(tmp_path: Path) -> None:
    calm = Workspace.create(tmp_path / "calm")
    write_clip(calm.run)
    write_table(calm.run)
    calm.configure(long_jobs())
    calm.make()
    expected = content(calm.run / "results")
    space = calm.copy(tmp_path / "killed")  # with its compiled code
    for name in ("results", "logs", ".snakemake"):
        shutil.rmtree(space.run / name)
    space.make("results/clip/video.zarr")
    rng = random.Random(0)
    for name, phase in PHASES.items():
        wanted, inputs = targets(calm, phase.rules), space.times()
        assert wanted, name
        print(name, strike(space, phase, wanted, expected, rng), sep=": ")
        space.make("--rerun-incomplete", *wanted)
        assert inputs.items() <= space.times().items(), f"{name} touched its inputs"
    space.make("--rerun-incomplete")
    assert space.pending() == set()
    found = content(space.run / "results")
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    assert list(space.run.rglob(".training")) == []
    assert list(space.run.rglob(".*.partial-*")) == [], "what was left unfinished is removed by the job that makes it"
