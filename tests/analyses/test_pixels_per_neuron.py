"""Pixels that neurons represent, against plain numpy and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.helpers.made import made_of
from tests.helpers.subjects import Make
from xinc.analyses.making import make_analysis
from xinc.analyses.pixels_per_neuron import PixelsPerNeuron

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


@pytest.mark.parametrize("layout", ["factored", "dense"])
@pytest.mark.parametrize("model", ["nerv", "ffn"])
@pytest.mark.parametrize("share", [None, 0.3])
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
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]  # type: ignore[union-attr]
    assert [label.split(":")[0] for label in labels] == ["block1", "block2", "head"]
    one = make_analysis("pixels_per_neuron", {"frames": 1})
    assert len(one.plot(one.compute(subjects("nerv")))["all"].axes) == 1
