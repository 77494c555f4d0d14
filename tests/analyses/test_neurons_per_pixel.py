"""Density of neurons over a threshold, against plain numpy and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from skimage import filters

from tests.helpers.made import made, made_of
from tests.helpers.subjects import Make
from xinc.analyses.making import make_analysis
from xinc.analyses.neurons_per_pixel import NeuronsPerPixel
from xinc.errors import InputError


def compute(subject: Any, **settings: Any) -> xr.Dataset:
    return make_analysis("neurons_per_pixel", {"frames": "all", **settings}).compute(subject)


def threshold(maps: np.ndarray, percent: float) -> np.float32:
    """The definition: the value left of which this much of the area of the sorted curve lies."""
    ascending = np.sort(np.abs(maps).ravel())
    area = np.cumsum(ascending, dtype=float)
    return np.float32(ascending[np.searchsorted(area, percent / 100 * area[-1])])


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", ["nerv", "ffn"])
def test_against_plain_numpy(subjects: Make, model: str, layout: str) -> None:
    subject = subjects(model, layout)
    result = compute(subject, percents=[50, 10, 33])
    assert result["percent"].values.tolist() == [10, 33, 50]
    assert result["layer"].values.tolist() == list(subject.canvas)
    for layer, data in subject.canvas.items():
        for frame in result["frame"].values:
            maps = data["contribution"].sel(frame=frame).values
            source = subject.video["frames"].sel(frame=frame).values.astype(float)
            others = {"intensity": source.sum(-1), "edges": filters.sobel(source @ [0.2125, 0.7154, 0.0721])}
            for percent in (10, 33, 50):
                one = result.sel(layer=layer, frame=frame, percent=percent)
                tau = threshold(maps, percent)
                assert float(one["tau"]) == pytest.approx(tau, rel=1e-5)
                density = (np.abs(maps) > np.float32(one["tau"])).mean(0)
                np.testing.assert_allclose(one["density"], density, atol=1e-12)
                assert float(one["variation"]) == pytest.approx(density.std() / density.mean())
                assert float(one["mean_density"]) == pytest.approx(density.mean())
                for name, other in others.items():
                    r = np.corrcoef(density.ravel(), other.ravel())[0, 1]
                    assert float(one["pearson"].sel({"with": name})) == pytest.approx(r, abs=1e-9)


def test_by_hand() -> None:
    """Sorted 1 1 2 4 4 8: areas 1 2 4 8 12 20, half of the area is reached at 4."""
    maps = np.array([[1, -4, 8], [2, 4, -1]], float).reshape(1, 2, 1, 3)
    result = compute(made_of(one=maps), percents=[50, 5]).isel(frame=0, layer=0)
    assert result["tau"].values.tolist() == [1, 4]
    assert result["density"].values.tolist() == [[[0.5, 1, 0.5]], [[0, 0, 0.5]]]
    assert float(result["variation"].sel(percent=50)) == pytest.approx(np.std([0, 0, 1]) / np.mean([0, 0, 1]))


def test_a_dead_layer_is_undefined_and_a_dead_neuron_counts() -> None:
    alive = np.random.default_rng(0).random((1, 4, 3, 5)) + 0.5
    half = np.concatenate([alive, np.zeros_like(alive)], axis=1)
    analysis = make_analysis("neurons_per_pixel")
    result = analysis.compute(made_of(alive=alive, half=half, dead=np.zeros((1, 2, 3, 5))))
    np.testing.assert_allclose(result["density"].sel(layer="half"), result["density"].sel(layer="alive") / 2)
    np.testing.assert_array_equal(result["tau"].sel(layer="half"), result["tau"].sel(layer="alive"))
    for name in ("density", "tau", "pearson", "variation", "mean_density"):
        assert result[name].sel(layer="dead").isnull().all(), name
    figure = analysis.plot(result)["frame0"]
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts.count("no contributions") == 2


def test_a_density_that_is_the_same_everywhere_correlates_with_nothing() -> None:
    result = compute(made_of(one=np.arange(1.0, 4)[None, :, None, None] * np.ones((1, 3, 4, 5))))
    assert result["pearson"].isnull().all()
    np.testing.assert_allclose(result["variation"], 0, atol=1e-12)


def test_percentages_are_checked() -> None:
    for wrong in ([], [0], [100], [10, -1]):
        with pytest.raises(InputError, match="percents"):
            make_analysis("neurons_per_pixel", {"percents": wrong})


def test_the_table_is_tidy(subjects: Make) -> None:
    analysis = make_analysis("neurons_per_pixel", {"frames": [3, 1]})
    result = analysis.compute(subjects("nerv"))
    table = analysis.table(result)
    assert table is not None
    assert len(table) == 3 * 2 * 2
    row = table[(table["layer"] == "block2") & (table["frame"] == 1) & (table["percent"] == 50)].iloc[0]
    one = result.sel(layer="block2", frame=1, percent=50)
    assert row["tau"] == pytest.approx(float(one["tau"]))
    assert row["variation"] == float(one["variation"])
    assert row["pearson_edges"] == float(one["pearson"].sel({"with": "edges"}))


@pytest.mark.slow
@pytest.mark.parametrize("percents", [[50], [10, 30, 50]])
def test_any_number_of_percentages_can_be_drawn(subjects: Make, percents: list[float]) -> None:
    analysis = make_analysis("neurons_per_pixel", {"frames": 1, "percents": percents})
    figure = analysis.plot(analysis.compute(subjects("nerv")))["frame0"]
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles[0] == "source"
    assert "edges (sobel)" in titles
    assert len(titles) == 2 + 3 * len(percents)


def test_standings_are_of_the_mean_over_frames_under_every_shift() -> None:
    rng = np.random.default_rng(0)
    result = compute(made(rng.random((2, 5, 6, 3)), one=rng.lognormal(0, 1, (2, 8, 5, 6))))
    density = result["density"].isel(layer=0).transpose("percent", "frame", "y", "x").values
    shifts = [(dy, dx) for dy in range(5) for dx in range(6)]
    for name in ("intensity", "edges"):
        r = np.array(
            [
                [
                    np.mean([np.corrcoef(m.ravel(), np.roll(o, s, (0, 1)).ravel())[0, 1] for m, o in pairs])
                    for s in shifts
                ]
                for pairs in (zip(own, result[name].values, strict=True) for own in map(list, density))
                for pairs in [list(pairs)]
            ]
        )
        for at in range(2):
            null = result["pearson_null"].isel(layer=0, percent=at).sel({"with": name})
            assert float(null.sel(null="p_value")) == pytest.approx(np.mean(r[at] >= r[at, 0] - 1e-9))
            # There are fewer shifts than are drawn: all of them.
            kept = result["pearson_shifted"].isel(layer=0, percent=at).sel({"with": name})
            np.testing.assert_allclose(kept, r[at], atol=1e-6)
    gain = r[1] - r[0]
    expected = np.mean(gain >= gain[0] - 1e-9)
    assert float(result["edges_gain_null"].isel(layer=0).sel(null="p_value")) == pytest.approx(expected)


def test_one_threshold_reveals_nothing() -> None:
    result = compute(made_of(one=np.random.default_rng(1).random((1, 6, 6, 8))), percents=[50])
    assert result["edges_gain_null"].isnull().all()
    claims = {claim.name: claim for claim in NeuronsPerPixel.claims()}
    assert claims["nerv_threshold_reveals_edges"].statistic(result).isnull().all()
