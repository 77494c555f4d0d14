"""Types of neurons: vectors against brute force, how mixed seeds are in closed form, and claims that can fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.text import Text
from sklearn.metrics import adjusted_mutual_info_score, silhouette_score

from tests.helpers.made_types import LABELS, SIZE, networks, types, with_regions
from tests.helpers.subjects import Make
from tests.helpers.tiers import EXHAUSTIVE
from xinc.analyses import analyses
from xinc.analyses.clusters.names import name_offsets
from xinc.analyses.clusters.neuron_types import (
    _import_uncompiled,
    cluster,
    layout,
    mixing,
    neighbouring,
    seed_entropy,
    separation,
    silhouette,
)
from xinc.analyses.draw import draw_figures
from xinc.analyses.making import make_analysis
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.errors import InputError
from xinc.plotting import style


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP takes ten seconds to import: where layouts do not matter, the first two regions are the layout."""
    monkeypatch.setattr("xinc.analyses.clusters.compute.layout", lambda vectors, *_: vectors[:, :2].astype(np.float32))


@pytest.fixture(scope="module", autouse=True)
def _few_draws() -> Iterator[None]:
    """Fewer sets of vectors without types, but where everything is tested."""
    with pytest.MonkeyPatch.context() as patch:
        if not EXHAUSTIVE:
            patch.setattr("xinc.analyses.clusters.neuron_types._TYPE_DRAWS", 19)
        yield


#: Claims that compare seeds.
OF_SEEDS = ("clusters_mix_seeds", "seeds_share_types")


def statistics(result: xr.Dataset) -> dict[str, float]:
    return {claim.name: claim.statistic(result).item() for claim in analyses["clusters"].claims()}


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", [pytest.param("nerv", marks=pytest.mark.slow), "ffn"])
def test_vectors_against_plain_numpy(subjects: Make, model: str, layout: str, flat: None) -> None:
    subject = subjects(model, layout)
    result = make_analysis("clusters", {"frames": "all", "clusters": 2}).compute({5: subject})
    for layer, data in subject.canvas.items():
        for frame in data["frame"].values:
            maps = np.abs(data["contribution"].sel(frame=frame).values.astype(float))
            labels = subject.regions["gabor"].sel(frame=frame).values
            own = (result["point_layer"] == layer) & (result["point_frame"] == frame)
            part = result.isel(point=np.flatnonzero(own))
            assert set(part["point_seed"].values.tolist()) <= {5}
            alive = [n for n, one in enumerate(maps) if one.max() - one.min() > 1e-6 * one.max()]
            assert part["point_neuron"].values.tolist() == alive
            inside = [labels == region for region in result["region"].values]
            for n, vector in zip(alive, part["vector"].values, strict=True):
                scaled = (maps[n] - maps[n].min()) / (maps[n].max() - maps[n].min())
                expected = [scaled[mask].mean() if mask.any() else np.nan for mask in inside]
                np.testing.assert_allclose(vector, expected, rtol=0, atol=1e-4)
            one = result.sel(layer=layer, frame=frame)
            dead = int((maps.max((1, 2)) == 0).sum())
            assert one["dead"].values.tolist() == [dead]
            assert one["constant"].values.tolist() == [len(maps) - dead - len(alive)]
            assert int(one["members"].sum()) == len(alive)


def test_layouts_of_the_canvas_give_the_same(subjects: Make, flat: None) -> None:
    found = [make_analysis("clusters").compute({0: subjects("nerv", kind)}) for kind in ("factored", "dense")]
    xr.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)


def test_dead_and_constant_neurons_are_counted_and_left_out(flat: None) -> None:
    maps = types([0, 1, 2, 0, 1], 0)
    maps[1], maps[3] = 0, -0.7
    result = make_analysis("clusters", {"clusters": 3}).compute(networks(maps))
    assert result["point_neuron"].values.tolist() == [0, 2, 4]
    assert result["dead"].values.tolist() == [[[1]]]
    assert result["constant"].values.tolist() == [[[1]]]
    assert int(result["neurons"][0]) == 5


def test_neurons_are_drawn_where_there_are_too_many(flat: None) -> None:
    subject = networks(types([0, 1] * 20, 0), types([0, 1] * 20, 1))
    result = make_analysis("clusters", {"max_neurons": 10}).compute(subject)
    drawn = result["point_neuron"].values.reshape(2, 10)
    assert (np.diff(drawn) > 0).all()
    assert drawn[0].tolist() != drawn[1].tolist()
    again = make_analysis("clusters", {"max_neurons": 10}).compute(subject)
    xr.testing.assert_identical(result, again)
    other = make_analysis("clusters", {"max_neurons": 10, "seed": 1}).compute(subject)
    assert other["point_neuron"].values[:10].tolist() != drawn[0].tolist()


def test_clusters_are_the_types_the_largest_first(flat: None) -> None:
    kinds = np.array([2] * 9 + [0] * 6 + [1] * 3)
    subject = networks(types(kinds, 0), types(kinds[::-1], 1))
    result = make_analysis("clusters", {"clusters": 3, "samples": 4}).compute(subject)
    assert result["members"].values.tolist() == [[[[9, 9], [6, 6], [3, 3]]]]
    expected = [*kinds, *kinds[::-1]]
    np.testing.assert_array_equal(np.array([2, 0, 1])[result["point_cluster"].values], expected)
    assert result["cluster_silhouette"].item() > 0.5
    table = make_analysis("clusters").table(result)
    assert table is not None
    assert table["neurons"].tolist() == [9, 9, 6, 6, 3, 3]
    assert table["share_of_seed"].tolist() == [n / 18 for n in (9, 9, 6, 6, 3, 3)]


def test_samples_are_maps_of_the_cluster(flat: None) -> None:
    kinds = [2] * 9 + [0] * 6 + [1] * 2
    maps = [types(kinds, 0), -types(kinds, 1)]
    result = make_analysis("clusters", {"clusters": 4, "samples": 5}).compute(networks(*maps)).isel(layer=0, frame=0)
    for k in range(4):
        members = set(result["point_neuron"].values[result["point_cluster"].values == k].tolist())
        for place in range(5):
            number, seed = int(result["map_neuron"][k, place]), int(result["map_seed"][k, place])
            shown = result["map"][k, place].values
            if number < 0:
                assert seed == -1
                assert np.isnan(shown).all()
            else:
                assert number in members
                np.testing.assert_allclose(shown, abs(maps[seed][number]), rtol=1e-6)
        drawn = [
            (int(s), int(n)) for s, n in zip(result["map_seed"][k], result["map_neuron"][k], strict=True) if n >= 0
        ]
        assert len(set(drawn)) == len(drawn) == min(5, int(result["members"][k].sum()))


def test_entropy_of_seeds_in_closed_form() -> None:
    assert seed_entropy(np.array([[5, 5], [2, 2]])) == pytest.approx(1)
    assert seed_entropy(np.array([[7, 0], [0, 3]])) == 0
    assert seed_entropy(np.array([[4, 4, 0], [0, 0, 8]])) == pytest.approx(2 / 3 * np.log(2) / np.log(3))
    # A seed with fewer neurons is as present as the others where it has its share.
    assert seed_entropy(np.array([[30, 3], [10, 1], [0, 0]])) == pytest.approx(1)
    assert np.isnan(seed_entropy(np.array([[5], [2]])))
    assert np.isnan(seed_entropy(np.array([[5, 0], [2, 0]])))


def test_claims_are_not_measured_with_a_single_seed(flat: None) -> None:
    found = statistics(make_analysis("clusters").compute(networks(types([0, 1, 2] * 4, 0))))
    assert np.isnan([found[name] for name in OF_SEEDS]).all()


def test_claims_are_not_measured_on_a_handful_of_neurons(flat: None) -> None:
    """Each in a cluster of its own would mean that seeds share nothing."""
    few = networks(types([0, 1, 2] * 3, 0), types([0, 1], 1))
    found = statistics(make_analysis("clusters", {"clusters": 3}).compute(few))
    assert np.isnan([found[name] for name in OF_SEEDS]).all()


def test_mixing_is_the_adjusted_mutual_information() -> None:
    rng = np.random.default_rng(0)
    clusters, seeds = rng.integers(0, 4, 400), rng.integers(0, 3, 400)
    clusters[:150] = seeds[:150]
    found = mixing(clusters, seeds, 0)
    # The mean under chance is drawn here, exact there.
    assert found[0] == pytest.approx(adjusted_mutual_info_score(seeds, clusters), abs=1e-3)
    assert abs(found[1:].mean()) < 1e-9
    assert mixing(seeds, seeds, 0)[0] == pytest.approx(1)
    assert np.isnan(mixing(clusters, seeds * 0, 0)).all()


def test_neighbours_of_the_same_seed_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    vectors, seeds = rng.random((60, 3)), np.repeat([0, 1, 2], 20)
    vectors[seeds == 1] += 0.3
    shares = []
    for k, vector in enumerate(vectors):
        order = np.argsort(((vectors - vector) ** 2).sum(1))
        near = [j for j in order if j != k][:10]
        shares.append(np.mean(seeds[near] == seeds[k]))
    chance = 19 / 59
    found = neighbouring(vectors, seeds, 0)
    assert found[0] == pytest.approx((np.mean(shares) - chance) / (1 - chance))
    assert abs(found[1:].mean()) < 0.02
    far = np.repeat(np.arange(3.0), 20)[:, None] * 100 + rng.random((60, 2))
    assert neighbouring(far, seeds, 0)[0] == 1
    assert np.isnan(neighbouring(vectors, seeds * 0, 0)).all()


def test_separation_is_beyond_that_of_a_normal_distribution_with_the_same_covariance() -> None:
    rng = np.random.default_rng(0)
    long = rng.standard_normal((200, 4)) @ np.diag([5.0, 1, 1, 1])
    found = separation(long, 2, 0)
    # k-means cuts what is long in two, and so it does here: no types.
    assert found[0] > 0.4
    assert found.min() < found[0] < found.max()
    apart = rng.standard_normal((200, 4)) + np.repeat([0, 12], 100)[:, None]
    found = separation(apart, 2, 0)
    assert found[0] > found[1:].max()
    assert np.isnan(separation(np.ones((20, 3)), 2, 0)).all()
    np.testing.assert_array_equal(separation(apart, 2, 0), found)


def test_k_means() -> None:
    assert cluster(np.zeros((0, 3)), 4, 0).tolist() == []
    assert cluster(np.ones((5, 3)), 4, 0).tolist() == [0] * 5
    points = np.array([[0.0], [0.1], [5], [5.1], [5.2], [9]])
    assert cluster(points, 3, 0).tolist() == [1, 1, 0, 0, 0, 2]
    many = np.random.default_rng(0).random((300, 8))
    np.testing.assert_array_equal(cluster(many, 6, 3), cluster(many, 6, 3))


def test_silhouette() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.random((50, 4)), rng.integers(0, 3, 50)
    assert silhouette(vectors, labels, 0) == pytest.approx(silhouette_score(vectors, labels))
    assert np.isnan(silhouette(vectors, np.zeros(50), 0))
    assert np.isnan(silhouette(vectors, np.arange(50), 0))
    assert np.isnan(silhouette(vectors[:0], labels[:0], 0))
    far = np.concatenate([np.zeros((3000, 2)), np.ones((3000, 2))]) + 0.01 * rng.random((6000, 2))
    assert silhouette(far, np.repeat([0, 1], 3000), 0) > 0.9


@pytest.mark.slow
def test_umap_is_one_layout_a_seed_and_keeps_neighbours_together() -> None:
    """Two clouds far apart stay apart; also of few, of equal and of more neurons than neighbours."""
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.random((40, 5)), 5 + rng.random((40, 5))])
    places = layout(vectors, 10, seed=0)
    np.testing.assert_array_equal(places, layout(vectors, 10, seed=0))
    assert (places != layout(vectors, 10, seed=1)).any()
    assert silhouette_score(places, np.repeat([0, 1], 40)) > 0.7
    assert np.isnan(layout(vectors[:3], 10, seed=0)).all()
    assert layout(vectors[:0], 10, seed=0).shape == (0, 2)
    for some in (vectors[:4], vectors[:12], np.ones((20, 5)), np.repeat(vectors[:2], 10, axis=0), vectors[:, :1]):
        assert np.isfinite(layout(some, 15, seed=0)).all()


def test_a_package_whose_functions_are_not_used_is_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is imported afterwards is, also where there is no such package."""
    numba = pytest.importorskip("numba")
    (tmp_path / "never_called.py").write_text("import numba\n\n@numba.njit\ndef f(x):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    _import_uncompiled("never_called")
    assert not isinstance(sys.modules.pop("never_called").f, numba.core.dispatcher.Dispatcher)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        _import_uncompiled("no_such_package")
    assert isinstance(numba.njit(lambda x: x), numba.core.dispatcher.Dispatcher)


def test_neighbours_can_differ_by_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spy(vectors: np.ndarray, neighbours: int, seed: int) -> np.ndarray:
        asked.append(neighbours)
        return np.zeros((len(vectors), 2), np.float32)

    monkeypatch.setattr("xinc.analyses.clusters.compute.layout", spy)
    maps = types([0, 1, 2], 0)[None]
    subject = {0: with_regions(LABELS[None], first=maps, second=maps)}
    make_analysis("clusters", {"neighbours": {"second": 4}}).compute(subject)
    make_analysis("clusters", {"neighbours": 7}).compute(subject)
    assert asked == [15, 4, 7, 7]
    for bad in (1, {"first": 1}):
        with pytest.raises(InputError, match="neighbours"):
            make_analysis("clusters", {"neighbours": bad})


def test_seeds_need_a_frame_in_common() -> None:
    one, other = networks(types([0, 1], 0), types([0, 1], 1)).values()
    other.canvas["layer"] = other.canvas["layer"].assign_coords(frame=[3])
    with pytest.raises(InputError, match=r"seeds \[0, 4\] have no frame in common"):
        make_analysis("clusters").compute({0: one, 4: other})


@pytest.fixture(scope="module")
def written(subjects: Make, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A result of two seeds, one of a single seed, and one of a layer without a living neuron."""
    root = tmp_path_factory.mktemp("clusters")
    few = {"clusters": 3, "samples": 2}
    run_analysis("clusters", few, {3: subjects("nerv"), 1: subjects("nerv", "dense")}, root / "two")
    run_analysis("clusters", few, {0: subjects("ffn")}, root / "one")
    return {"two": root / "two", "one": root / "one"}


@pytest.mark.slow
def test_results_are_labelled_and_seeds_sorted(written: Mapping[str, Path]) -> None:
    result = open_result(written["two"]).load()
    assert result["seed"].values.tolist() == [1, 3]
    assert result["layer"].values.tolist() == ["block1", "block2", "head"]
    assert result.attrs["architecture"] == "nerv"
    for name, variable in result.data_vars.items():
        assert variable.attrs["long_name"], name
        assert variable.attrs["units"], name
        assert not [d for d in variable.dims if str(d).startswith("dim_")], name
    # Both seeds are the same network.
    np.testing.assert_allclose(result["seed_entropy"], 1)
    table = pd.read_csv(written["two"] / "table.csv")
    assert len(table) == 3 * 3 * 2
    assert {"neurons", "share_of_seed", "dead", "constant", "seed_entropy"} <= set(table.columns)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["two", "one"])
def test_figures_are_drawn_from_the_result_alone(written: Mapping[str, Path], which: str, tmp_path: Path) -> None:
    analysis = make_analysis("clusters")
    result = open_result(written[which]).load()
    layers = [str(layer) for layer in result["layer"].values]
    with style.context():
        drawn = analysis.plot(result)
    assert set(drawn) == {*layers, "all"}
    # Of one seed there is no question whether seeds share anything.
    asked = analysis.question if which == "two" else "Which types of neurons are there?"
    assert all(asked in figure._suptitle.get_text() for figure in drawn.values())  # type: ignore[attr-defined]
    for folder in ("a", "b"):
        draw_figures("clusters", None, written[which], tmp_path / folder)
    for file in sorted(path.name for path in (tmp_path / "a").iterdir()):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


@pytest.mark.slow
def test_the_neurons_whose_maps_are_shown_are_marked_in_the_layout(written: Mapping[str, Path]) -> None:
    result = open_result(written["two"]).load()
    for layer in result["layer"].values:
        figure = make_analysis("clusters").plot(result)[str(layer)]
        above = {axis.get_title().split(":")[0]: axis for axis in figure.axes if "seed " in axis.get_title()[:9]}
        layout = next(axis for axis in figure.axes if axis.get_title().startswith("by cluster"))
        marked = {text.get_text(): text.xy for text in layout.texts}  # type: ignore[attr-defined]
        assert set(marked) == set(above) - {"by seed, entropy"}
        one = result.sel(layer=layer).isel(frame=0)
        points = result.isel(point=np.flatnonzero(result["point_layer"].values == layer))
        for letters, place in marked.items():
            cluster, column = int(letters[:-1]) - 1, ord(letters[-1]) - ord("a")
            seed, neuron = int(one["map_seed"][cluster, column]), int(one["map_neuron"][cluster, column])
            at = (points["point_seed"].values == seed) & (points["point_neuron"].values == neuron)
            np.testing.assert_allclose(points["umap"].values[at][0], place)
            assert int(points["point_cluster"].values[at][0]) == cluster


@pytest.mark.slow
def test_names_in_the_layout_do_not_overlap(written: Mapping[str, Path]) -> None:
    """Nor do they leave the panel, and the lines to them are dark."""
    result = open_result(written["two"]).load()
    for layer in result["layer"].values:
        with style.context():
            figure = make_analysis("clusters").plot(result)[str(layer)]
            figure.draw_without_rendering()
        layout = next(axis for axis in figure.axes if axis.get_title().startswith("by cluster"))
        panel = layout.get_window_extent()
        boxes = [Text.get_window_extent(text) for text in layout.texts]
        assert boxes
        for at, box in enumerate(boxes):
            assert all(panel.contains(*corner) for corner in box.corners())
            assert not box.count_overlaps(boxes[:at])
        lines = [text.arrow_patch for text in layout.texts]  # type: ignore[attr-defined]
        assert all(sum(line.get_edgecolor()[:3]) < 1 for line in lines)


def test_names_beside_crowded_points() -> None:
    """Thirty names of points that lie on each other: each has a place of its own."""
    size = np.array([160.0, 120.0])
    places = np.random.default_rng(0).normal([150, 110], 3, (60, 2)).clip(0, size)
    middles = places[:30] + name_offsets(places, range(30), [2] * 30, size)
    apart = abs(middles[:, None] - middles) / [2 * 0.37 * 5.5 * 2, 5.5]
    assert (apart.max(-1) + 2 * np.eye(30) >= 1).all()
    assert ((middles > [4, 3]) & (middles < size - [4, 3])).all()


@pytest.mark.slow
def test_a_layer_of_dead_neurons_has_a_figure(flat: None) -> None:
    maps = np.zeros((1, 4, *SIZE))
    analysis = make_analysis("clusters", {"frames": "all"})
    result = analysis.compute({0: with_regions(LABELS[None], dead=maps, alive=types([0, 1, 2] * 4, 0)[None])})
    drawn = analysis.plot(result)
    assert set(drawn) == {"dead", "alive", "all"}
    assert "4 dead" in drawn["dead"]._supxlabel.get_text()  # type: ignore[attr-defined]
    several = with_regions(np.stack([LABELS, LABELS]), layer=np.stack([types([0, 1, 2] * 4, seed) for seed in (0, 1)]))
    drawn = analysis.plot(analysis.compute({0: several}))
    assert set(drawn) == {"layer-frame0", "layer-frame1", "all-frame0", "all-frame1"}
