"""What a canvas holds does not depend on how it is stored, opened, blocked or asked for."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xinc
from tests.helpers import oracle
from tests.helpers.tiers import examples
from xinc.canvas.dense import block_shape
from xinc.canvas.writer import CanvasSettings, write_layer
from xinc.contributions import expansion
from xinc.contributions.kernels.convolution import Expansion
from xinc.contributions.kernels.linear import LinearExpansion
from xinc.errors import InputError
from xinc.models.storage import build

#: A product of matrices may round differently with their number of rows: maps repeat to a few ulps, not to the bit.
ROUNDING = 1e-6

NEURONS = ("in_channel", "out_channel", "phase_y", "phase_x")


@pytest.fixture(params=["nerv", "ffn"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def counted(monkeypatch):
    """How many neurons each call that expands maps was asked for."""
    calls = []

    def counting(plain):
        def expand(self, select, window=None, out=None):
            calls.append(len(select))
            return plain(self, select, window, out)

        return expand

    for kind in (Expansion, LinearExpansion):
        monkeypatch.setattr(kind, "__call__", counting(kind.__call__))
    return calls


def test_memory_and_both_layouts_are_the_same_canvas(model, write):
    memory = xinc.dissect(model)
    factored, dense = (xinc.open_canvas(write(model, how, name=f"{how}.zarr")) for how in ("factored", "dense"))
    assert list(memory.children) == list(factored.children) == list(dense.children) == model.layer_names()
    for name in memory.children:
        a, b, c = (tree[name].to_dataset() for tree in (memory, factored, dense))
        assert a["contribution"].dtype == np.float32
        xr.testing.assert_identical(a, b)
        assert b.attrs["xinc"]["layout"] == "factored"
        assert c.attrs["xinc"] == {**b.attrs["xinc"], "layout": "dense"}
        xr.testing.assert_equal(b, c)
        for variable in b.variables:
            assert b[variable].attrs == c[variable].attrs
            assert b[variable].dtype == c[variable].dtype
            assert b[variable].dims == c[variable].dims


def test_maps_are_the_definition(nerv, write):
    canvas = xinc.open_canvas(write(nerv))
    for name in nerv.layer_names():
        for frame in nerv.frames:
            expected = oracle.convolutional_maps(nerv.trace(frame), name)
            found = canvas[name]["contribution"].sel(frame=frame).values
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_coordinates(nerv, write):
    block = xinc.open_canvas(write(nerv))["block1"]
    c_out = 3 * 2 * 2
    n = np.arange(4 * c_out)
    np.testing.assert_array_equal(block["frame"], [0, 1, 2, 3])
    np.testing.assert_array_equal(block["neuron"], n)
    np.testing.assert_array_equal(block["in_channel"], n // c_out)
    np.testing.assert_array_equal(block["out_channel"], n % c_out)
    np.testing.assert_array_equal(block["phase_y"], n % c_out % 4 // 2)
    np.testing.assert_array_equal(block["phase_x"], n % c_out % 4 % 2)
    np.testing.assert_array_equal(block["y"], np.arange(16))
    np.testing.assert_array_equal(block["x"], np.arange(24))


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
def test_granularities_of_an_mlp(ffn, write, layout):
    for granularity, count in (("kernel", 10 * 7), ("input", 10), ("output", 7)):
        root = write(ffn, layout, ["layer1"], name=f"{granularity}.zarr", granularity=granularity)
        found = xinc.open_canvas(root)["layer1"]
        assert found.sizes["neuron"] == count
        assert found.attrs["xinc"]["granularity"] == granularity
        for frame in ffn.frames:
            trace = ffn.trace(frame)
            expected = oracle.linear_maps(trace.layers[0], trace.input, granularity)
            np.testing.assert_allclose(found["contribution"].sel(frame=frame), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
def test_head_activation(nerv, write, layout):
    plain = xinc.open_canvas(write(nerv, layout, name="plain.zarr"))
    through = xinc.open_canvas(write(nerv, layout, name="through.zarr", head_activation=True))
    direct = xinc.dissect(nerv, head_activation=True)
    expected = 1 / (1 + np.exp(-plain["head"]["contribution"].values)) - 0.5
    np.testing.assert_allclose(through["head"]["contribution"], expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(direct["head"]["contribution"], through["head"]["contribution"])
    np.testing.assert_array_equal(plain["block2"]["contribution"], through["block2"]["contribution"])


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
def test_some_frames_and_layers(nerv, write, layout):
    canvas = xinc.open_canvas(write(nerv, layout, ["head"], frames=[3, 1]))
    assert list(canvas.children) == ["head"]
    assert canvas["head"]["frame"].values.tolist() == [3, 1]
    whole = xinc.dissect(nerv)["head"]["contribution"]
    np.testing.assert_array_equal(canvas["head"]["contribution"], whole.sel(frame=[3, 1]))


def test_layers_come_in_network_order(nerv):
    assert list(xinc.dissect(nerv, layers=["head", "block1"]).children) == ["block1", "head"]


def test_resolution_of_a_network_of_coordinates(ffn):
    canvas = xinc.dissect(ffn, [0], ["layer2"], resolution=(9, 13))["layer2"]
    assert canvas["contribution"].shape == (1, 7, 9, 13)
    trace = ffn.trace(0, (9, 13))
    expected = oracle.linear_maps(trace.layers[1], trace.inputs()["layer2"], "input")
    np.testing.assert_allclose(canvas["contribution"][0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"layers": ["hed"]}, "Unknown layer 'hed' of this nerv: did you mean 'head'"),
        ({"frames": [9]}, "Frame 9 is not represented"),
        ({"frames": []}, "No frames"),
        ({"granularity": "input"}, "not defined for the convolutional layer"),
        ({"resolution": (32, 48)}, "one resolution"),
    ],
)
def test_what_a_network_does_not_have(nerv, tmp_path, ask, message):
    with pytest.raises(InputError, match=message):
        xinc.dissect(nerv, **ask)
    if "resolution" in ask:
        return
    how = CanvasSettings(granularity=ask.get("granularity"))
    with pytest.raises(InputError, match=message):
        write_layer(nerv, tmp_path / "c.zarr" / "x", ask.get("layers", ["head"])[0], ask.get("frames"), how)
    assert not (tmp_path / "c.zarr" / "x").exists()


# Indexing ------------------------------------------------------------------------------------------------------------

SHAPE = (2, 48, 16, 24)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same block factored and dense, with the array in memory."""
    model = build("nerv", {"embed_levels": 6, "strides": [2, 2], "widths": [4, 3, 2]}, (16, 24), range(2), 2)
    root = tmp_path_factory.mktemp("both")
    for layout in ("factored", "dense"):
        write_layer(model, root / layout / "block1", "block1", None, CanvasSettings(layout=layout))
    variables = [xinc.open_canvas(root / layout)["block1"]["contribution"] for layout in ("factored", "dense")]
    variables.append(xinc.dissect(model)["block1"]["contribution"])
    whole = variables[0].values
    assert whole.shape == SHAPE
    return variables, whole


def keys(size):
    bound = st.one_of(st.none(), st.integers(-size - 2, size + 2))
    slices = st.builds(slice, bound, bound, st.one_of(st.none(), st.sampled_from([-3, -2, -1, 1, 2, 5])))
    # xarray 2026.9 raises for a slice backwards over nothing, whatever lies beneath.
    slices = slices.filter(lambda s: (s.step or 1) > 0 or len(range(*s.indices(size))) > 0)
    numbers = st.integers(-size, size - 1)
    return st.one_of(numbers, slices, st.lists(numbers, max_size=4).map(lambda v: np.array(v, int)))


@given(st.tuples(*(keys(size) for size in SHAPE)))
@examples(60)
def test_orthogonal_indexing(both, key):
    variables, whole = both
    expected = whole
    for axis in reversed(range(4)):
        expected = expected[(slice(None),) * axis + (key[axis],)]
    for variable in variables:
        found = variable[key]
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.values, expected, rtol=0, atol=ROUNDING * np.abs(whole).max())


def test_masks_labels_and_pointwise_indexing(both):
    variables, whole = both
    odd = np.arange(48) % 2 == 1
    points = {"neuron": xr.DataArray([5, 3, 5], dims="point"), "y": xr.DataArray([0, 9, 15], dims="point")}

    def same(found, expected):
        np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING * np.abs(whole).max())

    for variable in variables:
        same(variable[:, odd].values, whole[:, odd])
        same(variable.sel(neuron=variable.in_channel == 2), whole[:, 24:36])
        same(variable[1].isel(points), whole[1, [5, 3, 5], [0, 9, 15]])
        twice = variable.isel(neuron=slice(10, 40)).isel(neuron=[3, -1], y=slice(None, None, -4))
        same(twice.values, whole[:, [13, 39]][:, :, ::-4])


def test_only_what_is_asked_for_is_expanded(nerv, write, counted):
    for canvas in (xinc.open_canvas(write(nerv)), xinc.dissect(nerv)):
        maps = canvas["block1"]["contribution"]
        assert counted == []
        maps.isel(frame=1, neuron=17).load()
        assert counted == [1]
        maps.isel(neuron=[3, 7, 9], y=0).load()
        assert counted == [1, 3, 3, 3, 3]  # four frames
        maps.isel(neuron=slice(0, 0)).load()
        assert sum(counted) == 13
        counted.clear()


def test_dense_maps_are_read_not_expanded(nerv, write, counted):
    canvas = xinc.open_canvas(write(nerv, "dense"))
    counted.clear()
    assert canvas["block1"]["contribution"].isel(neuron=17).values.any()
    assert counted == []


@pytest.mark.parametrize("memory_mb", [1e-6, 0.05, 512])
def test_memory_bounds_blocks_of_the_writer_and_changes_nothing(nerv, write, counted, memory_mb):
    root = write(nerv, "dense", ["block1"], memory_mb=memory_mb)
    _, (frames, neurons) = block_shape((4, 48, 16, 24), memory_mb)
    assert (frames, neurons) == {1e-6: (4, 4), 0.05: (4, 4), 512: (4, 48)}[memory_mb]
    assert max(counted) == neurons
    assert sum(counted) == 4 * 48
    expected = xinc.dissect(nerv)["block1"]["contribution"].values
    found = xinc.open_canvas(root)["block1"]["contribution"].values
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING * np.abs(expected).max())


def test_memory_bounds_blocks_of_the_reader_and_changes_nothing(model, monkeypatch, counted):
    canvas = xinc.dissect(model)
    whole = {name: canvas[name]["contribution"].values for name in model.layer_names()}
    for name, expected in whole.items():
        monkeypatch.setattr(expansion, "BLOCK_BYTES", 3 * 4 * expected.shape[2] * expected.shape[3])
        counted.clear()
        parts = canvas[name]["contribution"].isel(frame=[0, 1]).values
        assert max(counted) == min(3, expected.shape[1])
        np.testing.assert_allclose(parts, expected[:2], rtol=0, atol=ROUNDING * np.abs(expected).max())


# Other readers -------------------------------------------------------------------------------------------------------


def test_any_zarr_reader_opens_dense_maps(model, write):
    tree = xr.open_datatree(write(model, "dense"), engine="zarr", consolidated=False)
    expected = xinc.dissect(model)
    assert set(tree.children) == set(model.layer_names())
    for name in model.layer_names():
        assert tree[name]["contribution"].dims == ("frame", "neuron", "y", "x")
        assert {"frame", "neuron", "y", "x", *NEURONS} == set(tree[name].coords)
        xr.testing.assert_equal(tree[name].to_dataset(), expected[name].to_dataset())


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
def test_dask_computes_the_same(model, write, layout):
    canvas = xinc.open_canvas(write(model, layout))
    for name in model.layer_names():
        maps = canvas[name]["contribution"]
        chunked = maps.chunk({"frame": 1, "neuron": 5, "y": 4})
        assert chunked.chunks is not None
        np.testing.assert_allclose(chunked.values, maps.values, rtol=0, atol=ROUNDING * float(abs(maps).max()))
        total = abs(chunked).sum(("y", "x")).compute(scheduler="threads")
        np.testing.assert_allclose(total, abs(maps).sum(("y", "x")), rtol=1e-5)


@pytest.mark.slow
def test_stored_canvas_goes_to_another_process(model, write):
    for layout in ("factored", "dense"):
        canvas = xinc.open_canvas(write(model, layout, name=f"{layout}.zarr"))
        for name in model.layer_names():
            dataset = canvas[name].to_dataset()
            again = pickle.loads(pickle.dumps(dataset))
            xr.testing.assert_identical(again.load(), dataset.load())


def test_xarray_saves_a_copy_of_maps(nerv, write, tmp_path):
    dataset = xinc.open_canvas(write(nerv))["head"].to_dataset().drop_attrs()
    dataset.to_zarr(tmp_path / "copy.zarr", consolidated=False)
    again = xr.open_zarr(tmp_path / "copy.zarr", consolidated=False)
    xr.testing.assert_equal(dataset.load(), again.load())


def test_paths_with_spaces_and_letters(nerv, write):
    root = write(nerv, "dense", ["head"], name="ein Film 実験/canvas.zarr")
    np.testing.assert_array_equal(
        xinc.open_canvas(str(root))["head"]["contribution"], xinc.dissect(nerv, layers=["head"])["head"]["contribution"]
    )


def test_writing_twice_gives_the_same_bytes(nerv, write):
    first, second = write(nerv, name="a.zarr"), write(nerv, name="b.zarr")

    def files(root):
        return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    assert files(first) == files(second)
    assert files(first)


@pytest.mark.slow
def test_network_is_left_as_it_was(nerv, write):
    before = {key: tensor.clone() for key, tensor in nerv.state_dict().items()}
    xinc.open_canvas(write(nerv))["head"].load()
    assert all(torch.equal(before[key], tensor) for key, tensor in nerv.state_dict().items())
