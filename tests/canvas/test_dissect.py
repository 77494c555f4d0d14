"""What `xinc.dissect` and its neighbours take in place of a network, frames, layers or a layer, and what they say."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import xinc
from xinc.canvas.reductions import neuron_blocks, sum_abs
from xinc.canvas.tree import Canvas
from xinc.errors import InputError
from xinc.models.storage import build


def heads(canvas, layer="head"):
    return canvas[layer]["contribution"].values


def refused(call, message):
    with pytest.raises(InputError, match=message) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")


# Networks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, pytest.param(torch.bfloat16, marks=pytest.mark.slow), torch.float64])
@pytest.mark.parametrize("name", ["nerv", "ffn"])
def test_other_precisions_are_computed_in_float32(name, dtype, request, tmp_path):
    """From the weights as they are: as if they had been converted before."""
    model = copy.deepcopy(request.getfixturevalue(name)).to(dtype)
    expected = copy.deepcopy(model).float()
    layer = model.layer_names()[-1]
    found = heads(xinc.dissect(model), layer)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, heads(xinc.dissect(expected), layer))
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    if dtype == torch.float64:
        np.testing.assert_allclose(found, heads(xinc.dissect(request.getfixturevalue(name)), layer), rtol=0, atol=1e-6)


def test_a_part_in_another_precision(nerv):
    model = copy.deepcopy(nerv)
    model.head.half()
    np.testing.assert_array_equal(heads(xinc.dissect(model)), heads(xinc.dissect(copy.deepcopy(model).float())))


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        lambda model: nn.DataParallel(nn.DataParallel(model)),
        pytest.param(torch.compile, marks=pytest.mark.slow),
        torch.optim.swa_utils.AveragedModel,
        lambda model: model.train(),
    ],
    ids=["DataParallel", "twice", "compiled", "averaged", "training"],
)
def test_wrappers_of_pytorch(nerv, wrap):
    np.testing.assert_array_equal(heads(xinc.dissect(wrap(copy.deepcopy(nerv)))), heads(xinc.dissect(nerv)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: nn.Linear(2, 3), r"^A module torch\.nn\.\S+\.Linear was given without its inputs"),
        (lambda _: nn.DataParallel(nn.Linear(2, 3)), "^A module .*DataParallel was given"),
        (lambda _: nn.Sequential(), "how-to/your-own-module"),
        (lambda model: model.state_dict(), r"^An object of type collections\.OrderedDict was given"),
        (lambda _: "model.pt", r"^'model\.pt' is the path of a network.*xinc\.load_model\('model\.pt'\)"),
        (lambda _: None, "NoneType"),
        (lambda model: copy.deepcopy(model).to("meta"), "device 'meta', without weights"),
    ],
)
def test_what_is_not_a_network(nerv, make, message):
    refused(lambda: xinc.dissect(make(nerv)), message)


# Frames, layers, resolutions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (0, r"^frames is 0: a list of frame indices was expected, e\.g\. frames=\[0\]"),
        (np.int64(3), r"frames=\[3\]"),
        ("all", "^frames is 'all': a list"),
        (["1"], "a list of frame indices"),
        ([0.5], r"^frames is \[0\.5\]"),
        ([float("nan")], "a list of frame indices"),
        ([True, False, True, False], r"^frames is \[True, False"),
        (slice(0, 2), r"^frames is slice\(0, 2, None\)"),
        ([[0, 1]], "a list of frame indices"),
        ([[0], [1, 2]], "a list of frame indices"),
        ([*range(400), 0.5], r"^frames is .{57}\.\.\.: a list"),
        ([-1], "Frame -1 is not represented"),
        ([], "No frames of this nerv were chosen"),
    ],
)
def test_frames_that_are_not_a_list_of_indices(nerv, frames, message):
    refused(lambda: xinc.dissect(nerv, frames), message)


@pytest.mark.parametrize("frames", [range(1, 3), (1, 2), np.array([1, 2]), torch.tensor([1, 2]), [1.0, 2.0], {1, 2}])
def test_lists_of_frames(nerv, frames):
    assert xinc.dissect(nerv, frames)["head"]["frame"].values.tolist() == [1, 2]


def test_layers(nerv, tmp_path):
    assert list(xinc.dissect(nerv, layers="head").children) == ["head"]
    assert list(xinc.dissect(nerv, layers=("head", "block1")).children) == ["block1", "head"]
    refused(lambda: xinc.dissect(nerv, layers="hed"), "Unknown layer 'hed' of this nerv: did you mean 'head'")
    refused(lambda: xinc.dissect(nerv, layers=[]), r"layers is \[\]: names of layers of this nerv were expected")
    refused(lambda: xinc.dissect(nerv, layers=3), "layers is 3: names of layers")
    canvas = xinc.dissect(nerv)
    assert list(xinc.materialise(canvas, tmp_path / "a.zarr", "head").children) == ["head"]
    refused(lambda: xinc.materialise(canvas, tmp_path / "b.zarr", "hed"), "of this canvas: did you mean 'head'")


@pytest.mark.parametrize("resolution", [9, (9,), (9, 0), (9.5, 13), "9x13", (9, 13, 3)])
def test_resolutions_that_are_not_two_sides(ffn, resolution):
    refused(lambda: xinc.dissect(ffn, resolution=resolution), "^resolution is .*: a height and a width in pixels")


# The tree ------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["dissected", "opened"])
def canvas(nerv, write, request):
    return xinc.dissect(nerv) if request.param == "dissected" else xinc.open_canvas(write(nerv))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("blok2", "Unknown layer 'blok2' of this canvas: did you mean 'block2'? Expected one of block1, block2, head."),
        ("/hed", "Unknown layer 'hed' of this canvas: did you mean 'head'? Expected one of block1, block2, head."),
        ("head/contributions", "Unknown variable 'contributions' of the layer 'head': did you mean 'contribution'?"),
    ],
)
def test_unknown_names_say_the_nearest(canvas, key, message):
    with pytest.raises(KeyError) as caught:
        canvas[key]
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, InputError)
    assert key not in canvas
    assert canvas.get(key) is None


def test_layers_say_the_nearest_too(canvas):
    with pytest.raises(KeyError, match="Unknown variable 'fraem' of the layer 'head': did you mean 'frame'"):
        canvas["head"]["fraem"]


def test_attributes_say_the_nearest_as_well(canvas):
    with pytest.raises(AttributeError, match="no attribute 'hed': did you mean 'head'"):
        _ = canvas.hed
    with pytest.raises(AttributeError, match="no attribute 'contribtion': did you mean 'contribution'"):
        _ = canvas.head.contribtion
    for name in ("nothing", "_hed"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'$"):
            getattr(canvas, name)
    with pytest.raises(AttributeError, match="no attribute 'disect': did you mean 'dissect'"):
        _ = xinc.disect


def test_it_is_a_tree_of_xarray(canvas):
    assert isinstance(canvas, xr.DataTree)
    part = canvas.isel(frame=[1, 2])
    assert list(part.children) == list(canvas.children)
    assert part["head"]["contribution"].shape == (2, 6, 16, 24)
    xr.testing.assert_identical(canvas.copy()["head"].to_dataset(), canvas["head"].to_dataset())
    assert canvas["head/contribution"].dims == ("frame", "neuron", "y", "x")


# Other processes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nerv", "ffn"])
def test_a_dissected_canvas_is_pickled(name, request):
    canvas = xinc.dissect(request.getfixturevalue(name), [0, 2])
    layer = next(iter(canvas.children))
    canvas[layer]["contribution"].isel(frame=0).load()  # what was kept is left behind
    again = pickle.loads(pickle.dumps(canvas))
    assert isinstance(again, Canvas)
    for name in canvas.children:
        xr.testing.assert_identical(again[name].to_dataset().load(), canvas[name].to_dataset().load())


def test_a_pickled_canvas_holds_the_network_once():
    model = build("nerv", {"embed_levels": 40, "strides": [2, 2], "fc_dim": 64}, (16, 32), range(4), 4)
    weights = sum(4 * parameter.numel() for parameter in model.parameters())
    assert len(pickle.dumps(xinc.dissect(model))) < 2 * weights


@pytest.mark.slow
def test_processes_of_dask(nerv):
    import dask

    maps = xinc.dissect(nerv, [1])["head"]["contribution"]
    with dask.config.set({"multiprocessing.context": "spawn"}):
        found = maps.chunk({"neuron": 3}).compute(scheduler="processes", num_workers=2)
    np.testing.assert_allclose(found, maps, rtol=0, atol=1e-6 * float(abs(maps).max()))


# Layers --------------------------------------------------------------------------------------------------------------


def test_a_layer_in_each_of_its_forms(canvas):
    node = canvas["head"]
    expected = xinc.summarise(node.to_dataset(), frames=[1])
    for layer in (node, node["contribution"], node["contribution"].transpose("x", "frame", "neuron", "y")):
        xr.testing.assert_allclose(xinc.summarise(layer, frames=[1]), expected)
        xr.testing.assert_allclose(sum_abs(layer, [1]), expected["sum_abs"])
        assert next(neuron_blocks(layer, 1)).sizes["neuron"] == 6


@pytest.mark.parametrize(
    ("pick", "message"),
    [
        (lambda c: c, r"^A whole canvas was given: choose one of its layers block1, block2, head, e\.g\. canvas\['"),
        (
            lambda c: c["head"]["contribution"].sel(frame=0),
            r"dimensions \(neuron, y, x\): \(frame, neuron, y, x\) were",
        ),
        (lambda c: abs(c["head"]["contribution"]).sum("neuron"), r"dimensions \(frame, y, x\)"),
        (lambda c: c["head"].to_dataset().drop_vars("contribution"), "^The dataset has the variables .*frame"),
        (lambda c: c["head"]["contribution"].values, r"^An object of type numpy\.ndarray was given: a layer"),
        (lambda c: "canvas.zarr/head", r"^An object of type builtins\.str"),
    ],
)
def test_what_is_not_a_layer(nerv, pick, message):
    refused(lambda: xinc.summarise(pick(xinc.dissect(nerv))), message)


def test_frames_of_a_summary(nerv):
    layer = xinc.dissect(nerv)["head"]
    refused(lambda: xinc.summarise(layer, frames=0), r"^frames is 0: a list of frame indices was expected")
    refused(lambda: sum_abs(layer, [True, False, False, False]), "^frames is .True")


def test_one_layer_is_materialised(nerv, tmp_path):
    canvas = xinc.dissect(nerv)
    for at, layer in enumerate((canvas["head"], canvas["head"].to_dataset())):
        found = xinc.materialise(layer, tmp_path / f"{at}.zarr")
        assert list(found.children) == ["head"]
        np.testing.assert_array_equal(heads(found), heads(canvas))
    bare = canvas["head"].to_dataset().drop_attrs()
    refused(lambda: xinc.materialise(bare, tmp_path / "c.zarr"), "^The layer has no attribute xinc, its record")
