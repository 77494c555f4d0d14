"""Heatmap, intensity, edges and their correlations, against plain numpy and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from skimage import filters

from tests.helpers.made import made
from tests.helpers.subjects import Make
from xinc.analyses.intensity.attention import numbers_of_shifts, strongest
from xinc.analyses.intensity.numbers import NUMBERS
from xinc.analyses.making import make_analysis
from xinc.canvas.iid import expected_sum_abs, iid_layers

LAYOUTS = ["factored", pytest.param("dense", marks=pytest.mark.slow)]
RNG = np.random.default_rng(0)
SHAPE = (5, 6)
SHIFTS = [(dy, dx) for dy in range(5) for dx in range(6)]


def scaled(values: np.ndarray) -> np.ndarray:
    out: np.ndarray = (values - values.min()) / (values.max() - values.min())
    return out


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("model", ["nerv", "ffn"])
def test_against_plain_numpy(subjects: Make, model: str, layout: str) -> None:
    subject = subjects(model, layout)
    result = make_analysis("intensity", {"frames": "all", "edges": "scharr"}).compute(subject)
    assert result["layer"].values.tolist() == list(subject.canvas)
    for frame in result["frame"].values:
        source = subject.video["frames"].sel(frame=frame).values.astype(float)
        intensity = scaled(source.sum(-1))
        edges = filters.scharr(source @ [0.2125, 0.7154, 0.0721])
        np.testing.assert_allclose(result["intensity"].sel(frame=frame), intensity, atol=1e-9)
        np.testing.assert_allclose(result["edges"].sel(frame=frame), edges, atol=1e-9)
        for layer, data in subject.canvas.items():
            maps = data["contribution"].sel(frame=frame).values.astype(float)
            heatmap = scaled(np.abs(maps).sum(0))
            one = result.sel(frame=frame, layer=layer)
            np.testing.assert_allclose(one["heatmap"], heatmap, atol=1e-5)
            np.testing.assert_allclose(one["difference"], heatmap - intensity, atol=1e-5)
            distance = np.abs(source - 0.5).sum(-1)
            for name, other in (("intensity", intensity), ("edges", edges), ("mid_grey_distance", distance)):
                r = np.corrcoef(heatmap.ravel(), other.ravel())[0, 1]
                rho = stats.spearmanr(heatmap.ravel(), other.ravel()).statistic
                assert float(one["pearson"].sel({"with": name})) == pytest.approx(r, abs=1e-5)
                assert float(one["spearman"].sel({"with": name})) == pytest.approx(rho, abs=5e-3)


def test_ranges(subjects: Make) -> None:
    result = make_analysis("intensity").compute(subjects("nerv"))
    for name in ("heatmap", "intensity"):
        assert float(result[name].min()) == 0
        assert float(result[name].max()) == pytest.approx(1)
    assert -1 <= float(result["difference"].min()) < 0 < float(result["difference"].max()) <= 1
    for name in ("pearson", "spearman"):
        assert (abs(result[name]) <= 1).all()


def test_a_layer_that_contributes_where_it_is_bright() -> None:
    """Signs do not count, and two halves that cancel do not vanish."""
    source = np.random.default_rng(0).random((2, 6, 8, 3))
    bright = source.sum(-1)[:, None]
    maps = np.concatenate([bright, -bright], axis=1)
    result = make_analysis("intensity", {"frames": "all"}).compute(made(source, same=maps, dark=1 / bright))
    with_intensity = result.sel({"with": "intensity"})
    np.testing.assert_allclose(with_intensity["pearson"].sel(layer="same"), 1, atol=1e-6)
    np.testing.assert_allclose(with_intensity["spearman"].sel(layer="same"), 1, atol=1e-6)
    np.testing.assert_allclose(with_intensity["spearman"].sel(layer="dark"), -1, atol=1e-6)
    assert (with_intensity["pearson"].sel(layer="dark") > -0.99).all()
    np.testing.assert_allclose(result["difference"].sel(layer="same"), 0, atol=1e-6)


@pytest.mark.parametrize("output", ["identity", "tanh"])
def test_what_a_response_of_zero_shows_decides_what_heatmaps_follow(output: str) -> None:
    """One neuron whose response makes the colour exactly: it follows brightness, or the distance from mid-grey."""
    source = np.repeat(np.random.default_rng(0).random((1, 6, 8, 1)) * 0.98 + 0.01, 3, -1)
    colour = source[..., 0][:, None]
    response = colour if output == "identity" else np.arctanh(2 * colour - 1)
    result = make_analysis("intensity", {"frames": "all"}).compute(made(source, head=response))
    follows, other = ("intensity", "mid_grey_distance") if output == "identity" else ("mid_grey_distance", "intensity")
    rho = result["spearman"].sel(layer="head").isel(frame=0)
    assert float(rho.sel({"with": follows})) == pytest.approx(1, abs=1e-6)
    assert abs(float(rho.sel({"with": other}))) < 0.5


def test_a_constant_frame_and_a_dead_layer_are_undefined_not_an_error(tmp_path: Any) -> None:
    source = np.full((1, 6, 8, 3), 0.5)
    alive = np.random.default_rng(0).random((1, 3, 6, 8))
    analysis = make_analysis("intensity")
    result = analysis.compute(made(source, alive=alive, dead=np.zeros((1, 2, 6, 8))))
    assert result["intensity"].isnull().all()
    assert result["heatmap"].sel(layer="dead").isnull().all()
    assert result["heatmap"].sel(layer="alive").notnull().all()
    for measure in ("pearson", "spearman"):
        assert result[measure].sel({"with": "intensity"}).isnull().all()
        assert result[measure].sel(layer="dead").isnull().all()
    assert result["spearman"].sel({"with": "edges"}).isnull().all()
    (figure,) = analysis.plot(result).values()
    # Correlations are of the heatmap, and stand above it.
    titles = {axis.get_title(): axis for axis in figure.axes}
    heatmap = next(axis for title, axis in titles.items() if title.startswith("alive: Σ|C|\nintensity: undefined"))
    np.testing.assert_array_equal(heatmap.images[0].get_array(), result["heatmap"].sel(layer="alive")[0])
    assert {"alive", "dead"} < set(titles)


@pytest.mark.slow
def test_frames_asked_for(subjects: Make) -> None:
    result = make_analysis("intensity", {"frames": [3, 1]}).compute(subjects("nerv"))
    assert result["frame"].values.tolist() == [3, 1]
    for frame in (1, 3):
        alone = make_analysis("intensity", {"frames": [frame]}).compute(subjects("nerv"))
        # Standings are those of the mean over frames.
        both = (one.sel(frame=frame).drop_vars("attention_null") for one in (result, alone))
        xr.testing.assert_allclose(*both)


def test_the_table_is_tidy(subjects: Make) -> None:
    analysis = make_analysis("intensity", {"frames": 2})
    result = analysis.compute(subjects("nerv"))
    table = analysis.table(result)
    assert table is not None
    assert len(table) == 2 * 3 * 4
    assert {"layer", "frame", "with", "pearson", "spearman", "divided_pearson"} <= set(table.columns)
    row = table[(table["layer"] == "head") & (table["frame"] == 2) & (table["with"] == "edges")]
    assert float(row["pearson"].iloc[0]) == float(result["pearson"].sel(layer="head", frame=2, **{"with": "edges"}))


def test_structure_is_told_from_content(subjects: Make) -> None:
    """The structure is that of an i.i.d. network; a heatmap is divided by it, and its correlations follow."""
    subject = subjects("nerv")
    result = make_analysis("intensity", {"frames": [1]}).compute(subject)
    drawn = iid_layers(subject.canvas, maps=1000)
    bright = subject.video["frames"].sel(frame=1).values.astype(float).sum(-1)
    for layer, data in subject.canvas.items():
        one = result.sel(layer=layer, frame=1)
        structure = expected_sum_abs(drawn[layer])
        np.testing.assert_allclose(one["structure"], scaled(structure), atol=1e-6)
        heat = np.abs(data["contribution"].sel(frame=1).values.astype(float)).sum(0)
        np.testing.assert_allclose(one["divided"], scaled(heat / structure), atol=1e-5)
        pairs = {"pearson": (heat, structure), "divided_pearson": (heat / structure, bright)}
        for (name, (a, b)), other in zip(pairs.items(), ("structure", "intensity"), strict=True):
            assert float(one[name].sel({"with": other})) == pytest.approx(
                np.corrcoef(a.ravel(), b.ravel())[0, 1], abs=1e-5
            )


def test_what_treats_all_pixels_alike_has_no_structure(subjects: Make) -> None:
    for result in (
        make_analysis("intensity").compute(subjects("ffn")),
        make_analysis("intensity").compute(made(RNG.random((1, *SHAPE, 3)), by_hand=RNG.random((1, 2, *SHAPE)))),
    ):
        assert result["structure"].isnull().all()
        assert result["pearson"].sel({"with": "structure"}).isnull().all()
        np.testing.assert_allclose(result["divided"], result["heatmap"], atol=1e-12)


@pytest.mark.slow
def test_a_figure_of_divided_heatmaps(subjects: Make) -> None:
    result = make_analysis("intensity", {"frames": [0]}).compute(subjects("nerv"))
    for divided, shown in ((False, "heatmap"), (True, "divided")):
        (figure,) = make_analysis("intensity", {"divided": divided}).plot(result).values()
        titles = {axis.get_title(): axis for axis in figure.axes}
        axis = next(axis for title, axis in titles.items() if title.startswith("block2: Σ|C|"))
        np.testing.assert_array_equal(axis.images[0].get_array(), result[shown].sel(layer="block2", frame=0))
        assert any(title.startswith("block1, i.i.d.\nheatmap: r ") for title in titles)


def test_numbers_of_attention_against_brute_force() -> None:
    heat, intensity, edges = (RNG.random(SHAPE) for _ in range(3))
    people = np.zeros(SHAPE, bool)
    people[1:3, 2:5] = True
    found = dict(zip(NUMBERS, numbers_of_shifts(heat, intensity, edges, people), strict=True))
    dark, sharp = strongest(-intensity), strongest(edges)
    assert dark.sum() == sharp.sum() == 3

    def r(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    slope, offset = np.polyfit(intensity.ravel(), heat.ravel(), 1)
    left = heat - slope * intensity - offset
    for at, shift in enumerate(SHIFTS):
        i, e, d, s, _ = (np.roll(one, shift, (0, 1)) for one in (intensity, edges, dark, sharp, people))
        assert found["intensity"][at] == pytest.approx(r(heat, i))
        assert found["edges"][at] == pytest.approx(r(heat, e))
        fits = [np.polyval(np.polyfit(i.ravel(), one.ravel(), 1), i.ravel()) for one in (heat, e)]
        assert found["partial_edges"][at] == pytest.approx(r(heat.ravel() - fits[0], e.ravel() - fits[1]))
        assert found["dark"][at] == pytest.approx(heat[d].mean() / heat.mean())
        excess = heat[d].mean() / heat.mean() - intensity[dark].mean() / intensity.mean()
        assert found["dark_excess"][at] == pytest.approx(excess)
        assert found["edge_spread"][at] == pytest.approx(heat[s].std() / heat.std())
        shown = np.roll(people, shift, (0, 1))
        assert found["people"][at] == pytest.approx(left[shown].mean() / left.std())


def test_what_there_is_not_has_no_number() -> None:
    heat, flat = RNG.random(SHAPE), np.full(SHAPE, 0.5)
    found = dict(zip(NUMBERS, numbers_of_shifts(heat, flat, flat * 0), strict=True))
    assert all(np.isnan(values).all() for values in found.values())
    dead = numbers_of_shifts(flat * 0, heat, heat, heat > 0.5)
    assert np.isnan(dead).all()
