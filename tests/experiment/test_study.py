"""The study at the paper's size, config/study.yaml: what it asks for, with and without the clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from xinc.analyses import analyses
from xinc.errors import InputError
from xinc.experiment.config import Config, read_config
from xinc.experiment.config_files import read_values
from xinc.experiment.plan import Plan
from xinc.video.settings import read_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_the_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_it_is_at_the_papers_size() -> None:
    """Sections 4.1 and 6.1, with both activations at NeRV's output."""
    config = read_config("config/study.yaml")
    paper = read_values("config/paper.yaml")
    assert {video.resolution for video in config.videos.values()} == {(128, 256)}
    assert {config.count(video) for video in config.videos} == {30}
    for name, model in config.file.models.items():
        assert model.settings == paper["models"][name].get("settings", {})
    assert {config.architectures[name].output_activation for name in ("nerv", "nerv_identity")} == {"tanh", "identity"}


def test_it_has_three_seeds_of_two_videos_and_all_that_its_page_needs() -> None:
    plan = Plan(read_config("config/study.yaml"))
    seeds = {video: {seed for of, _, seed in plan.triples if of == video} for video in plan.videos}
    assert seeds == {"bunny": {0, 1, 2}, "collage": {0, 1, 2}, "bikes": {0}, "carphone": {0}}
    assert set(analyses["paper_claims"].uses or ()) <= set(plan.analyses)
    assert set(plan.evidence("paper_claims")) == analyses["paper_claims"].uses


def test_interventions_are_made_in_the_same_networks() -> None:
    """A training that both ask for is one job."""
    study, more = Plan(read_config("config/study.yaml")), Plan(read_config("config/interventions.yaml"))
    assert set(more.triples) <= set(study.triples)
    assert len({seed for _, _, seed in more.triples}) == 3
    values = [read_values(f"config/{name}.yaml") for name in ("study", "interventions")]
    for key, model in values[1]["models"].items():
        assert model == values[0]["models"][key]
    tables = [read_table(f"config/{name}.tsv", "128x256") for name in ("study", "interventions")]
    assert all(video in tables[0] for video in tables[1])


def test_the_clips_come_on_top() -> None:
    videos, more = (
        {video.name: video for video in read_table(f"config/{name}.tsv", "128x256")}
        for name in ("study", "study-clips")
    )
    assert {name: more[name] for name in videos} == videos
    assert set(more) - set(videos) == {"dogs_jump", "tennis_flow"}
    assert all(more[name].masks for name in set(more) - set(videos))


def test_clips_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"'clips/dogs_jump.mp4' of video 'dogs_jump' does not exist"):
        Config(read_values("config/study.yaml") | {"videos": "config/study-clips.tsv"})


def test_with_the_clips_it_is_planned(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (shared / "clips").is_dir():
        pytest.skip(f"the real clips are not there: {shared / 'clips'}")
    (tmp_path / "config").symlink_to(ROOT / "config")
    (tmp_path / "clips").symlink_to(shared / "clips")
    monkeypatch.chdir(tmp_path)
    config = Config(read_values("config/study.yaml") | {"videos": "config/study-clips.tsv"})
    assert {name: config.count(name) for name in ("dogs_jump", "tennis_flow")} == {"dogs_jump": 30, "tennis_flow": 6}
    assert config.has_masks("dogs_jump")
    assert config.has_masks("tennis_flow")
    assert not config.has_masks("bikes")
