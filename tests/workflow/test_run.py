"""One complete run: what is there afterwards."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import xinc
from tests.helpers.small import FRAMES, HEIGHT, WIDTH, config
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import ANALYSES, LAYERS, Workspace, canvases, jobs, of_video, studied
from xinc.analyses.page_numbers import read
from xinc.analyses.paper_claims.page import NAME, page
from xinc.analyses.results import open_result
from xinc.plotting.layout import MOST_PIXELS
from xinc.video.store import open_video

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

RUNS = [f"clip/{model}/seed0" for model in LAYERS]


def test_exactly_the_expected_outputs(finished: Workspace) -> None:
    stores = {"clip/video.zarr", "figures/videos/clip", "report.html"}
    for run in RUNS:
        stores |= {f"{run}/model.pt", f"{run}/history.csv", f"{run}/canvas.zarr"}
        layers = {path.parent.name for path in (finished.run / "results" / run).glob("canvas.zarr/*/zarr.json")}
        assert layers == set(LAYERS[run.split("/")[1]])
        stores |= {f"{run}/{analysis}" for analysis in ANALYSES}
        stores |= {f"figures/{analysis}/{run}" for analysis in ANALYSES}
    assert finished.results() == stores
    assert not list(finished.run.rglob("*.partial*"))
    assert {p.name for p in finished.run.iterdir()} == {
        *("clip", "clip_masks", "videos.tsv", "config.yaml"),
        *("results", "logs", ".snakemake"),
    }


@exhaustive
def test_the_page_of_the_papers_claims_is_written(complete: Workspace) -> None:
    """By the jobs of `paper_claims`, from the numbers that lie beside it, with the times of all jobs."""
    folder = complete.run / "results" / "figures" / "paper_claims" / "project"
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        f"{NAME}.{suffix}" for suffix in ("md", "json", "png", "svg")
    }
    text = (folder / f"{NAME}.md").read_text(encoding="utf-8")
    kept = read((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    assert page(kept) == text
    assert "The numbers are those of 1 network on 1 video: clip (nerv; seed 0)." in text
    assert np.isfinite(kept["job_seconds"].sel(kind=["training", "canvases", "analyses"])).all()
    assert int(kept["canvas_bytes"].sum()) > 0


def test_nothing_is_left_to_do(finished: Workspace) -> None:
    assert finished.pending() == set()


def test_every_job_has_a_log_and_a_benchmark(finished: Workspace) -> None:
    def names(folder: Path, suffix: str) -> set[str]:
        return {str(p.relative_to(folder))[: -len(suffix)] for p in folder.rglob(f"*{suffix}")}

    logs, benchmarks = names(finished.run / "logs", ".log"), names(finished.run / "logs" / "benchmarks", ".tsv")
    assert logs == benchmarks
    assert len(logs) == len(of_video("clip"))
    for name in benchmarks:
        row = pd.read_csv(finished.run / "logs" / "benchmarks" / f"{name}.tsv", sep="\t")
        assert len(row) == 1
        assert float(row["s"].iloc[0]) > 0
    text = (finished.run / "logs" / "train" / "clip" / "nerv" / "seed0.log").read_text()
    assert re.search(r"^train clip nerv seed0: 3/3 \(\d+ s, PSNR -?[\d.]+ dB\)$", text, flags=re.MULTILINE)
    assert not [p for p in (finished.run / "logs").rglob("*.log") if "warning" in p.read_text().lower()]


def test_figures_can_be_read(finished: Workspace) -> None:
    folder = finished.run / "results" / "figures"
    pictures = sorted(path for path in folder.rglob("*.png") if "animation" not in path.name)
    assert {p.with_suffix("") for p in pictures} == {p.with_suffix("") for p in folder.rglob("*.svg")}
    expected = {"videos/clip/frames"}
    expected |= {f"{a}/{run}/{part}" for run in RUNS for a, part in (("quality", "all"), ("intensity", "frame0"))}
    expected |= {f"maps/{run}/{layer}" for run in RUNS for layer in LAYERS[run.split("/")[1]]}
    assert {str(p.relative_to(folder))[:-4] for p in pictures} == expected
    for path in pictures:
        image = np.asarray(Image.open(path).convert("RGB"))
        assert min(image.shape[:2]) > 100
        assert image.shape[0] <= MOST_PIXELS, f"the report hides the top of {path}"
        assert image.std() > 5, f"{path} is blank"
        root = ElementTree.parse(path.with_suffix(".svg")).getroot()
        assert root.tag.endswith("svg")
        assert len("".join(root.itertext()).strip()) > 20


def test_animations_move(finished: Workspace) -> None:
    folder = finished.run / "results" / "figures"
    # The network of one frame has nothing to animate.
    names = {str(p.relative_to(folder)) for p in folder.rglob("*.gif")}
    several = [f"maps/{run}/{layer}.gif" for run in RUNS[1:] for layer in LAYERS[run.split("/")[1]]]
    assert names == {"videos/clip/animation.gif", *several}
    shown = {str(p.relative_to(folder)) for p in folder.rglob("*animation.png")}
    assert shown == {"videos/clip/animation.png", *(name.replace(".gif", "-animation.png") for name in several)}
    for name in names | shown:
        film = Image.open(folder / name)
        assert getattr(film, "n_frames", 1) == (FRAMES if name.startswith("videos") else 2)
        first = np.asarray(film.convert("RGB")).copy()
        film.seek(1)
        assert (np.asarray(film.convert("RGB")) != first).any()


def test_stores_open(finished: Workspace) -> None:
    root = finished.run / "results"
    video = open_video(root / "clip" / "video.zarr")
    assert dict(video["frames"].sizes) == {"frame": FRAMES, "y": HEIGHT, "x": WIDTH, "channel": 3}
    assert set(np.unique(video["instances"])) == {0, 1}
    frames = {"ffn": [0], "nerv": [0, 2], "siren": [0, 2]}
    for run in RUNS:
        name = run.split("/")[1]
        canvas = xinc.open_canvas(root / run / "canvas.zarr")
        assert list(canvas.children) == LAYERS[name]
        for layer in LAYERS[name]:
            maps = canvas[layer]["contribution"]
            assert maps["frame"].values.tolist() == frames[name]
            assert maps.shape[2:] == (HEIGHT, WIDTH)
            values = maps.isel(frame=0).values
            assert np.isfinite(values).all()
            assert np.abs(values).max() > 0
        for analysis in ANALYSES:
            result = open_result(root / run / analysis)
            assert result.attrs["analysis"] == analysis
        model = xinc.load_model(root / run / "model.pt")
        assert model.name == name
        assert len(pd.read_csv(root / run / "history.csv")) == 3


def test_canvas_of_the_workflow_is_that_of_the_library(finished: Workspace) -> None:
    run = finished.run / "results" / "clip" / "nerv" / "seed0"
    stored = xinc.open_canvas(run / "canvas.zarr")["block2"]["contribution"].load()
    direct = xinc.dissect(xinc.load_model(run / "model.pt"), frames=[0, 2], layers=["block2"])
    np.testing.assert_allclose(stored.values, direct["block2"]["contribution"].values, rtol=1e-5, atol=1e-6)


def test_training_is_what_the_configuration_says(finished: Workspace) -> None:
    content = torch.load(finished.run / "results/clip/siren/seed0/model.pt", weights_only=True)
    assert content["settings"]["hidden_width"] == config()["models"]["siren"]["settings"]["hidden_width"]
    assert content["frames"] == [0, 2]
    assert content["training"]["settings"]["epochs"] == 3


def _embedded(page: str, name: str) -> dict[str, dict[str, object]]:
    """The JSON that a report's page keeps in a variable."""
    found: dict[str, dict[str, object]] = json.JSONDecoder().raw_decode(
        page, page.index(f"var {name} = {{") + 7 + len(name)
    )[0]
    return found


def test_the_report(workspace: Workspace) -> None:
    workspace.make("--report", "report.html")
    page = (workspace.run / "report.html").read_text(encoding="utf-8")
    categories, results = _embedded(page, "categories"), _embedded(page, "results")
    assert sorted(categories) == [
        *("1. Videos", "2. Reconstructions", "3. Canvases", "4.3 Intensity"),
    ]
    shown = {str(name) for one in categories.values() for names in one.values() for name in names}  # type: ignore[attr-defined]
    assert shown == set(results)
    assert len(shown) == len(list((workspace.run / "results" / "figures").rglob("*.png")))
    labels = results["results/figures/maps/clip/nerv/seed0/head.png"]["labels"]
    assert labels == {"video": "clip", "model": "nerv", "seed": "0", "view": "head"}
    # A list shows one of several results with the same labels.
    for one in categories.values():
        for names in one.values():
            own = [tuple(results[str(name)]["labels"].values()) for name in names]  # type: ignore[attr-defined]
            assert len(set(own)) == len(own)
    for result in results.values():
        assert "system-message" not in str(result["caption"])
        assert result["mime_type"] == "image/png", "the report offers other kinds for download only"
        # Of what a job depends on, the report tells a digest.
        assert "settings" not in re.sub(r"settings=settings [0-9a-f]{16}", "", str(result["job_properties"]))
    assert "system-message" not in page.split("var workflow_desc = ")[1][:20000]
    assert "Does contribution follow intensity, or edges?" in page
    assert "The video" in str(results["results/figures/videos/clip/frames.png"]["caption"])


def test_one_target_makes_only_what_it_needs(finished: Workspace, tmp_path: Path) -> None:
    """Asking for the canvas of a network that is not there yet makes both, and nothing else."""
    canvas = "results/clip/siren/seed7/canvas.zarr"
    wanted = finished.pending(config(seeds=[0, 7]), tmp_path / "config.yaml", canvas)
    assert wanted == {
        *jobs("train", video="clip", model="siren", seed=7),
        *canvases("siren", seed=7),
    }
    assert not wanted & studied("siren")
