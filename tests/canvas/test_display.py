"""What a notebook and a terminal show of a canvas, and how plots of maps are labelled."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from PIL import Image

import xinc
from tests.helpers.ablated import network
from xinc.canvas import display
from xinc.canvas.lazy import ExpandedMaps
from xinc.canvas.schema import record_of
from xinc.storage.locations import file_sizes


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Values of maps that are read, each time."""
    sizes: list[int] = []
    inner = ExpandedMaps._read

    def counted(self: ExpandedMaps, key: tuple[Any, ...]) -> np.ndarray:
        found = inner(self, key)
        sizes.append(found.size)
        return found

    monkeypatch.setattr(ExpandedMaps, "_read", counted)
    return sizes


def picture(page: str) -> np.ndarray:
    """The one picture of a page."""
    [code] = re.findall(r"data:image/png;base64,([\w+/=]+)", page)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(code))))


def test_text_tells_of_everything_and_computes_nothing(nerv, read):
    canvas = xinc.dissect(nerv)
    text = repr(canvas)
    assert str(canvas) == text
    assert text.startswith("<xinc canvas: contribution maps of nerv, 4 frames (0-3) of 16x24>")
    for name, neurons, words, size in (
        ("block1", 48, "kernels, 4 channels to 12", "295 kB"),
        ("head", 6, "kernels, 2 channels to 3", "36.9 kB"),
        ("all", 78, "", "479 kB"),
    ):
        assert re.search(rf"^  {name} +{neurons} +{words} +{size} +-$", text, re.MULTILINE), text
    assert "Not on disk" in text
    assert not read


def test_size_on_disk_is_that_of_the_files(written):
    path = written("ffn")
    canvas = xinc.open_canvas(path)
    text, dense = repr(canvas), sum(layer["contribution"].nbytes for layer in canvas.children.values())
    stored = sum(sum(file_sizes(path / name).values()) for name in canvas.children)
    assert f"{dense / 1e3:.1f} kB  {stored / 1e3:.1f} kB" in text
    assert f"On disk: {path}" in text
    assert "10  input features" in text


def test_a_layer_is_shown_as_xarray_does_as_well(nerv):
    text = repr(xinc.dissect(nerv, frames=[1])["block2"])
    assert text.startswith("<xinc canvas: contribution maps of nerv, 1 frame (1) of 16x24>")
    assert "contribution  (frame, neuron, y, x)" in text
    assert 'canvas["' not in text


def test_what_is_not_a_canvas_any_more_is_shown_as_before(nerv):
    canvas = xinc.dissect(nerv, layers=["head"])
    for tree in (
        canvas.sum("neuron"),
        canvas.isel(frame=0),
        canvas.map_over_datasets(lambda layer: layer.drop_attrs()),
    ):
        assert repr(tree).startswith("<xarray.DataTree")
        assert "<img" not in tree._repr_html_()


def test_the_thumbnail_is_the_picture_of_the_last_layer(read):
    model = network("nerv")
    canvas = xinc.dissect(model)
    page = canvas._repr_html_()
    shown = picture(page).astype(float)
    image = model.reconstruct(0).permute(1, 2, 0).numpy()  # without an activation at the output
    assert shown.shape == image.shape
    assert np.corrcoef(shown.ravel(), image.ravel())[0, 1] > 0.99
    assert "frame 0: before the output activation" in page
    assert read == [6 * 16 * 24]  # the head's maps of one frame


@pytest.mark.parametrize("how", ["ffn", "a layer within", "gained"])
def test_otherwise_the_thumbnail_is_the_strongest_map(how, ffn, nerv):
    canvas = xinc.dissect(ffn) if how == "ffn" else xinc.dissect(nerv, layers=["block2"], gain=how == "gained")
    layer = list(canvas.children.values())[-1]
    page = canvas._repr_html_()
    maps = abs(layer["contribution"].isel(frame=0))
    number = int(maps.sum(["y", "x"]).argmax("neuron"))
    assert f"of neuron {number} of {layer.name}, the strongest, frame {int(maps['frame'])}" in page
    values = maps.isel(neuron=number).values
    assert np.corrcoef(picture(page).ravel().astype(float), values.ravel())[0, 1] > 0.9


def test_a_thumbnail_of_a_large_layer_looks_at_some_of_its_maps(nerv, monkeypatch, read):
    monkeypatch.setattr(display, "THUMBNAIL_BYTES", 4 * 4 * 16 * 24)
    canvas = xinc.dissect(nerv)
    assert "the strongest of 4, frame 0" in canvas._repr_html_()
    assert read == [4 * 16 * 24]


def test_a_damaged_canvas_is_shown_with_what_is_wrong(write, nerv):
    path = write(nerv, "dense", ["head"])
    canvas = xinc.open_canvas(path)
    for chunk in (path / "head" / "contribution").glob("c.*"):
        content = bytearray(chunk.read_bytes())
        content[len(content) // 2] ^= 1
        chunk.write_bytes(content)
    page = canvas._repr_html_()
    assert "No thumbnail: " in page
    assert "checksum" in page
    assert "<img" not in page


def test_names_are_escaped(ffn):
    canvas = xinc.dissect(ffn, layers=["layer1"])
    layer = canvas["layer1"].to_dataset()
    layer.attrs["xinc"] = record_of(layer).model_dump(mode="json") | {"layer": "<b>", "architecture": "<script>"}
    page = display.page(xr.DataTree(layer), "")
    assert page is not None
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


def test_a_title_begins_with_frame_and_neuron_however_a_layer_is_stored(written):
    for layer in xinc.open_canvas(written("ffn")).children.values():
        selected = [name for name in layer["contribution"].isel(frame=0, neuron=3).coords if name not in ("y", "x")]
        assert selected == ["frame", "neuron", "in_channel", "out_channel", "phase_y", "phase_x"]


@pytest.mark.parametrize("gain", [False, True])
def test_labels_are_true_of_what_is_made_of_maps(nerv, gain):
    """xarray hands attributes on to sums, shares and magnitudes."""
    maps = xinc.dissect(nerv, layers=["head"], gain=gain)["head"]["contribution"].sel(frame=1)
    for one in (maps, abs(maps), abs(maps).sum("neuron"), maps * 2, abs(maps) / abs(maps).sum("neuron")):
        assert one.attrs == ({"long_name": "gained contribution"} if gain else {})
    assert {maps[name].attrs.get("units") for name in ("frame", "neuron", "in_channel")} == {None}
    matplotlib.use("agg")
    figure, axes = plt.subplots()
    drawn = maps.isel(neuron=5).plot(ax=axes, yincrease=False)
    assert axes.get_title().startswith("frame = 1, neuron = 5")
    assert len(axes.get_title()) <= 50
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("column [pixel]", "row [pixel]")
    assert drawn.colorbar.ax.get_ylabel() == ("gained contribution" if gain else "contribution")
    figure.clear()
    if not gain:
        share = (abs(maps) / abs(maps).sum("neuron")).rename("share").isel(neuron=0)
        assert share.plot(ax=figure.add_subplot()).colorbar.ax.get_ylabel() == "share"
    plt.close(figure)
