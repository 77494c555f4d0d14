"""Stores that are not, no longer or not yet a canvas; and writers that fail midway."""

from __future__ import annotations

import json
import shutil

import pytest
import xarray as xr

import xinc
from tests.helpers.canvases import change
from xinc.canvas.reader import open_layer
from xinc.canvas.writer import CanvasSettings, write_layer
from xinc.contributions.kernels.convolution import Expansion
from xinc.errors import InputError
from xinc.models.nerv.network import Network as NeRV
from xinc.settings import validate

LABELS = {"in_channel", "out_channel", "phase_y", "phase_x"}
UNREAD = {"factored": {"neuron", "y", "x", *LABELS}, "dense": set()}
LATE = {"factored": set(), "dense": {"contribution", *LABELS}}


@pytest.fixture(params=["factored", "dense"])
def layout(request):
    return request.param


@pytest.fixture
def canvas(written, layout, tmp_path):
    return shutil.copytree(written("nerv", layout, "head"), tmp_path / "canvas.zarr")


def files(root):
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def refused(root, message):
    with pytest.raises(InputError, match=message) as caught:
        xinc.open_canvas(root)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_empty_directories(tmp_path):
    refused(tmp_path / "canvas.zarr", "There is no canvas")
    (tmp_path / "canvas.zarr").mkdir()
    refused(tmp_path / "canvas.zarr", "holds no layers")
    (tmp_path / "file.zarr").write_text("")
    refused(tmp_path / "file.zarr", "There is no canvas")


def test_other_directories(canvas, tmp_path):
    (tmp_path / "other" / "folder").mkdir(parents=True)
    refused(tmp_path / "other", "is not a layer of a canvas: it has no zarr.json")
    refused(canvas / "head", "is not a canvas, but one layer of it: give the folder of all layers")


@pytest.mark.parametrize("content", ["{", "", "[]", "3", '{"attributes": null}', '{"attributes": {"xinc": 3}}', "{}"])
def test_damaged_metadata_of_a_layer(canvas, content):
    (canvas / "head" / "zarr.json").write_text(content)
    refused(canvas, "is damaged|is not a layer of a canvas")


def test_binary_metadata(canvas):
    (canvas / "head" / "zarr.json").write_bytes(b"\xff\xfe\x00")
    refused(canvas, "zarr.json is not valid JSON")


@pytest.mark.parametrize("content", ["{", "", "[]", "{}", '{"zarr_format": 3, "node_type": "array"}'])
def test_damaged_metadata_of_an_array(canvas, content, layout):
    array = "input" if layout == "factored" else "contribution"
    (canvas / "head" / array / "zarr.json").write_text(content)
    refused(canvas, "damaged|incomplete|has the dimensions")


def test_missing_arrays(canvas):
    for array in [p.name for p in (canvas / "head").iterdir() if p.is_dir()]:
        moved = canvas.parent / array
        shutil.move(canvas / "head" / array, moved)
        refused(canvas, f"is damaged: the array '{array}' is missing; compute this canvas again")
        shutil.move(moved, canvas / "head" / array)
    xinc.open_canvas(canvas)


def test_missing_chunks(canvas):
    chunks = list((canvas / "head").glob("*/c*"))
    assert len(chunks) >= 8
    for chunk in chunks:
        content = chunk.read_bytes()
        chunk.unlink()
        array = chunk.relative_to(canvas / "head").parts[0]
        refused(canvas, f"is incomplete: '{array}' has .* chunk files; compute this canvas again")
        chunk.write_bytes(content)
    xinc.open_canvas(canvas)


def test_chunks_in_a_directory_for_each_axis(canvas):
    """Zarr's default, as in canvases that somebody rewrote or that an earlier xinc wrote: the same canvas."""
    whole = xinc.open_canvas(canvas)["head"].to_dataset().load()
    for chunk in (canvas / "head").glob("*/c.*"):
        nested = chunk.with_name(chunk.name.split(".")[0]).joinpath(*chunk.name.split(".")[1:])
        nested.parent.mkdir(parents=True, exist_ok=True)
        chunk.rename(nested)
    for metadata in (canvas / "head").glob("*/zarr.json"):
        values = json.loads(metadata.read_text())
        values["chunk_key_encoding"]["configuration"]["separator"] = "/"
        metadata.write_text(json.dumps(values))
    xr.testing.assert_identical(xinc.open_canvas(canvas)["head"].to_dataset().load(), whole)
    next(path for path in (canvas / "head").glob("*/c/**/0") if path.is_file()).unlink()
    refused(canvas, "is incomplete")


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damaged_chunks_are_an_error_when_read(canvas, layout, damage):
    """No byte of a chunk can change unnoticed: each carries a checksum.

    What xinc reads itself becomes an `InputError`; of dense maps, which xarray reads when they are used, Zarr's own
    error is all there is. Coordinates of a factored layer are not read but follow from its record.
    """
    whole = xinc.open_canvas(canvas)["head"].to_dataset().load()
    chunks = [p for p in (canvas / "head").rglob("*") if p.is_file() and p.name != "zarr.json"]
    assert len(chunks) >= 8
    for chunk in chunks:
        content = chunk.read_bytes()
        broken = bytearray(content)
        broken[len(broken) // 2] ^= 1
        chunk.write_bytes({"flip": bytes(broken), "cut": content[:-3], "empty": b""}[damage])
        array = chunk.relative_to(canvas / "head").parts[0]
        if array in UNREAD[layout] and damage != "empty":
            xr.testing.assert_identical(xinc.open_canvas(canvas)["head"].to_dataset().load(), whole)
        elif array in LATE[layout] and damage != "empty":
            with pytest.raises(ValueError, match="checksum"):
                xinc.open_canvas(canvas)["head"].load()
        else:
            with pytest.raises(InputError, match=r"damaged.*compute this canvas again") as caught:
                xinc.open_canvas(canvas)["head"].load()
            assert str(canvas) in str(caught.value)
        chunk.write_bytes(content)
    xinc.open_canvas(canvas)["head"].load()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"version": 3}, "has version 3 of the canvas schema; this xinc reads version 1 and 2"),
        ({"version": None}, "has version None"),
        ({"format": "other"}, "hold no record of format 'xinc-canvas'"),
        ({"layout": "sparse"}, "layout' is 'sparse': input should be 'dense' or 'factored'"),
        ({"colour": 1}, "Unknown setting .*colour"),
        ({"resolution": [16, 25]}, "'x' has 24 along x, expected 25"),
    ],
)
def test_records_that_do_not_fit(canvas, entries, message):
    change(canvas / "head" / "zarr.json", **entries)
    refused(canvas, message)


def test_sizes_that_contradict_each_other(nerv, write, layout):
    a, b = write(nerv, layout, ["head"], name="a.zarr"), write(nerv, layout, ["head"], frames=[0], name="b.zarr")
    shutil.rmtree(a / "head" / "frame")
    shutil.copytree(b / "head" / "frame", a / "head" / "frame")
    refused(a, "along frame, expected 1")


def test_dimensions_of_another_name(canvas):
    file = canvas / "head" / "in_channel" / "zarr.json"
    content = json.loads(file.read_text())
    content["dimension_names"] = ["channel"]
    file.write_text(json.dumps(content))
    refused(canvas, "'in_channel' has the dimensions .*channel.*, expected .*neuron")


def test_what_snakemake_and_a_crash_leave_behind_does_not_disturb(canvas, recwarn):
    (canvas / "head" / ".snakemake_timestamp").touch()
    (canvas / ".block1.partial-xyz").mkdir()
    assert list(xinc.open_canvas(canvas).children) == ["head"]
    assert not [w for w in recwarn if "snakemake" in str(w.message)]


def fail_in_frame(monkeypatch, number):
    calls = []
    trace = NeRV.trace

    def failing(self, frame, resolution=None):
        calls.append(frame)
        if frame == number:
            raise RuntimeError("out of memory")
        return trace(self, frame, resolution)

    monkeypatch.setattr(NeRV, "trace", failing)
    return calls


def test_a_writer_that_fails_leaves_nothing(nerv, tmp_path, layout, monkeypatch):
    calls = fail_in_frame(monkeypatch, 2)
    target = tmp_path / "canvas.zarr" / "head"
    with pytest.raises(RuntimeError, match="out of memory"):
        write_layer(nerv, target, "head", None, CanvasSettings(layout=layout))
    assert {0, 1, 2} <= set(calls)
    assert list(target.parent.iterdir()) == []


def test_a_writer_that_fails_leaves_the_store_that_was_there(nerv, canvas, layout, monkeypatch):
    before = files(canvas)
    fail_in_frame(monkeypatch, 2)
    with pytest.raises(RuntimeError, match="out of memory"):
        write_layer(nerv, canvas / "head", "head", None, CanvasSettings(layout=layout))
    assert files(canvas) == before
    monkeypatch.undo()
    assert xinc.open_canvas(canvas)["head"].sizes["frame"] == 4


def test_an_expansion_that_fails(nerv, canvas, monkeypatch):
    before = files(canvas)

    def fail(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Expansion, "__call__", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        write_layer(nerv, canvas / "head", "head", None, CanvasSettings(layout="dense"))
    assert files(canvas) == before


def test_writing_again_replaces_all(nerv, canvas, layout):
    write_layer(nerv, canvas / "head", "head", [1], CanvasSettings(layout=layout))
    assert open_layer(canvas / "head")["frame"].values.tolist() == [1]
    assert sorted(p.name for p in canvas.iterdir()) == ["head", "zarr.json"]


def test_a_place_that_cannot_be_written(nerv, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file.*cannot be written"):
        write_layer(nerv, tmp_path / "file" / "head", "head")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layout": "sparse"}, "'canvas.layout' is 'sparse'"),
        ({"memory_mb": 0}, "'canvas.memory_mb' is 0: input should be greater than 0"),
        ({"memory": 5}, "Unknown setting 'canvas.memory': did you mean 'memory_mb'"),
    ],
)
def test_settings(values, message):
    with pytest.raises(InputError, match=message):
        validate(CanvasSettings, values, "canvas")
