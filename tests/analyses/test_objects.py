"""Contributions to instances over time, against plain numpy, and claims that say yes and no."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from tests.helpers.made_things import made, painted, squares
from tests.helpers.subjects import Make
from xinc.analyses.making import make_analysis
from xinc.analyses.objects import Objects
from xinc.analyses.objects.numbers import category_ratio, orders, rank_correlation
from xinc.plotting import style

RNG = np.random.default_rng(0)
CATEGORIES = ["cat", "cat", "dog", "dog"]


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", ["nerv", "ffn"])
def test_against_plain_numpy(subjects: Make, model: str, layout: str) -> None:
    """The clip has one instance, a disc."""
    subject = subjects(model, layout)
    result = make_analysis("objects", {"neurons": 2}).compute(subject)
    assert result["instance"].values.tolist() == ["object 1"]
    for layer, data in subject.canvas.items():
        maps = abs(data["contribution"].values.astype(float))
        disc = subject.video["instances"].sel(frame=data["frame"].values).values == 1
        means = np.stack([m[:, d].mean(1) for m, d in zip(maps, disc, strict=True)])
        shares = means / means.sum(0) if model == "nerv" else np.where(means > 0, 1.0, np.nan)
        one = result.sel(layer=layer).isel(instance=0)
        for sample, n in enumerate(one["sampled_neuron"].values):
            if n >= 0:
                np.testing.assert_allclose(one["share"].isel(sample=sample), shares[:, n], rtol=1e-4)
        assert bool(one["shared_weights"]) == (model == "nerv")


def test_shares_of_painted_instances() -> None:
    masks = squares(2)
    values = RNG.random((5, 2, 4))
    result = make_analysis("objects", {"neurons": 5}).compute(made(masks, CATEGORIES, a=painted(masks, values)))
    expected = values / values.sum((1, 2), keepdims=True)
    found = result["share"].sel(layer="a").transpose("sample", "frame", "instance")
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(result["mean_share"].sel(layer="a"), expected.mean((0, 1)), rtol=1e-5)
    for i, j in itertools.combinations(range(4), 2):
        distance = float(result["distance"].sel(layer="a").isel(instance=i, other=j))
        assert distance == pytest.approx(abs(expected[..., i] - expected[..., j]).mean(), rel=1e-5)
    within = [abs(expected[..., i] - expected[..., j]).mean() for i, j in ((0, 1), (2, 3))]
    across = [abs(expected[..., i] - expected[..., j]).mean() for i in (0, 1) for j in (2, 3)]
    assert float(result["category_ratio"].sel(layer="a")) == pytest.approx(np.mean(within) / np.mean(across), rel=1e-5)
    entropy = [[stats.entropy(v) / np.log(4) for v in neuron] for neuron in values]
    assert float(result["evenness"].sel(layer="a")) == pytest.approx(np.median(np.mean(entropy, 1)), rel=1e-5)
    change = abs(np.diff(expected, axis=1)).mean((0, 1)) / expected.mean((0, 1))
    np.testing.assert_allclose(result["fluctuation"].sel(layer="a"), change, rtol=1e-5)
    between = expected.mean(1).std(1, ddof=1)
    over_time = np.sqrt(expected.var(1, ddof=1).mean(1))
    assert float(result["constancy"].sel(layer="a")) == pytest.approx(np.median(between / over_time), rel=1e-4)


def test_frames_with_a_network_each_have_shares_of_their_own() -> None:
    masks = squares(2)
    values = RNG.random((3, 2, 4))
    subject = made(masks, CATEGORIES, shared=False, a=painted(masks, values))
    result = make_analysis("objects").compute(subject)
    found = result["share"].sel(layer="a").transpose("sample", "frame", "instance")
    np.testing.assert_allclose(found, values / values.sum(2, keepdims=True), rtol=1e-5)
    for name in ("constancy", "fluctuation", "motion_correlation"):
        assert result[name].isnull().all()
    drawn = make_analysis("objects").plot(result)
    assert set(drawn) == {"neurons", "numbers"}
    numbers = drawn["numbers"].axes[1]
    assert numbers.get_ylabel() == "mean share of the frame (%)"
    low, high = numbers.get_ylim()
    assert low == 0
    assert max(line.get_ydata().max() for line in numbers.lines) < 0.95 * high


def test_the_figure_says_where_a_neuron_is_dead() -> None:
    """In one frame of two, which each have a network; no line joins these, in the legend neither."""
    masks = squares(2)
    values = RNG.random((1, 2, 4)) * np.array([1.0, 0.0])[None, :, None]
    result = make_analysis("objects").compute(made(masks, CATEGORIES, shared=False, a=painted(masks, values)))
    figure = make_analysis("objects").plot(result)["neurons"]
    axis = figure.axes[0]
    assert [(text.get_text(), text.get_position()[0]) for text in axis.texts] == [("dead", 1)]
    assert axis.texts[0].get_rotation() == 0
    with style.context(style.Look(width=3.4)):
        narrow = make_analysis("objects").plot(result.isel(frame=[0, 1] * 6))["neurons"]
    assert [text.get_rotation() for text in narrow.axes[0].texts] == [90] * 6  # where they would touch each other
    lines = [*axis.get_lines(), *figure.legends[0].get_lines()]
    assert lines
    assert {line.get_linestyle() for line in lines} == {"None"}


def test_an_absent_instance_is_missing_not_zero() -> None:
    masks = squares(3)
    masks[1][masks[1] == 2] = 0
    values = RNG.random((2, 3, 4))
    result = make_analysis("objects", {"neurons": 2}).compute(made(masks, CATEGORIES, a=painted(masks, values)))
    values[:, 1, 1] = np.nan
    expected = values / np.nansum(values, axis=(1, 2), keepdims=True)
    found = result["share"].sel(layer="a").transpose("sample", "frame", "instance")
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert result["displacement"].isnull().sum() == 4 + 2
    assert result["distance"].sel(layer="a").notnull().sum() == 12


def test_dead_neurons_are_counted_and_not_drawn() -> None:
    masks = squares(2)
    values = RNG.random((4, 2, 4))
    values[1], values[3, 0] = 0, 0
    result = make_analysis("objects").compute(made(masks, CATEGORIES, a=painted(masks, values)))
    one = result.sel(layer="a")
    assert one["sampled_neuron"].values.tolist() == [0, 2, 3]
    assert one["dead"].values.tolist() == [1, 1]


def test_frames_without_annotation_are_left_out() -> None:
    masks = squares(4)
    subject = made(masks, CATEGORIES, annotated=[False, True, False, True], a=RNG.random((4, 2, 16, 32)))
    result = make_analysis("objects").compute(subject)
    assert result["frame"].values.tolist() == [1, 3]


@pytest.mark.parametrize("how", ["no masks", "none annotated", "nothing labelled"])
def test_a_video_without_masks_is_said_not_an_error(how: str) -> None:
    masks = squares(2)
    subject = made(masks, CATEGORIES, annotated=[how != "none annotated"] * 2, a=RNG.random((2, 3, 16, 32)))
    video = subject.video
    if how == "no masks":
        video = video.drop_vars(["instances", "annotated", "segment_id", "category", "isthing"])
    if how == "nothing labelled":
        video = video.isel(segment=slice(0)).assign(instances=video["instances"] * 0)
    subject.__dict__["video"] = video
    analysis = make_analysis("objects")
    result = analysis.compute(subject)
    assert result.attrs["masks"] == "none"
    [(_, figure)] = analysis.plot(result).items()
    assert "no masks" in figure.axes[0].texts[-1].get_text()
    table = analysis.table(result)
    assert table is not None
    assert list(table["neurons"]) == [3]
    for claim in Objects.claims():
        assert claim.statistic(result).isnull().all()


def test_ratio_of_relabelled_categories() -> None:
    distance = np.array([[np.nan, 1, 4, 4], [1, np.nan, 4, 4], [4, 4, np.nan, 1], [4, 4, 1, np.nan]])
    ratio, standing = category_ratio(distance, CATEGORIES)
    assert ratio == 0.25
    assert standing[0] == pytest.approx(1 / 3), "one of the three ways to make two pairs of four"
    for categories in (["a", "b", "c", "d"], ["a"] * 4):
        ratio, standing = category_ratio(distance, categories)
        assert np.isnan([ratio, *standing]).all()


def test_rank_correlation_is_spearmans() -> None:
    a, b = RNG.random(6), RNG.random(6)
    found, (p, _, edge) = rank_correlation(np.append(a, np.nan), np.append(b, 3))
    assert found == pytest.approx(stats.spearmanr(a, b).statistic)
    exact = [stats.spearmanr(a[list(order)], b).statistic for order in itertools.permutations(range(6))]
    assert p == pytest.approx(np.mean(np.array(exact) >= found - 1e-12))
    assert edge == pytest.approx(np.quantile(exact, 0.95))
    for pair in ((a[:2], b[:2]), (np.ones(6), b)):
        found, standing = rank_correlation(*pair)
        assert np.isnan([found, *standing]).all()


def test_orders_begin_with_the_identity_and_are_bounded() -> None:
    assert len(orders(7)) == 5040
    for count in (1, 3, 8, 60):
        found = orders(count)
        assert len(found) <= 5040
        assert found[0].tolist() == list(range(count))
