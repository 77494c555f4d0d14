"""Canvases for which the memory of a GPU is too small, which the CPU plays here."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import xinc
from tests.helpers.small_gpu import MESSAGE, SmallGPU
from xinc.canvas import lazy, writer
from xinc.canvas.writer import CanvasSettings, write_layer
from xinc.contributions import expansion
from xinc.contributions.maps import LayerMaps
from xinc.experiment.job import job_log

#: A product of matrices may round differently with their number of rows, and PyTorch differently from compiled code.
ROUNDING = 1e-6


@pytest.fixture(params=["nerv", pytest.param("ffn", marks=pytest.mark.slow)])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Maps are expanded by PyTorch."""
    for module in (writer, lazy):
        monkeypatch.setattr(module, "expander", expansion._in_pytorch)


def values(canvas, layer):
    return canvas[layer]["contribution"].values


def texts(said):
    return [str(w.message) for w in said]


def test_dense_maps_in_smaller_blocks(model, write, monkeypatch, as_on_a_gpu):
    """Two maps at a time, in every frame, to the same numbers."""
    layer = model.layer_names()[0]
    expected = values(xinc.open_canvas(write(model, "dense", [layer], name="whole.zarr")), layer)
    gpu = SmallGPU(2 * 4 * np.prod(model.resolution))
    gpu.only_in(monkeypatch, LayerMaps, "expand")
    with pytest.warns(UserWarning, match="The GPU") as said:
        path = write(model, "dense", [layer])
    found = values(xinc.open_canvas(path), layer)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING * np.abs(expected).max())
    count = expected.shape[1]
    assert gpu.refused < count.bit_length()  # in the first frame only
    (text,) = texts(said)
    assert text.startswith(f"The GPU's memory does not hold {count} maps of {layer} at a time: blocks of ")


def test_dense_maps_on_the_cpu(model, write, monkeypatch):
    """Not one map: compiled code expands them, to the bits of a canvas written on a CPU."""
    layer = model.layer_names()[-1]
    path = write(model, "dense", [layer], name="whole.zarr")
    monkeypatch.setattr(writer, "expander", expansion._in_pytorch)
    monkeypatch.setattr("xinc.contributions.propagation.insert_zeros", full)
    with pytest.warns(UserWarning, match="The GPU") as said:
        found = write(model, "dense", [layer])
    assert texts(said) == [f"The GPU's memory does not hold a map of {layer}: computed on the CPU from here on."]
    np.testing.assert_array_equal(values(xinc.open_canvas(found), layer), values(xinc.open_canvas(path), layer))


@pytest.mark.parametrize("layout", ["factored", "dense"])
def test_a_pass_on_the_cpu(model, write, monkeypatch, layout):
    layer = model.layer_names()[-1]
    path = write(model, layout, [layer], name="whole.zarr")
    gpu = SmallGPU(100)
    gpu.spare_the_cpu(monkeypatch)
    with gpu, pytest.warns(UserWarning, match="The GPU") as said:
        found = write(model, layout, [layer])
    assert gpu.refused == 1
    assert texts(said) == [
        f"The GPU's memory does not hold a pass through this {model.name}: computed on the CPU from here on."
    ]
    np.testing.assert_array_equal(values(xinc.open_canvas(found), layer), values(xinc.open_canvas(path), layer))


def test_a_network_too_large_for_the_gpu(nerv, write, monkeypatch):
    """PyTorch moves one tensor after another: those that were moved come back."""
    path = write(nerv, "dense", ["head"], name="whole.zarr")
    plain, places = type(nerv).to, []

    def to(self, device):
        places.append(str(device))
        return full() if len(places) == 1 else plain(self, device)

    monkeypatch.setattr(type(nerv), "to", to)
    with pytest.warns(UserWarning, match="does not hold a pass through this nerv: computed on the CPU"):
        found = write(nerv, "dense", ["head"])
    assert places == ["cpu", "cpu"]
    np.testing.assert_array_equal(values(xinc.open_canvas(found), "head"), values(xinc.open_canvas(path), "head"))


@pytest.mark.slow
def test_a_dissected_network(model, monkeypatch, tmp_path, as_on_a_gpu):
    """Reading and writing out what `xinc.dissect` gives, a pass and then blocks of maps at a time."""
    layer = model.layer_names()[0]
    expected = values(xinc.dissect(model), layer)
    canvas = xinc.dissect(model)
    with monkeypatch.context() as patch:
        SmallGPU(2 * 4 * np.prod(model.resolution)).only_in(patch, LayerMaps, "expand")
        with pytest.warns(UserWarning, match="The GPU") as said:
            found = values(canvas, layer)
        dense = xinc.materialise(canvas, tmp_path / "dense.zarr", [layer])  # which is not said again
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING * np.abs(expected).max())
    np.testing.assert_allclose(values(dense, layer), expected, rtol=ROUNDING, atol=ROUNDING * np.abs(expected).max())
    (text,) = texts(said)
    height, width = model.resolution
    assert f"does not hold {expected.shape[1]} maps of {height}x{width} at a time: blocks of " in text
    gpu = SmallGPU(100)
    gpu.spare_the_cpu(monkeypatch)
    with gpu, pytest.warns(UserWarning, match=f"does not hold a pass through this {model.name}"):
        other = values(xinc.dissect(model), layer)
    np.testing.assert_array_equal(other, expected)


def test_a_window_in_smaller_blocks(model, monkeypatch, as_on_a_gpu):
    """Pixels apart, of neurons out of order."""
    layer = model.layer_names()[0]
    part = {"neuron": [5, 0, 3, 4, 1], "y": [4, 1], "x": slice(2, 7, 3)}
    expected = xinc.dissect(model)[layer]["contribution"].isel(part).values
    two = SmallGPU()
    with monkeypatch.context() as measured:
        two.only_in(measured, LayerMaps, "expand")
        xinc.dissect(model)[layer]["contribution"].isel(part | {"neuron": [5, 0]}).values  # noqa: B018
    SmallGPU(two.largest).only_in(monkeypatch, LayerMaps, "expand")
    with pytest.warns(UserWarning, match="hold 5 maps .* blocks of [12] now"):
        found = xinc.dissect(model)[layer]["contribution"].isel(part).values
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING * np.abs(expected).max())


def full(*_, **__):
    raise torch.OutOfMemoryError(MESSAGE)


def test_a_canvas_that_fails_midway_leaves_nothing(nerv, tmp_path, monkeypatch):
    plain, calls = writer._factors, []

    def third_time(*given):
        calls.append(given)
        return full() if len(calls) == 3 else plain(*given)

    monkeypatch.setattr(writer, "_factors", third_time)
    settings = CanvasSettings(device="cpu", layout="factored")
    with pytest.raises(SystemExit), job_log(tmp_path / "log"):
        write_layer(nerv, tmp_path / "canvas.zarr" / "head", "head", None, settings)
    log = (tmp_path / "log").read_text().splitlines()
    assert len(calls) == 3
    assert log[-1].startswith("Error: The memory of the GPU is used up")
    assert not any("Traceback" in line for line in log)
    assert not list((tmp_path / "canvas.zarr").rglob("zarr.json"))
