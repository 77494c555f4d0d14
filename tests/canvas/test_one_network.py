"""Layers of different networks are never shown as one canvas."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import xarray as xr

import xinc
from tests.helpers.canvases import change
from xinc.analyses.subject import Subject
from xinc.canvas.reader import open_layer
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.errors import InputError
from xinc.models.loading import load
from xinc.models.storage import build, identity, save_model

NERV = ("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(4), 4)


@pytest.fixture
def mixed(nerv, write):
    """The head of a network, and a block of the same network after one more step of training."""
    write(nerv, layers=["head"])
    with torch.no_grad():
        next(iter(nerv.parameters())).view(-1)[0] += 1e-3
    return write(nerv, layers=["block1"])


def test_a_canvas_of_two_networks_is_refused(mixed):
    networks = [open_layer(mixed / name).attrs["xinc"]["network"] for name in ("block1", "head")]
    for opened in (xinc.open_canvas, lambda path: xr.open_datatree(path, engine="xinc")):
        with pytest.raises(InputError, match="mixes layers of different networks") as caught:
            opened(mixed)
        assert f"block1 of network {networks[0]}, but head of network {networks[1]}" in str(caught.value)
        assert str(mixed) in str(caught.value)


def test_each_of_its_layers_can_be_looked_at(mixed):
    for name in ("block1", "head"):
        assert xr.open_dataset(mixed / name, engine="xinc")["contribution"].sizes["frame"]


def test_an_analysis_refuses_it_too(mixed):
    video = mixed.parent / "video.zarr"
    with pytest.raises(InputError, match=f"{mixed} mixes layers"):
        Subject(video, canvas_path=mixed).canvas  # noqa: B018
    assert list(Subject(video, canvas_path=mixed, layers=["head"]).canvas) == ["head"]


def test_without_the_old_layer_it_opens(mixed, nerv):
    write_layer(nerv, mixed / "head", "head", settings=CanvasSettings(device="cpu"))
    assert list(xinc.open_canvas(mixed).children) == ["block1", "head"]


def test_canvases_of_before_networks_were_noted(mixed):
    change(mixed / "head" / "zarr.json", network="")
    assert list(xinc.open_canvas(mixed).children) == ["block1", "head"]
    file = mixed / "block1" / "zarr.json"
    content = json.loads(file.read_text())
    del content["attributes"]["xinc"]["network"]
    file.write_text(json.dumps(content))
    assert list(xinc.open_canvas(mixed).children) == ["block1", "head"]


def test_in_memory_and_dense_copies_are_of_the_same_network(nerv, write, tmp_path):
    root = write(nerv)
    copy = xinc.materialise(root, tmp_path / "dense.zarr", frames=1, neurons=2)
    for tree in (xinc.dissect(nerv), xinc.open_canvas(root), copy):
        assert {layer.attrs["xinc"]["network"] for layer in tree.children.values()} == {identity(nerv)}


def test_the_identity_of_a_network(tmp_path):
    model = build(*NERV, seed=3)
    save_model(model, tmp_path / "model.pt", {"outcome": {"psnr": 30.0}})
    assert identity(load(tmp_path / "model.pt")) == identity(build(*NERV, seed=3)) == identity(model)
    others = [build(*NERV, seed=4), build("nerv", NERV[1] | {"lower_width": 5}, *NERV[2:], seed=3)]
    assert len({identity(one) for one in (model, *others)}) == 3


def test_only_files_of_xinc_are_loaded_as_such(tmp_path):
    torch.save({"state_dict": {"layers.0.weight": torch.zeros(2, 2)}}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth is not a model\.pt of xinc") as caught:
        load(tmp_path / "other.pth")
    (page,) = re.findall(r"docs/[\w/-]+\.md", str(caught.value))
    assert (Path(__file__).parents[2] / page).exists()
