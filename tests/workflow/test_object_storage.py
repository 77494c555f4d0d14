"""The workflow with its results on object storage, by Snakemake's own plugin for it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

import xinc
from tests.helpers import object_storage
from tests.helpers.small import changed, config, write_clip, write_table
from tests.helpers.tiers import exhaustive
from tests.helpers.trainings import kept
from tests.helpers.workflow.runs import Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.slow, exhaustive]

FIGURE = "results/figures/maps/clip/nerv/seed0"
LONG = "results/clip/long/seed0"


def test_results_go_there_and_stay(finished: Workspace, tmp_path: Path) -> None:
    """Whole stores as outputs; a second run has nothing to do; the canvas is opened where it lies.

    The run is killed in a long training, which goes on from the checkpoint on this machine's disk.
    """
    space = Workspace.create(tmp_path)
    write_clip(space.run)
    write_table(space.run)
    values = changed("models.long", config()["models"]["nerv"])
    values["models"]["long"]["training"] |= {"epochs": 150, "checkpoint_minutes": 1e-9}
    space.configure(values)
    with object_storage.server() as server:
        bucket = object_storage.new_bucket()
        _upload(bucket, space.run, ["clip", "clip_masks"])
        there = [
            *("--default-storage-provider", "s3", "--default-storage-prefix", bucket),
            *("--storage-s3-endpoint-url", server.address),
            *("--shared-fs-usage", "persistence", "sources", "source-cache", "software-deployment", "--"),
        ]
        rows = _killed(space, *there, f"{LONG}/model.pt")
        space.make("--rerun-incomplete", *there, FIGURE, f"{LONG}/model.pt")
        assert not (space.run / "results").exists()
        history = pd.read_csv(f"{bucket}/{LONG}/history.csv")
        assert len(rows) < len(history) == 150
        assert history["seconds"][: len(rows)].tolist() == pytest.approx([row["seconds"] for row in rows], rel=1e-8)
        assert not list(space.run.rglob("checkpoint.pt"))
        again = space.snakemake("-n", *there, FIGURE)
        assert "Nothing to be done" in again.stdout
        canvas = xinc.open_canvas(f"{bucket}/results/clip/nerv/seed0/canvas.zarr")
        expected = xinc.open_canvas(finished.run / "results/clip/nerv/seed0/canvas.zarr")
        assert list(canvas.children) == list(expected.children) == ["block2", "head"]
        for name in canvas.children:
            xr.testing.assert_identical(canvas[name].to_dataset().load(), expected[name].to_dataset().load())


def _killed(space: Workspace, *arguments: str) -> list[dict[str, float]]:
    """Kill a run as soon as its training has a checkpoint; the history in that."""
    running = space.apart("--cores", "1", *arguments)
    while not (found := list(space.run.rglob(".training/checkpoint.pt"))):
        assert running.poll() is None, (space.run / "started.log").read_text()
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    shutil.rmtree(space.run / ".snakemake" / "locks")  # what snakemake --unlock does
    return kept(found[0])


def _upload(bucket: str, root: Path, folders: list[str]) -> None:
    import boto3

    client = boto3.client("s3")
    for path in (path for folder in folders for path in (root / folder).iterdir()):
        client.upload_file(str(path), bucket.removeprefix("s3://"), str(path.relative_to(root)))
