"""The page of a study: numbers by both definitions, verdicts, and what is kept beside the page."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from xinc.analyses.making import make_analysis
from xinc.analyses.page_numbers import read, rounded, written
from xinc.analyses.paper_claims.costs import bytes_below, job_seconds
from xinc.analyses.paper_claims.measured import numbers_of
from xinc.analyses.paper_claims.page import NAME, Study, page, ratios_in_words
from xinc.analyses.paper_claims.statements import FALLS, PARTLY, STANDS, STATEMENTS, UNMEASURED, outcome
from xinc.analyses.results import Project, Record
from xinc.analyses.trained import trained
from xinc.plotting import layout, style

DOCS = Path(__file__).resolve().parents[2] / "docs" / "explanation"
LAYERS = {"nerv": ["block1", "block3", "head"], "ffn": ["layer1", "layer2", "layer3"]}
REGIONS = {
    "lattice_4x8": (0.01, 0.005), "grid_4x8": (0.3, 0.1), "rgb": (0.2, 0.08), "gabor": (0.4, 0.1),
    "gabor_released": (0.5, 0.2), "instances": (0.1, 0.05), "instances_union": (0.09, 0.04),
}  # fmt: skip
FRAMES, NEURONS = [0, 8], 5


def released(architecture: str, scale: float = 1.0) -> xr.Dataset:
    """A result of `released`: of each layer's five neurons the last is dead, the others have these variances times
    their number + 1, so that the median is 2.5 times them; the last block is ten times as high."""
    layers = LAYERS[architecture]
    base = np.array(list(REGIONS.values())) * scale
    high = np.array([10.0 if layer == "block3" else 1.0 for layer in layers])
    factor = np.array([1, 2, 3, 4, np.nan])
    values = base[None, :, :, None, None] * high[:, None, None, None, None] * factor
    values = np.broadcast_to(values, (len(layers), len(REGIONS), 2, len(FRAMES), NEURONS))
    layer3 = np.full((2, len(FRAMES), 2), np.nan) if architecture == "nerv" else np.full((2, len(FRAMES), 2), 0.6)
    layer3[1] /= 3
    constant = [[0.238] if layer == "block3" else [np.nan] for layer in layers]
    return xr.Dataset(
        {
            "variance": (("layer", "regions", "delta", "frame", "neuron"), values.copy()),
            "other_share": (("layer", "definition", "frame"), np.tile([[[0.7, 0.7], [0.3, 0.3]]], (len(layers), 1, 1))),
            "silhouette": (("layer", "frame", "measure"), np.tile([0.2, 0.5, 0.1, 0.4], (len(layers), 2, 1))),
            "constant_kernel": (("layer", "lattice"), constant),
            "layer3_variation": (("definition", "frame", "percent"), layer3),
        },
        {
            "layer": layers, "regions": list(REGIONS), "delta": ["signed", "absolute"], "frame": FRAMES,
            "definition": ["written", "released"], "lattice": ["4x8"], "percent": [10, 50],
            "measure": ["vectors", "plane", "plane_in_vectors", "gaussian_plane"],
        },
    )  # fmt: skip


def results_of(architecture: str, activation: str, psnr: float, scale: float) -> dict[str, xr.Dataset]:
    """Results of a network, by analysis."""
    layers = LAYERS[architecture]
    axes = {"layer": layers, "frame": FRAMES}
    each = np.ones((len(layers), len(FRAMES)))
    attributes = {"architecture": architecture}
    correlations = {"intensity": 0.9 if activation == "identity" else -0.2, "mid_grey_distance": 0.5, "edges": 0.1}
    found = {
        "released": released(architecture, scale),
        "intensity": xr.Dataset(
            {"pearson": (("with", "layer", "frame"), np.multiply.outer(list(correlations.values()), each))},
            axes | {"with": list(correlations)},
        ),
        "pixels_per_neuron": xr.Dataset(
            {
                "median": (("layer", "frame"), each * np.array([10, 20, 15])[:, None]),
                "curve": (("layer", "frame", "position"), np.multiply.outer([10, 20, 30], [[0.5, 1.5], [0, 2]])),
                "null_curve": (("layer", "position"), np.multiply.outer([10, 20, 35], [0.1, 1.9])),
                "dead": (("layer", "frame"), np.array([[0, 0], [45, 49], [0, 0]])),
                "dead_no_effect": (("layer", "frame"), np.array([[0, 0], [4, 4], [0, 0]])),
                "output_dead": (("layer", "frame"), np.array([[0, 0], [1, 1], [np.nan] * 2])),
                "neurons": ("layer", [104, 104, 104]),
            },
            axes,
            attributes,
        ),
        "neurons_per_pixel": xr.Dataset(
            {"variation": (("layer", "frame", "percent"), 0.5 * np.stack([each, each], -1))},
            axes | {"percent": [10.0, 50.0]},
        ),
        "grouping": xr.Dataset(
            {"over_same_count": (("layer", "grouping", "frame"), 1.2 * each[:, None])},
            axes | {"grouping": ["instances"]},
        ),
        "quality": xr.Dataset(
            {
                "bits_per_pixel": ("bits", [32.0, 8.0]), "mean_psnr": psnr, "mean_ssim": 0.95,
                "training_psnr": ("epoch", [20, psnr - 1, psnr - 0.2, psnr]),
            },
            {"bits": [32, 8], "epoch": [1, 2, 3, 4]},
            attributes | {"output_activation": activation, "parameters": 978557},
        ),
    }  # fmt: skip
    return {name: result.assign_attrs(attributes | result.attrs) for name, result in found.items()}


class Made(Record):
    """A result that is made when it is opened."""

    def open(self) -> xr.Dataset:
        """By what the path is called."""
        return MADE[self.model][self.analysis]


MADE = {
    "nerv": results_of("nerv", "tanh", 34.0, 1.0),
    "nerv_identity": results_of("nerv", "identity", 33.0, 1.1),
    "ffn": results_of("ffn", "identity", 34.5, 1.0),
    "poor": results_of("nerv", "tanh", 16.0, 99.0),
}


def project(root: Path, *models: str) -> Project:
    """The results of these models on two videos, with a seed each, and one more on the first."""
    runs = [("bunny", 0), ("bunny", 1), ("collage", 0)]
    records = [
        Made(analysis, video, model, seed, root / f"results/{video}/{model}/seed{seed}/{analysis}")
        for video, seed in runs
        for model in models
        for analysis in MADE[model]
    ]
    for record in records:
        record.path.parent.mkdir(parents=True, exist_ok=True)
        (record.path.parent / "history.csv").write_text("epoch,seconds\n3,90\n4,120\n")
    return Project({video: root / f"results/{video}/video.zarr" for video in ("bunny", "collage")}, tuple(records))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    computed = make_analysis("paper_claims").compute(project(tmp_path_factory.mktemp("study"), *MADE))
    assert isinstance(computed, xr.Dataset)
    return computed


def numbers(model: str, name: str) -> dict[str, tuple[float, float]]:
    return {n.layer: (n.written, n.released) for n in numbers_of(MADE[model]) if n.name == name}


def test_numbers_are_medians_over_live_neurons_by_either_definition() -> None:
    assert numbers("nerv", "variance_grid")["head"] == pytest.approx((2.5 * 0.3, 2.5 * 0.01))
    assert numbers("nerv", "variance_rgb")["head"] == pytest.approx((2.5 * 0.2, 2.5 * 0.08))
    assert numbers("nerv", "variance_gabor")["head"] == pytest.approx((2.5 * 0.4, 2.5 * 0.2))
    assert numbers("nerv", "variance_instances")["head"] == pytest.approx((2.5 * 0.1, 2.5 * 0.04))
    assert numbers("nerv", "space_least")["block1"] == pytest.approx((0.3 / 0.1, 0.01 / 0.04))
    assert numbers("nerv", "last_block_space") == {"block3": pytest.approx((10, 10))}
    assert numbers("ffn", "last_block_space") == {}
    assert numbers("ffn", "layer3_variation") == {"layer3": pytest.approx((0.6, 0.2))}
    assert numbers("ffn", "layer2_silent") == {"layer2": pytest.approx((1 / 104, 47 / 104))}
    assert numbers("ffn", "layer2_idle") == {"layer2": pytest.approx((4 / 47, 4 / 47))}
    assert numbers("nerv", "layer2_silent") == {}
    assert numbers("nerv", "outermost_over_earlier") == {"head": pytest.approx((1.5, 1.5))}
    assert numbers("nerv", "outermost_median") == {"head": pytest.approx((0.75, 0.75))}
    (beyond,) = [n for n in numbers_of(MADE["nerv"]) if n.name == "outermost_beyond_structure"]
    assert beyond.written_bound == pytest.approx(35 / 20)
    assert numbers("nerv", "instances_over_same_count")["head"][0] == pytest.approx(1.44)


def test_networks_far_from_the_papers_do_not_count(tmp_path: Path, result: xr.Dataset) -> None:
    study = Study(result)
    assert set(study.networks.loc[~study.networks["counted"], "model"]) == {"poor"}
    assert set(study.numbers["model"]) == {"nerv", "nerv_identity", "ffn"}
    text = page(result)
    assert "Left out of the numbers above, for their size or quality: poor on bunny, seed 0; poor on bunny" in text
    small = make_analysis("paper_claims", {"bits_per_pixel": [9, 16]})
    assert small.compute(project(tmp_path, "nerv"))["counted"].values.tolist() == [False] * 3


def verdict(result: xr.Dataset, title: str) -> str:
    (statement,) = [one for one in STATEMENTS if one.title == title]
    return Study(result).verdict(statement)


def test_verdicts_by_either_definition(result: xr.Dataset) -> None:
    """Nine networks that count: six of three layers each, and three FFNs of three."""
    least = verdict(result, "Space explains least")
    assert least == "**stands as released** (27 of 27), **does not stand by the paper's words** (0 of 27)"
    bright = verdict(result, "Contributions of NeRV follow brightness")
    assert bright == "**stands as released** (3 of 3), **does not stand by the paper's words** (0 of 3)"
    assert verdict(result, "… beside as many cells") == "**stands by the paper's words** (27 of 27)"
    assert verdict(result, "Layer 3 of the FFN follows intensity") == "**stands** (3 of 3)"
    # .2 as released, .6 by the words, .5 of NeRV's heads.
    spread = verdict(result, "Layer 3 of the FFN is evenly spread")
    assert spread == "**stands as released** (3 of 3), **does not stand by the paper's words** (0 of 3)"
    half = verdict(result, "Half of the FFN's layer 2 contributes nothing")
    assert half == "**stands as released** (3 of 3), **does not stand by the paper's words** (0 of 3)"
    assert verdict(result, "The outermost layer's neurons represent the most pixels") == "**stands** (9 of 9)"
    assert verdict(result, "… beyond the structure of the network") == "**does not stand** (0 of 9)"
    assert verdict(result, "Motion drives change") == "**not measured**"
    assert verdict(result, "Height of figure 4's curves") == ""


def test_outcomes() -> None:
    assert outcome(np.array([True] * 4 + [False])) == STANDS
    assert outcome(np.array([True] + [False] * 4)) == FALLS
    assert outcome(np.array([True, False])) == PARTLY
    assert outcome(np.zeros(0, bool)) == UNMEASURED


@pytest.mark.parametrize("direction", [">", "<"])
def test_a_number_at_its_bound_does_not_hold(direction: Any) -> None:
    statement = next(one for one in STATEMENTS if one.direction == direction and one.bound is not None)
    assert statement.bound is not None
    at = statement.bound + np.array([0, 1 if direction == ">" else -1])
    assert statement.holds(at, np.full(2, np.nan)).tolist() == [False, True]


def test_statements_are_told_apart_and_measured() -> None:
    assert len({one.title for one in STATEMENTS}) == len(STATEMENTS)
    measured = {n.name for model in MADE for n in numbers_of(MADE[model])}
    measured |= {"nerv_intensity", "nerv_mid_grey", "motion", "gini"}
    assert {one.number for one in STATEMENTS} <= measured
    for one in STATEMENTS:
        assert one.written, one.title
        assert one.because.endswith("."), one.title


def test_the_page_says_what_the_study_has(result: xr.Dataset) -> None:
    text = page(result)
    assert (
        "The numbers are those of 9 networks on 2 videos: bunny (ffn, nerv and nerv_identity; seeds 0 and 1); collage "
        "(ffn, nerv and nerv_identity; seed 0)." in text.replace("\n", " ")
    )
    assert "| nerv | block3 | 0.25 | 7.5 | 30 |" in text
    assert "the variance over the grid is 30 times the lattice's." in text.replace("\n", " ")
    assert "| nerv | bunny | 0, 1 | 978,557 | 8.0 | 34.0 | 0.950 | 4 | 3 | 2.0 |" in text
    assert max(map(len, (line for line in text.splitlines() if "|" not in line and "](" not in line))) <= 120
    assert not [line for line in text.splitlines() if "nan" in line.split()]


def test_layers_whose_lattice_comes_near_to_rectangles_are_named() -> None:
    ratios = {("nerv", "block1"): 54.6, ("nerv", "block3"): 1.43, ("nerv", "head"): 20.0, ("ffn", "layer1"): np.nan}
    said = "With rectangles, as the paper defines, the variance over the grid is 20 to 55 times the lattice's in every"
    assert ratios_in_words(ratios) == f"{said} layer but nerv block3 (1.4)."
    assert ratios_in_words({("nerv", "block3"): 1.43}) == ""


def test_without_a_network_of_the_papers_kind_the_page_says_so(tmp_path: Path) -> None:
    analysis = make_analysis("paper_claims")
    result = analysis.compute(project(tmp_path, "poor"))
    text = page(result)
    assert "No network of the paper's size and quality is there yet" in text
    assert f"]({NAME}.png)" not in text
    assert "- Space explains least: **not measured**\n" in text
    assert set(analysis.plot(result)) == {NAME}


def test_what_is_kept_writes_the_same_page(result: xr.Dataset) -> None:
    analysis = make_analysis("paper_claims")
    pages = analysis.pages(result)
    assert set(pages) == {f"{NAME}.md", f"{NAME}.json"}
    kept = read(pages[f"{NAME}.json"])
    assert page(kept) == pages[f"{NAME}.md"]
    xr.testing.assert_allclose(kept.drop_attrs(), result.drop_attrs(), rtol=1e-3)
    assert written(rounded(kept)) == pages[f"{NAME}.json"]


def test_curves_are_medians_over_networks_and_frames_of_one_model_of_each_architecture(result: xr.Dataset) -> None:
    assert set(result["panel_model"].values) == {"ffn", "nerv"}
    head = result.isel(panel=[str(layer) == "head" for layer in result["panel_layer"].values]).squeeze("panel")
    curve = head["curve"].sel(definition="released", grouping="grid").values
    np.testing.assert_allclose(curve, 0.01 * np.linspace(1, 4, len(curve)))
    with style.context():
        figure = make_analysis("paper_claims").plot(result)[NAME]
    shown = [axis for axis in figure.axes if axis.lines]
    assert [axis.get_title() for axis in shown[:2]] == ["ffn layer1, as released", "ffn layer2, as released"]
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts == ["0.238"]


def test_time_and_disk(tmp_path: Path) -> None:
    for name, seconds in (("train/bunny/nerv/seed0", 60), ("canvas/bunny/head", 2), ("canvas/bunny/block1", 3)):
        file = tmp_path / "logs" / "benchmarks" / f"{name}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
    found = job_seconds(tmp_path / "results")
    assert found["training"] == 60
    assert found["canvases"] == 5
    assert math.isnan(found["figures"])
    (tmp_path / "a").write_bytes(bytes(7))
    assert bytes_below(tmp_path) == 7 + sum(
        (Path(folder) / name).stat().st_size for folder, _, names in os.walk(tmp_path / "logs") for name in names
    )
    assert bytes_below(tmp_path / "nothing") == 0


def test_what_a_training_took(tmp_path: Path) -> None:
    assert math.isnan(trained(tmp_path).seconds)
    (tmp_path / "history.csv").write_text("epoch,psnr,seconds\n1,20,30.5\n2,21,61.5\n")
    assert (trained(tmp_path).epochs, trained(tmp_path).seconds) == (2, 61.5)
    assert math.isnan(trained(tmp_path).cpu_seconds), "not noted by earlier versions"
    (tmp_path / "history.csv").write_text("epoch,seconds,cpu_seconds\n1,20,30.5\n2,21,61.5\n")
    assert trained(tmp_path).cpu_seconds == 61.5


@pytest.mark.slow
def test_the_page_in_the_documentation_is_what_its_numbers_give(tmp_path: Path) -> None:
    """`make study` renews all three files."""
    kept = read((DOCS / f"{NAME}.json").read_text(encoding="utf-8"))
    assert page(kept) == (DOCS / f"{NAME}.md").read_text(encoding="utf-8")
    with style.context():
        layout.save(make_analysis("paper_claims").plot(kept)[NAME], tmp_path / NAME)
    drawn, there = (np.asarray(Image.open(folder / f"{NAME}.png"), float) for folder in (tmp_path, DOCS))
    assert drawn.shape == there.shape
    assert (abs(drawn - there).max(-1) > 64).mean() < 1e-3, "the picture is of other numbers"
