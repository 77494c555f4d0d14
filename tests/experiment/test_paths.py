"""The grammar of results: every job's path leads back to the job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinc.experiment.paths import HISTORY, MADE, Made, figure_path, parse, path_of, result_path

NAMES = {
    "video": ["bunny", "a video", "figures", "project", "videos"],
    "model": ["nerv", "my.model-2", "pairs"],
    "seed": ["0", "12"],
    "other": ["nerv", "my.model-2-seed3"],
    "other_seed": ["0", "7"],
    "layer": ["head", "block1"],
    "analysis": ["maps", "pixels_per_neuron", "own2"],
}


@given(st.sampled_from(sorted(MADE)), st.data())
def test_there_and_back(rule: str, data: st.DataObject) -> None:
    names = [name for name in NAMES if f"{{{name}}}" in MADE[rule]]
    wildcards = {name: data.draw(st.sampled_from(NAMES[name])) for name in names}
    path = path_of(rule, **wildcards)
    if wildcards.get("video") in ("figures", "project"):
        return  # no video can be called that
    assert parse(path) == Made(rule, wildcards)
    assert parse(f"s3://bucket/{path}") == Made(rule, wildcards)
    assert parse(f"{path}/zarr.json") == Made(rule, wildcards)


def test_the_history_is_made_with_the_network() -> None:
    assert parse(HISTORY.format(video="v", model="m", seed=1)) == Made(
        "train", {"video": "v", "model": "m", "seed": "1"}
    )


@pytest.mark.parametrize("path", ["", "results", "results/clip", "logs/train/clip.log", "results/clip/nerv/seed0"])
def test_what_no_rule_makes(path: str) -> None:
    assert parse(path) is None


def test_scopes() -> None:
    assert result_path("maps", "v", "m", 0) == "results/v/m/seed0/maps"
    assert result_path("clusters", "v", "m") == "results/v/m/seeds/clusters"
    assert result_path("compare", "v", "m", 0, "o", 1) == "results/v/pairs/m-seed0+o-seed1/compare"
    assert figure_path("compare", "v", "m", 0, "o", 1) == "results/figures/compare/v/pairs/m-seed0+o-seed1"
    assert figure_path("findings") == "results/figures/findings/project"
