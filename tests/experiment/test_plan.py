"""What a job depends on: `xinc.experiment.plan` without Snakemake."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.datasets import write_vipseg
from tests.helpers.small import changed, config, write_clip, write_table
from tests.helpers.snakes import snakes
from tests.helpers.workflow import edits
from tests.helpers.workflow.edits import EDITS
from tests.helpers.workflow.everything import EDITS_OF_EVERYTHING, EVERYTHING, SETTINGS
from tests.helpers.workflow.files import FILES, siren
from tests.helpers.workflow.plans import specs
from tests.helpers.workflow.runs import Workspace, of_video
from tests.helpers.workflow.sources import SOURCES
from xinc.analyses import analyses
from xinc.errors import InputError
from xinc.experiment.config import Config
from xinc.experiment.paths import path_of
from xinc.experiment.plan import Plan
from xinc.experiment.provenance import digest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)


def test_every_job_is_planned() -> None:
    assert set(specs(config())) == of_video("clip")


@pytest.mark.parametrize(("values", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit_changes_the_specs_of_exactly_these_jobs(values: dict[str, Any], expected: set[str]) -> None:
    before, after = specs(edits.config()), specs(values)
    assert {name for name in after if after[name] != before.get(name)} == expected


@pytest.mark.parametrize(("values", "expected"), EDITS_OF_EVERYTHING.values(), ids=EDITS_OF_EVERYTHING)
def test_a_setting_of_an_analysis(values: dict[str, Any], expected: set[str]) -> None:
    before, after = specs(EVERYTHING), specs(values)
    assert {name for name in after if after[name] != before.get(name)} == expected


@pytest.mark.parametrize("name", SOURCES)
def test_an_edit_of_the_library(edit: Callable[[str, str, str], None], name: str) -> None:
    before = specs(edits.config())
    edit(SOURCES[name].file, SOURCES[name].old, SOURCES[name].new)
    after = specs(edits.config())
    assert {name for name in after if after[name] != before[name]} == SOURCES[name].jobs


class Planned(Workspace):
    """A working directory in which nothing is made, but noted what would be."""

    def make(self, *arguments: str) -> str:
        self.made = specs(siren())
        return ""


#: Changes of files that no spec tells: of results, which Snakemake looks at.
OF_RESULTS = {"a result deleted", "the project copied without its times, then `snakemake --touch`"}


@pytest.mark.parametrize("name", [name for name in FILES if name not in OF_RESULTS])
def test_a_change_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    space = Planned(tmp_path / "space")
    for folder in (space.code, space.run):
        folder.mkdir(parents=True)
    write_clip(space.run)
    write_table(space.run)
    space.configure(siren())
    monkeypatch.chdir(space.run)
    space.make()
    after_it = FILES[name].apply(space) or space
    monkeypatch.chdir(after_it.run)
    after = specs(siren())
    assert {name for name in after if after[name] != space.made.get(name)} == FILES[name].jobs


def test_every_analysis_has_an_edit_of_what_it_computes_and_of_what_it_draws() -> None:
    assert set(SETTINGS) == {name for name in analyses if analyses[name].architectures is None}
    for name, tried in SETTINGS.items():
        assert tried[0][0] not in analyses[name].figure_settings
        assert bool(analyses[name].figure_settings) == (len(tried) > 1)
        assert all(drawn in analyses[name].figure_settings for drawn, _ in tried[1:])


def test_specs_are_plain_and_lasting() -> None:
    for name, spec in specs(config()).items():
        plain = {kind: dict(value) for kind, value in spec.params().items()}
        assert json.loads(json.dumps(plain)) == plain, name
        assert str(Path.cwd()) not in json.dumps(plain)
    assert specs(config()) == specs(config())


def test_an_activation_of_another_distribution_counts(tmp_path: Path) -> None:
    """Its module, and the version of what brought it, for the model that names it and no other."""
    with snakes(tmp_path):
        values = changed("models.siren.settings", {"layers": 2, "hidden_width": 4, "activation": "snake(0.5)"})
        code = {name: set(spec.code) for name, spec in specs(values).items() if name.startswith(("train", "canvas"))}
    assert code
    for name, modules in code.items():
        assert ({"snakes", "distribution snakes"} <= modules) == ("model=siren" in name), name


def test_a_spec_carries_what_came_before() -> None:
    found = specs(config())
    run = "model=nerv seed=0 video=clip"
    video, train = found["video video=clip"], found[f"train {run}"]
    of, made = "results/clip/nerv/seed0", found[f"canvas {run}"]
    canvas = {f"{of}/canvas.zarr": made.digest}
    assert train.upstream == {"results/clip/video.zarr": video.digest}
    assert made.upstream == {f"{of}/model.pt": train.digest}
    assert found[f"analysis analysis=maps {run}"].upstream == train.upstream | canvas
    assert found[f"analysis analysis=quality {run}"].upstream == train.upstream | {f"{of}/model.pt": train.digest}
    for analysis in ("maps", "quality"):
        result = found[f"analysis analysis={analysis} {run}"]
        assert found[f"figure analysis={analysis} {run}"].upstream == {f"{of}/{analysis}": result.digest}


def test_settings_of_a_drawing_are_not_those_of_its_computation() -> None:
    found = specs(config())
    run = "analysis=maps model=nerv seed=0 video=clip"
    assert set(found[f"analysis {run}"].settings["settings"]) == {"neurons", "choice", "seed", "frames"}
    assert found[f"figure {run}"].settings["settings"] == {
        "neurons": 3, "choice": "strongest", "seed": 0, "frames": "all", "scale": "common", "animated": 2, "zoom": 1,
    }  # fmt: skip


def test_figures_depend_on_results_that_they_quote() -> None:
    """Those of maps and intensity on faithfulness where it is configured, of the same network; no others."""
    values = config()
    before = specs(values)
    after = specs(changed("analyses.faithfulness", {}))
    figure = "figure analysis=maps model=nerv seed=0 video=clip"
    of = {"video": "clip", "model": "nerv", "seed": "0"}
    maps, faithfulness = (path_of("analysis", analysis=name, **of) for name in ("maps", "faithfulness"))
    quoted = after["analysis analysis=faithfulness model=nerv seed=0 video=clip"].digest
    assert after[figure].upstream[faithfulness] == quoted
    assert set(after[figure].upstream) == {maps, faithfulness}
    assert "xinc.analyses.faithfulness.figure" in after[figure].code
    redrawn = {name for name in before if "analysis=findings" not in name and after[name] != before[name]}
    quoting = ("figure analysis=maps ", "figure analysis=intensity ")
    assert redrawn == {"report", *(name for name in before if name.startswith(quoting))}


def test_what_the_figures_say_is_part_of_them() -> None:
    settings = specs(config())["figure analysis=intensity model=nerv seed=0 video=clip"].settings
    assert settings["question"] == "Does contribution follow intensity, or edges?"
    assert settings["section"] == "4.3"
    assert "caption" not in settings, "nobody draws it"


def test_captions() -> None:
    caption = Plan(Config(config())).caption("intensity")
    assert "Σ_n |C_n|" in caption
    assert "\n" not in caption


@pytest.mark.parametrize(
    ("video", "same"),
    [
        ("clip clip clip_masks 0 4 1", False),
        ("clip clip clip_masks   1", True),
    ],
)
def test_a_row_that_says_the_same(video: str, same: bool) -> None:
    """A default written down changes nothing; a count that leaves less open does."""
    before = specs(config())
    write_table(Path(), video, columns="video source masks start count step")
    assert (specs(config()) == before) is same


def test_resources() -> None:
    plan = Plan(Config(changed("models.nerv.training", {"epochs": 3, "threads": 3, "device": "cuda"})))
    assert plan.threads("nerv") == 3
    assert plan.threads("ffn") == 1
    assert (plan.gpus("nerv", "train"), plan.gpus("ffn", "train")) == (1, plan.gpus("ffn", "canvas"))
    cpu = Plan(Config(changed("canvas.device", "cpu")))
    assert cpu.gpus("ffn", "canvas") == 0


def test_an_auto_device_asks_for_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(Config(config()))
    for there in (False, True):
        monkeypatch.setattr("torch.cuda.is_available", lambda there=there: there)
        assert plan.gpus("ffn", "train") == there
        assert plan.gpus("ffn", "canvas") == there


def test_layers_and_needs() -> None:
    plan = Plan(Config(config()))
    assert plan.layers("nerv") == ["block2", "head"]
    assert plan.layers("ffn") == ["layer1", "layer2"]
    assert plan.needs("quality") == {"model"}
    assert plan.needs("maps") == {"canvas"}
    assert len(plan.triples) == 3


def test_source_files_are_the_selected_ones() -> None:
    write_table(Path(), "clip clip clip_masks 1 2", columns="video source masks start count")
    values = config(models={"siren": config()["models"]["siren"] | {"frames": "all"}})
    files = Plan(Config(values)).video_files("clip")
    assert files == ["clip/1.png", "clip/2.png", "clip_masks/1.png", "clip_masks/2.png"]


def test_categories_follow_the_way_of_the_data() -> None:
    plan = Plan(Config(config()))
    assert [plan.category(name) for name in ("quality", "maps", "intensity")] == [
        *("2. Reconstructions", "3. Canvases", "4.3 Intensity"),
    ]


def test_an_analysis_without_anything_to_look_at_has_no_job() -> None:
    """Objects need masks, which a video has or has not; motion follows one network from frame to frame."""
    write_clip(Path(), "bare")
    write_table(Path(), "clip clip clip_masks", "bare bare", "made example:collage")
    plan = Plan(Config(config(analyses={"objects": {}, "motion": {}, "quality": {}})))
    found: dict[str, set[tuple[str, str]]] = {}
    for analysis, video, model, _ in plan.runs():
        found.setdefault(analysis, set()).add((video, model))
    every = {(video, model) for video in ("bare", "clip", "made") for model in ("ffn", "nerv", "siren")}
    assert found["quality"] == every
    assert found["objects"] == {run for run in every if run[0] != "bare"}
    assert found["motion"] == {run for run in every if run[1] == "nerv"}


def test_people_see_a_kind_and_a_digest() -> None:
    """So does Snakemake, which compares the texts; scripts get plain dictionaries."""
    for kind, param in Plan(Config(config())).video_spec("clip").params().items():
        assert f"{param}" == repr(param) == f"{kind} {digest(dict(param))}"
        assert type(pickle.loads(pickle.dumps(param))) is dict
        assert pickle.loads(pickle.dumps(param)) == param


def test_parts_make_the_whole() -> None:
    """Every job of single videos is in one part, as in the whole; analyses of the project are in none."""
    for name in ("b", "c", "d", "e"):
        write_clip(Path(), name)
    write_table(Path(), *(f"{name} {name} {name}_masks" for name in ("clip", "b", "c", "d", "e")))
    values = config(analyses={"quality": {}, "dataset": {}})
    whole = Plan(Config(values))
    parts = [Plan(Config(values | {"part": f"{number}/3"})) for number in (1, 2, 3)]
    assert [sorted(part.videos) for part in parts] == [["clip", "d"], ["b", "e"], ["c"]]
    assert sorted(run for part in parts for run in part.runs()) == sorted(whole.runs())
    assert {part.video_spec(video) == whole.video_spec(video) for part in parts for video in part.videos} == {True}
    assert [part.analyses_of("project") for part in parts] == [[], [], []]
    project = Plan(Config(values | {"part": "project"}))
    assert (project.analyses_of("project"), project.only_project) == (["dataset"], True)
    assert project.project_spec("dataset") == whole.project_spec("dataset")
    assert [plan.reports for plan in (*parts, project, whole)] == [False, False, False, True, True]
    assert (project.reported(), project.report_spec()) == (whole.reported(), whole.report_spec())


@pytest.mark.parametrize("part", ["0/3", "4/3", "1/0", "3", "a/b", "1/2/3", ""])
def test_a_part_that_is_none(part: str) -> None:
    with pytest.raises(InputError, match=r"expected a part such as 3/50"):
        Config(config(part=part))


def test_more_parts_than_videos() -> None:
    with pytest.raises(InputError, match=r"'part' is '1/2' but videos.tsv lists 1 videos"):
        Config(config(part="1/2"))


def test_a_spec_is_made_once() -> None:
    """The same object for everyone who asks, also for the text that a wildcard is."""
    plan = Plan(Config(config()))
    assert plan.canvas_spec("clip", "nerv", 0) is plan.canvas_spec("clip", "nerv", "0")  # type: ignore
    assert plan.canvas_spec("clip", "nerv", 0) is not plan.canvas_spec("clip", "nerv", 1)


def test_folders_are_listed_as_often_whatever_is_asked_of_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a data set's video: once for its length and once for what is annotated; its files are another matter."""
    root = write_vipseg(tmp_path / "data", {"1_a": 4, "2_b": 4})
    (tmp_path / "videos.tsv").write_text(f"video\tsource\tclips\nv\tvipseg:{root}\tall\n", "utf-8")
    values = config(seeds=[0, 1], analyses={"objects": {}, "grouping": {}, "quality": {}, "maps": {}})
    listed: Counter[Path] = Counter()
    listing = os.listdir

    def counted(folder: Any) -> list[str]:
        listed[Path(folder)] += 1
        return listing(folder)

    monkeypatch.setattr("os.listdir", counted)
    plan = Plan(Config(values))
    assert len(plan.runs()) == 2 * 3 * 2 * 4
    folders = [root / kind / name for kind in ("images", "panomasks") for name in ("1_a", "2_b")]
    assert {folder: listed[folder] for folder in folders} == dict.fromkeys(folders, 2)


def test_a_video_may_have_seeds_of_its_own(tmp_path: Path) -> None:
    write_clip(tmp_path, "second")
    write_table(tmp_path, "clip clip clip_masks", "second second second_masks")
    both = config(seeds=[0, 1], analyses={"quality": {}, "clusters": {}})
    every, own = Plan(Config(both)), Plan(Config(both | {"video_seeds": {"second": [4]}}))
    seeds = {(video, seed) for video, _, seed in own.triples}
    assert seeds == {("clip", 0), ("clip", 1), ("second", 4)}
    assert own.seeds == [0, 1, 4]
    assert own.seeds_of("clusters", "second", "nerv") == [4]
    assert {run[1:] for run in own.runs() if run[0] == "quality"} == set(own.triples)
    before, after = specs(both), specs(both | {"video_seeds": {"second": [4]}})
    added = {name for name in after if after[name] != before.get(name)}
    assert added
    assert all("video=second" in name for name in added - {"report"}), "nothing of the other video"
    assert not {name for name in added if name.startswith(("video", "regions")) or "seed=0" in name}
    assert every.train_spec("clip", "nerv", 1) == own.train_spec("clip", "nerv", 1)


#: What a plan has no use for, and what would cost each start of Snakemake tenths of a second or more.
HEAVY = {
    *("av", "cv2", "dask", "matplotlib", "numba", "pandas", "PIL"),
    *("scipy", "skimage", "sklearn", "torch", "xarray", "zarr"),
}


def test_the_example_is_planned_without_heavy_packages() -> None:
    """In a process of its own, as Snakemake's main process does: settings, checks, and what every job depends on."""
    code = "import sys; from xinc.experiment.cli import main; assert main(['check']) == 0; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "config/config.yaml is fine" in done.stdout
    assert not HEAVY & set(done.stdout.split())
