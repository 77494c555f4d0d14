"""Nothing is written into a canvas that is not finite."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import xinc
from xinc.canvas import writer
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.errors import InputError
from xinc.models.base import INR


def write_bad(model, path, layer, layout, monkeypatch, value, frame=2):
    """Write a layer whose input has two values that are not finite in one frame, past the check of the network."""
    plain = writer.trace_layer
    seen = []

    def spoiled(trace, *given):
        maps = plain(trace, *given)
        seen.append(trace)
        return maps

    trace_of = type(model).trace

    def trace(self, at, resolution=None):
        found = trace_of(self, at, resolution)
        if at == frame:
            found.input[0, 0, :2] = value
        return found

    monkeypatch.setattr(writer, "trace_layer", spoiled)
    monkeypatch.setattr(type(model), "trace", trace)
    monkeypatch.setattr(INR, "check_trace", lambda *_: None)
    write_layer(model, path, layer, None, CanvasSettings(layout=layout, device="cpu"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (
            "factored",
            r"^'input' of the layer 'block1' in frame 2 has 2 of 96 values that are not finite: contributions",
        ),
        (
            "dense",
            r"^'contribution' of the layer 'block1', from frame 0 on, has \d+ of 73728 values that are not finite",
        ),
    ],
)
def test_a_layer(nerv, tmp_path, monkeypatch, layout, message, value):
    with pytest.raises(InputError, match=message):
        write_bad(nerv, tmp_path / "canvas.zarr" / "block1", "block1", layout, monkeypatch, value)
    assert list((tmp_path / "canvas.zarr").iterdir()) == []


def test_maps_that_overflow(nerv, tmp_path):
    """Of finite weights, in finite colours."""
    with torch.no_grad():
        nerv.blocks[0].weight[0] = 3e38
        nerv.head.weight.zero_()
    with pytest.raises(InputError, match="not finite"):
        write_layer(nerv, tmp_path / "c.zarr" / "block1", "block1", None, CanvasSettings(layout="dense", device="cpu"))


def test_materialised_maps(nerv, tmp_path):
    canvas = xinc.materialise(xinc.dissect(nerv), tmp_path / "a.zarr", ["head"])
    head = canvas["head"].to_dataset().load()
    head["contribution"][1, 2, 3, 4:6] = np.nan
    for dtype in ("float32", "float16"):
        with pytest.raises(
            InputError, match=r"^'contribution' of the layer 'head', .* has 2 of \d+ values that are not"
        ):
            xinc.materialise(head, tmp_path / "b.zarr", dtype=dtype)
    assert not (tmp_path / "b.zarr" / "head").exists()
