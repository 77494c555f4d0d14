"""Sorted contributions, thresholds and Gini coefficients, against sorting."""

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
from xinc.analyses.distribution import Distribution
from xinc.analyses.making import make_analysis
from xinc.canvas.reductions import area_quantiles, magnitude_histogram

CLAIMS = {claim.name: claim for claim in Distribution.claims()}
#: Width of a bin relative to its lower bound.
WIDTH = 1 / 32


def compute(subject: Any, **settings: Any) -> xr.Dataset:
    return make_analysis("distribution", {"frames": "all", **settings}).compute(subject)


def gini(values: np.ndarray) -> float:
    """Mean absolute difference of all pairs over twice the mean."""
    a = np.sort(np.abs(values.astype(float)).ravel())
    ranks = np.arange(1, len(a) + 1)
    return float(2 * (ranks * a).sum() / (len(a) * a.sum()) - (len(a) + 1) / len(a))


def check(one: xr.Dataset, maps: np.ndarray) -> None:
    """Every measure of one layer and frame lies within the error that is stated for it."""
    a = np.sort(np.abs(maps.astype(float)).ravel())
    at = np.floor(one["position"].values / 100 * (len(a) - 1)).astype(int)
    np.testing.assert_allclose(one["curve"], a[at], rtol=WIDTH * 1.001, atol=1e-38)
    assert float(one["maximum"]) == pytest.approx(a[-1], rel=1e-6)
    assert float(one["mean"]) == pytest.approx(a.mean(), rel=1e-6)
    assert -1e-6 <= gini(maps) - float(one["gini"]) <= float(one["gini_error"]) + 1e-6
    assert float(one["gini_error"]) < 0.008
    below = (a < float(one["mean"])).mean()
    assert abs(below - float(one["below_mean"])) <= float(one["below_mean_error"]) + 1e-9


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", ["nerv", "ffn"])
def test_against_sorting(subjects: Make, model: str, layout: str) -> None:
    subject = subjects(model, layout)
    result = compute(subject, points=31)
    assert result["layer"].values.tolist() == list(subject.canvas)
    for layer, data in subject.canvas.items():
        exact = area_quantiles(data, result["percent"].values.tolist())
        for frame in result["frame"].values:
            one = result.sel(layer=layer, frame=frame)
            maps = data["contribution"].sel(frame=frame).values
            check(one, maps)
            np.testing.assert_allclose(one["tau"], exact.sel(frame=frame), rtol=WIDTH)
            shares = np.array([(np.abs(maps) < tau).mean() for tau in one["tau"].values])
            assert (abs(one["rank"] - 100 * shares) <= one["rank_error"] + 1e-6).all()


@given(
    arrays(
        np.float32,
        (1, 3, 2, 4),
        elements=st.floats(0, 1e6, width=32) | st.sampled_from([0, 1, 1, -1, 0.5, 1e-41, 1e-30, 3.0]),
    )
)
def test_errors_are_as_stated_whatever_the_values(maps: np.ndarray) -> None:
    result = compute(made_of(one=maps), points=9).isel(frame=0, layer=0)
    if np.abs(maps).max() > 1e-37:
        check(result, maps)
    elif not maps.any():
        assert np.isnan(result["gini"])


def test_many_values_are_known_to_far_less_than_the_bound() -> None:
    maps = np.random.default_rng(0).lognormal(0, 1, (1, 40, 30, 40))
    result = compute(made_of(one=maps)).isel(frame=0, layer=0)
    check(result, maps.astype(np.float32))
    assert float(result["gini"]) == pytest.approx(gini(maps), abs=2e-4)
    assert float(result["below_mean"]) == pytest.approx((maps < maps.mean()).mean(), abs=5e-4)
    ascending = np.sort(maps.ravel())
    area = np.cumsum(ascending)
    for percent in (5, 10, 25, 50):
        exact = ascending[np.searchsorted(area, percent / 100 * area[-1])]
        assert float(result["tau"].sel(percent=percent)) == pytest.approx(exact, rel=5e-3)


def test_known_distributions() -> None:
    """All equal: 0; one of n has all: 1 − 1/n; uniform on [0, 1]: 1/3, half below the mean."""
    one = np.zeros((1, 5, 4, 5))
    one[0, 2, 1, 3] = -7
    uniform = np.linspace(0, 1, 5 * 60 * 60).reshape(1, 5, 60, 60)
    small = compute(made_of(equal=np.full((1, 5, 4, 5), 0.3), one=one)).isel(frame=0)
    assert float(small["gini"].sel(layer="equal")) == pytest.approx(0, abs=1e-6)
    assert float(small["gini"].sel(layer="one")) == pytest.approx(0.99)
    assert float(small["below_mean"].sel(layer="one")) == pytest.approx(0.99)
    np.testing.assert_allclose(small["tau"].sel(layer="one"), 7, rtol=WIDTH)
    np.testing.assert_allclose(small["rank"].sel(layer="one"), 99, atol=1.01)
    large = compute(made_of(uniform=uniform)).isel(frame=0, layer=0)
    assert float(large["gini"]) == pytest.approx(1 / 3, abs=1e-3)
    assert float(large["below_mean"]) == pytest.approx(0.5, abs=1e-3)
    # A quarter of the area of a line lies left of half its end.
    assert float(large["tau"].sel(percent=25)) == pytest.approx(0.5, abs=1e-3)
    assert float(large["rank"].sel(percent=25)) == pytest.approx(50, abs=0.1)


def test_a_dead_layer_and_one_that_is_not_finite_are_undefined() -> None:
    alive = np.random.default_rng(0).random((2, 3, 4, 5))
    infinite = alive.copy()
    infinite[0, 1, 2, 3] = np.inf
    analysis = make_analysis("distribution", {"frames": "all"})
    result = analysis.compute(made_of(alive=alive, dead=0 * alive, infinite=infinite))
    for name in ("gini", "gini_error", "below_mean", "below_mean_error", "tau", "rank"):
        assert result[name].sel(layer="dead").isnull().all(), name
        assert result[name].sel(layer="infinite", frame=0).isnull().all(), name
        assert result[name].sel(layer="infinite", frame=1).notnull().all(), name
    assert (result["curve"].sel(layer="dead") == 0).all()
    assert result["curve"].sel(layer="infinite", frame=0).isnull().all()
    figure = analysis.plot(result.drop_sel(layer="infinite"))["all"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[1] == "dead: no contributions"
    assert labels[0].startswith("alive: Gini 0.")


def test_the_histogram_is_that_of_numpy() -> None:
    maps = np.random.default_rng(0).normal(0, 1, (2, 6, 5, 7)).astype(np.float32)
    maps[:, 0] = 0
    maps[1, 1] = 1
    layer = made_of(one=maps).canvas["one"]
    found = magnitude_histogram(layer)
    assert (found["lower"] <= found["upper"]).all()
    np.testing.assert_array_equal(found["lower"][1:], found["upper"][:-1])
    for frame in (0, 1):
        sizes = np.abs(maps[frame].astype(float)).ravel()
        bins = np.searchsorted(found["lower"], sizes, side="right") - 1
        number = len(found["lower"])
        np.testing.assert_array_equal(found["count"].sel(frame=frame), np.bincount(bins, minlength=number))
        area = np.bincount(bins, sizes, minlength=number)
        np.testing.assert_allclose(found["area"].sel(frame=frame), area, rtol=1e-12)
        assert float(found["maximum"].sel(frame=frame)) == sizes.max()
    normal = (found["lower"] > 1e-37) & np.isfinite(found["upper"])
    width = ((found["upper"] - found["lower"]) / found["lower"])[normal]
    assert float(width.max()) <= WIDTH


def test_the_table_is_tidy(subjects: Make) -> None:
    analysis = make_analysis("distribution", {"frames": [3, 1], "percents": [50, 10]})
    result = analysis.compute(subjects("nerv"))
    table = analysis.table(result)
    assert table is not None
    assert len(table) == 3 * 2
    row = table[(table["layer"] == "head") & (table["frame"] == 1)].iloc[0]
    one = result.sel(layer="head", frame=1)
    assert row["tau10"] == float(one["tau"].sel(percent=10))
    assert row["gini"] == float(one["gini"])


def test_what_is_marked_is_what_there_is(subjects: Make) -> None:
    subject = subjects("nerv")
    result = compute(subject, frames=1, percents=[10, 90])
    for marked, expected in (([10, 50], 1), ([10, 90], 2), ([], 0)):
        figure = make_analysis("distribution", {"marked": marked}).plot(result)["all"]
        labels = [text.get_text() for text in figure.legends[0].get_texts()]
        assert len(labels) == 3 + expected
