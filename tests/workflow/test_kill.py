"""What kill −9 at random moments leaves behind: nothing that looks whole and is not, and no trace in the end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from tests.small import changed
from tests.workflow.runs import ANALYSES, Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

#: What is killed, the rules that make it, and how often.
PHASES = {"training": ["train"], "canvases": ["canvas"], "analyses": ["analysis", "figure"]}
KILLS = 10


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
    """All files but what tells the time: by path, their bytes; of networks, the weights."""
    found = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if path.name == "model.pt":
            weights = torch.load(path, weights_only=True)["state_dict"]
            found[name] = b"".join(np.ascontiguousarray(t.numpy()).tobytes() for t in weights.values())
        elif path.name == "history.csv":
            rows = path.read_text().splitlines()
            found[name] = "\n".join(row.rsplit(",", 1)[0] for row in rows).encode()
        elif path.is_file() and path.name != ".snakemake_timestamp":
            found[name] = path.read_bytes()
    return found


def targets(space: Workspace, rules: list[str]) -> list[str]:
    """The outputs of these rules, as the finished run has them."""
    of_rule = {
        "train": ["results/*/*/seed*/model.pt"],
        "canvas": ["results/*/*/seed*/canvas.zarr/*"],
        "analysis": [f"results/*/*/seed*/{name}" for name in ANALYSES],
        "figure": ["results/figures/*/*/*/seed*"],
    }
    found = {str(p.relative_to(space.run)) for rule in rules for one in of_rule[rule] for p in space.run.glob(one)}
    return sorted(name for name in found if not name.endswith("zarr.json"))


def remove(space: Workspace, names: list[str]) -> None:
    for name in names:
        path = space.run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def struck(space: Workspace, wanted: list[str], delay: float) -> bool:
    """Whether a run that makes these was killed so many seconds after its first job began, before it was done."""
    log = space.run / "started.log"
    read = log.stat().st_size if log.exists() else 0
    running = space.apart("--cores", "2", "--rerun-incomplete", *wanted)
    while running.poll() is None and b"Select jobs" not in log.read_bytes()[read:]:
        time.sleep(0.02)
    try:
        running.wait(delay)
    except subprocess.TimeoutExpired:
        kill(running)
        shutil.rmtree(space.run / ".snakemake" / "locks")  # what snakemake --unlock does
        return True
    assert running.returncode == 0, log.read_text()[-3000:]
    return False


def test_killed_again_and_again(finished: Workspace, tmp_path: Path) -> None:
    calm = finished.copy(tmp_path / "calm")
    calm.configure(changed("models.nerv.training.epochs", 300))
    calm.make()
    space = Workspace.create(tmp_path / "killed")
    for name in ("clip", "clip_masks"):
        shutil.copytree(calm.run / name, space.run / name)
    for name in ("videos.tsv", "config.yaml"):
        shutil.copy(calm.run / name, space.run / name)
    rng = random.Random(0)
    for phase, rules in PHASES.items():
        wanted = targets(calm, rules)
        assert wanted, phase
        kills = 0
        while kills < KILLS:
            if struck(space, wanted, rng.uniform(0, 3.5)):
                kills += 1
            else:  # done before the blow fell: it is to be made again
                remove(space, wanted)
            whole(space.run / "results")
    space.make("--rerun-incomplete")
    assert space.pending() == set()
    found, expected = content(space.run / "results"), content(calm.run / "results")
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
