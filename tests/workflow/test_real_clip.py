"""A real clip with real masks, from the video file to the report's figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import REPORT, Workspace, jobs
from xinc.analyses.results import open_result
from xinc.video.flow import open_flow
from xinc.video.sources.images import read_mask
from xinc.video.store import open_video
from xinc.video.transforms import nearest_index

pytestmark = [pytest.mark.workflow, pytest.mark.slow, exhaustive]

ANALYSES = ["grouping", "motion", "objects"]
CONFIG = """
videos: videos.tsv
resolution: 32x64
models:
  nerv:
    architecture: nerv
    settings: {fc_dim: 6, strides: [2, 2], embed_levels: 8}
    training: {epochs: 20, threads: 1, device: cpu}
    canvas: {layers: [block2, head]}
analyses:
  grouping: {frames: 1, shifts: 200, neurons: 8}
  motion: {frames: 1, animated: 1}
  objects: {}
  dataset: {}
"""


def test_dogs_jump_goes_through_the_whole_workflow(shared: Path, tmp_path: Path) -> None:
    """Frames 30 to 35 of 66: three dogs, at 240×432 pixels."""
    clip, masks = shared / "clips" / "dogs_jump.mp4", shared / "clips" / "dogs_jump_masks"
    if not clip.is_file() or not masks.is_dir():
        pytest.skip(f"the real clip with masks is not there: {clip}")
    space = Workspace.create(tmp_path)
    space.configure(yaml.safe_load(CONFIG))
    header = "video\tsource\tmasks\tstart\tcount\n"
    (space.run / "videos.tsv").write_text(f"{header}dogs\t{clip}\t{masks}\t30\t6\n", encoding="utf-8")
    planned = space.pending()
    assert planned == {
        *jobs("video", video="dogs"), *jobs("video_figure", video="dogs"), *jobs("flow", video="dogs"),
        *jobs("regions", video="dogs"), *jobs("regions_figure", video="dogs"),
        *jobs("train", video="dogs", model="nerv", seed=0),
        *jobs("canvas", video="dogs", model="nerv", seed=0),
        *jobs("analysis", video="dogs", model="nerv", seed=0, analysis=ANALYSES),
        *jobs("figure", video="dogs", model="nerv", seed=0, analysis=ANALYSES),
        *jobs("analysis_of_project", analysis="dataset"), *jobs("figure_of_project", analysis="dataset"),
        *REPORT,
    }  # fmt: skip
    space.make()
    assert space.pending() == set()
    results = space.run / "results"
    video = open_video(results / "dogs" / "video.zarr").load()
    assert video["source_frame"].values.tolist() == list(range(30, 36))
    # The largest window of 1:2 is 216 lines high, in the middle of 240.
    mask = read_mask(masks / "00033.png")[12:228]
    expected = mask[nearest_index(216, 32)[:, None], nearest_index(432, 64)]
    np.testing.assert_array_equal(video["instances"][3], expected)
    objects = open_result(results / "dogs/nerv/seed0/objects").load()
    assert objects["frame"].values.tolist() == list(range(6))
    assert set(objects["instance"].values) <= {"object 1", "object 2", "object 3"}
    assert np.isfinite(objects["share"]).any()
    grouping = open_result(results / "dogs/nerv/seed0/grouping").load()
    assert grouping["grouping"].values.tolist() == ["instances", "rgb", "gabor", "grid"]
    assert np.isfinite(grouping["variance"].sel(grouping="instances")).any()
    flow = open_flow(results / "dogs" / "flow.zarr")
    assert flow.attrs["source"] == "estimated"
    assert float(np.hypot(flow["flow"][1:, ..., 0], flow["flow"][1:, ..., 1]).max()) > 1, "dogs that jump move"
    table = pd.read_csv(results / "project/dataset/table.csv")
    assert table["labelled"].tolist() == [1, 1]
    assert len(list((results / "figures").rglob("*.png"))) >= 7
