"""Two networks compared: the matching by brute force, and its null where networks have nothing in common."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xinc
from tests.helpers.subjects import SETTINGS, Make
from xinc.analyses.compare import Compare
from xinc.analyses.compare.compute import summed
from xinc.analyses.compare.layers import matched_layers
from xinc.analyses.compare.matching import BINS, Neurons, Null, assign, match, share_interval
from xinc.analyses.draw import draw_figures
from xinc.analyses.making import make_analysis
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.errors import InputError
from xinc.models.base import INR
from xinc.models.storage import build

SIZE = (16, 32)


def network(name: str = "nerv", seed: int = 1, **changes: Any) -> INR:
    frames = {"nerv": [0, 1, 2, 3], "ffn": [0, 2]}[name]
    return build(name, SETTINGS[name] | changes, SIZE, frames, 4, seed)


def drawn(count: int, cells: int = 12, seed: int = 0, sources: int = 4, phases: int = 1) -> Neurons:
    """Neurons of random maps."""
    generator = np.random.default_rng(seed)
    means = generator.random((count, cells))
    return Neurons(means, np.arange(count) % sources, np.arange(count) % phases, means.sum(1))


def of(neurons: Neurons, order: np.ndarray) -> Neurons:
    """Some of the neurons, in this order."""
    return Neurons(*(values[order] for values in (neurons.means, neurons.source, neurons.phase, neurons.total)))


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**16))
def test_the_assignment_is_the_best_of_all(rows: int, columns: int, seed: int) -> None:
    similarity = np.random.default_rng(seed).normal(size=(rows, columns))
    turned = similarity if rows <= columns else similarity.T
    every = itertools.permutations(range(turned.shape[1]), turned.shape[0])
    best = max(sum(turned[at, column] for at, column in enumerate(chosen)) for chosen in every)
    r, c = assign(similarity)
    assert len(set(r)) == len(set(c)) == min(rows, columns)
    assert similarity[r, c].sum() == pytest.approx(best)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 2), st.integers(0, 2**16))
def test_neurons_are_matched_within_their_phases(count: int, phases: int, seed: int) -> None:
    """By brute force over all permutations, with NumPy's correlation."""
    a, b = (drawn(count, seed=seed + at, phases=phases) for at in (0, 1))
    r = np.corrcoef(a.means, b.means)[:count, count:]
    allowed = [chosen for chosen in itertools.permutations(range(count)) if (b.phase[list(chosen)] == a.phase).all()]
    best = max(r[np.arange(count), list(chosen)].sum() for chosen in allowed)
    found = match(a, b, count, generator())
    assert (a.phase[found.neuron] == b.phase[found.partner]).all()
    np.testing.assert_allclose(found.similarity, r[found.neuron, found.partner])
    assert found.similarity.sum() == pytest.approx(best)


@given(st.integers(2, 12), st.integers(0, 2**16))
def test_shuffled_neurons_are_found_again(count: int, seed: int) -> None:
    a = drawn(count, seed=seed)
    order = np.random.default_rng(seed).permutation(count)
    found = match(a, of(a, order), count, generator())
    assert (order[found.partner] == np.arange(count)).all()
    np.testing.assert_allclose(found.similarity, 1)


def test_layers_of_other_phases_are_matched_as_a_whole() -> None:
    a, b = drawn(6, phases=2), drawn(6, phases=3)
    shuffled = Neurons(a.means[::-1], a.source, b.phase, a.total[::-1])
    assert (match(a, shuffled, 6, generator()).partner == np.arange(6)[::-1]).all()


def test_neurons_that_are_left_over() -> None:
    a = drawn(7)
    found = match(a, of(a, np.array([5, 2])), 7, generator())
    assert found.partner.tolist() == [-1, -1, 1, -1, -1, 0, -1]
    assert np.isnan(found.similarity[found.partner < 0]).all()
    assert not found.beyond[found.partner < 0].any()


def test_the_dead_and_the_constant_have_no_partner() -> None:
    a = drawn(6)
    a.means[1], a.total[1] = 0, 0
    a.means[4], a.total[4] = 0.3, 3.6
    assert np.flatnonzero(a.dead).tolist() == [1]
    assert np.flatnonzero(a.constant).tolist() == [4]
    found = match(a, a, 6, generator())
    assert found.neuron.tolist() == found.partner.tolist() == [0, 2, 3, 5]


def test_twins_are_left_out() -> None:
    """Maps that are the same but for scale, of different inputs; those of one input stay."""
    a = drawn(8)
    a.means[4] = 2 * a.means[1]
    a.means[6] = a.means[1] + 0.5
    a.means[7] = 3 * a.means[3]
    sources = np.array([0, 1, 2, 3, 1, 2, 0, 3])
    one = Neurons(a.means, sources, a.phase, a.means.sum(1))
    assert np.flatnonzero(one.twin).tolist() == [1, 4, 6]
    assert match(one, one, 8, generator()).neuron.tolist() == [0, 2, 3, 5, 7]


def test_neurons_that_are_drawn_are_matched_with_all() -> None:
    a = drawn(40)
    found = match(a, a, 10, generator())
    assert len(found.neuron) == 10
    assert (found.neuron == found.partner).all()
    assert found.counts.sum(1).tolist() == [10, 10, 10, 10 * 40 - 10]


def test_the_null_bars_neurons_of_one_input() -> None:
    """Two inputs, all neurons of which are alike: the null is of pairs of different inputs alone."""
    one = drawn(2)
    a = of(one, np.repeat([0, 1], 5))
    found = match(a, a, 10, generator())
    assert np.allclose(found.nulls[0].similarity, np.corrcoef(one.means)[0, 1])
    assert found.beyond.all()
    alike = Neurons(a.means, np.zeros(10, int), a.phase, a.total)
    nothing = match(alike, alike, 10, generator())
    assert np.isnan(nothing.edges).all()
    assert not nothing.beyond.any()


def population(seed: int, channels: int = 30, each: int = 10) -> Neurons:
    """Neurons of a network: maps of a common picture, of their input, and of their own."""
    picture = np.random.default_rng(0).random(100)
    own = np.random.default_rng(seed)
    source = np.repeat(np.arange(channels), each)
    means = 2 * picture + own.random((channels, 100))[source] + 0.3 * own.random((channels * each, 100))
    return Neurons(means, source, np.zeros(len(means), int), means.sum(1))


def test_networks_with_only_the_picture_in_common_have_partners_by_chance() -> None:
    """Five per cent, although matches are far more alike than pairs drawn at random; with a copy, all have one."""
    shares, excess = [], []
    for seed in range(1, 13, 2):
        a, b = population(seed), population(seed + 1)
        found = match(a, b, 300, generator())
        shares.append(found.beyond.mean(0))
        middle = (BINS[:-1] + BINS[1:]) / 2
        others = (found.counts[3] * middle).sum() / found.counts[3].sum()
        excess.append(found.similarity.mean() - others)
    assert 0.03 < np.mean(shares) < 0.07
    assert min(excess) > 0.02
    a = population(1)
    noisy = Neurons(a.means + 0.1 * population(2).means, a.source, a.phase, a.total)
    assert match(a, noisy, 300, generator()).beyond.all()


def test_a_network_with_fewer_neurons_takes_the_null_of_the_other() -> None:
    """Among more neurons there is a better match: against its own null, more than by chance would have a partner."""
    few, many = population(1, channels=6), population(2, channels=40)
    found = match(few, many, 60, generator())
    assert found.nulls[0].similarity.size == 0
    assert found.edges[0] == found.edges[1] == np.quantile(found.nulls[1].similarity, 0.95)
    assert found.beyond[:, 0].mean() < 0.2
    turned = match(many, few, 400, generator())
    assert turned.edges[0] == turned.edges[1]


def test_intervals() -> None:
    source = np.repeat(np.arange(5), 4)
    null = Null(np.linspace(0, 0.5, 20), source)
    assert share_interval(np.ones(20), source, null, generator()) == (1, 1)
    assert share_interval(np.full(20, -np.inf), source, null, generator()) == (0, 0)
    assert np.isnan(share_interval(np.ones(20), 0 * source, null, generator())).all()
    low, high = share_interval(1.0 * (source == 0), source, null, generator())
    assert 0 == low < 0.2 < high
    alike = share_interval(1.0 * (np.arange(20) % 4 == 0), source, null, generator())
    np.testing.assert_allclose(alike, 0.25, err_msg="channels that are alike vary less than neurons")
    known = share_interval(np.linspace(0, 1, 20), np.arange(20), Null(np.full(20, 0.5), source), generator())
    found = share_interval(np.linspace(0, 1, 20), np.arange(20), null, generator())
    assert found[1] > known[1], "the null's edge is known up to its channels"


@pytest.mark.parametrize("grid", [(4, 4), (5, 7), (16, 32), (99, 99)])
def test_maps_are_averaged_over_cells(grid: tuple[int, int]) -> None:
    layer = xinc.dissect(network(), frames=[1], layers="block2")["block2"].to_dataset()
    heat, neurons = summed(layer, 1, grid)
    maps = abs(layer["contribution"].isel(frame=0).values.astype(np.float64))
    np.testing.assert_allclose(heat, maps.sum(0), rtol=1e-5)
    rows, columns = (np.arange(n) * min(g, n) // n for n, g in zip(SIZE, grid, strict=True))
    cells = [maps[:, rows == y][:, :, columns == x].mean((1, 2)) for y in np.unique(rows) for x in np.unique(columns)]
    np.testing.assert_allclose(neurons.means, np.stack(cells, 1), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(neurons.total, maps.sum((1, 2)), rtol=1e-5)


@pytest.mark.parametrize("name", ["nerv", "ffn"])
def test_the_same_network_twice(name: str) -> None:
    result = xinc.compare(network(name), network(name), frames="all")
    assert (result["neuron"] == result["partner"]).all()
    np.testing.assert_allclose(result["similarity"], 1)
    correlation = result["heatmap_correlation"].values
    np.testing.assert_allclose(correlation[np.isfinite(correlation)], 1)
    assert (result["psnr_between"] == 200).all()
    assert set(result["pair_layer"].values) <= set(network(name).layer_names())


def test_hidden_units_in_another_order() -> None:
    """The same function; the last layer's neurons, its inputs, are in the order of the units."""
    model, turned = network("ffn", hidden_width=16), network("ffn", hidden_width=16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    state = turned.state_dict()
    state["weights.1"], state["biases.1"] = state["weights.1"][:, order], state["biases.1"][:, order]
    state["weights.2"] = state["weights.2"][..., order]
    turned.load_state_dict(state)
    result = xinc.compare(model, turned, frames=[2]).squeeze("frame")
    assert float(result["psnr_between"]) > 100
    last = result.isel(pair=(result["pair_layer"] == "layer3").values)
    assert last.sizes["pair"] > 3
    assert (order.numpy()[last["partner"].values] == last["neuron"].values).all()
    first = result.isel(pair=(result["pair_layer"] == "layer1").values)
    assert (first["neuron"] == first["partner"]).all()


@pytest.mark.parametrize("name", ["nerv", "ffn"])
def test_untrained_networks_have_no_more_partners_than_by_chance(name: str) -> None:
    larger: dict[str, Any] = {"nerv": {"widths": [12, 10, 8]}, "ffn": {"hidden_width": 40, "fourier_features": 24}}[
        name
    ]
    a, b = (network(name, seed, **larger) for seed in (1, 2))
    result = xinc.compare(a, b, frames=[0])
    assert float(result["share_low"].max()) < 0.05
    assert float(result["share"].mean()) < 0.1


def test_a_pruned_network_is_still_the_same_network() -> None:
    """Kernels that were removed keep a share of the bias, of which those of one channel are twins; others are found."""
    model = network(widths=[12, 10, 8])
    pruned = xinc.prune(model, 0.3, "magnitude", frames=[0])
    result = xinc.compare(model, pruned, frames=[0]).squeeze("frame")
    assert int(result["twins"].sel(layer="block1", network="b")) > 20
    assert int(result["twins"].sel(network="a").sum()) == 0
    for layer, gone in (("block1", pruned.blocks[0]), ("block2", pruned.blocks[1])):  # type: ignore[index]
        kept = gone.weight.detach().abs().sum((2, 3)).T.ravel().numpy() > 0
        pairs = result.isel(pair=(result["pair_layer"] == layer).values)
        found = (pairs["neuron"] == pairs["partner"]).values
        assert found[kept[pairs["neuron"].values]].mean() > 0.9
        assert float(result["share"].sel(layer=layer, network="b")) > 0.9


def test_correlations_and_quality_are_those_of_numpy() -> None:
    a, b = network(seed=1), network(seed=2)
    frames = np.random.default_rng(0).random((4, *SIZE, 3)).astype(np.float32)
    video = xr.Dataset({"frames": (("frame", "y", "x", "channel"), frames)})
    result = xinc.compare(a, b, video, frames=[3, 1])
    assert result["frame"].values.tolist() == [3, 1]
    for layer in ("block1", "head"):
        heat = [abs(xinc.dissect(m)[layer]["contribution"].sel(frame=1)).sum("neuron").values for m in (a, b)]
        one = result.sel(layer=layer, frame=1)
        np.testing.assert_allclose(one["heatmap"], heat, rtol=1e-5)
        assert float(one["heatmap_correlation"]) == pytest.approx(np.corrcoef(heat[0].ravel(), heat[1].ravel())[0, 1])
    shown = np.stack([[m.reconstruct(f).clamp(0, 1).permute(1, 2, 0).numpy() for f in range(4)] for m in (a, b)])
    psnr = -10 * np.log10(np.square(shown.astype(float) - frames).mean((2, 3, 4)))
    np.testing.assert_allclose(result["psnr"].sel(frame=3), psnr[:, 3])
    np.testing.assert_allclose(result["mean_psnr"], psnr.mean(1))
    np.testing.assert_allclose(
        result["psnr_between"].sel(frame=1), -10 * np.log10(np.square(shown[0, 1] - shown[1, 1].astype(float)).mean())
    )
    np.testing.assert_array_equal(result["reconstruction"].sel(network="b", frame=3), shown[1, 3])
    assert (result["nonzero_parameters"] == a.parameter_count()).all()


def test_maps_of_the_best_and_the_worst_matches() -> None:
    a, b = network(seed=1), network(seed=2)
    result = xinc.compare(a, b, frames=[2], shown=2).sel(layer="block2", frame=2)
    pairs = result.isel(pair=(result["pair_layer"] == "block2").values)
    assert float(result["map_similarity"].sel(matches="best", rank=0)) == float(pairs["similarity"].max())
    assert float(result["map_similarity"].sel(matches="worst", rank=0)) == float(pairs["similarity"].min())
    for at, model in enumerate((a, b)):
        maps = abs(xinc.dissect(model, [2])["block2"]["contribution"].sel(frame=2))
        for kind, rank in itertools.product(("best", "worst"), (0, 1)):
            one = result.sel(matches=kind, rank=rank).isel(network=at)
            np.testing.assert_allclose(one["map"], maps.sel(neuron=int(one["map_neuron"])), rtol=1e-5)
    inputs = xinc.dissect(a)["block2"]["in_channel"].values[result["map_neuron"].sel(matches="best", network="a")]
    assert len(set(inputs)) == 2


def test_canvases_of_which_only_maps_are_known() -> None:
    """Some of them zero; nothing is said of quality."""
    canvas = xinc.dissect(network(), frames=[0], layers=["block1", "head"])
    layers = {name: node.to_dataset().load() for name, node in canvas.children.items()}
    layers["head"] = layers["head"].assign(contribution=layers["head"]["contribution"].copy())
    layers["head"]["contribution"][:, 2:4] = 0
    result = xinc.compare(xr.DataTree.from_dict(layers), canvas)
    assert not {"psnr", "reconstruction", "source", "parameters"} & set(result)
    assert result["dead"].sel(layer="head").squeeze().values.tolist() == [2, 0]
    head = result.isel(pair=(result["pair_layer"] == "head").values)
    assert head["neuron"].values.tolist() == [0, 1, 4, 5]
    assert (head["neuron"] == head["partner"]).all()


def test_layers_of_other_names() -> None:
    a, b = network("ffn"), network("nerv")
    result = xinc.compare(a, b, layers={"layer3": "head"})
    assert (result["layer"].values.tolist(), result["other_layer"].values.tolist()) == (["layer3"], ["head"])
    assert matched_layers(["a", "b"], ["b", "c"], {"a": "c"}) == [("a", "c"), ("b", "b")]
    assert matched_layers(["a", "b"], ["b", "a"], {"a": "b"}) == [("a", "b")]
    assert matched_layers(["a"], ["b"], {"b": "a"}, strict=False) == [("a", "b")]
    assert matched_layers(["a"], ["a"], {"b": "c"}, strict=False) == [("a", "a")]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"layer4": "head"}, "the first network has no layer 'layer4': did you mean 'layer"),
        ({"layer3": "hed"}, "the second network has no layer 'hed': did you mean 'head'"),
        ({"layer3": "head", "layer2": "head"}, "'head' of the second network is given for several layers"),
        ({}, r"share no layer: one has layer1, layer2, layer3, the other block1, block2, head; say .*{layer3: head}"),
    ],
)
def test_layers_that_are_not_there(wanted: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        xinc.compare(network("ffn"), network("nerv"), layers=wanted)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    model, canvas = network(), xinc.dissect(network(), frames=[0, 1])
    other = build("nerv", SETTINGS["nerv"], (32, 32), [0, 1], 2)
    video = np.zeros((4, *SIZE, 3))
    cases: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((model, other), {}, r"\(block1\) are 16x32 pixels, those of the second \(block1\) 32x32"),
        ((canvas, xinc.dissect(network(), [2])), {}, "share no frame: one has frames 0-1, the other 2"),
        ((model, model), {"frames": [7]}, "the pair of canvases has frames 0-3"),
        ((canvas, xinc.dissect(model, [0], gain=True)), {}, "One network has gained maps and the other the paper's"),
        ((canvas["head"], model), {}, "a is one layer: a network"),
        ((model, 3), {}, "b is an object of type int: a network"),
        ((model, tmp_path / "canvas.zarr"), {}, "canvas.zarr' does not exist: give the path of a checkpoint"),
        ((model, model, video[0]), {}, "The video has frames 0, and the networks are compared on 0-3"),
        ((model, model, video[0, 0]), {}, r"video is an object of type ndarray: frames \(frame, y, x, channel\)"),
        ((model, model, video[:2]), {}, "The video has frames 0-1, and the networks are compared on 0-3"),
        ((model, model, video + 200), {}, "The video has colours from 200 to 200; expected them from 0 to 1"),
        ((model, model, video * np.nan), {}, "The video has colours that are not finite"),
        ((model, model), {"grid": (0, 3)}, "compare.grid"),
        ((model, model), {"grid": 3}, "compare.grid"),
        ((model, model), {"layers": "head"}, "compare.layers"),
        ((model, model), {"layers": ["head"]}, "compare.layers"),
        ((model, model), {"shown": 0}, "compare.shown"),
    ]
    for given_ones, options, message in cases:
        with pytest.raises(InputError, match=message):
            xinc.compare(*given_ones, **options)
    small = xr.DataArray(video[:, :8], dims=("frame", "y", "x", "channel"))
    with pytest.raises(InputError, match="The video is 8x32 pixels, the maps are 16x32"):
        xinc.compare(model, model, small)


def test_too_many_neurons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xinc.analyses.compare.compute.LARGEST", 12)
    with pytest.raises(InputError, match="takes 36 similarities at once, and at most 12 are kept: give a max_neurons"):
        xinc.compare(network(), network(), max_neurons=6)


@pytest.fixture
def results(subjects: Make, tmp_path: Path) -> Path:
    """Folders as the workflow has them: two networks of one video, and one of another."""
    for run, name in (("clip/nerv/seed0", "nerv"), ("clip/ffn/seed3", "ffn"), ("more/nerv/seed0", "nerv")):
        subject, folder = subjects(name), tmp_path / "results" / run
        folder.mkdir(parents=True)
        assert subject.model_path is not None
        (folder / "model.pt").symlink_to(subject.model_path)
        (folder / "canvas.zarr").symlink_to(subject.canvas_path)
        video = folder.parents[1] / "video.zarr"
        if not video.exists():
            video.symlink_to(subject.video_path)
    return tmp_path / "results"


def test_networks_in_folders_of_the_workflow(results: Path) -> None:
    """Network and video are found beside a canvas, however the network is given."""
    folders = [results / "clip/nerv/seed0", results / "clip/ffn/seed3"]
    layers = {"block1": "layer2", "head": "layer3"}
    found = xinc.compare(*folders, layers=layers)
    assert (found.attrs["a"], found.attrs["b"]) == ("nerv seed 0", "ffn seed 3")
    assert {"psnr", "source", "reconstruction"} <= set(found)
    canvases = [xinc.open_canvas(folder / "canvas.zarr") for folder in folders]
    files = [folder / "model.pt" for folder in folders]
    for a, b in (canvases, files, (folders[0], canvases[1])):
        xr.testing.assert_identical(xinc.compare(a, b, layers=layers), found)


@pytest.mark.parametrize("layout", ["factored", "dense"])
def test_a_selection_of_a_canvas_is_still_of_its_network(subjects: Make, layout: str) -> None:
    place = subjects("nerv", layout).canvas_path
    canvas = xinc.open_canvas(place).isel(frame=[1, 2])
    found = xinc.compare(canvas, canvas, frames="all")
    assert found["frame"].values.tolist() == [1, 2]
    np.testing.assert_allclose(found["similarity"], 1, rtol=1e-5)


@pytest.fixture(scope="module")
def written(subjects: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result as the workflow writes it, of networks that share the layer of the setting."""
    folder = tmp_path_factory.mktemp("pair") / "compare"
    about = {"video": "clip", "model": "nerv", "seed": "0", "other": "ffn", "other_seed": "3"}
    both = (subjects("nerv"), subjects("ffn"))
    run_analysis("compare", {"layers": {"layer3": "head"}, "frames": "all"}, both, folder, about)
    return folder


def test_the_result_of_the_workflow(written: Path) -> None:
    result = open_result(written).load()
    assert result["layer"].values.tolist() == ["head"]
    assert (result.attrs["architecture"], result.attrs["other_architecture"]) == ("nerv", "ffn")
    for key, values in result.variables.items():
        assert values.attrs.get("long_name"), key
        assert values.attrs.get("units"), key
    table = make_analysis("compare").table(result)
    assert table is not None
    assert table["frame"].tolist() == [1, 3]
    assert (written / "table.csv").read_text().startswith("layer,frame,")
    assert Compare.undefined is not None
    assert set(Compare.undefined) <= set(result)


def test_tables_of_pairs(written: Path) -> None:
    """The index of all results says who is compared with whom; a row for each match is a table of its own."""
    found = xinc.open_results(written.parent).of("compare")
    assert found[["video", "model", "seed", "other"]].values.tolist() == [["clip", "nerv", 0, "ffn seed 3"]]
    assert set(found.tables()["other"]) == {"ffn seed 3"}
    matches = xinc.to_dataframe(written, "pair")
    assert {"neuron", "partner", "similarity", "pair_layer", "pair_frame"} <= set(matches)
    assert len(matches) == open_result(written).sizes["pair"]


@pytest.mark.slow
@pytest.mark.parametrize("size", ["column", "page", "slide"])
def test_figures_of_any_width(size: str) -> None:
    """Also of what was not computed by the workflow; images fill the width."""
    result = xinc.compare(network(seed=1), network(seed=2))
    for part in ("all", "frame0-heatmaps", "frame0-similarity", "frame0-block1"):
        figure = xinc.plot(result, part, size=size)  # type: ignore[arg-type]
        assert figure.axes
        figure.draw_without_rendering()
        widths = {round(box.x0, 2): box.width for box in (axis.get_position() for axis in figure.axes if axis.images)}
        if widths and size != "slide":
            assert sum(widths.values()) > 0.85


@pytest.mark.slow
def test_figures(written: Path, tmp_path: Path) -> None:
    draw_figures("compare", None, written, tmp_path / "figures")
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert names == {"all", *(f"frame{f}-{part}" for f in (1, 3) for part in ("heatmaps", "similarity", "head"))}
    text = (tmp_path / "figures" / "frame1-similarity.svg").read_text()
    assert "nerv seed 0 with ffn seed 3" in text
    assert "clip · nerv · seed 0 · with ffn · seed 3" in text


@pytest.mark.slow
def test_figures_of_networks_with_nothing_to_match() -> None:
    zero = network("ffn")
    for parameter in zero.parameters():
        parameter.data.zero_()
    result = xinc.compare(zero, network("ffn"))
    assert int(result["compared"].sel(network="a").sum()) == 0
    drawn = make_analysis("compare").plot(result)
    assert {"all", "frame0-similarity", "frame0-layer1"} <= set(drawn)
    assert "nothing to match" in drawn["frame0-similarity"].axes[0].get_title()
    assert "no neurons to match" in drawn["frame0-layer1"].axes[0].texts[0].get_text()
