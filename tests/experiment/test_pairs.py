"""Pairs of networks in a configuration: what names stand for, what is refused, and what their jobs depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.foreign import HINTS, write_nerv
from tests.helpers.small import changed, config, write_clip, write_table
from tests.helpers.workflow.plans import specs
from tests.helpers.workflow.runs import jobs
from xinc.errors import InputError
from xinc.experiment.cli import main
from xinc.experiment.config import Config
from xinc.experiment.plan import Plan
from xinc.experiment.why import explain


@pytest.fixture(autouse=True)
def _experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path)
    write_clip(tmp_path, "second")
    write_table(tmp_path, "clip clip clip_masks", "second second second_masks")
    monkeypatch.chdir(tmp_path)


def comparing(*pairs: list[str], seeds: tuple[int, ...] = (0, 1), **settings: Any) -> dict[str, Any]:
    """The smallest experiment with two videos, which compares these pairs; all pairs of seeds without any."""
    chosen = {"pairs": [list(pair) for pair in pairs]} if pairs else {}
    return config(seeds=list(seeds), analyses={"compare": chosen | settings})


def named(values: dict[str, Any]) -> list[str]:
    """The pairs that a configuration compares."""
    return [f"{pair.video}/{pair}" for pair in Config(values).pairs_of("compare")]


def test_what_names_stand_for() -> None:
    assert named(comparing(["clip/nerv/seed0", "nerv/seed7"])) == ["clip/nerv-seed0+nerv-seed7"]
    both = [f"{video}/nerv-seed1+nerv-seed0" for video in ("clip", "second")]
    assert named(comparing(["nerv/seed1", "nerv/seed0"])) == both
    layers = {"layer2": "head"}
    every = [f"{video}/ffn-seed{seed}+nerv-seed{seed}" for video in ("clip", "second") for seed in (0, 1)]
    assert named(comparing(["ffn", "nerv"], layers=layers)) == every
    assert named(comparing(["ffn", "clip/nerv"], ["clip/ffn/seed0", "nerv/seed0"], layers=layers)) == every[:2]


def test_all_pairs_of_seeds_by_default() -> None:
    found = named(comparing(seeds=(0, 1, 4)))
    assert len(found) == 2 * 3 * 3
    assert {"clip/ffn-seed0+ffn-seed1", "clip/ffn-seed0+ffn-seed4", "second/siren-seed1+siren-seed4"} <= set(found)
    own = comparing() | {"video_seeds": {"second": [5]}}
    assert {name.split("/")[0] for name in named(own)} == {"clip"}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (["nerv/seed0", "nervv/seed0"], "unknown model 'nervv' in 'nervv/seed0': did you mean 'nerv'"),
        (["clipp/nerv", "siren"], "unknown video 'clipp' in 'clipp/nerv': did you mean 'clip'"),
        (["clip/nerv/seed0", "second/nerv/seed1"], "are networks of two videos: compare networks of one"),
        (["nerv/seed0", "nerv"], "gives the seed of one network only"),
        (["nerv/seed0", "clip/nerv/seed0"], "is the same network twice"),
        (["nerv", "nerv"], "is the same network twice"),
        (["a/b/c/seed0", "nerv"], "'a/b/c/seed0' is not the name of a network: expected MODEL/seed0"),
        (["ffn/seed0", "nerv/seed0"], r"ffn-seed0\+nerv-seed0 on video 'clip': The networks share no layer: one has "),
        (["mine/seed1", "nerv/seed0"], "model 'mine' is the same for every seed: write mine/seed0"),
        (
            ["late", "siren"],
            r"late-seed0\+siren-seed0 on video 'clip': their canvases share no frame: late has frames 1",
        ),
    ],
)
def test_what_is_refused(pair: list[str], message: str) -> None:
    """Before anything runs, in one sentence."""
    write_nerv(Path("nerv.pth"))
    values = comparing(pair)
    values["models"]["mine"] = {"import": "nerv.pth", "min_psnr": None, **HINTS}
    values["models"]["late"] = values["models"]["siren"] | {"frames": [1]}
    with pytest.raises(InputError, match=message) as caught:
        Config(values)
    assert str(caught.value).count("\n") == 0


def test_nothing_to_compare() -> None:
    with pytest.raises(InputError, match=r"no model has two seeds to compare: name pairs .* pairs: \[\[ffn/seed0, "):
        Config(comparing(seeds=(0,)))
    assert Config(comparing(["clip/nerv/seed0", "nerv/seed1"]) | {"part": "2/2"}).pairs_of("compare") == []
    with pytest.raises(InputError, match="at least 1 item"):
        Config(changed("analyses.compare", {"pairs": []}))


def test_frames_of_one_network_only() -> None:
    with pytest.raises(InputError, match=r"the pair of canvases has frames 0, 2"):
        Config(comparing(["nerv/seed0", "siren/seed0"], frames=[1], layers={"head": "layer1"}))
    write_nerv(Path("nerv.pth"))
    values = comparing(["mine", "nerv"], seeds=(0,))
    values["models"]["mine"] = {"import": "nerv.pth", "min_psnr": None, **HINTS}
    assert named(values) == [f"{video}/mine-seed0+nerv-seed0" for video in ("clip", "second")]


def test_check_says_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(comparing(["nerv/seed0", "sirenn/seed0"])), "utf-8")
    assert main(["check", "--configfile", "mine.yaml"]) == 1
    assert "did you mean 'siren'" in capsys.readouterr().err


def test_only_the_two_networks_are_inputs() -> None:
    """And networks that nothing else asks for are made for them, with nothing but their canvases."""
    values = comparing(["clip/nerv/seed0", "nerv/seed5"], seeds=(0,)) | {"canvas": {"frames": 2}}
    before = specs(values)
    of = {"video": "clip", "model": "nerv", "seed": 0, "other": "nerv", "other_seed": 5}
    [job] = jobs("analysis_of_pair", analysis="compare", **of)
    made = [f"results/clip/nerv/seed{seed}/{name}" for seed in (0, 5) for name in ("model.pt", "canvas.zarr")]
    assert set(before[job].upstream) == {"results/clip/video.zarr", *made}
    assert "pairs" not in before[job].settings["settings"]
    assert {name for name in before if "seed=5" in name.split()} == {
        *jobs("train", video="clip", model="nerv", seed=5),
        *jobs("canvas", video="clip", model="nerv", seed=5),
    }
    [figure] = jobs("figure_of_pair", analysis="compare", **of)
    assert list(before[figure].upstream) == ["results/clip/pairs/nerv-seed0+nerv-seed5/compare"]

    third = specs(changed("models.siren.settings.omega", 20, values))
    assert before[job] == third[job]
    own = specs(changed("models.nerv.training.epochs", 4, values))
    assert before[job] != own[job]
    another = specs(
        changed("analyses.compare.pairs", [["clip/nerv/seed0", "nerv/seed5"], ["siren/seed0", "siren/seed1"]], values)
    )
    assert before[job] == another[job]


def test_why(tmp_path: Path) -> None:
    plan = Plan(Config(comparing(["clip/nerv/seed0", "nerv/seed1"])))
    path = "results/clip/pairs/nerv-seed0+{}/compare"
    assert explain(path.format("nerv-seed1"), plan, tmp_path) == [f"{path.format('nerv-seed1')} has not been made yet."]
    with pytest.raises(InputError, match=r"asks for no other 'nervy' .*did you mean 'nerv'"):
        explain(path.format("nervy-seed1"), plan, tmp_path)
    with pytest.raises(InputError, match="asks for no 'results/clip/pairs/nerv-seed0"):
        explain(path.format("nerv-seed2"), plan, tmp_path)


def test_results_of_the_project_do_not_wait_for_pairs() -> None:
    """They make no claims."""
    values = comparing(["clip/nerv/seed0", "nerv/seed1"])
    values["analyses"] |= {"findings": {}, "quality": {}}
    assert Plan(Config(values)).evidence("findings") == ["quality"]
    assert not [path for path in Plan(Config(values)).project_spec("findings").upstream if "pairs" in path]
