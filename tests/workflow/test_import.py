"""A checkpoint in the place of training, by Snakemake."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

import xinc
from tests.helpers.foreign import HINTS, write_nerv
from tests.helpers.small import config, write_clip, write_table
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import Workspace, jobs
from xinc.analyses.results import open_result

pytestmark = [pytest.mark.workflow, pytest.mark.slow, exhaustive]


def test_an_imported_network_is_treated_like_a_trained_one(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path)
    write_clip(space.run)
    write_table(space.run)
    write_nerv(space.run / "nerv.pth")
    values = config(analyses={"quality": {"show": 2}})
    values["models"] = {
        "mine": {"import": "nerv.pth", **HINTS, "min_psnr": None, "canvas": {"layers": ["head"]}},
        "siren": values["models"]["siren"],
    }
    branch = {
        *jobs("import_model", video="clip", model="mine", seed=0),
        *jobs("canvas", video="clip", model="mine", seed=0),
        *jobs("analysis", video="clip", model="mine", seed=0, analysis="quality"),
        *jobs("figure", video="clip", model="mine", seed=0, analysis="quality"),
    }
    assert {job for job in space.pending(values) if "model=mine" in job} == branch
    space.make()
    run = space.run / "results" / "clip" / "mine" / "seed0"
    assert {path.name for path in run.iterdir()} == {"model.pt", "canvas.zarr", "quality"}
    model = xinc.load_model(run / "model.pt")
    original = xinc.load_model(space.run / "nerv.pth", **HINTS, resolution=[16, 32], num_frames=4)
    assert torch.equal(model.reconstruct(3), original.reconstruct(3))
    quality = open_result(run / "quality")
    assert quality.sizes["frame"] == 4
    assert "training_psnr" not in quality
    assert "training_psnr" in open_result(run.parents[1] / "siren" / "seed0" / "quality")
    assert len(pd.read_csv(run / "quality" / "table.csv")) == 4
    assert space.pending() == set()

    (space.run / "nerv.pth").touch()
    assert space.pending() == set(), "the content counts, not the time"
    write_nerv(space.run / "nerv.pth", seed=1)
    assert space.pending() == branch | {"report"}
    torch.save({"state_dict": {}, "more": print}, space.run / "nerv.pth")
    refused = space.snakemake("-n")
    assert refused.returncode != 0
    assert "Error: Model 'mine' on video 'clip': nerv.pth was refused: it asks for builtins.print" in refused.stdout
    assert "Traceback" not in refused.stdout
