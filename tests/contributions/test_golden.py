"""The numbers of the released code: every map of every layer, by every way to ask for it."""

from __future__ import annotations

import numpy as np
import pytest

import xinc
from tests.helpers import golden
from xinc.canvas.writer import CanvasSettings, write_layer


def assert_maps(found, maps):
    """float32 to 1e-5 of the layer's largest |C|."""
    assert len(maps.neurons) == len(maps.values) > 0
    scale = np.abs(maps.values).max()
    np.testing.assert_allclose(found, maps.values, rtol=0, atol=1e-5 * scale)


@pytest.fixture(scope="module", params=golden.NETWORKS)
def folder(request):
    return golden.HERE / request.param


def test_output(folder):
    model = golden.load(folder)
    found = golden.outputs(folder)
    assert found
    for frame, output in found.items():
        np.testing.assert_allclose(model.reconstruct(frame).numpy(), output, rtol=0, atol=1e-5)


def test_layers_and_granularities_are_complete(folder):
    model = golden.load(folder)
    maps = golden.layers(folder)
    assert {m.layer for m in maps} == set(model.layer_names())
    expected = {"kernel"} if model.name == "nerv" else {"input", "output"}
    assert {m.granularity for m in maps} == expected


def test_dissect(folder):
    model = golden.load(folder)
    for maps in golden.layers(folder):
        canvas = xinc.dissect(model, [maps.frame], [maps.layer], maps.granularity)
        assert_maps(canvas[maps.layer]["contribution"].sel(frame=maps.frame).values[maps.neurons], maps)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["factored", "dense"])
def test_stored(folder, layout, tmp_path):
    model = golden.load(folder)
    for maps in golden.layers(folder):
        root = tmp_path / maps.granularity / "canvas.zarr"
        settings = CanvasSettings(layout=layout, granularity=maps.granularity)
        write_layer(model, root / maps.layer, maps.layer, [maps.frame], settings)
        found = xinc.open_canvas(root)[maps.layer]["contribution"].sel(frame=maps.frame)
        assert_maps(found.values[maps.neurons], maps)


@pytest.mark.parametrize("name", golden.NETWORKS)
def test_complete_set(shared, name):
    """All neurons of all frames, where the complete reference numbers lie beside the checkout."""
    source = shared / "golden" / name
    if not source.is_dir():
        pytest.skip(f"the complete reference numbers are not there: {source}")
    model = golden.load(source)
    frames = golden.outputs(source)
    for maps in golden.layers(source):
        canvas = xinc.dissect(model, sorted(frames), [maps.layer], maps.granularity)[maps.layer]
        assert canvas.sizes["neuron"] == len(maps.neurons)
        assert_maps(canvas["contribution"].sel(frame=maps.frame).values, maps)
    for frame, output in frames.items():
        np.testing.assert_allclose(model.reconstruct(frame).numpy(), output, rtol=0, atol=1e-5)
