"""Canvases of earlier versions of the schema open, and show what they did; where they cannot, a warning says so."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import xinc
from xinc.canvas.schema import VERSION
from xinc.models.storage import build


def of_version_1(path: Path) -> None:
    """Give the layers of a canvas the records that version 1 of the schema wrote."""
    for file in path.glob("*/zarr.json"):
        metadata = json.loads(file.read_text())
        record = metadata["attributes"]["xinc"]
        assert record["version"] == VERSION
        for name in ("distributions", "options", "order"):
            record.pop(name)
        record |= {"version": 1, "activation": record["activation"].partition("(")[0]}
        file.write_text(json.dumps(metadata))


@pytest.mark.parametrize("layout", ["factored", "dense"])
@pytest.mark.parametrize("activation", ["finer", "gauss", "relu"])
def test_version_1_opens_as_it_was(activation, layout, write):
    model = build("siren", {"layers": 3, "hidden_width": 4, "activation": activation, "omega": 20.0}, (5, 6), [0], 1)
    path = write(model, layout)
    of_today = xinc.open_canvas(path)["layer1"]["contribution"].values
    of_version_1(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = xinc.open_canvas(path)["layer1"]
    np.testing.assert_array_equal(found["contribution"], of_today)
    assert found.attrs["xinc"]["version"] == (VERSION if layout == "factored" else 1)


def test_sigmoids_of_version_1(write):
    """A factored layer is computed as today, with a warning; numbers that were written stay."""
    settings = {"fc_dim": 2, "strides": [2], "activation": "softplus", "output_activation": "sigmoid"}
    model = build("nerv", settings, (4, 6), [0], 1)
    for layout in ("factored", "dense"):
        path = write(model, layout, head_activation=True, name=f"{layout}.zarr")
        of_today = {name: layer["contribution"].values for name, layer in xinc.open_canvas(path).children.items()}
        of_version_1(path)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            canvas = xinc.open_canvas(path)
        assert len(caught) == (2 if layout == "factored" else 0)
        for one, name, activation in zip(caught, ("block1", "head"), ("softplus", "sigmoid"), strict=False):
            assert str(one.message).startswith(f"{path / name} was written when maps of {activation} were φ(e): they")
        for name in of_today:
            np.testing.assert_array_equal(canvas[name]["contribution"], of_today[name])
