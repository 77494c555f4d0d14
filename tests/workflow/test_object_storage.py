"""The workflow with its results on object storage, by Snakemake's own plugin for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

import xinc
from tests import object_storage
from tests.small import config, write_clip, write_table
from tests.workflow.runs import Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

FIGURE = "results/figures/maps/clip/nerv/seed0"


def test_results_go_there_and_stay(finished: Workspace, tmp_path: Path) -> None:
    """Whole stores as outputs; a second run has nothing to do; the canvas is opened where it lies."""
    space = Workspace.create(tmp_path)
    write_clip(space.run)
    write_table(space.run)
    space.configure(config())
    with object_storage.server() as address:
        bucket = object_storage.new_bucket()
        _upload(bucket, space.run, ["clip", "clip_masks"])
        there = [
            *("--default-storage-provider", "s3", "--default-storage-prefix", bucket),
            *("--storage-s3-endpoint-url", address),
            *("--shared-fs-usage", "persistence", "sources", "source-cache", "software-deployment", "--"),
        ]
        space.make(*there, FIGURE)
        assert not (space.run / "results").exists()
        again = space.snakemake("-n", *there, FIGURE)
        assert "Nothing to be done" in again.stdout
        canvas = xinc.open_canvas(f"{bucket}/results/clip/nerv/seed0/canvas.zarr")
        expected = xinc.open_canvas(finished.run / "results/clip/nerv/seed0/canvas.zarr")
        assert list(canvas.children) == list(expected.children) == ["block2", "head"]
        for name in canvas.children:
            xr.testing.assert_identical(canvas[name].to_dataset().load(), expected[name].to_dataset().load())


def _upload(bucket: str, root: Path, folders: list[str]) -> None:
    import boto3

    client = boto3.client("s3")
    for path in (path for folder in folders for path in (root / folder).iterdir()):
        client.upload_file(str(path), bucket.removeprefix("s3://"), str(path.relative_to(root)))
