"""Heatmap, intensity, edges and their correlations, against plain numpy and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from skimage import filters

from tests.analyses.conftest import Make
from tests.analyses.made import made
from xinc.analyses.making import make_analysis
from xinc.statistics.scaling import minmax

LAYOUTS = ["factored", "dense"]


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
            for name, other in (("intensity", intensity), ("edges", edges)):
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
    heatmap = next(axis for title, axis in titles.items() if title.startswith("alive: Σ|C|\nintensity: r nan"))
    np.testing.assert_array_equal(heatmap.images[0].get_array(), result["heatmap"].sel(layer="alive")[0])
    assert {"alive", "dead"} < set(titles)


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
    assert len(table) == 2 * 3 * 2
    assert {"layer", "frame", "with", "pearson", "spearman"} <= set(table.columns)
    row = table[(table["layer"] == "head") & (table["frame"] == 2) & (table["with"] == "edges")]
    assert float(row["pearson"].iloc[0]) == float(result["pearson"].sel(layer="head", frame=2, **{"with": "edges"}))


def test_minmax() -> None:
    values = xr.DataArray([[1.0, 3.0], [2.0, 5.0]], dims=("y", "x"))
    np.testing.assert_array_equal(minmax(values), [[0, 0.5], [0.25, 1]])
    assert minmax(values * 0 + 7).isnull().all()
