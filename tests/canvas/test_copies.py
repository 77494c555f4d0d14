"""Layers that xarray copies are layers again, and are never called damaged."""

from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.codecs import BloscCodec

import xinc
from tests.helpers.tiers import exhaustive
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.errors import InputError
from xinc.models.storage import build

LAYERS = ("block2", "head")

#: Dask is told of chunks that xarray would write in parts.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The specified chunks separate"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata"),
]


@pytest.fixture(scope="module")
def model():
    return build("nerv", {"fc_dim": 8, "strides": [2, 2], "embed_levels": 4}, (32, 64), range(6), 6)


@pytest.fixture(scope="module")
def stores(model, tmp_path_factory):
    root = tmp_path_factory.mktemp("stores")
    for layout in ("factored", "dense"):
        for name in LAYERS:
            write_layer(model, root / layout / name, name, None, CanvasSettings(layout=layout, device="cpu"))
    return root


OPENED = {
    "dissected": lambda model, root, name: xinc.dissect(model)[name].to_dataset(),
    "factored": lambda model, root, name: xinc.open_canvas(root / "factored")[name].to_dataset(),
    "factored, chunks": lambda model, root, name: xr.open_dataset(root / "factored" / name, engine="xinc", chunks={}),
    "dense": lambda model, root, name: xinc.open_canvas(root / "dense")[name].to_dataset(),
    "dense, chunks": lambda model, root, name: xr.open_dataset(root / "dense" / name, engine="xinc", chunks={}),
    "zarr": lambda model, root, name: xr.open_zarr(root / "dense" / name, consolidated=False, chunks=None),
    "zarr, chunks": lambda model, root, name: xr.open_zarr(root / "dense" / name, consolidated=False),
}
PICKED = {
    "whole": lambda d: d,
    "loaded": lambda d: d.load(),
    "a frame": lambda d: d.isel(frame=[0]),
    "another frame": lambda d: d.isel(frame=[4]),
    "frames": lambda d: d.isel(frame=slice(1, 3)),
    "a neuron": lambda d: d.isel(neuron=[0]),
    "neurons": lambda d: d.isel(neuron=slice(0, 16)),
}


#: Unless everything is tested, all that is opened is copied whole, and one frame of what any reader opens.
CASES = [
    pytest.param(*case, marks=() if case[1] == "whole" or case == ("zarr, chunks", "a frame") else exhaustive)
    for case in itertools.product(OPENED, PICKED)
]


@pytest.mark.parametrize(("opened", "picked"), CASES)
def test_a_copy_is_a_layer(model, stores, tmp_path, opened, picked):
    for name in LAYERS:
        layer = PICKED[picked](OPENED[opened](model, stores, name))
        layer.to_zarr(tmp_path / "copy.zarr" / name)
    copies = xinc.open_canvas(tmp_path / "copy.zarr")
    for name in LAYERS:
        layer, copy = PICKED[picked](OPENED[opened](model, stores, name)), copies[name].to_dataset()
        xr.testing.assert_equal(copy.load(), layer.load())
        assert copy.attrs["xinc"] == {**layer.attrs["xinc"], "layout": "dense"}
        first = copy["frame"].values[:1]
        xr.testing.assert_allclose(
            xinc.summarise(copy, frames=first)["total"], xinc.summarise(layer, frames=first)["total"]
        )


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
def test_a_whole_canvas_is_copied(stores, tmp_path, layout):
    canvas = xinc.open_canvas(stores / layout)
    canvas.to_zarr(tmp_path / "copy.zarr")
    copies = xinc.open_canvas(tmp_path / "copy.zarr")
    again = xinc.materialise(copies, tmp_path / "again.zarr")
    for name in LAYERS:
        xr.testing.assert_equal(copies[name].to_dataset().load(), canvas[name].to_dataset().load())
        xr.testing.assert_equal(again[name].to_dataset().load(), canvas[name].to_dataset().load())


def test_dense_maps_have_no_shards(stores):
    """xarray would not copy them with ``chunks={}``."""
    for name in LAYERS:
        array = zarr.open_array(stores / "dense" / name / "contribution", mode="r")
        assert array.shards is None
        chunk = np.prod(array.chunks) * 4
        assert chunk <= 2**20
        assert chunk > 2**19 or array.chunks[1] > array.shape[1] // 2


@pytest.fixture
def sharded(stores, tmp_path):
    """A dense canvas as earlier versions wrote it."""
    root = tmp_path / "sharded.zarr"
    shutil.copytree(stores / "dense", root)
    for name in LAYERS:
        values, attributes = (
            zarr.open_array(root / name / "contribution", mode="r")[...],
            dict(zarr.open_array(root / name / "contribution", mode="r").attrs),
        )
        shutil.rmtree(root / name / "contribution")
        zarr.create_array(
            root / name / "contribution", data=values, chunks=(4, 4, 32, 64), shards=(4, 16, 32, 64), fill_value=np.nan,
            compressors=BloscCodec(cname="zstd"), dimension_names=("frame", "neuron", "y", "x"), attributes=attributes,
            chunk_key_encoding={"name": "default", "separator": "."},
        )  # fmt: skip
    return root


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [None, {}])
@pytest.mark.parametrize("picked", ["a frame", "whole", "neurons"])
def test_shards_of_earlier_versions(stores, sharded, tmp_path, chunks, picked):
    pick = PICKED[picked]
    for name in LAYERS:
        layer = xr.open_dataset(sharded / name, engine="xinc", chunks=chunks)
        pick(layer).to_zarr(tmp_path / "copy.zarr" / name)
        copy = xinc.open_canvas(tmp_path / "copy.zarr")[name].to_dataset()
        expected = xinc.open_canvas(stores / "dense")[name].to_dataset()
        xr.testing.assert_equal(copy.load(), pick(expected).load())
        plain = xr.open_zarr(sharded / name, consolidated=False)
        pick(plain).to_zarr(tmp_path / "plain.zarr" / name, align_chunks=True)  # as the documentation says
        xr.testing.assert_equal(xinc.open_canvas(tmp_path / "plain.zarr")[name].to_dataset().load(), copy)


def test_parts_that_fit_no_chunks(stores, tmp_path):
    """As of any store, xarray wants chunks of dask aligned; as the documentation says."""
    part = xr.open_zarr(stores / "dense" / "head", consolidated=False).isel(frame=slice(2, 6), neuron=slice(3, 18))
    with pytest.raises(ValueError, match="align_chunks=True"):
        part.to_zarr(tmp_path / "refused.zarr")
    part.to_zarr(tmp_path / "copy.zarr" / "head", align_chunks=True)
    xr.testing.assert_equal(xinc.open_canvas(tmp_path / "copy.zarr")["head"].to_dataset().load(), part.load())


def test_netcdf(stores, tmp_path):
    """Which knows no nested attributes: the record goes as text, as the documentation says."""
    layer = xinc.open_canvas(stores / "factored")["head"].to_dataset()
    layer.assign_attrs(xinc=json.dumps(layer.attrs["xinc"])).to_netcdf(tmp_path / "head.nc")
    with xr.open_dataset(tmp_path / "head.nc") as copy:
        np.testing.assert_array_equal(copy["contribution"], layer["contribution"])
        xr.testing.assert_allclose(xinc.summarise(copy, frames=[1]), xinc.summarise(layer, frames=[1]))
        again = xinc.materialise(copy, tmp_path / "again.zarr")["head"].to_dataset()
    xr.testing.assert_equal(again.load(), layer.load())
    with pytest.raises(InputError, match="xinc is text, but not valid JSON"):
        xinc.materialise(layer.assign_attrs(xinc="{"), tmp_path / "other.zarr")


def said(path):
    with pytest.raises(InputError) as caught:
        xinc.open_canvas(path)
    assert "damaged" not in str(caught.value)
    return str(caught.value)


def test_what_a_copy_may_lack(stores, tmp_path):
    """One sentence says what to do about copies that are not whole."""
    layer = xinc.open_canvas(stores / "dense")["head"].to_dataset()
    layer.isel(y=slice(4, 9)).to_zarr(tmp_path / "window.zarr" / "head")
    text = said(tmp_path / "window.zarr")
    assert "is a copy of a window of the maps, 5 of 32 along y: open it with xarray.open_zarr" in text
    layer.drop_vars("phase_y").to_zarr(tmp_path / "less.zarr" / "head")
    assert "lacks the array 'phase_y', which a layer of a canvas has: copy all variables" in said(
        tmp_path / "less.zarr"
    )
    layer.drop_vars("contribution").to_zarr(tmp_path / "none.zarr" / "head")
    assert "lacks the array 'contribution'" in said(tmp_path / "none.zarr")


@pytest.mark.parametrize("array", ["neuron", "frame", "in_channel", "out_channel", "contribution"])
def test_a_copy_that_lost_a_chunk(stores, tmp_path, array):
    """Only where nothing but the fill value can have been there does a copy lack a chunk."""
    xinc.open_canvas(stores / "dense")["head"].to_dataset().to_zarr(tmp_path / "copy.zarr" / "head")
    next(path for path in (tmp_path / "copy.zarr" / "head" / array / "c").rglob("*") if path.is_file()).unlink()
    assert f"is incomplete: '{array}' has" in said(tmp_path / "copy.zarr")


def test_a_copy_without_one_of_the_dimensions(stores, tmp_path):
    """One frame, taken by its number alone: xarray drops the dimension."""
    layer = xinc.open_canvas(stores / "dense")["head"].to_dataset()
    layer.isel(frame=0).to_zarr(tmp_path / "one" / "head", consolidated=False)
    with pytest.raises(InputError, match=r"'frame' has the dimensions \(\), expected \('frame',\); select with lists"):
        xinc.open_canvas(tmp_path / "one")
