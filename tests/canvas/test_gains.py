"""Gained maps of canvases: in memory and in both layouts, in every reduction, as copies, and where they are not."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
import scipy.stats
import torch
import xarray as xr
import zarr

import xinc
from tests.helpers.ablated import network
from tests.helpers.canvases import change
from xinc.canvas.reductions import sum_abs
from xinc.errors import InputError


@pytest.fixture(params=["nerv", pytest.param("ffn", marks=pytest.mark.slow)])
def model(request):
    return request.getfixturevalue(request.param)


def maps_of(canvas):
    return {name: layer["contribution"].values for name, layer in canvas.children.items()}


def test_memory_and_both_layouts_have_the_same_gained_maps(model, write):
    expected = maps_of(xinc.dissect(model, gain=True, probes=5))
    plain = maps_of(xinc.dissect(model))
    for layout in ("factored", "dense"):
        path = write(model, layout, name=f"{layout}.zarr", gain=True, probes=5)
        gained, paper = xinc.open_canvas(path, gain=True), xinc.open_canvas(path)
        for name, values in expected.items():
            np.testing.assert_array_equal(gained[name]["contribution"], values)
            np.testing.assert_array_equal(paper[name]["contribution"], plain[name])
            assert (values >= 0).all()
            assert gained[name].attrs["xinc"]["gain"] == "applied"
            assert gained[name].attrs["xinc"]["probes"] == 5
            assert gained[name]["contribution"].attrs["long_name"] == "gained contribution"
            assert paper[name]["contribution"].attrs == {}
            assert set(paper[name].data_vars) == {"contribution"}


def test_gains_are_one_array_a_layer_and_frame(nerv, write):
    root = zarr.open_group(write(nerv, "factored", gain=True, probes=2), mode="r")
    assert {name: root[f"{name}/gain"].shape for name in nerv.layer_names()} == {
        "block1": (4, 12, 4, 6),
        "block2": (4, 8, 8, 12),
        "head": (4, 3, 16, 24),
    }


@pytest.mark.parametrize("name", ["nerv", "nerv of three blocks", "hnerv", "ffn", "siren"])
def test_at_the_head_a_gained_map_is_the_effect_but_for_the_output_activation(name):
    """A single linear layer: the effect is lost · σ′ to first order, and exactly lost where there is no σ."""
    model = network(name)
    head, frame = model.layer_names()[-1], model.frames[-1]
    gained = xinc.dissect(model, [frame], [head], "kernel", gain=True, probes=2)[head]["contribution"][0].values
    trace = model.trace(frame)
    layer, v, response = trace.layers[-1], trace.input_of(head), trace.output()
    slope = torch.autograd.functional.jacobian(lambda z: model.colours_of(z).sum(), response).abs()
    lost = torch.stack([lost_of(layer, v, i, j) for i in range(layer.channels[0]) for j in range(3)])
    expected = lost.abs() * slope.repeat(layer.channels[0], 1, 1)
    np.testing.assert_allclose(gained, expected, rtol=1e-4, atol=1e-6)
    if model.output_activation == "identity":
        effect = xinc.ablate(model, head, frames=[frame], granularity="kernel")["effect"][0]
        np.testing.assert_allclose(gained, effect, rtol=1e-4, atol=2e-6)


def lost_of(layer, v, i, j):
    if layer.weight.ndim == 2:
        return layer.frequency * layer.weight[j, i] * v[i]
    return torch.nn.functional.conv2d(v[None, None, i], layer.weight[None, None, j, i], padding="same")[0, 0]


def test_squares_of_gained_maps_rank_neurons_as_their_ablation_does():
    model = network("nerv")
    gained = xinc.dissect(model, [0], ["block1"], gain=True, probes=64)["block1"]["contribution"][0]
    exact = xinc.ablate(model, "block1", frames=[0], maps=False)["squared_effect"][0]
    estimate = np.square(gained).sum(("y", "x"))
    assert scipy.stats.spearmanr(estimate, exact).statistic > 0.9
    assert 0.5 < float(estimate.sum() / exact.sum()) < 2  # in the same units


def test_every_reduction_is_of_gained_maps(model, write):
    path = write(model, "factored", model.layer_names()[1:2], model.frames[:2], gain=True, probes=3)
    dense = xinc.materialise(xinc.open_canvas(path, gain=True), path.parent / "gained.zarr")
    for name, layer in xinc.open_canvas(path, gain=True).children.items():
        labels = {"halves": np.arange(layer.sizes["y"])[:, None] % 2 * np.ones((1, layer.sizes["x"]), int)}
        found, expected = xinc.summarise(layer, labels), xinc.summarise(dense[name], labels)
        np.testing.assert_allclose(
            sum_abs(layer), layer["contribution"].sum("neuron", dtype=float), rtol=1e-5, atol=1e-12
        )
        for key in expected:
            np.testing.assert_allclose(found[key], expected[key], rtol=1e-6, err_msg=str(key))
        assert dense[name].attrs["xinc"]["gain"] == "applied"
        assert dense[name]["contribution"].attrs["long_name"].startswith("gained")
    # What holds gained maps only is read as such either way.
    assert xinc.open_canvas(path.parent / "gained.zarr", gain=True)[name].attrs["xinc"]["gain"] == "applied"


def test_gpus_reduce_gained_maps(nerv, monkeypatch):
    """By PyTorch, here on the CPU: the numbers of compiled code."""
    from xinc.canvas.reductions import execute, execute_gpu

    layer = xinc.dissect(nerv, gain=True, probes=3)["block1"].to_dataset()
    expected = xinc.summarise(layer)
    monkeypatch.setattr(execute, "has_gpu", lambda: True)
    monkeypatch.setattr(execute_gpu, "pick_device", lambda: torch.device("cpu"))
    for key, values in xinc.summarise(layer).items():
        if key != "pixels_over_share":  # which compares with a sum
            np.testing.assert_allclose(values, expected[key], rtol=1e-4, atol=1e-9, err_msg=str(key))


@pytest.mark.parametrize("granularity", ["kernel", "input", "output"])
def test_granularities_of_an_mlp(ffn, write, granularity):
    path = write(ffn, "dense", granularity=granularity, gain=True, probes=3)
    expected = maps_of(xinc.dissect(ffn, granularity=granularity, gain=True, probes=3))
    for name, values in maps_of(xinc.open_canvas(path, gain=True)).items():
        np.testing.assert_array_equal(values, expected[name])


@pytest.mark.slow
def test_a_gained_canvas_is_pickled_and_opened_by_xarray(nerv, write):
    path = write(nerv, "factored", gain=True, probes=3)
    expected = maps_of(xinc.open_canvas(path, gain=True))
    copies = (
        pickle.loads(pickle.dumps(xinc.dissect(nerv, gain=True, probes=3))),
        pickle.loads(pickle.dumps(xinc.open_canvas(path, gain=True))),
        xr.open_datatree(path, engine="xinc", gain=True),
    )
    for copy in copies:
        for name, values in maps_of(copy).items():
            np.testing.assert_array_equal(values, expected[name])
    one = xr.open_dataset(path / "head", engine="xinc", gain=True)
    np.testing.assert_array_equal(one["contribution"], expected["head"])


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["factored", "dense"])
@pytest.mark.parametrize("gain", [False, True])
def test_copies_by_xarray(nerv, write, tmp_path, layout, gain):
    opened = xinc.open_canvas(write(nerv, layout, ["head"], gain=True, probes=3), gain=gain)
    opened["head"].to_dataset().to_zarr(tmp_path / "copy.zarr" / "head", consolidated=False)
    copy = xinc.open_canvas(tmp_path / "copy.zarr")["head"]
    np.testing.assert_array_equal(copy["contribution"], opened["head"]["contribution"])
    assert copy.attrs["xinc"]["gain"] == ("applied" if gain else "none")
    if not gain:
        with pytest.raises(InputError, match="has no gains"):
            xinc.open_canvas(tmp_path / "copy.zarr", gain=True)


def test_plain_maps_that_are_materialised_have_no_gains(nerv, write, tmp_path):
    dense = xinc.materialise(write(nerv, "factored", gain=True, probes=3), tmp_path / "plain.zarr", ["head"])
    assert dense["head"].attrs["xinc"]["gain"] == "none"


def test_a_canvas_without_gains_says_what_to_do(nerv, write):
    path = write(nerv, "factored", ["head"])
    with pytest.raises(InputError, match=r"head has no gains, from which gained maps .* setting gain: true, .*dissect"):
        xinc.open_canvas(path, gain=True)


def test_canvases_from_before_gains_open_as_before(nerv, write):
    path = write(nerv, "factored", ["head"])
    expected = xinc.open_canvas(path)["head"]["contribution"].values
    file = path / "head" / "zarr.json"
    content = json.loads(file.read_text())
    for entry in ("gain", "probes"):
        del content["attributes"]["xinc"][entry]
    file.write_text(json.dumps(content))
    np.testing.assert_array_equal(xinc.open_canvas(path)["head"]["contribution"], expected)
    with pytest.raises(InputError, match="has no gains"):
        xinc.open_canvas(path, gain=True)


@pytest.mark.parametrize("layout", ["factored", "dense"])
def test_gains_that_are_lost_are_missed(nerv, write, layout):
    path = write(nerv, layout, ["head"], gain=True, probes=2)
    shutil.rmtree(path / "head" / "gain")
    with pytest.raises(InputError, match="is damaged: the array 'gain' is missing"):
        xinc.open_canvas(path)
    change(path / "head" / "zarr.json", gain="some")
    with pytest.raises(InputError, match="gain"):
        xinc.open_canvas(path)


@pytest.mark.parametrize("probes", [0, 2.5, True])
def test_probes_that_cannot_be(nerv, probes):
    with pytest.raises(InputError, match="expected a positive integer"):
        xinc.dissect(nerv, gain=True, probes=probes)
