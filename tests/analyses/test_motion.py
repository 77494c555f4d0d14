"""Fluctuation and motion: closed forms, brute force, and claims that can fail."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from tests.helpers.made_motions import HEIGHT, WIDTH, moving_square, with_flow
from tests.helpers.subjects import Make
from xinc.analyses import analyses
from xinc.analyses.draw import draw_figures
from xinc.analyses.making import make_analysis
from xinc.analyses.motion.areas import areas_of, ratio_of_shifts, spearman
from xinc.analyses.motion.names import AREAS
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.errors import InputError
from xinc.plotting.animation import LETTERING
from xinc.plotting.style import colour
from xinc.statistics.shifts import correlations_of_shifts


def claims(result: xr.Dataset) -> dict[str, Any]:
    return {claim.name: claim for claim in analyses["motion"].claims()}


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
def test_against_plain_numpy(subjects: Make, layout: str) -> None:
    subject = subjects("nerv", layout)
    result = make_analysis("motion", {"frames": [1, 3], "threshold": 0.1}).compute(subject)
    assert result["frame"].values.tolist() == [1, 3]
    for frame, (layer, data) in itertools.product((1, 3), subject.canvas.items()):
        now, before = (np.abs(data["contribution"].sel(frame=f).values.astype(float)) for f in (frame, frame - 1))
        fluctuation = np.abs(now - before).sum(0)
        one = result.sel(frame=frame, layer=layer)
        np.testing.assert_allclose(one["fluctuation"], fluctuation, rtol=1e-4, atol=1e-5 * fluctuation.max())
        flow = subject.flow["flow"].sel(frame=frame).values.astype(float)
        camera = np.median(flow, axis=(0, 1))
        for kind, vectors in (("flow", flow), ("relative", flow - camera)):
            speed = np.hypot(vectors[..., 0], vectors[..., 1])
            r = np.corrcoef(speed.ravel(), fluctuation.ravel())[0, 1]
            rho = stats.spearmanr(speed.ravel(), fluctuation.ravel()).statistic
            assert float(one["pearson"].sel(motion=kind)) == pytest.approx(r, abs=1e-4)
            assert float(one["spearman"].sel(motion=kind)) == pytest.approx(rho, abs=5e-3)
        for k, area in enumerate(AREAS):
            inside = one["areas"].values[k]
            expected = fluctuation[inside].mean() if inside.any() else np.nan
            assert float(one["area_fluctuation"].sel(area=area)) == pytest.approx(expected, rel=1e-4, nan_ok=True)
            assert float(one["area_share"].sel(area=area)) == pytest.approx(inside.mean())
    assert (result["areas"].sum("area") == 1).all()


def test_areas_by_construction() -> None:
    flow, revealed, there = moving_square()
    moving, shown, still = areas_of(flow[1], np.hypot(*np.moveaxis(flow[1], -1, 0)) > 0.5, revealed[1])
    np.testing.assert_array_equal(moving, there[1])
    np.testing.assert_array_equal(shown, there[0] & ~there[1])
    np.testing.assert_array_equal(still, ~(there[0] | there[1]))


def test_what_leaves_the_frame_is_no_error() -> None:
    flow = np.full((4, 6, 2), 3.0)
    moving, revealed, still = areas_of(flow, np.ones((4, 6), bool), np.zeros((4, 6), bool))
    assert moving.all()
    assert not revealed.any()
    assert not still.any()


def test_the_camera_does_not_move_things() -> None:
    """A pan by (−1, 0): by default it is not motion, nor is its speed changed; with 'flow' all pixels move."""
    flow, revealed, _ = moving_square()
    flow = flow + np.array([-1.0, 0])
    maps = np.random.default_rng(0).random((2, 3, HEIGHT, WIDTH))
    result = make_analysis("motion").compute(with_flow(flow, revealed, layer=maps))
    np.testing.assert_allclose(result["camera"], [[-1, 0]])
    assert float(result["speed"].sel(motion="relative").max()) == 2
    # The square's own flow is +1 now, so that it goes to one column less.
    assert result["areas"].sel(area="moving").values[0, 4:8, 8:13].all()
    assert result["area_share"].sel(area="still").item() > 0.8
    every = make_analysis("motion", {"moving": "flow"}).compute(with_flow(flow, revealed, layer=maps))
    assert every["area_share"].sel(area="still").item() == 0
    np.testing.assert_array_equal(result["pearson"], every["pearson"])


def test_the_null_is_every_toroidal_shift() -> None:
    rng = np.random.default_rng(0)
    values, motion = rng.random((5, 6)), rng.random((5, 6))
    over, under = motion > 0.6, motion < 0.3
    shifts = list(itertools.product(range(5), range(6)))
    rolled = [np.corrcoef(values.ravel(), np.roll(motion, s, (0, 1)).ravel())[0, 1] for s in shifts]
    np.testing.assert_allclose(correlations_of_shifts(values, motion)[0], rolled)
    assert spearman(values, motion) == pytest.approx(stats.spearmanr(values.ravel(), motion.ravel()).statistic)
    ratios = [values[np.roll(over, s, (0, 1))].mean() / values[np.roll(under, s, (0, 1))].mean() for s in shifts]
    np.testing.assert_allclose(ratio_of_shifts(values, over, under), ratios)


def test_what_is_constant_has_no_correlation() -> None:
    values, flat = np.random.default_rng(0).random((4, 6)), np.full((4, 6), 0.3)
    for pair in ((values, flat), (flat, values), (flat, flat), (values, np.full((4, 6), np.nan))):
        assert np.isnan(correlations_of_shifts(*pair)).all()
        assert np.isnan(spearman(*pair))
    nothing = np.zeros((4, 6), bool)
    assert np.isnan(ratio_of_shifts(values, nothing, ~nothing)).all()
    assert np.isnan(ratio_of_shifts(np.zeros((4, 6)), values > 0.5, values <= 0.5)).all()


def test_frames_are_shifted_together() -> None:
    """The p-value is that of the mean over frames, each frame's motion rolled by the same vector."""
    rng = np.random.default_rng(3)
    flow = rng.random((3, HEIGHT, WIDTH, 2)) * 2
    subject = with_flow(flow, layer=rng.random((3, 4, HEIGHT, WIDTH)))
    result = make_analysis("motion", {"frames": "all"}).compute(subject)
    rolled = []
    for shift in itertools.product(range(HEIGHT), range(WIDTH)):
        r = [
            np.corrcoef(
                result["fluctuation"].isel(layer=0, frame=k).values.ravel(),
                np.roll(result["speed"].sel(motion="flow").isel(frame=k).values, shift, (0, 1)).ravel(),
            )[0, 1]
            for k in range(2)
        ]
        rolled.append(np.mean(r))
    null = result["pearson_null"].sel(layer="layer", motion="flow")
    assert float(null.sel(null="p_value")) == pytest.approx(np.mean(np.array(rolled) >= rolled[0] - 1e-9))
    assert float(null.sel(null="mean")) == pytest.approx(np.mean(rolled[1:]), abs=1e-6)
    assert float(null.sel(null="edge")) == pytest.approx(np.quantile(rolled, 0.95), abs=1e-6)


def test_claims_are_not_measured_where_nothing_moves() -> None:
    flow = np.zeros((2, HEIGHT, WIDTH, 2))
    maps = np.random.default_rng(0).random((2, 4, HEIGHT, WIDTH))
    analysis = make_analysis("motion")
    result = analysis.compute(with_flow(flow, layer=maps))
    for claim in claims(result).values():
        assert np.isnan(claim.statistic(result)).all(), claim.name
    assert set(analysis.plot(result)) == {"maps", "areas"}


def test_claims_have_the_dimensions_that_findings_reads(subjects: Make) -> None:
    result = make_analysis("motion").compute(subjects("nerv"))
    for claim in claims(result).values():
        assert claim.architectures == ("nerv",)
        assert set(claim.statistic(result).dims) == {"layer", "frame"}
        assert claim.null is not None
        assert claim.null(result).dims == ("layer", "null")


def test_single_frames_are_not_applicable(subjects: Make, tmp_path: Any) -> None:
    """FFN of frames 1 and 3: no two are consecutive."""
    run_analysis("motion", {"frames": [1]}, subjects("ffn"), tmp_path / "motion")
    result = open_result(tmp_path / "motion").load()
    assert result.sizes["frame"] == 0
    assert result["layer"].values.tolist() == ["layer1", "layer2", "layer3"]
    assert "no two of them consecutive" in result.attrs["not_applicable"]
    for claim in claims(result).values():
        assert claim.statistic(result).size == 0
    draw_figures("motion", None, tmp_path / "motion", tmp_path / "figures")
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"maps.png", "maps.svg"}
    assert (tmp_path / "motion" / "table.csv").read_text().startswith("layer,frame,pearson_flow")


def test_frames_are_those_with_a_predecessor(subjects: Make) -> None:
    assert make_analysis("motion").compute(subjects("nerv"))["frame"].values.tolist() == [1, 2]
    with pytest.raises(InputError, match=r"the canvas, after one that it has too, has frames 1-3"):
        make_analysis("motion", {"frames": [0]}).compute(subjects("nerv"))


def test_the_film_shows_every_frame_that_has_a_predecessor(subjects: Make) -> None:
    subject = subjects("nerv")
    analysis = make_analysis("motion", {"frames": [2], "animated": 2, "zoom": 1})
    result = analysis.compute(subject)
    assert result["film_frame"].values.tolist() == [1, 2, 3]
    assert result["film_layer"].values.tolist() == ["block2", "head"]
    every = make_analysis("motion", {"frames": "all"}).compute(subject)
    for layer in ("block2", "head"):
        shown = result["film_fluctuation"].sel(film_layer=layer).values
        np.testing.assert_array_equal(shown, every["fluctuation"].sel(layer=layer).values)
    (film,) = analysis.animate(result).values()
    assert len(film) == 3
    assert film[0].shape == (LETTERING + 16, 4 * 32 + 3 * 2, 3)
    np.testing.assert_array_equal(film[0][LETTERING:, :32], result["film_source"][0])
    # Layers stand in network order.
    for at, layer in enumerate(("block2", "head")):
        one = result["film_fluctuation"].sel(film_layer=layer).values
        left = (2 + at) * 34
        expected = colour(one[0], high=float(np.quantile(one, 0.999)))
        np.testing.assert_array_equal(film[0][LETTERING:, left : left + 32], expected)
    silent = make_analysis("motion", {"animated": 0})
    assert silent.animate(silent.compute(subject)) == {}
