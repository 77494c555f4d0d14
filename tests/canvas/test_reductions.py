"""Every reduction is its one-line expression on the dense array, however the array is stored, cut and computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xinc
from tests.helpers import oracle
from tests.helpers.tiers import examples
from tests.helpers.tiny import tiny
from xinc.canvas.layer import choose_frames
from xinc.canvas.lazy import ExpandedMaps
from xinc.canvas.reductions import (
    area_quantiles,
    fluctuation,
    kernels,
    kernels_torch,
    magnitude_histogram,
    neuron_blocks,
    neuron_statistics,
    neurons_over,
    pixels_over_share,
    queries,
    region_sums,
    sum_abs,
)
from xinc.canvas.reductions import execute as streaming
from xinc.canvas.reductions import execute_gpu as streaming_gpu
from xinc.canvas.writer import CanvasSettings, write_layer
from xinc.contributions.maps import LayerMaps
from xinc.errors import InputError
from xinc.models.storage import build
from xinc.runtime.devices import threads

#: Sums: float64 over runs of a few hundred float32 terms at most. What compares with a share of one may tip by as much.
SUMS = 2e-6

PERCENTS = (0, 1, 10, 50, 90, 100)


def dense(layer):
    """The array (frame, neuron, y, x) in memory, float64."""
    return np.asarray(layer["contribution"].values, np.float64)


def held(maps, frames=None):
    """A layer whose maps lie in memory as given, (frame, neuron, y, x)."""
    maps = np.asarray(maps, np.float32)
    numbers = [np.arange(size) for size in maps.shape]
    numbers[0] = np.asarray(frames if frames is not None else numbers[0])
    dims = ("frame", "neuron", "y", "x")
    return xr.Dataset({"contribution": (dims, maps)}, dict(zip(dims, numbers, strict=True)))


def label_maps(shape, frames, seed=0):
    """Several at once: stripes, one that differs by frame, ones with negative labels and with gaps in numbering."""
    rng = np.random.default_rng(seed)
    stripes = np.arange(shape[1]) // 3 * np.ones((shape[0], 1), int)
    return {
        "stripes": stripes,
        "own": rng.integers(-1, 4, (frames, *shape)),
        "gaps": rng.choice([-7, 0, 40, 3], shape).astype(np.int32),
        "nothing": np.full(shape, -1),
        "all": xr.DataArray(np.full(shape, 5, np.uint8), dims=("y", "x")),
    }


def check_everything(layer, maps=None, tolerance=SUMS, percents=PERCENTS):
    """All reductions against numpy on the dense maps (default: those that the layer gives)."""
    maps = dense(layer) if maps is None else np.asarray(maps, np.float64)
    a = np.abs(maps)
    n, scale = a.shape[1], max(a.max(), 1e-30)
    frames = layer["frame"].values.tolist()

    def same(found, expected, terms=1, dims=None, dtype=np.float64):
        assert found.dtype == dtype
        assert found.dims[0] == "frame"
        assert found["frame"].values.tolist() == frames[-len(found) :]
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale * terms)

    total = a.sum(1)
    found = sum_abs(layer)
    assert found.dims == ("frame", "y", "x")
    same(found, total)
    statistics = neuron_statistics(layer)
    same(statistics["total"], a.sum((2, 3)))
    same(statistics["minimum"], a.min((2, 3)), dtype=np.float32)
    same(statistics["maximum"], a.max((2, 3)), dtype=np.float32)
    np.testing.assert_array_equal(statistics["neuron"], layer["neuron"])

    labels = label_maps(a.shape[2:], len(frames))
    sums = region_sums(layer, labels)
    assert list(sums) == list(labels)
    for name, values in labels.items():
        stack = np.broadcast_to(values, (len(frames), *a.shape[2:]))
        known = np.unique(stack[stack >= 0])
        assert sums[name].dims == ("frame", "neuron", "region")
        np.testing.assert_array_equal(sums[name]["region"], known)
        expected = [[(a[f] * (stack[f] == k)).sum((1, 2)) for k in known] for f in range(len(frames))]
        same(sums[name], np.moveaxis(np.reshape(expected, (len(frames), len(known), n)), 1, 2))

    for share in (None, 0.0, 0.3, 1.5 / n):
        limit = total[:, None] * (1 / n if share is None else share)
        slack = tolerance * np.maximum(limit, scale)
        found = pixels_over_share(layer, share=share)
        assert found.dtype == np.int64
        certain = (a > limit + slack).sum((2, 3)) if share != 0 else (a > 0).sum((2, 3))
        assert (found >= certain - (share == 0) * (a[a > 0] < slack.max()).sum()).all()
        assert (found <= (a > limit - slack).sum((2, 3))).all()

    quantiles = area_quantiles(layer, percents)
    assert quantiles.dims == ("frame", "percent")
    for f, values in enumerate(a):
        ordered = np.sort(values.ravel())
        area = np.cumsum(ordered)
        if area[-1] == 0:
            assert np.isnan(quantiles[f]).all()
            continue
        goals = np.asarray(percents) / 100 * area[-1]
        slack = area[-1] * tolerance
        low = ordered[np.searchsorted(area, goals - slack).clip(0, len(ordered) - 1)]
        high = ordered[np.searchsorted(area, goals + slack).clip(0, len(ordered) - 1)]
        assert (quantiles[f] >= low - tolerance * scale).all()
        assert (quantiles[f] <= high + tolerance * scale).all()

    for thresholds in (np.nan_to_num(quantiles), [0.0, float(np.median(a)), 1e39]):
        limits = np.broadcast_to(np.asarray(thresholds, float), (len(frames), np.shape(thresholds)[-1]))
        found = neurons_over(layer, thresholds)
        assert found.dims == ("frame", "threshold", "y", "x")
        assert found.dtype == np.int32
        slack = tolerance * scale
        broad = limits[:, :, None, None, None]
        assert (found >= (a[:, None] > broad + slack).sum(2)).all()
        assert (found <= (a[:, None] > broad - slack).sum(2)).all()

    if len(frames) > 1:
        same(fluctuation(layer), np.abs(np.diff(a, axis=0)).sum(1))
    check_summary(layer, labels)


def check_summary(layer, labels):
    """In fewer passes, but by the same kernels: the very same numbers."""
    found = xinc.summarise(layer, labels, percents=PERCENTS)
    quantiles = area_quantiles(layer, PERCENTS)
    expected = {
        "sum_abs": sum_abs(layer),
        "pixels_over_share": pixels_over_share(layer),
        "area_quantiles": quantiles,
        "neurons_over": neurons_over(layer, quantiles).rename(threshold="percent"),
        **neuron_statistics(layer),
        **{f"{name}_sums": v.rename(region=name) for name, v in region_sums(layer, labels).items()},
    }
    for name, values in expected.items():
        assert found[name].dims == values.dims
        np.testing.assert_array_equal(found[name], values, name)
        for label, coordinate in values.coords.items():
            np.testing.assert_array_equal(found[label], coordinate)
    assert found["fluctuation"][0].isnull().all()
    if layer.sizes["frame"] > 1:
        np.testing.assert_array_equal(found["fluctuation"][1:], fluctuation(layer))
    assert set(found) == {*expected, "fluctuation"}


def test_summary_of_some_frames(nerv):
    layer = xinc.dissect(nerv, layers=["block1"])["block1"].to_dataset()
    found = xinc.summarise(layer, frames=[2])
    np.testing.assert_array_equal(found["fluctuation"], fluctuation(layer, [2]))
    assert found["frame"].values.tolist() == [2]
    with pytest.raises(InputError, match="A label map is called 'percent', which is a name in the summary"):
        xinc.summarise(layer, {"percent": np.zeros((layer.sizes["y"], layer.sizes["x"]), int)})


@pytest.fixture(params=["nerv", "ffn"])
def model(request):
    return request.getfixturevalue(request.param)


# Any layout ----------------------------------------------------------------------------------------------------------

LAYOUTS = {
    "in memory": lambda root, model: xinc.dissect(model, model.frames[:2]),
    "factored": lambda root, model: xinc.open_canvas(root("factored")),
    "dense": lambda root, model: xinc.open_canvas(root("dense")),
    "float16": lambda root, model: xinc.materialise(root("factored"), root("dense") / "half.zarr", dtype="float16"),
    "dask": lambda root, model: xinc.open_canvas(root("factored")).chunk({"frame": 1, "neuron": 12}),
}


@pytest.mark.parametrize("layout", [n if n == "factored" else pytest.param(n, marks=pytest.mark.slow) for n in LAYOUTS])
def test_any_layout(model, write, layout):
    canvas = LAYOUTS[layout](lambda how: write(model, how, frames=model.frames[:2], name=f"{how}.zarr"), model)
    for name in model.layer_names():
        layer = canvas[name].to_dataset()
        check_everything(layer)


@pytest.mark.parametrize("how", ["dissected", "stored", "part", "gained"])
def test_sparse_maps(write, how):
    """Of a table look-up: nothing but what is not zero is looked at, and no dense map is made."""
    model = tiny("hashgrid")
    if how == "stored":
        grid = xinc.open_canvas(write(model, layers=["grid"]))["grid"].to_dataset()
    else:
        grid = xinc.dissect(model, layers=["grid"], gain=how == "gained")["grid"].to_dataset()
    if how == "part":
        grid = grid.isel(neuron=[40, 3, 17, 61], frame=[1, 0], y=slice(2, 6), x=slice(1, 8))
    maps = dense(grid)
    assert 0 < (maps != 0).mean() < 0.3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "_on_cpu", None)
        check_everything(grid, maps)


@pytest.mark.slow
def test_any_order_of_dimensions(nerv, write):
    for layout in ("factored", "dense"):
        layer = xinc.open_canvas(write(nerv, layout, name=f"{layout}.zarr"))["head"].to_dataset()
        check_everything(layer.transpose("neuron", "x", "frame", "y"), dense(layer))


def test_a_part_of_a_layer(nerv, write):
    """Its neurons keep their numbers, and a share is one of those that are left."""
    for layout in ("factored", "dense"):
        whole = xinc.open_canvas(write(nerv, layout, name=f"{layout}.zarr"))["block1"].to_dataset()
        some = whole.isel(neuron=[40, 3, 17], frame=[3, 1], y=slice(2, 15, 3), x=slice(None, None, -1))
        check_everything(some)
        np.testing.assert_array_equal(neuron_statistics(some)["neuron"], [40, 3, 17])


@pytest.mark.slow
@pytest.mark.parametrize("granularity", ["kernel", "input", "output"])
def test_granularities_of_an_mlp(ffn, write, granularity):
    canvas = xinc.open_canvas(write(ffn, granularity=granularity))
    for name in ffn.layer_names():
        check_everything(canvas[name].to_dataset())


@pytest.mark.slow
@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.sampled_from([1, 3, 5]),
    st.sampled_from(["gelu", "sin", "sigmoid", "relu"]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.integers(0, 99),
    st.data(),
)
@examples(15)
def test_any_network_of_convolutions(strides, kernel, activation, size, seed, data):
    """Against the naive oracle, not what the canvas itself gives."""
    widths = data.draw(st.lists(st.integers(1, 3), min_size=len(strides) + 1, max_size=len(strides) + 1))
    resolution = tuple(int(np.prod(strides)) * side for side in size)
    how = {"embed_levels": 3, "strides": strides, "widths": widths, "kernel_size": kernel, "activation": activation}
    model = build("nerv", how, resolution, range(2), 2, seed=seed)
    name = data.draw(st.sampled_from(model.layer_names()))
    layer = xinc.dissect(model, layers=[name])[name].to_dataset()
    expected = np.stack([oracle.convolutional_maps(model.trace(f), name) for f in choose_frames(model, None)])
    check_everything(layer, expected, tolerance=1e-5)


def test_the_sentence_of_the_documentation(nerv):
    """Literally, in xarray."""
    layer = xinc.dissect(nerv)["block2"].to_dataset()
    c = layer["contribution"].load()
    labels = xr.DataArray(np.arange(16 * 24).reshape(16, 24) // 100, dims=("y", "x"), name="region")
    near = {"rtol": SUMS, "atol": 0}
    xr.testing.assert_allclose(sum_abs(layer).drop_vars(["y", "x"]), abs(c).sum("neuron").drop_vars(["y", "x"]), **near)
    statistics = neuron_statistics(layer)
    for name, expected in (("total", abs(c).sum(["y", "x"])), ("minimum", abs(c).min(["y", "x"]))):
        np.testing.assert_allclose(statistics[name], expected, rtol=SUMS)
    np.testing.assert_array_equal(statistics["maximum"], abs(c).max(["y", "x"]))
    grouped = abs(c).groupby(labels).sum().transpose("frame", "neuron", "region")
    np.testing.assert_allclose(region_sums(layer, {"region": labels})["region"], grouped, rtol=SUMS)
    share = (abs(c) / abs(c).sum("neuron") > 1 / c.sizes["neuron"]).sum(["y", "x"])
    np.testing.assert_array_equal(pixels_over_share(layer), share)
    np.testing.assert_array_equal(neurons_over(layer, [0.02])[:, 0], (abs(c) > np.float64(0.02)).sum("neuron"))
    before = abs(abs(c[1:]) - abs(c[:-1].values)).sum("neuron")
    np.testing.assert_allclose(fluctuation(layer), before, rtol=SUMS)


# Numbers that are delicate -------------------------------------------------------------------------------------------


def test_dead_neurons_and_layers():
    maps = np.zeros((2, 5, 3, 4))
    maps[0, 1] = -2
    maps[0, 3, 1, 2] = 1
    layer = held(maps)
    check_everything(layer)
    assert neuron_statistics(layer)["total"].values.tolist() == [[0, 24, 0, 1, 0], [0] * 5]
    assert pixels_over_share(layer).values.tolist() == [[0, 12, 0, 1, 0], [0] * 5]
    assert np.isnan(area_quantiles(layer)[1]).all()
    assert not neurons_over(layer, area_quantiles(layer))[1].any()


def test_a_single_neuron_never_exceeds_its_share():
    rng = np.random.default_rng(0)
    layer = held(rng.normal(size=(2, 1, 3, 4)))
    check_everything(layer)
    assert not pixels_over_share(layer).any()


@pytest.mark.parametrize("neurons", [3, 7, 49, 1000])
def test_none_of_equal_neurons_exceeds_its_share(neurons):
    layer = held(np.full((1, neurons, 2, 3), 0.5))
    assert not pixels_over_share(layer).any()
    assert (neurons_over(layer, [0.5])[0, 0] == 0).all()
    assert (neurons_over(layer, [np.nextafter(0.5, 0)])[0, 0] == neurons).all()
    assert area_quantiles(layer, PERCENTS).values.tolist() == [[0.5] * len(PERCENTS)]


def test_thresholds_are_compared_exactly():
    value = np.float32(0.1)
    layer = held(np.full((1, 1, 1, 1), value))
    limits = [0.1, float(value), np.nextafter(float(value), 0), np.nextafter(float(value), 1), -1, np.nan, np.inf, 1e39]
    assert neurons_over(layer, limits).values.ravel().tolist() == [float(float(value) > t) for t in limits]


magnitudes = st.one_of(
    st.floats(0, 2.0**120, width=32),
    st.sampled_from([0.0, 1.0, 2.0, 0.5, 1e-45, 3e-45, 1e-39, 1.1754944e-38]),  # subnormal ones among them
    st.floats(0, 2.0**-126, width=32),
)


@given(st.lists(magnitudes, min_size=1, max_size=60))
def test_histogram_of_magnitudes(values):
    maps = (np.asarray(values, np.float32) * np.where(np.arange(len(values)) % 3, 1, -1)).reshape(1, -1, 1, 1)
    found = magnitude_histogram(held(maps))
    edges = [*found["lower"].values, np.inf]
    np.testing.assert_array_equal(found["count"][0], np.histogram(np.abs(maps).astype(np.float64), edges)[0])
    area = np.histogram(np.abs(maps), edges, weights=np.abs(maps).astype(np.float64))[0]
    np.testing.assert_allclose(found["area"][0], area, rtol=1e-13)
    assert found["maximum"].values.tolist() == [float(np.abs(maps).max())]
    inside = found.isel(bin=slice(1, None)).where(lambda data: data["upper"] < np.inf, drop=True)
    assert (inside["lower"] < inside["upper"]).all()
    normal = inside.where(inside["lower"] >= 2.0**-126, drop=True)
    assert (normal["upper"] / normal["lower"] <= 33 / 32).all()


@given(st.lists(magnitudes, min_size=1, max_size=60), st.lists(st.floats(0, 100), max_size=4))
@examples(150)
def test_area_quantiles_are_exact(values, more):
    """One value of the array, at which the area reaches x %; no tolerance but that of float64 sums."""
    percents = [0, 50, 100, *more]
    signs = np.where(np.arange(len(values)) % 3, 1, -1)
    layer = held((np.asarray(values, np.float32) * signs).reshape(1, -1, 1, 1))
    found = area_quantiles(layer, percents).values[0]
    ordered = np.sort(np.asarray(values, np.float32))
    area = np.cumsum(ordered, dtype=np.float64)
    if area[-1] == 0:
        assert np.isnan(found).all()
        return
    assert set(found) <= set(ordered)
    for x, value in zip(percents, found, strict=True):
        goal = x / 100 * area[-1]
        lowest = ordered[np.searchsorted(area, goal * (1 - 1e-14))]
        highest = ordered[min(np.searchsorted(area, goal * (1 + 1e-14)), len(ordered) - 1)]
        assert lowest <= value <= highest
    assert found[0] == ordered[0]
    assert found[2] == ordered[-1] or area[-1] == area[-2]


def test_a_quantile_among_values_that_differ_in_the_last_bit():
    values = (np.arange(1000, dtype=np.uint32) + np.float32(1).view(np.uint32)).view(np.float32)
    layer = held(np.random.default_rng(0).permutation(values).reshape(1, 10, 10, 10))
    area = np.cumsum(values, dtype=np.float64)
    percents = np.linspace(1, 99, 50)
    expected = values[np.searchsorted(area, percents / 100 * area[-1])]
    np.testing.assert_array_equal(area_quantiles(layer, percents)[0], expected)


@pytest.mark.slow
def test_many_quantiles_take_several_passes(nerv, monkeypatch):
    layer = xinc.dissect(nerv, [0])["head"].to_dataset()
    percents = np.linspace(0, 100, 40)
    whole = area_quantiles(layer, percents)
    monkeypatch.setattr(queries, "_BINS_A_PASS", 3)
    xr.testing.assert_identical(area_quantiles(layer, percents), whole)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_shows(bad):
    maps = np.ones((2, 4, 2, 3))
    maps[0, 1, 0, 0] = -bad
    layer = held(maps)
    np.testing.assert_array_equal(sum_abs(layer)[0, 0, 0], bad)
    statistics = neuron_statistics(layer)
    np.testing.assert_array_equal(statistics["maximum"], [[1, bad, 1, 1], [1] * 4])
    np.testing.assert_array_equal(statistics["total"], [[6, bad, 6, 6], [6] * 4])
    assert np.isnan(area_quantiles(layer)[0]).all()
    assert area_quantiles(layer)[1].values.tolist() == [1, 1]
    assert not pixels_over_share(layer)[0, 0]


# What is asked for ---------------------------------------------------------------------------------------------------


def test_frames_by_label_in_any_order(nerv):
    layer = xinc.dissect(nerv, [3, 0, 2])["head"].to_dataset()
    whole = sum_abs(layer)
    for frames in ([2], [0, 3], [2, 3, 2]):
        found = sum_abs(layer, frames)
        assert found["frame"].values.tolist() == frames
        np.testing.assert_array_equal(found, whole.sel(frame=frames))
    labels = np.stack([np.zeros((16, 24), int), np.ones((16, 24), int)])
    by_frame = region_sums(layer, {"x": labels}, [2, 0])["x"]
    total = neuron_statistics(layer, [2, 0])["total"]
    np.testing.assert_allclose(by_frame.sel(frame=2, region=0), total.sel(frame=2), rtol=SUMS)
    assert not by_frame.sel(frame=2, region=1).any()
    assert not by_frame.sel(frame=0, region=0).any()
    # The frame before is that of the canvas's order.
    change = abs(abs(layer["contribution"].sel(frame=2)) - abs(layer["contribution"].sel(frame=0))).sum("neuron")
    np.testing.assert_allclose(fluctuation(layer, [2])[0], change, rtol=SUMS)


def test_results_describe_themselves(nerv):
    layer = xinc.dissect(nerv, [0, 1])["head"].to_dataset()
    labels = np.zeros((16, 24), int)
    results = [sum_abs(layer), *neuron_statistics(layer).values(), region_sums(layer, {"a": labels})["a"]]
    results += [pixels_over_share(layer), neurons_over(layer, [0.1]), area_quantiles(layer), fluctuation(layer)]
    for found in results:
        assert found.attrs["units"] == "1"
        assert found.attrs["long_name"]
        assert found.name
    assert "0.25" in pixels_over_share(layer, share=0.25).attrs["long_name"]
    assert area_quantiles(layer, [25])["percent"].values.tolist() == [25]
    assert region_sums(layer, {}) == {}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda x: sum_abs(x, [0, 9]), "Frames 9 were asked for, but the canvas holds frames 0-3"),
        (lambda x: sum_abs(x, []), "No frames were asked for"),
        (lambda x: fluctuation(x, [0]), "Frame 0 is the first of the canvas"),
        (lambda x: fluctuation(x.isel(frame=[2])), "Frame 2 is the first of the canvas"),
        (lambda x: region_sums(x, {"a": np.zeros((24, 16))}), r"'a' has shape \(24, 16\); expected \(16, 24\), or 4"),
        (lambda x: region_sums(x, {"a": np.zeros((3, 16, 24))}), r"'a' has shape \(3, 16, 24\)"),
        (lambda x: region_sums(x, {"a": np.zeros(24)}), r"'a' has shape \(24,\)"),
        (lambda x: region_sums(x, {"a": np.full((16, 24), 0.7)}), "'a' is of type float64, not of whole numbers"),
        (lambda x: region_sums(x, {"a": np.full((16, 24), np.nan)}), "negative where it belongs to no region"),
        (lambda x: xinc.summarise(x, {"total": np.zeros((16, 24), int)}), "'total', which is a name in the summary"),
        (lambda x: xinc.summarise(x, np.zeros((16, 24), int)), "an object of type ndarray: expected them by name"),
        (lambda x: neurons_over(x, np.zeros((3, 2))), r"Thresholds have shape \(3, 2\); expected .* or 4 of them"),
        (lambda x: neurons_over(x, 0.5), r"Thresholds have shape \(\)"),
    ],
)
def test_what_cannot_be_asked_for(nerv, ask, message):
    with pytest.raises(InputError, match=message):
        ask(xinc.dissect(nerv)["head"].to_dataset())


def test_blocks_of_maps(nerv):
    layer = xinc.dissect(nerv)["block1"].to_dataset()
    blocks = list(neuron_blocks(layer, 1, memory_mb=7 * 16 * 24 * 4 / 1e6))
    assert [len(block) for block in blocks] == [7] * 6 + [6]
    np.testing.assert_array_equal(xr.concat(blocks, "neuron"), layer["contribution"].sel(frame=1))


# How it is computed --------------------------------------------------------------------------------------------------


def everything(layer):
    """Results of all reductions by name."""
    labels = label_maps((layer.sizes["y"], layer.sizes["x"]), layer.sizes["frame"])
    found = {"sum_abs": sum_abs(layer), **neuron_statistics(layer), **region_sums(layer, labels)}
    found |= {"share": pixels_over_share(layer), "quantiles": area_quantiles(layer, PERCENTS)}
    found |= {"over": neurons_over(layer, [0, 0.01, 0.1]), "fluctuation": fluctuation(layer)}
    histogram = magnitude_histogram(layer)
    # In PyTorch a magnitude may fall into the neighbouring bin: what compares is the sum over bins.
    return found | {"area": histogram["area"].sum("bin"), "largest": histogram["maximum"]}


@pytest.mark.slow
def test_results_do_not_depend_on_threads(model, write):
    canvas = xinc.open_canvas(write(model))  # stored: a network's own activations do depend on it
    for name in model.layer_names():
        layer = canvas[name].to_dataset()
        alone = everything(layer)
        for count in (2, 5):
            with threads(count):
                for key, found in everything(layer).items():
                    np.testing.assert_array_equal(found, alone[key])


@pytest.mark.parametrize(
    "size", [pytest.param(1, marks=pytest.mark.slow), 5000, pytest.param(20000, marks=pytest.mark.slow)]
)
def test_small_blocks_change_nothing(nerv, monkeypatch, size):
    layer = xinc.dissect(nerv)["block1"].to_dataset()
    whole = everything(layer)
    monkeypatch.setattr(streaming, "BLOCK_BYTES", size)
    monkeypatch.setattr(streaming, "_TILE_BYTES", max(size, 2500))  # 39 of 384 pixels
    for key, found in everything(layer).items():
        np.testing.assert_allclose(found, whole[key], rtol=SUMS)


@given(st.integers(1, 70), st.integers(1, 400), st.integers(6, 16))
def test_tiles_make_up_the_frame(height, width, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "_TILE_BYTES", 2**size)
        count = np.zeros((height, width), int)
        for y0, y1, x0, x1 in streaming._tiles(height, width):
            assert 16 * 4 * (y1 - y0) * (x1 - x0) <= max(2**size, 64)
            count[y0:y1, x0:x1] += 1
    assert (count == 1).all()


def test_memory_is_that_of_blocks(nerv, monkeypatch):
    asked = []
    plain = ExpandedMaps.at

    def at(self, position):
        expand = plain(self, position)
        return lambda neurons, window, out: asked.append(len(neurons)) or expand(neurons, window, out)

    monkeypatch.setattr(ExpandedMaps, "at", at)
    monkeypatch.setattr(streaming, "BLOCK_BYTES", 3 * 4 * 16 * 24)
    layer = xinc.dissect(nerv)["block1"].to_dataset()
    sum_abs(layer, [1])
    assert sum(asked) == 48
    assert max(asked) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_what_goes_wrong_in_a_thread_is_raised(nerv, monkeypatch, error):
    def broken(maps, n, total):
        raise error("broken")

    monkeypatch.setattr(kernels, "add_magnitudes", broken)
    with threads(2), pytest.raises(error, match="broken"):
        sum_abs(xinc.dissect(nerv)["head"].to_dataset())


@pytest.mark.slow
def test_frames_wider_than_the_tiles_of_kernels():
    rng = np.random.default_rng(1)
    check_everything(held(rng.normal(size=(2, 9, 67, 131))))


# On a GPU, and its code on the CPU -----------------------------------------------------------------------------------


@pytest.fixture
def in_pytorch(monkeypatch):
    """Maps and reductions by PyTorch, as on a GPU, yet on the CPU; returns the sizes of the blocks."""
    blocks = []
    plain = streaming_gpu.reduce_on_gpu
    expand = LayerMaps.expand

    def on_cpu(*asked):
        with monkeypatch.context() as patch:
            patch.setattr(LayerMaps, "expand", lambda self, v, s, w: blocks.append(len(s)) or expand(self, v, s, w))
            return plain(*asked)

    monkeypatch.setattr(streaming, "has_gpu", lambda: True)
    monkeypatch.setattr(streaming_gpu, "pick_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(streaming_gpu, "reduce_on_gpu", on_cpu)
    return blocks


def assert_same_results(found, expected, layer):
    largest = float(abs(layer["contribution"]).max())
    assert list(found) == list(expected)
    for name, values in found.items():
        assert values.dtype == expected[name].dtype
        assert values.dims == expected[name].dims
        if np.issubdtype(values.dtype, np.integer):  # next to a threshold, rounding decides
            assert float((values != expected[name]).mean()) < 1e-2
        else:
            np.testing.assert_allclose(values, expected[name], rtol=1e-5, atol=1e-5 * largest)


@pytest.mark.slow
@pytest.mark.parametrize("small", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_reductions_in_pytorch(model, request, monkeypatch, small):
    canvas = xinc.dissect(model)
    expected = {name: everything(canvas[name].to_dataset()) for name in model.layer_names()}
    blocks = request.getfixturevalue("in_pytorch")
    if small:
        monkeypatch.setattr(streaming_gpu, "_BLOCK_BYTES", 5 * 4 * np.prod(model.resolution))
        monkeypatch.setattr(kernels_torch, "_TEMPORARY_BYTES", 2 * 8 * np.prod(model.resolution))
    for name in model.layer_names():
        layer = canvas[name].to_dataset()
        assert_same_results(everything(layer), expected[name], layer)
        check_everything(layer, tolerance=1e-5)
    assert blocks
    assert (max(blocks) == 5) is small


@pytest.mark.slow
def test_stored_layers_in_pytorch(model, write, in_pytorch):
    """A factored layer goes to the GPU, and parts of it; dense maps do not."""
    factored, full = (xinc.open_canvas(write(model, how, name=f"{how}.zarr")) for how in ("factored", "dense"))
    name = model.layer_names()[0]
    check_everything(full[name].to_dataset(), tolerance=1e-5)
    assert not in_pytorch
    for part in ({}, {"neuron": [2, 1]}, {"y": slice(2, 7), "x": slice(3, 9), "frame": slice(1, 3)}):
        del in_pytorch[:]
        check_everything(factored[name].to_dataset().isel(part), tolerance=1e-5)
        assert in_pytorch


@pytest.mark.parametrize("maps", [1, 5, 16])
def test_large_maps_that_come_as_a_whole(maps, monkeypatch):
    """A few at a time, in bands of rows."""
    monkeypatch.setattr(streaming, "_WHOLE_BYTES", maps * 4 * 33 * 70)
    monkeypatch.setattr(streaming, "_TILE_BYTES", 4 * 16 * 70 * 10)
    monkeypatch.setattr(streaming, "BLOCK_BYTES", 3 * 4 * 33 * 70)
    check_everything(held(np.random.default_rng(1).normal(size=(2, 37, 33, 70))))


def test_memory_of_the_gpu_runs_out(nerv, monkeypatch, in_pytorch):
    """Blocks are halved until they fit, for all that follows, and what a failed block had added does not count."""
    layer = xinc.dissect(nerv)["block1"].to_dataset()
    plain = kernels_torch.histogram

    def greedy(maps, count, area):
        plain(maps, count, area)
        if len(maps) > 10:
            raise torch.cuda.OutOfMemoryError("out of memory")

    expected = area_quantiles(layer, PERCENTS)
    in_pytorch.clear()
    monkeypatch.setattr(kernels_torch, "histogram", greedy)
    with pytest.warns(UserWarning, match="The GPU") as said:
        found = area_quantiles(layer, PERCENTS)
    np.testing.assert_array_equal(found, expected)
    assert in_pytorch == [48, 24, 12] + len(expected) * 2 * 8 * [6]
    assert [str(w.message) for w in said] == [
        "The GPU's memory does not hold 48 maps of 16x24 at a time: blocks of 6 now."
    ]


def test_one_map_is_too_large_for_the_gpu(nerv, monkeypatch, request):
    """Then it is the CPU's work, to its very bits."""
    layer = xinc.dissect(nerv)["head"].to_dataset()
    expected = sum_abs(layer)
    blocks = request.getfixturevalue("in_pytorch")

    def full(maps, total):
        raise torch.cuda.OutOfMemoryError("out of memory")

    monkeypatch.setattr(kernels_torch, "add_magnitudes", full)
    with pytest.warns(UserWarning, match="The GPU") as said:
        found = sum_abs(layer)
    np.testing.assert_array_equal(found, expected)
    assert blocks == [6, 3, 1]
    assert [str(w.message) for w in said] == [
        "The GPU's memory does not hold a map of 16x24: computed on the CPU from here on."
    ]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU")
class TestGPU:
    def test_reductions(self, model, monkeypatch):
        canvas = xinc.dissect(model)
        for name in model.layer_names():
            layer = canvas[name].to_dataset()
            with monkeypatch.context() as patch:
                patch.setattr(streaming, "has_gpu", lambda: False)
                expected = everything(layer)
            assert_same_results(everything(layer), expected, layer)
            check_everything(layer, tolerance=1e-5)

    def test_stored_by_a_network_on_the_gpu(self, nerv, tmp_path):
        write_layer(nerv, tmp_path / "c.zarr" / "block1", "block1", None, CanvasSettings(device="cuda"))
        check_everything(xinc.open_canvas(tmp_path / "c.zarr")["block1"].to_dataset(), tolerance=1e-5)
        check_everything(xinc.dissect(nerv)["block1"].to_dataset(), tolerance=1e-5)


# Small regions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["factored", "dense"])
def test_only_the_window_of_regions_is_expanded(nerv, written, monkeypatch, layout):
    """In each frame another; the same sums as of labels on the whole frame."""
    asked = []
    plain = streaming._on_cpu

    def counted(sources, shape, *rest):
        asked.append(shape)
        return plain(sources, shape, *rest)

    layer = xinc.open_canvas(written("nerv", layout))["block1"].to_dataset()
    labels = np.full((2, 16, 24), -1)
    labels[0, 3:5, 7:20], labels[1, 15, 23], labels[0, 4, 9] = 1, 3, 3
    magnitudes = np.abs(dense(layer.isel(frame=[1, 2])))
    monkeypatch.setattr(streaming, "_on_cpu", counted)
    found = region_sums(layer, {"few": labels, "none": np.full((16, 24), -1)}, [1, 2])
    expected = [[(magnitudes[f] * (labels[f] == k)).sum((1, 2)) for k in (1, 3)] for f in (0, 1)]
    np.testing.assert_allclose(found["few"], np.moveaxis(expected, 1, 2), rtol=SUMS)
    assert found["none"].shape == (2, 48, 0)
    assert asked == [(48, 2, 13), (48, 1, 1)]
    del asked[:]
    assert region_sums(layer, {"none": np.full((16, 24), -1)})["none"].shape == (4, 48, 0)
    assert not asked


@pytest.mark.parametrize("part", [
    {"y": slice(2, 9), "x": slice(5, 6)}, {"neuron": [7, 2, 40], "frame": [3, 1]}, {"y": [5, 4, 3]},
    {"neuron": slice(None, None, -2), "x": slice(1, None)}, {"frame": slice(1, 4, 2)},
])  # fmt: skip
def test_parts_of_lazy_maps(nerv, part):
    """Whatever was selected, by whatever path it is read."""
    layer = xinc.dissect(nerv)["block1"].to_dataset().isel(part)
    np.testing.assert_allclose(sum_abs(layer), np.abs(dense(layer)).sum(1), rtol=SUMS, atol=1e-12)
    np.testing.assert_allclose(neuron_statistics(layer)["total"], np.abs(dense(layer)).sum((2, 3)), rtol=SUMS)
