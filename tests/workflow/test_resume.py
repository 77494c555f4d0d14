"""A run that is killed while it trains goes on from the training's checkpoint."""

from __future__ import annotations

import csv
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.helpers.small import config, write_clip, write_table
from tests.helpers.tiers import exhaustive
from tests.helpers.trainings import kept
from tests.helpers.workflow.runs import Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.slow, exhaustive]

MODEL = "results/clip/nerv/seed0/model.pt"
EPOCHS = 150


def space(root: Path) -> Workspace:
    """Nothing but a NeRV, of which every epoch is kept."""
    made = Workspace.create(root)
    write_clip(made.run)
    write_table(made.run)
    values = config(analyses={})
    values["models"] = {"nerv": values["models"]["nerv"]}
    values["models"]["nerv"]["training"] |= {"epochs": EPOCHS, "checkpoint_minutes": 1e-9}
    made.configure(values)
    return made


def history(run: Path) -> list[dict[str, str]]:
    with open(run / MODEL.replace("model.pt", "history.csv"), newline="") as file:
        return list(csv.DictReader(file))


def without_seconds(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if not key.endswith("seconds")} for row in rows]


def test_a_killed_run(tmp_path: Path) -> None:
    killed, undisturbed = space(tmp_path / "killed"), space(tmp_path / "undisturbed")
    process = killed.apart("--cores", "1", MODEL)
    checkpoint = (killed.run / MODEL).with_name(".training") / "checkpoint.pt"
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed.run / MODEL).exists()
    rows = kept(checkpoint)
    assert 0 < len(rows) < EPOCHS
    assert killed.snakemake("--unlock").returncode == 0
    killed.make("--rerun-incomplete", MODEL)
    undisturbed.make(MODEL)
    weights = [torch.load(one.run / MODEL, weights_only=True)["state_dict"] for one in (killed, undisturbed)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])
    assert without_seconds(history(killed.run)) == without_seconds(history(undisturbed.run))
    # The first rows are those of the run that was killed, to the time they took.
    found = [float(row["seconds"]) for row in history(killed.run)[: len(rows)]]
    assert found == pytest.approx([row["seconds"] for row in rows], rel=1e-8)
    assert not checkpoint.parent.exists()
    assert killed.pending(None, None, MODEL) == set()
