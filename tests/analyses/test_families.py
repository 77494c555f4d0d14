"""Families of networks beside each other: numbers from results, the figure, and the page that is written from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml

from xinc.analyses.families.page import NAME, Families, page
from xinc.analyses.making import make_analysis
from xinc.analyses.page_numbers import read, rounded, written
from xinc.analyses.results import Project, Record
from xinc.experiment.config import Config
from xinc.plotting import layout, style

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "explanation"
LAYERS = {"nerv": ["block1", "head"], "ffn": ["layer1", "layer2", "layer3"]}


def results(architecture: str, psnr: float) -> dict[str, xr.Dataset]:
    """Of a network of two frames: dead neurons in the first layer of an FFN, maps that agree better the later."""
    layers = LAYERS[architecture]
    count, idle = len(layers), 2 if architecture == "ffn" else 0
    of = {"architecture": architecture, "shared_weights": architecture == "nerv"}
    few = (np.arange(count)[:, None] == 1) & (architecture == "ffn") & (np.arange(12) >= 2)
    frames = (("layer", "frame"), np.arange(2 * count, dtype=float).reshape(count, 2) / 10)
    agreement = np.linspace(0.2, 0.9, count)
    pruned = np.full((2, 2, 3, 2), np.nan)
    pruned[1, 1] = psnr - np.array([[1.0, 2.0], [3.0, 6.0], [9.0, 12.0]])
    return {
        "quality": xr.Dataset(
            {
                "mean_psnr": psnr, "mean_ssim": 0.9, "explained": 0.99, "bits_per_pixel": ("bits", [32.0, 8.0]),
            },
            {"bits": [32, 8]},
            of | {"parameters": 1000, "output_activation": "tanh"},
        ),
        "distribution": xr.Dataset({"gini": frames, "below_mean": frames}, {"layer": layers}, of),
        "pixels_per_neuron": xr.Dataset(
            {
                "dead": (("layer", "frame"), np.array([[idle, idle]] + [[0, 0]] * (count - 1))),
                "neurons": ("layer", [10] * count), "median": frames,
            },
            {"layer": layers}, of,
        ),
        "faithfulness": xr.Dataset(
            {
                "median_agreement": (("layer", "map"), np.stack([agreement, agreement + 0.05, agreement / 9], 1)),
                "ranking": (("layer", "total", "effect"), np.stack([agreement, 1 - agreement], 1)[:, :, None]),
                "neuron": (("layer", "sample"), np.where(few, -1, np.arange(12))),
            },
            {
                "layer": layers, "map": ["contribution", "gained", "other"], "total": ["contribution", "weights"],
                "effect": ["absolute"],
            },
            of,
        ),
        "pruning": xr.Dataset(
            {"psnr": (("unit", "budget", "criterion", "share"), pruned), "whole": psnr},
            {
                "unit": ["kernel", "weight"], "budget": ["layer", "global"],
                "criterion": ["contribution", "magnitude", "random"], "share": [0.1, 0.3],
            },
            of,
        ),
    }  # fmt: skip


@pytest.fixture
def result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> xr.Dataset:
    """Two seeds of a NeRV, one FFN, and an FFN that has learned nothing."""
    made: dict[Path, xr.Dataset] = {}
    records = []
    for model, seed, architecture, psnr in (
        ("nerv", 0, "nerv", 33.0),
        ("nerv", 1, "nerv", 35.0),
        ("fourier", 0, "ffn", 31.0),
        ("poor", 0, "ffn", 12.0),
    ):
        network = tmp_path / "results" / "clip" / model / f"seed{seed}"
        network.mkdir(parents=True)
        epochs = "".join(f"{epoch},30\n" for epoch in range(1, 41))
        (network / "history.csv").write_text("epoch,cpu_seconds\n" + epochs)
        for analysis, one in results(architecture, psnr).items():
            path = network / analysis
            made[path] = one
            records.append(Record(analysis, "clip", model, seed, path))
    monkeypatch.setattr(Record, "open", lambda self: made[self.path])
    return make_analysis("families", {}).compute(Project({}, tuple(records)))


def test_numbers_of_networks_and_layers(result: xr.Dataset) -> None:
    families = Families(result)
    assert families.models == ["fourier", "nerv"], "networks of a frame first"
    assert families.labels == ["fourier (ffn)", "nerv"]
    assert families.networks_of("nerv")["psnr"].tolist() == [33, 35]
    assert families.networks_of("nerv")["bits_per_pixel"].tolist() == [8, 8]
    assert families.networks_of("nerv")["cpu_seconds"].tolist() == [30, 30]
    np.testing.assert_allclose(families.layers_of("fourier", "gini"), [0.05, 0.25, 0.45])
    np.testing.assert_allclose(families.layers_of("fourier", "gini", last=True), [0.45])
    np.testing.assert_allclose(families.layers_of("fourier", "dead"), [0.2, 0, 0])
    np.testing.assert_allclose(families.layers_of("nerv", "gained_agreement", last=False), [0.25])
    np.testing.assert_allclose([families.lost_of("nerv", one) for one in families.criteria], [2, 6, 12])
    assert families.left_out["model"].tolist() == ["poor"]
    pairs = families.pairs("ranking", "weights_ranking")
    assert pairs.shape == (4, 2), "of two neurons there is no ranking"
    assert str(result["meaning"].sel(measure="gini").item()) == "Gini coefficient of |C|"
    assert (pairs[:, 0] > pairs[:, 1]).sum() == 2


def test_the_page(result: xr.Dataset) -> None:
    text = page(rounded(result))
    assert all(len(line) <= 120 or line.startswith("|") for line in text.splitlines())
    assert "| fourier (ffn) | each frame | 1,000 | 8.0 | 31.0 | 0.900 | 40 | 0.5 |" in text
    assert "| nerv | the video | 1,000 | 8.0 | 34.0 (33.0 to 35.0) | 0.900 | 40 | 0.5 |" in text
    assert "| nerv | 2.0 | 6.0 | 12.0 |" in text
    flat = " ".join(text.split())
    assert "**Quality.** from 31.0 (fourier) to 34.0 dB (nerv)." in flat
    assert "1 % of a layer or more: fourier up to 20%." in flat
    assert "**Gained maps agree better than plain ones** in 3 of 3 layers below the last." in flat
    assert "**Σ|C| ranks neurons better than the norm of their weights** in 2 of 4 layers." in flat
    assert "costs less than by magnitude** in 2 of 2 families: fourier and nerv." in flat
    assert "Left out, below 25 dB: poor on clip, seed 0." in flat


def test_numbers_beside_the_page_write_it_again(result: xr.Dataset) -> None:
    kept = rounded(result)
    assert page(read(written(kept))) == page(kept)


def test_the_figure_has_a_row_for_each_family(result: xr.Dataset) -> None:
    figures: Any = make_analysis("families", {}).plot(result)
    figure = figures[NAME]
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["fourier (ffn)", "nerv"]
    points = [line.get_xydata().tolist() for line in first.lines]
    assert points == [[[31, 0]], [[33, 1], [35, 1]]]


@pytest.mark.parametrize("seconds", [0.0, np.nan])
def test_networks_whose_training_took_no_time_are_drawn(result: xr.Dataset, seconds: float, tmp_path: Path) -> None:
    """As of networks that were not trained here."""
    untimed = result.copy()
    untimed["cpu_seconds"] = untimed["cpu_seconds"] * 0 + seconds
    with style.context():
        figures: Any = make_analysis("families", {}).plot(untimed)
        layout.save(figures[NAME], tmp_path / NAME)
    assert (tmp_path / f"{NAME}.png").stat().st_size > 1000


def test_where_nothing_was_learned_nothing_is_compared(result: xr.Dataset) -> None:
    poor = result.copy()
    poor["counted"] = poor["counted"] & False
    assert "No network has learned its video yet" in page(rounded(poor))
    assert make_analysis("families", {}).plot(poor)


def test_analyses_that_are_missing_are_dashes(monkeypatch: pytest.MonkeyPatch) -> None:
    one = results("nerv", 33.0)["quality"]
    monkeypatch.setattr(Record, "open", lambda self: one)
    record = Record("quality", "clip", "nerv", 0, Path("results/clip/nerv/seed0/quality"))
    found = make_analysis("families", {}).compute(Project({}, (record,)))
    assert "| nerv | – | – | – |" in page(rounded(found))


def test_the_configuration_is_of_equal_size_and_has_every_family() -> None:
    """Bits of weights a pixel, of each, are those of the others within a tenth."""
    from xinc.models import architectures
    from xinc.models.storage import build

    config = Config(yaml.safe_load((ROOT / "config" / "families.yaml").read_text("utf-8")))
    assert {config.architecture(model) for model in config.file.models} == set(architectures)
    for model, one in config.file.models.items():
        network = build(config.architecture(model), one.settings, (64, 128), range(16), 16)
        assert 0.9 * 16 * 8192 < network.parameter_count() <= 1.02 * 16 * 8192, model


@pytest.mark.skipif(not (DOCS / f"{NAME}.json").exists(), reason="the page is not made yet")
def test_the_page_in_the_documentation_is_what_its_numbers_give() -> None:
    kept = read((DOCS / f"{NAME}.json").read_text("utf-8"))
    assert (DOCS / f"{NAME}.md").read_text("utf-8") == page(kept)
