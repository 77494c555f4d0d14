"""Pixels that neurons represent, against plain numpy and by hand."""

from __future__ import annotations

from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.helpers.made import made_of
from tests.helpers.subjects import Make
from xinc.analyses.making import make_analysis
from xinc.analyses.pixels_per_neuron import PixelsPerNeuron
from xinc.analyses.subject import Subject
from xinc.canvas.dissect import dissect
from xinc.canvas.writer import write_layer
from xinc.canvas.written import write_canvas
from xinc.interventions.ablation import ablate
from xinc.models.storage import build, save_model

CLAIMS = {claim.name: claim for claim in PixelsPerNeuron.claims()}


def compute(subject: Any, **settings: Any) -> xr.Dataset:
    return make_analysis("pixels_per_neuron", {"frames": "all", **settings}).compute(subject)


def counted(maps: np.ndarray, share: float | None = None) -> np.ndarray:
    """The definition, on (neuron, y, x)."""
    size = np.abs(maps.astype(np.float64))
    total = size.sum(0)
    shares = np.divide(size, total, out=np.zeros_like(size), where=total > 0)
    out: np.ndarray = (shares > (1 / len(maps) if share is None else share)).sum((1, 2))
    return out


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", ["nerv", "ffn"])
@pytest.mark.parametrize("share", [None, pytest.param(0.3, marks=pytest.mark.slow)])
def test_against_plain_numpy(subjects: Make, model: str, layout: str, share: float | None) -> None:
    subject = subjects(model, layout)
    result = compute(subject, points=7, share=share)
    assert result["layer"].values.tolist() == list(subject.canvas)
    for layer, data in subject.canvas.items():
        for frame in result["frame"].values:
            maps = data["contribution"].sel(frame=frame).values
            expected, number = counted(maps, share), len(maps)
            one = result.sel(layer=layer, frame=frame)
            np.testing.assert_array_equal(one["pixels"][:number], expected)
            assert one["pixels"][number:].isnull().all()
            curve = np.interp(np.linspace(0, number - 1, 7), np.arange(number), np.sort(expected))
            np.testing.assert_allclose(one["curve_pixels"], curve)
            np.testing.assert_allclose(one["curve"], curve / (16 * 32) * 100)
            assert int(one["neurons"]) == number
            assert int(one["dead"]) == (maps == 0).all((1, 2)).sum()
            assert int(one["without_pixels"]) == (expected == 0).sum()
            assert float(one["almost_none"]) == pytest.approx((expected < 16 * 32 / 100).mean())
            assert float(one["median"]) == pytest.approx(np.median(expected) / (16 * 32) * 100)
            assert float(one["share"]) == pytest.approx(share or 1 / number)


def test_by_hand() -> None:
    """Two pixels: 3, 1, 0, 0 and −2, 2, 2, 2; a quarter itself is not exceeded."""
    maps = np.array([[3, -2], [1, 2], [0, 2], [0, 2]], float).reshape(1, 4, 1, 2)
    result = compute(made_of(one=maps), points=3).isel(frame=0, layer=0)
    assert result["pixels"].values.tolist() == [1, 0, 0, 0]
    assert result["curve_pixels"].values.tolist() == [0, 0, 1]
    assert result["curve"].values.tolist() == [0, 0, 50]
    assert int(result["without_pixels"]) == 3
    assert int(result["dead"]) == 0
    assert result["position"].values.tolist() == [0, 50, 100]


def test_where_all_contribute_alike_nobody_represents() -> None:
    result = compute(made_of(alike=np.full((1, 6, 2, 3), -0.1)))
    assert (result["pixels"] == 0).all()
    assert (result["dead"] == 0).all()


def test_dead_neurons_dead_layers_and_pixels_without_contribution() -> None:
    alive = np.zeros((2, 5, 2, 2))
    alive[0, 1, 0, 0] = 1
    alive[1, :3] = 1
    result = compute(made_of(alive=alive, dead=np.zeros((2, 3, 2, 2))))
    assert result["dead"].sel(layer="alive").values.tolist() == [4, 2]
    assert result["without_pixels"].sel(layer="alive").values.tolist() == [4, 2]
    assert result["pixels"].sel(layer="alive").values.tolist() == [[0, 1, 0, 0, 0], [4, 4, 4, 0, 0]]
    assert result["dead"].sel(layer="dead").values.tolist() == [3, 3]
    assert (result["curve"].sel(layer="dead") == 0).all()
    assert (result["almost_none"].sel(layer="dead") == 1).all()


def test_a_layer_of_one_neuron() -> None:
    """Its share is 1, and 1 is not more than 1/1; of half it is."""
    maps = np.ones((1, 1, 2, 2))
    assert (compute(made_of(one=maps))["curve"] == 0).all()
    assert (compute(made_of(one=maps), share=0.5)["curve"] == 100).all()


@given(arrays(np.float32, (1, 4, 2, 3), elements=st.sampled_from([0, 1, -1, 2, 0.5])))
def test_ties_count_as_the_definition_says(maps: np.ndarray) -> None:
    result = compute(made_of(one=maps)).isel(frame=0, layer=0)
    np.testing.assert_array_equal(result["pixels"], counted(maps[0]))


def test_the_table_has_a_row_for_each_layer_and_frame(subjects: Make) -> None:
    analysis = make_analysis("pixels_per_neuron", {"frames": [3, 1]})
    result = analysis.compute(subjects("nerv"))
    table = analysis.table(result)
    assert table is not None
    assert list(zip(table["layer"], table["frame"], strict=True)) == [
        (n, f) for n in subjects("nerv").canvas for f in (3, 1)
    ]
    row = table[(table["layer"] == "head") & (table["frame"] == 1)].iloc[0]
    assert row["median"] == float(result["median"].sel(layer="head", frame=1))


def test_many_frames_have_an_axis_each(subjects: Make) -> None:
    analysis = make_analysis("pixels_per_neuron", {"frames": "all"})
    figure = analysis.plot(analysis.compute(subjects("nerv")))["all"]
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == [f"frame {k}" for k in range(4)]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    drawn = "i.i.d. network of the same structure"
    assert [label.split(":")[0] for label in labels] == ["block1", "block2", "head", drawn]
    one = make_analysis("pixels_per_neuron", {"frames": 1})
    assert len(one.plot(one.compute(subjects("nerv")))["all"].axes) == 1


def test_idle_neurons_of_a_network_of_coordinates_against_ablation(tmp_path: Path) -> None:
    """A feature that never is positive is inactive, yet its bias contributes; one that ReLU clips is dead, not idle."""
    model = build("ffn", {"fourier_features": 3, "hidden_width": 5}, (16, 32), [0, 1], 2)
    with torch.no_grad():
        for frame in (0, 1):
            model.biases[0][frame, 1 + frame] = -100.0  # type: ignore[index]
            model.biases[1][frame] += 1.0  # type: ignore[index]
            model.weights[1][frame, :, 4] = -1.0  # type: ignore[index]
            model.biases[0][frame, 4] = 5.0  # type: ignore[index]
    save_model(model, tmp_path / "model.pt")
    write_canvas(model, tmp_path / "canvas.zarr")
    result = compute(Subject(tmp_path, tmp_path / "model.pt", canvas_path=tmp_path / "canvas.zarr"))
    names = ["dead", "dead_zero_input", "dead_no_effect"]
    assert [result[name].sel(layer="layer2").values.tolist() for name in names] == [[1, 1], [0, 0], [0, 0]]
    for layer in model.layer_names():
        for frame in (0, 1):
            one = result.sel(layer=layer, frame=frame)
            maps = dissect(model, [frame], layer)[layer]["contribution"].values[0]
            outputs = dissect(model, [frame], layer, "output")[layer]["contribution"].values[0]
            v = model.trace(frame).input_of(layer).numpy()
            idle, of_output = (
                ablate(model, layer, frames=[frame], granularity=g)["absolute_effect"].values[0] == 0
                for g in ("input", "output")
            )
            dead, silent = (maps == 0).all((1, 2)), (v == 0).all((1, 2))
            expected = {"dead": dead, "zero_input": silent, "no_effect": idle, "dead_zero_input": dead & silent}
            expected |= {"dead_no_effect": dead & idle, "output_dead": (outputs == 0).all((1, 2))}
            expected |= {"output_no_effect": of_output, "output_zero_input": np.full(len(outputs), silent.all())}
            assert {name: int(one[name]) for name in expected} == {name: mask.sum() for name, mask in expected.items()}
    assert result["zero_input"].sel(layer="layer2").values.tolist() == [1, 1]
    assert result["no_effect"].sel(layer="layer2").min() >= 1


def test_a_network_is_opened_only_where_a_neuron_is_dead_or_a_layer_linear(subjects: Make) -> None:
    subject = subjects("nerv")
    result = compute(subject)
    assert "model" not in subject.__dict__
    assert (result["dead_no_effect"] == 0).all()
    assert result["no_effect"].isnull().all()
    assert result["output_dead"].isnull().all()


def test_dead_kernels_are_ablated(tmp_path: Path) -> None:
    """Without input and bias a kernel has neither contribution nor effect."""
    settings = {"fc_dim": 4, "strides": [2, 2], "embed_levels": 4, "activation": "relu"}
    model: Any = build("nerv", settings, (16, 32), [0], 1)
    with torch.no_grad():
        model.blocks[1].bias[:] = 0
        model.blocks[0].bias[:4] = -100.0  # the first channel after PixelShuffle
    save_model(model, tmp_path / "model.pt")
    write_layer(model, tmp_path / "canvas.zarr" / "block2", "block2")
    result = compute(Subject(tmp_path, tmp_path / "model.pt", canvas_path=tmp_path / "canvas.zarr"))
    one = result.isel(layer=0, frame=0)
    kernels = model.blocks[1].out_channels
    assert int(one["dead"]) >= kernels
    assert int(one["dead_zero_input"]) == kernels
    idle = ablate(model, "block2")["absolute_effect"].values[0] == 0
    dead = (dissect(model, layers="block2")["block2"]["contribution"].values[0] == 0).all((1, 2))
    assert int(one["dead_no_effect"]) == (idle & dead).sum()


def test_without_a_network_dead_neurons_are_not_told_apart() -> None:
    result = compute(made_of(dead=np.zeros((1, 3, 2, 2)), alive=np.ones((1, 3, 2, 2))))
    assert result["dead_no_effect"].sel(layer="dead").isnull().all()
    assert (result["dead_no_effect"].sel(layer="alive") == 0).all()


def test_the_order_of_layers_counts_only_beyond_that_of_an_iid_network() -> None:
    """Neurons of two layers drawn alike, but for a difference that is taken off."""
    generator = np.random.default_rng(0)
    pixels = np.stack([generator.normal(300, 50, 200), generator.normal(400, 50, 200)])
    result = xr.Dataset(
        {
            "pixels": (("layer", "frame", "neuron"), pixels[:, None]),
            "median": (("layer", "frame"), np.median(pixels, 1)[:, None] / 10),
        },
        {"layer": ["block1", "head"]},
        {"pixels_of_a_frame": 1000},
    )
    claim = CLAIMS["outermost_layer_represents_most"]
    assert claim.null is not None
    p_values = {}
    for structure in (0.0, 10.0, 20.0, np.nan):
        drawn = result.assign(null_median=("layer", [30, 30 + structure]))
        null = claim.null(drawn).sel(layer="block1")
        assert float(null.sel(null="mean")) == pytest.approx(structure, nan_ok=True)
        p_values[structure] = float(null.sel(null="p_value"))
    assert p_values[0.0] < 1e-6 < 0.05 < p_values[10.0] < 0.95 < p_values[20.0]
    assert p_values[np.nan] == p_values[0.0]


@pytest.mark.parametrize(("dead", "explained"), [(49, True), (53, True), (75, False)])
def test_half_of_an_iid_layer_is_dead(dead: int, explained: bool) -> None:
    """The probability of as many of 104 neurons where each is dead with a probability of one half."""
    result = xr.Dataset(
        {"almost_none": (("layer", "frame"), [[dead / 104]]), "neurons": ("layer", [104])},
        {"layer": ["layer2"]},
    ).assign(null_almost_none=("layer", [0.5]))
    claim = CLAIMS["ffn_layer2_half_dead"]
    assert claim.null is not None
    p_value = float(claim.null(result).sel(null="p_value").squeeze())
    assert p_value == pytest.approx(sum(comb(104, k) for k in range(dead, 105)) / 2**104)
    assert (p_value > 0.05) == explained
