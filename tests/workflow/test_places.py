"""Where the workflow runs, and what a user adds to it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers.small import config, write_clip, write_table
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.files import siren
from tests.helpers.workflow.runs import REPORT, Workspace, announced, branch, jobs, of_video

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@exhaustive
def test_blanks_and_letters_of_any_alphabet_and_links_in_paths(tmp_path: Path) -> None:
    """In the paths of the project, of its interpreter and of the clip; clip, results and logs are links, too."""
    folder = tmp_path / 'große "Bilder"'
    folder.mkdir()
    space = Workspace.create(folder / "Anna's, 视频")
    environment = space.root / "Anna's Umgebung"
    environment.symlink_to(sys.prefix)
    space.python = str(environment / "bin" / Path(sys.executable).name)
    write_clip(space.run / "anderswo", "Anna's Clip")
    for name in ("Anna's Clip", "Anna's Clip_masks"):
        (space.run / name).symlink_to(space.run / "anderswo" / name)
    disk = tmp_path / "another disk"
    for name in ("results", "logs"):
        (disk / name).mkdir(parents=True)
        (space.run / name).symlink_to(disk / name)
    (space.run / "videos.tsv").write_text(
        "video\tsource\tmasks\nclip\tAnna's Clip\tAnna's Clip_masks\n", encoding="utf-8"
    )
    space.configure(siren())
    assert announced(space.make()) == of_video("clip", ["siren"], ["maps"])
    assert space.pending() == set()
    run = "clip/siren/seed0"
    assert space.results() == {
        *(
            "clip/video.zarr",
            "figures/videos/clip",
            "report.html",
            f"{run}/model.pt",
            f"{run}/history.csv",
            f"{run}/maps",
        ),
        *(f"{run}/canvas.zarr", f"figures/maps/{run}"),
    }
    assert (disk / "results" / "figures" / "maps" / run).is_dir()
    assert (disk / "logs" / "figure" / run / "maps.log").is_file()


def test_the_example_is_not_mixed_into_another_configuration(tmp_path: Path) -> None:
    """Beside the example's configuration, ``--configfile`` gives all there is."""
    space = Workspace.create(tmp_path)
    write_clip(space.run)
    write_table(space.run)
    (space.run / "config").mkdir()
    example = Path(__file__).parents[2] / "config" / "config.yaml"
    (space.run / "config" / "config.yaml").write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    values = config(models={"mine": config()["models"]["siren"]}, analyses={})
    wanted = space.pending(values)
    assert wanted == {
        *of_video("clip") - branch("ffn") - branch("nerv") - branch("siren") | REPORT,
        *jobs("train", video="clip", model="mine", seed=0),
        *jobs("canvas", video="clip", model="mine", seed=0),
    }


BRIGHTEST = '''"""Where a layer contributes most."""

from __future__ import annotations

import xarray as xr

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.subject import Subject
from xinc.canvas.reductions import sum_abs
from xinc.settings import StrictModel
from pydantic import Field


@analyses.register("brightest")
class Brightest(Analysis):
    """The largest sum of |C| over all pixels."""

    question = "How much is contributed at most?"
    section = "none"

    class Settings(StrictModel):
        scale: float = Field(1.0, gt=0, description="Factor on the result.")

    def compute(self, subject: Subject) -> xr.Dataset:
        peaks = [float(sum_abs(layer, layer["frame"].values[:1].tolist()).max()) for layer in subject.canvas.values()]
        values = ("layer", [self.settings.scale * p for p in peaks], {"long_name": "peak", "units": "1"})
        return xr.Dataset({"peak": values}, {"layer": list(subject.canvas)})

    def plot(self, result):
        from xinc.plotting import layout

        figure = layout.new_figure(3, 2, self.question)
        figure.subplots().bar(result["layer"].values, result["peak"].values)
        return {"all": figure}
'''


def test_an_analysis_is_one_file_and_one_line(workspace: Workspace) -> None:
    (workspace.code / "xinc" / "analyses" / "brightest.py").write_text(BRIGHTEST, encoding="utf-8")
    values = config()
    values["analyses"]["brightest"] = {"scale": 2.0}
    new = REPORT | {
        job
        for rule in ("analysis", "figure")
        for job in jobs(rule, video="clip", model=["ffn", "nerv", "siren"], seed=0, analysis="brightest")
    }
    assert workspace.pending(values) == new
    workspace.make("results/figures/brightest/clip/siren/seed0")
    assert (workspace.run / "results/figures/brightest/clip/siren/seed0/all.svg").exists()
    assert workspace.pending() == {job for job in new if "model=siren" not in job}


def test_the_project_alone(workspace: Workspace) -> None:
    """Of results that are there; what made them is not asked for, and nothing of it is made again."""
    values = config()
    values["analyses"]["dataset"] = {}
    config_file = workspace.configure(values)
    wanted = REPORT.union(*(jobs(f"{rule}_of_project", analysis="dataset") for rule in ("analysis", "figure")))
    assert workspace.pending() == wanted
    values["models"]["nerv"]["training"]["epochs"] = 4
    workspace.configure(values)
    assert workspace.pending(None, config_file, "--config", "part=project") == wanted
    workspace.make("--config", "part=project")
    assert (workspace.run / "results/figures/dataset/project").is_dir()
    assert workspace.pending(None, config_file, "--config", "part=project") == set()
    assert workspace.pending() == branch("nerv")
