"""Dense copies of parts of a canvas: what is in them, what they lost, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import xinc
from xinc.canvas.dense import describe_error, rounded
from xinc.canvas.materialise import materialise_layer
from xinc.canvas.schema import NO_ERROR
from xinc.canvas.settings import DenseSettings
from xinc.errors import InputError
from xinc.models.storage import build

#: A block of another size may round a product of matrices differently.
ROUNDING = 1e-6

LABELS = ("in_channel", "out_channel", "phase_y", "phase_x")


@pytest.fixture(params=["nerv", pytest.param("ffn", marks=pytest.mark.slow)])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def loud():
    """A network some of whose contributions are beyond float16."""
    model = build("nerv", {"embed_levels": 6, "strides": [2], "widths": [4, 3]}, (8, 12), range(2), 2)
    model.head.weight.data *= 1e7
    return model


def record(layer):
    return layer.attrs["xinc"]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING * np.abs(expected).max())


def stated(layer):
    """The absolute and the relative error that a layer's record states."""
    words = record(layer)["error"].split()
    return float(words[words.index("error") + 1].rstrip(",")), float(words[words.index("is") + 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "source", ["memory", "factored", "dense", *(pytest.param(s, marks=pytest.mark.slow) for s in ("path", "zarr"))]
)
def test_everything_of_any_canvas(model, write, tmp_path, source):
    expected = xinc.dissect(model)
    canvas = {
        "memory": lambda: expected,
        "factored": lambda: xinc.open_canvas(write(model)),
        "dense": lambda: xinc.open_canvas(write(model, "dense")),
        "path": lambda: str(write(model)),
        "zarr": lambda: xr.open_datatree(write(model, "dense"), engine="zarr", consolidated=False),
    }[source]()
    found = xinc.materialise(canvas, tmp_path / "new" / "copy.zarr")
    assert list(found.children) == model.layer_names()
    for name in model.layer_names():
        layer, whole = found[name].to_dataset(), expected[name].to_dataset()
        close(layer["contribution"], whole["contribution"].values)
        xr.testing.assert_equal(layer.drop_vars("contribution"), whole.drop_vars("contribution"))
        assert record(layer) == {**record(whole), "layout": "dense", "error": NO_ERROR}
        assert layer["contribution"].dtype == np.float32


def test_any_reader_opens_it(nerv, write, tmp_path):
    xinc.materialise(write(nerv), tmp_path / "copy.zarr", ["head"], neurons=[4, 1])
    tree = xr.open_datatree(tmp_path / "copy.zarr", engine="zarr", consolidated=False)
    xr.testing.assert_equal(tree["head"].to_dataset(), xinc.open_canvas(tmp_path / "copy.zarr")["head"].to_dataset())
    assert set(LABELS) < set(tree["head"].coords)


def test_parts_keep_their_labels(nerv, write, tmp_path):
    whole = xinc.open_canvas(write(nerv))
    found = xinc.materialise(whole, tmp_path / "part.zarr", ["block1", "head"], frames=[3, 1], neurons=[5, 2])
    assert list(found.children) == ["block1", "head"]
    for name in found.children:
        layer = found[name].to_dataset()
        assert layer["frame"].values.tolist() == [1, 3] or layer["frame"].values.tolist() == [3, 1]
        assert layer["neuron"].values.tolist() == [5, 2]
        expected = whole[name].to_dataset().sel(frame=layer["frame"], neuron=[5, 2])
        close(layer["contribution"], expected["contribution"].values)
        xr.testing.assert_equal(layer.drop_vars("contribution"), expected.drop_vars("contribution"))


def test_a_part_of_a_part(nerv, write, tmp_path):
    """From a copy, and from a lazily subset dataset."""
    whole = xinc.open_canvas(write(nerv))["block1"].to_dataset()
    first = xinc.materialise(write(nerv), tmp_path / "a.zarr", ["block1"], neurons=[40, 7, 3, 20], frames=[0, 2, 3])
    second = xinc.materialise(first, tmp_path / "b.zarr", neurons=[3, 40], frames=[3, 2])["block1"].to_dataset()
    assert second["neuron"].values.tolist() == [3, 40]
    expected = whole.sel(neuron=[3, 40], frame=second["frame"])
    close(second["contribution"], expected["contribution"].values)
    for name in LABELS:
        np.testing.assert_array_equal(second[name], expected[name])
    lazy = xr.DataTree.from_dict({"block1": whole.isel(neuron=slice(30, 10, -4), frame=[1])})
    third = xinc.materialise(lazy, tmp_path / "c.zarr", neurons=[22, 14])["block1"].to_dataset()
    assert third["neuron"].values.tolist() == [22, 14]
    expected = whole.sel(neuron=[22, 14], frame=[1])
    close(third["contribution"], expected["contribution"].values)
    np.testing.assert_array_equal(third["out_channel"], expected["out_channel"])


def test_numbers_of_frames_and_neurons(nerv, write, tmp_path):
    found = xinc.materialise(write(nerv), tmp_path / "a.zarr", ["block1"], frames=2, neurons=5)["block1"]
    assert found.sizes["frame"] == 2
    assert found["neuron"].values.tolist() == [0, 9, 19, 28, 38]
    found = xinc.materialise(write(nerv), tmp_path / "b.zarr", ["head"], neurons=99)["head"]
    assert found.sizes["neuron"] == 6


def test_layers_are_replaced_and_others_stay(nerv, write, tmp_path):
    xinc.materialise(write(nerv), tmp_path / "a.zarr", ["block2", "head"])
    again = xinc.materialise(write(nerv), tmp_path / "a.zarr", ["head"], neurons=2)
    assert list(again.children) == ["block2", "head"]
    assert again["head"].sizes["neuron"] == 2
    assert again["block2"].sizes["neuron"] == 24


@pytest.mark.parametrize("memory_mb", [1e-6, 0.02, 512])
def test_memory_changes_nothing(nerv, write, tmp_path, memory_mb):
    found = xinc.materialise(write(nerv), tmp_path / "a.zarr", ["block1"], memory_mb=memory_mb)["block1"]
    close(found["contribution"], xinc.dissect(nerv)["block1"]["contribution"].values)


# Rounding ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [{"dtype": "float16"}, {"keepbits": 7}, pytest.param({"keepbits": 3, "dtype": "float16"}, marks=pytest.mark.slow)],
)
def test_the_error_stated_is_that_made(model, write, tmp_path, how):
    exact = xinc.open_canvas(write(model))
    found = xinc.materialise(exact, tmp_path / "a.zarr", memory_mb=1e-6, **how)  # many blocks
    for name in model.layer_names():
        layer = found[name].to_dataset()
        assert layer["contribution"].dtype == how.get("dtype", "float32")
        assert record(layer)["dtype"] == how.get("dtype", "float32")
        maps = exact[name]["contribution"].values
        error = float(np.abs(layer["contribution"].values.astype(np.float64) - maps).max())
        absolute, relative = stated(layer)
        assert error > 0
        assert absolute == pytest.approx(error, rel=6e-3)  # three digits are stated
        assert relative == pytest.approx(error / np.abs(maps).max(), rel=6e-3)
        bits = min(how.get("keepbits", 23), 10 if "dtype" in how else 23)
        assert relative <= 2.0 ** -(bits + 1) * 1.01
        assert (f"{how.get('keepbits')} bits" in record(layer)["error"]) is ("keepbits" in how)


def test_kept_bits(nerv, write, tmp_path):
    found = xinc.materialise(write(nerv), tmp_path / "a.zarr", ["head"], keepbits=5)["head"]["contribution"].values
    assert not (found.view(np.uint32) & (2**18 - 1)).any()
    assert (found.view(np.uint32) & 2**18).any()


def test_a_rounded_source_is_not_called_exact(nerv, write, tmp_path):
    half = xinc.materialise(write(nerv), tmp_path / "half.zarr", ["head"], dtype="float16")
    same = xinc.materialise(half, tmp_path / "same.zarr")["head"].to_dataset()
    assert same["contribution"].dtype == np.float32
    assert record(same)["error"] == record(half["head"])["error"]
    less = xinc.materialise(half, tmp_path / "less.zarr", keepbits=2)["head"].to_dataset()
    assert record(less)["error"].startswith(record(half["head"])["error"] + "; then float32, 2 bits")


def test_beyond_float16(loud, write, tmp_path):
    """Refused, and nothing of the layer is there; layers that fit are whole."""
    with pytest.raises(InputError, match=r"A contribution of .* is beyond the range of float16: use dtype float32"):
        xinc.materialise(write(loud), tmp_path / "a.zarr", ["head"], dtype="float16")
    assert [p.name for p in (tmp_path / "a.zarr").iterdir()] == []
    with pytest.raises(InputError, match="beyond the range"):
        xinc.materialise(write(loud), tmp_path / "b.zarr", dtype="float16")
    assert list(xinc.open_canvas(tmp_path / "b.zarr").children) == ["block1"]
    exact = xinc.materialise(write(loud), tmp_path / "a.zarr", ["head"])["head"]
    assert float(abs(exact["contribution"]).max()) > 65504


def test_rounding_by_hand():
    maps = np.array([[1.0, -1.0 - 2**-11, 65504.0, 0.0]], np.float32)
    assert rounded(maps, DenseSettings()) is maps
    np.testing.assert_array_equal(rounded(maps, DenseSettings(dtype="float16")), np.array([[1, -1, 65504, 0]]))
    np.testing.assert_array_equal(rounded(maps, DenseSettings(keepbits=1)), np.array([[1, -1, 65536, 0]]))
    with pytest.raises(InputError, match="beyond"):
        rounded(maps, DenseSettings(dtype="float16", keepbits=1))
    with pytest.raises(InputError, match="inf is beyond"):
        rounded(np.array([-np.inf], np.float32), DenseSettings(dtype="float16"))
    assert describe_error(0, 0, DenseSettings()) == NO_ERROR
    assert "0 of the largest" in describe_error(0, 0, DenseSettings(dtype="float16"))


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"layers": ["hed"]}, "Unknown layer 'hed' of this canvas: did you mean 'head'"),
        ({"frames": [0, 9]}, "9"),
        ({"frames": []}, "frames"),
        ({"neurons": [2, 99]}, r"Neurons \[99\] were asked for"),
        ({"neurons": []}, "Neurons"),
        ({"neurons": 0}, "at least one"),
        ({"dtype": "float61"}, "float16"),
        ({"keepbits": 0}, "keepbits"),
        ({"keepbits": 24}, "keepbits"),
        ({"memory_mb": 0}, "memory_mb"),
    ],
)
def test_what_cannot_be_asked_for(nerv, write, tmp_path, ask, message):
    with pytest.raises(InputError, match=message):
        xinc.materialise(write(nerv, layers=["head"]), tmp_path / "a.zarr", **ask)
    assert not (tmp_path / "a.zarr" / "head").exists()


def test_no_canvas(tmp_path):
    with pytest.raises(InputError, match="There is no canvas"):
        xinc.materialise(tmp_path / "nothing.zarr", tmp_path / "a.zarr")
    foreign = xr.DataTree.from_dict({"head": xr.Dataset({"contribution": ("x", [1.0])})})
    with pytest.raises(InputError, match="xinc"):
        xinc.materialise(foreign, tmp_path / "a.zarr")


def test_a_writer_that_fails_leaves_what_was_there(nerv, write, tmp_path, monkeypatch):
    xinc.materialise(write(nerv), tmp_path / "a.zarr", ["head"], neurons=2)
    before = {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "a.zarr").rglob("*") if p.is_file()}

    def broken(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("xinc.canvas.dense.rounded", broken)
    with pytest.raises(KeyboardInterrupt):
        xinc.materialise(write(nerv), tmp_path / "a.zarr", ["head"])
    after = {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "a.zarr").rglob("*") if p.is_file()}
    assert after == before


def test_one_layer_with_settings_as_the_workflow_gives_them(nerv, write, tmp_path):
    settings = {"frames": [2], "neurons": [1, 3], "keepbits": 9}
    materialise_layer(write(nerv) / "head", tmp_path / "a.zarr" / "head", settings)
    found = xinc.open_canvas(tmp_path / "a.zarr")["head"]
    assert found["contribution"].shape == (1, 2, 16, 24)
    with pytest.raises(InputError, match="keepbit"):
        materialise_layer(write(nerv) / "head", tmp_path / "b.zarr" / "head", {"keepbit": 3})
