"""Canvases of the tiny networks, written once."""

from __future__ import annotations

import functools

import pytest

from tests.helpers.tiny import tiny
from xinc.canvas.writer import CanvasSettings, write_layer


@pytest.fixture
def write(tmp_path):
    """Write some layers (default: all) of a network and return the path of the canvas."""

    def write(model, layout="factored", layers=None, frames=None, name="canvas.zarr", **settings):
        root = tmp_path / name
        for layer in layers or model.layer_names():
            write_layer(model, root / layer, layer, frames, CanvasSettings(layout=layout, device="cpu", **settings))
        return root

    return write


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """``written(network, layout, layers)`` is the canvas of a tiny network, written once: for reading and copying."""

    @functools.cache
    def written(name, layout="factored", *layers):
        root, model = tmp_path_factory.mktemp("written") / "canvas.zarr", tiny(name)
        for layer in layers or model.layer_names():
            write_layer(model, root / layer, layer, settings=CanvasSettings(layout=layout, device="cpu"))
        return root

    return written
