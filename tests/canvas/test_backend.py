"""xarray opens canvases by engine, and each layer in the layout that suits it."""

from __future__ import annotations

import pickle

import dask
import numpy as np
import pytest
import xarray as xr

import xinc
from xinc.canvas import lazy
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.errors import InputError
from xinc.models.storage import build
from xinc.settings import validate

ROUNDING = 1e-6

#: Chunks of dask need not be those of the store.
pytestmark = pytest.mark.filterwarnings("ignore:The specified chunks separate")


@pytest.fixture(params=["nerv", "ffn"])
def canvas(request, written, stored):
    return written(request.param, stored)


@pytest.fixture(params=["factored", "dense"])
def stored(request):
    return request.param


def layout(tree):
    return {name: tree[name].attrs["xinc"]["layout"] for name in tree.children}


# The engine ----------------------------------------------------------------------------------------------------------


def test_a_layer_and_a_group_of_a_canvas(canvas):
    for name, expected in xinc.open_canvas(canvas).children.items():
        for opened in (
            xr.open_dataset(canvas / name, engine="xinc"),
            xr.open_dataset(str(canvas / name), engine="xinc"),
            xr.open_dataset(canvas, engine="xinc", group=name),
        ):
            assert opened["contribution"].chunks is None
            assert not opened["contribution"].variable._in_memory
            xr.testing.assert_identical(opened.load(), expected.to_dataset().load())


def test_a_whole_canvas(canvas):
    opened = xr.open_datatree(canvas, engine="xinc")
    expected = xinc.open_canvas(canvas)
    assert list(opened.children) == list(expected.children)
    for name in expected.children:
        xr.testing.assert_identical(opened[name].to_dataset().load(), expected[name].to_dataset().load())
    groups = xr.open_groups(canvas, engine="xinc")
    assert set(groups) == {"/", *(f"/{name}" for name in expected.children)}


#: Small chunks in every direction are many.
MANY = pytest.param({"frame": 1, "neuron": 3, "y": 4}, marks=pytest.mark.slow)


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [{}, {"neuron": 10}, pytest.param("auto", marks=pytest.mark.slow), MANY])
def test_dask(canvas, chunks):
    eager = xinc.open_canvas(canvas)
    tree = xr.open_datatree(canvas, engine="xinc", chunks=chunks)
    for name in eager.children:
        one = xr.open_dataset(canvas / name, engine="xinc", chunks=chunks)["contribution"]
        expected = eager[name]["contribution"].values
        for maps in (one, tree[name]["contribution"]):
            assert maps.chunks is not None
            np.testing.assert_allclose(maps.values, expected, rtol=0, atol=ROUNDING * np.abs(expected).max())
        if chunks == {"neuron": 10}:
            assert one.chunks[1][0] == min(10, one.sizes["neuron"])
        total = abs(one).sum(("y", "x")).compute(scheduler="threads")
        np.testing.assert_allclose(total, np.abs(expected).sum((2, 3)), rtol=1e-5)


def test_chunks_of_expanded_maps_are_of_a_bearable_size(nerv, write, monkeypatch):
    """``chunks={}`` of a video's canvas must not be one chunk of all of it."""
    monkeypatch.setattr(lazy, "DASK_CHUNK_BYTES", 20 * 4 * 16 * 24)
    maps = xr.open_dataset(write(nerv) / "block1", engine="xinc", chunks={})["contribution"]
    assert maps.chunks == ((1,) * 4, (20, 20, 8), (16,), (24,))


@pytest.mark.slow
def test_graphs_go_to_other_processes(canvas):
    dataset = xr.open_datatree(canvas, engine="xinc", chunks={"neuron": 5})
    for name in dataset.children:
        maps = dataset[name]["contribution"]
        expected = xinc.open_canvas(canvas)[name]["contribution"]
        again = pickle.loads(pickle.dumps(maps))
        atol = ROUNDING * float(abs(expected).max())
        np.testing.assert_allclose(again.values, expected, rtol=0, atol=atol)


@pytest.mark.slow
def test_processes_of_dask(nerv, write):
    root = write(nerv)
    maps = xr.open_dataset(root / "head", engine="xinc", chunks={"neuron": 3})["contribution"]
    with dask.config.set({"multiprocessing.context": "spawn"}):
        found = maps.compute(scheduler="processes", num_workers=2)
    expected = xinc.open_canvas(root)["head"]["contribution"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING * float(abs(expected).max()))


def test_dropped_variables(canvas):
    name = next(iter(xinc.open_canvas(canvas).children))
    for drop in ("phase_y", ["phase_y"], ("phase_y", "nothing")):
        opened = xr.open_dataset(canvas / name, engine="xinc", drop_variables=drop)
        assert "phase_y" not in opened.variables
        assert {"contribution", "phase_x"} <= set(opened.variables)
    tree = xr.open_datatree(canvas, engine="xinc", drop_variables="contribution")
    assert not any(child.data_vars for child in tree.children.values())


def test_what_is_no_canvas(canvas, tmp_path):
    (tmp_path / "other").mkdir()
    xr.Dataset({"a": ("x", [1])}).to_zarr(tmp_path / "foreign.zarr", consolidated=False)
    with pytest.raises(InputError, match="not a layer of a canvas"):
        xr.open_dataset(tmp_path / "other", engine="xinc")
    with pytest.raises(InputError, match="no record of format"):
        xr.open_dataset(tmp_path / "foreign.zarr", engine="xinc")
    with pytest.raises(InputError, match="no record of format"):
        xr.open_dataset(canvas, engine="xinc")
    with pytest.raises(InputError, match="is not a layer of a canvas"):
        xr.open_dataset(canvas, engine="xinc", group="hed")
    with pytest.raises(InputError, match="There is no canvas"):
        xr.open_datatree(tmp_path / "nothing.zarr", engine="xinc")
    with pytest.raises(InputError, match="holds no layers"):
        xr.open_datatree(tmp_path / "other", engine="xinc")
    with pytest.raises(InputError, match=r"is not a canvas, but one layer of it: give the folder of all layers"):
        xinc.open_canvas(canvas / next(iter(xinc.open_canvas(canvas).children)))
    (tmp_path / "seed0").mkdir()
    (tmp_path / "seed0" / "canvas.zarr").symlink_to(canvas)
    with pytest.raises(InputError, match=r"seed0 is not a canvas, but the folder of one: give .*seed0/canvas\.zarr"):
        xinc.open_canvas(tmp_path / "seed0")


def test_other_stores_are_left_to_their_engines(tmp_path):
    """The engine is never guessed."""
    data = xr.Dataset({"a": ("x", [1])})
    data.to_zarr(tmp_path / "foreign.zarr", consolidated=False)
    xr.testing.assert_equal(xr.open_dataset(tmp_path / "foreign.zarr", consolidated=False).load(), data)
    assert "xinc" in xr.backends.list_engines()
    assert not xr.backends.list_engines()["xinc"].guess_can_open(tmp_path / "foreign.zarr")


@pytest.mark.parametrize("name", ["nerv", "ffn"])
def test_dense_layers_open_without_this_package(name, written):
    tree = xr.open_datatree(written(name, "dense"), engine="zarr", consolidated=False, chunks={})
    expected = xinc.open_canvas(written(name, "dense"))
    for name in expected.children:
        xr.testing.assert_equal(tree[name].to_dataset().compute(), expected[name].to_dataset().load())


# Layouts -------------------------------------------------------------------------------------------------------------


def test_automatic_layout(nerv, ffn, write):
    """Dense where it takes at most four times the bytes: heads and MLPs."""
    found = layout(xinc.open_canvas(write(nerv, "auto")))
    assert found == {"block1": "factored", "block2": "factored", "head": "dense"}
    found = layout(xinc.open_canvas(write(ffn, "auto", name="ffn.zarr")))
    assert found == dict.fromkeys(ffn.layer_names(), "dense")
    found = layout(xinc.open_canvas(write(ffn, "auto", name="kernels.zarr", granularity="kernel")))
    assert found == {"layer1": "factored", "layer2": "factored", "layer3": "dense"}


def test_layout_of_the_papers_network():
    """By bytes: three maps for each channel of the head's input, thousands for a block's."""
    model = build("nerv", {"strides": [4, 2, 2], "fc_dim": 37}, (128, 256), range(1), 30)
    from xinc.canvas.layer import map_resolution, trace_layer
    from xinc.canvas.writer import prefers_dense

    trace = model.trace(0)
    inputs = trace.inputs()
    found = {}
    for name in model.layer_names():
        maps = trace_layer(trace, name, None, False, model)
        found[name] = prefers_dense(maps, inputs[name], map_resolution(maps, inputs[name]))
    assert found == {"block1": False, "block2": False, "block3": False, "head": True}


def test_layout_by_layer(nerv, write):
    chosen = {"block1": "dense", "head": "factored"}
    canvas = xinc.open_canvas(write(nerv, chosen))
    assert layout(canvas) == {"block1": "dense", "block2": "factored", "head": "factored"}
    expected = xinc.dissect(nerv)
    for name in canvas.children:
        maps = expected[name]["contribution"].values
        np.testing.assert_allclose(canvas[name]["contribution"], maps, rtol=0, atol=ROUNDING * np.abs(maps).max())


@pytest.mark.parametrize("value", ["densely", {"head": "sparse"}, 3])
def test_unknown_layouts(value):
    with pytest.raises(InputError, match="layout"):
        validate(CanvasSettings, {"layout": value}, "canvas")


def test_default_layout_is_automatic(nerv, tmp_path):
    for name in ("block2", "head"):
        write_layer(nerv, tmp_path / "c.zarr" / name, name)
    assert layout(xinc.open_canvas(tmp_path / "c.zarr")) == {"block2": "factored", "head": "dense"}
