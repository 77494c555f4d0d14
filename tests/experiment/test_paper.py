"""The paper's experiment, config/paper.yaml: what it asks for, its plan, and a scaled-down copy from end to end."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.helpers.datasets import write_cityscapes_vps, write_vipseg
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import announced, jobs
from xinc.analyses import analyses
from xinc.analyses.draw import draw_figures
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.canvas.writer import write_canvas_of
from xinc.errors import InputError
from xinc.experiment.config import Config, read_config
from xinc.experiment.plan import Plan
from xinc.experiment.spec import Spec
from xinc.experiment.subjects import subject_from
from xinc.models.storage import build
from xinc.training.run import train_model
from xinc.training.settings import TrainingSettings
from xinc.video.figures.regions import draw_regions
from xinc.video.figures.video import draw_video
from xinc.video.flow import FlowSettings, prepare_flow
from xinc.video.prepare import prepare_video
from xinc.video.regions import RegionSettings, prepare_regions
from xinc.video.settings import VideoSettings
from xinc.video.sources import read_videos

ROOT = Path(__file__).resolve().parents[2]
CITY = ["0001", "0002", "0003", "0005", "0008", "0009"]
#: Frames of each video; the paper takes those of 30 to 45.
VIPSEG = {"0_a": 30, "1_b": 29, "2_c": 45, "3_d": 31, "4_e": 46, "5_f": 40, "6_g": 33}
#: Figures that look at masks; what others draw does not depend on the source.
DRAWN = ("dataset", "findings", "grouping", "objects")
#: Analyses of this project, which the paper does not have.
OWN = {"compare", "error", "faithfulness", "families", "overview", "paper_claims", "pruning"}
#: Those of the paper; of others, its networks are none that they are about.
EVERY = {name for name in analyses if analyses[name].architectures is None} - OWN
LAYERS = {
    "ffn": ["layer1", "layer2", "layer3"],
    "nerv": ["block1", "block2", "block3", "head"],
    "nerv_identity": ["block1", "block2", "block3", "head"],
}


def paper(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text("utf-8"))
    return values | {"videos": str(ROOT / "config" / "paper.tsv")} | changes


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Both data sets, six videos of Cityscapes-VPS and seven of VIPSeg, in a folder with a blank in its name."""
    base = tmp_path_factory.mktemp("data sets")
    return {
        "cityscapes-vps": str(write_cityscapes_vps(base / "city vps", CITY)),
        "vipseg": str(write_vipseg(base, VIPSEG)),
    }


def test_it_says_that_it_needs_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError, match=r"'cityscapes-vps' of video 'cityscapes' has no root: .*--config 'roots="):
        read_config("config/paper.yaml")


@pytest.mark.slow
def test_it_is_the_papers(roots: dict[str, str]) -> None:
    """Sections 4.1 and 6.1: resolution, sizes, epochs; seeds of figure 14; every figure and table."""
    config = Config(paper(roots=roots))
    assert {video.resolution for video in config.videos.values()} == {(128, 256)}
    assert {video.crop for video in config.videos.values()} == {"fit"}
    parameters = {
        name: sum(
            p.numel() for p in build(config.architecture(name), settings.model_dump(), (128, 256), [0], 30).parameters()
        )
        for name, settings in config.architectures.items()
    }
    assert parameters == {"ffn": 32971, "nerv": 978557, "nerv_identity": 978557}
    outputs = {name: config.architectures[name].output_activation for name in ("nerv", "nerv_identity")}
    assert outputs == {"nerv": "tanh", "nerv_identity": "identity"}
    assert {model.training.epochs for model in config.file.models.values()} == {1000}
    assert len(config.analyses["clusters"]["seeds"]) == 5
    assert set(config.analyses) == EVERY
    assert {name.split("-")[0] for name in config.videos} == {"cityscapes", "vipseg"}
    chosen = {str(video.clips) for video in config.videos.values() if video.name.startswith("vipseg")}
    assert chosen == {"0_a", "2_c", "3_d", "5_f", "6_g"}


def documented() -> list[str]:
    """The command that docs/how-to/data-sets.md gives, as a shell splits it."""
    page = (ROOT / "docs" / "how-to" / "data-sets.md").read_text("utf-8")
    [lines] = re.findall(r"^ +(\S*snakemake -n --configfile config/paper\.yaml \\\n.*)$", page, re.MULTILINE)
    return shlex.split(lines)


@pytest.mark.slow
def test_the_documented_table_lists_videos(roots: dict[str, str], tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "data-sets.md").read_text("utf-8")
    [table] = re.findall(r"^```tsv\n(.*?)```$", page, re.MULTILINE | re.DOTALL)
    write_cityscapes_vps(Path(roots["cityscapes-vps"]), ["0011", "0012", "0013", "0014"], split="train")
    for kind, documented in (("cityscapes-vps", "/data/cityscapes_vps"), ("vipseg", "/data/VIPSeg_720P")):
        assert documented in table
        table = table.replace(documented, roots[kind])
    (tmp_path / "mine.tsv").write_text(table, "utf-8")
    found = {video.name: video for video in read_videos(tmp_path / "mine.tsv", (128, 256), roots)}
    assert list(found) == [
        "street", *(f"streets-{name}" for name in CITY), *(f"few-{name}" for name in ("0011", "0012", "0013")),
        *(f"wild-{name}" for name in ("0_a", "2_c", "3_d", "5_f", "6_g")),
    ]  # fmt: skip
    assert found["wild-2_c"].count == 30


@pytest.mark.workflow
@pytest.mark.slow
def test_the_documented_command_shows_the_plan(roots: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config").symlink_to(ROOT / "config")
    command = " ".join(documented()[1:-1])
    setting = documented()[-1]
    for kind, root in roots.items():
        setting, count = re.subn(rf"(?<={kind}: )[^,}}]+", root, setting)
        assert count == 1
    snakemake = [sys.executable, "-m", "snakemake"]
    done = subprocess.run(
        [*snakemake, "--verbose", "--snakefile", str(ROOT / "workflow" / "Snakefile"), *command.split(), setting],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert announced(done.stdout + done.stderr) == expected()
    assert {path.name for path in tmp_path.iterdir()} <= {"config", ".snakemake"}


def expected() -> set[str]:
    """Every job of the paper's experiment on five videos of each data set."""
    videos = [f"cityscapes-{name}" for name in ("0001", "0002", "0003", "0005", "0008")]
    videos += [f"vipseg-{name}" for name in ("0_a", "2_c", "3_d", "5_f", "6_g")]
    network = [name for name in analyses if analyses[name].scope == "network" and name in EVERY]
    found: set[str] = {"report"}
    for rule in ("video", "video_figure", "regions", "regions_figure", "flow"):
        found |= jobs(rule, video=videos)
    found |= jobs("train", video=videos, model=list(LAYERS), seed=[0, 1, 2, 3, 4])
    found |= jobs("canvas", video=videos, model=list(LAYERS), seed=[0, 1, 2, 3, 4])
    for rule in ("analysis", "figure"):
        for name in network:  # what looks from frame to frame has nothing to look at in networks of one frame
            models = ["nerv", "nerv_identity"] if analyses[name].across_frames else list(LAYERS)
            found |= jobs(rule, video=videos, model=models, seed=0, analysis=name)
        found |= jobs(f"{rule}_of_seeds", video=videos, model=list(LAYERS), analysis="clusters")
        found |= jobs(f"{rule}_of_project", analysis=["dataset", "findings"])
    return found


def scaled_down(table: Path, roots: dict[str, str]) -> dict[str, Any]:
    """The paper's experiment on a video of each data set, with tiny networks."""
    text = (ROOT / "config" / "paper.tsv").read_text("utf-8")
    table.write_text(text.replace("\t5 of all", "\t1 of all"), "utf-8")
    values = paper(roots=roots, videos=str(table), resolution="16x32")
    for name in ("nerv", "nerv_identity"):
        values["models"][name]["settings"] |= {"fc_dim": 4, "strides": [2, 2], "embed_levels": 4, "size": None}
    values["models"]["ffn"]["settings"] = {"fourier_features": 4, "hidden_width": 6}
    for model in values["models"].values():
        model["training"] = {"epochs": 2, "threads": 1, "device": "cpu"}
    small = {"grouping": {"shifts": 64, "neurons": 8}, "maps": {"neurons": 2, "frames": 2}, "motion": {"animated": 0}}
    values["analyses"] |= small | {"clusters": {"seeds": [0, 1], "max_neurons": 40}}
    return values


@exhaustive
@pytest.mark.slow
def test_a_copy_scaled_down_runs(roots: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job of the plan but figures that masks do not change, in one process."""
    values = scaled_down(tmp_path / "paper.tsv", roots)
    monkeypatch.chdir(tmp_path)
    plan = Plan(Config(values))
    assert plan.videos == ["cityscapes-0001", "vipseg-0_a"]
    run(plan)
    for model in plan.models:
        objects = open_result(f"results/cityscapes-0001/{model}/seed0/objects")
        assert objects["frame"].values.tolist() == [4, 9, 14, 19, 24, 29]
        assert {"person", "car", "vegetation"} <= set(objects["category"].values.tolist())
        grouping = open_result(f"results/cityscapes-0001/{model}/seed0/grouping")
        assert set(grouping["frame"].values.tolist()) <= {4, 9, 14, 19, 24, 29}
        assert np.isfinite(grouping["variance"].sel(grouping="instances")).any()
    table = pd.read_csv("results/project/dataset/table.csv").set_index(["data_set", "video"])
    assert table.loc[("Cityscapes-VPS", "cityscapes-0001"), "labelled"] == pytest.approx(0.2)
    assert table.loc[("VIPSeg", "vipseg-0_a"), "labelled"] == 1
    findings = pd.read_csv("results/project/findings/table.csv")
    assert set(findings["video"].dropna()) == set(plan.videos)
    assert set(findings["model"].dropna()) == set(plan.models)
    pictures = list(Path("results/figures").rglob("*.png"))
    assert {path.relative_to("results/figures").parts[0] for path in pictures} == {*DRAWN, "videos", "regions"}


def run(plan: Plan) -> None:
    """What the rules of the workflow do, in their order."""
    for video in plan.videos:
        base, figures = Path("results", video), Path("results", "figures")
        prepare_video(VideoSettings(**plan.video_spec(video).settings["video"]), base / "video.zarr")
        draw_video(base / "video.zarr", figures / "videos" / video, video)
        settings = RegionSettings(**plan.regions_spec(video).settings)
        prepare_regions(base / "video.zarr", base / "regions.zarr", settings)
        draw_regions(base / "regions.zarr", base / "video.zarr", figures / "regions" / video, video)
        prepare_flow(base / "video.zarr", base / "flow.zarr", FlowSettings(**plan.flow_spec(video).settings))
        for model in plan.models:
            for seed in {*plan.seeds, *plan.seeds_of("clusters", video, model)}:
                train(plan, video, model, seed)
    for analysis, video, model, seed in plan.runs():
        below = Path(video, model, "seeds" if seed is None else f"seed{seed}")
        make_spec = plan.seeds_spec(video, model, analysis) if seed is None else None
        spec = make_spec or plan.analysis_spec(video, model, seed or 0, analysis)
        seeds = plan.seeds_of(analysis, video, model) if seed is None else [seed]
        study(plan, analysis, spec, files(plan, analysis, video, model, seeds), below / analysis)
        draw(plan, analysis, below / analysis, Path(analysis) / below)
    for analysis in sorted(plan.analyses_of("project")):
        names = {"videos": [f"results/{video}/video.zarr" for video in plan.videos]}
        made = [one for one in plan.runs() if one[0] in plan.evidence(analysis)]
        names["results"] = [f"results/{v}/{m}/{'seeds' if s is None else f'seed{s}'}/{a}" for a, v, m, s in made]
        study(plan, analysis, plan.project_spec(analysis), names, Path("project", analysis))
        draw(plan, analysis, Path("project", analysis), Path(analysis, "project"))


def train(plan: Plan, video: str, model: str, seed: int) -> None:
    """A network and its canvas."""
    base = Path("results", video, model, f"seed{seed}")
    settings = dict(plan.train_spec(video, model, seed).settings)
    training = TrainingSettings(**settings.pop("training"))
    source = Path("results", video, "video.zarr")
    train_model(source, base / "model.pt", base / "history.csv", training=training, **settings)
    canvas = plan.canvas_spec(video, model, seed).settings
    write_canvas_of(base / "model.pt", base / "canvas.zarr", canvas["layers"], canvas["canvas"])


def files(plan: Plan, analysis: str, video: str, model: str, seeds: Iterable[int]) -> dict[str, Any]:
    """What an analysis of networks reads."""
    needs, base = plan.needs(analysis), f"results/{video}"
    found: dict[str, Any] = {"video": f"{base}/video.zarr"}
    found |= {name: f"{base}/{name}.zarr" for name in ("regions", "flow") if name in needs}
    runs = [f"{base}/{model}/seed{seed}" for seed in seeds]
    if "model" in needs:
        found |= {"model": f"{runs[0]}/model.pt", "history": f"{runs[0]}/history.csv"}
    if "canvas" in needs:
        canvases = [f"{run}/canvas.zarr" for run in runs]
        found["canvas"] = canvases if analysis in plan.analyses_of("seeds") else canvases[0]
    return found


def study(plan: Plan, analysis: str, spec: Spec, names: dict[str, Any], output: Path) -> None:
    run_analysis(analysis, spec.settings["settings"], subject_from(analysis, names), "results" / output)


def draw(plan: Plan, analysis: str, result: Path, output: Path) -> None:
    if analysis in DRAWN:
        draw_figures(analysis, plan.config.analyses[analysis], "results" / result, "results" / Path("figures") / output)
