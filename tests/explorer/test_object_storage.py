"""Canvases on object storage, found and explored like those on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import object_storage
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.errors import InputError
from xinc.explorer.session import Session
from xinc.explorer.sources import find_sources
from xinc.models.storage import build

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with object_storage.server() as address:
        yield address


def test_a_folder_of_results_on_object_storage(server: str, tmp_path: Path) -> None:
    bucket = object_storage.new_bucket()
    model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(2), 2, seed=1)
    for root in (f"{bucket}/results", str(tmp_path / "results")):
        for layer in model.layer_names():
            write_layer(
                model, f"{root}/clip/nerv/seed0/canvas.zarr/{layer}", layer, settings=CanvasSettings(device="cpu")
            )
    for below in ("results", "results/clip", "results/clip/nerv/seed0", "results/clip/nerv/seed0/canvas.zarr"):
        assert [one.name for one in find_sources(f"{bucket}/{below}")] == ["clip/nerv/seed0"]
    remote, local = Session(f"{bucket}/results"), Session(tmp_path / "results")
    at = {"network": "clip/nerv/seed0", "layer": "block2", "frame": 1}
    for question in ({"ask": "rank", **at, "place": {"pixel": [3, 4]}}, {"ask": "map", **at, "neuron": 2}):
        (head, arrays), (own, expected) = (session.ask(question).parts() for session in (remote, local))
        assert head.partition('"ms"')[0] == own.partition('"ms"')[0]
        assert arrays == expected
    about = remote.ask({"ask": "network", "network": "clip/nerv/seed0"}).head
    assert (about["video"], about["model"]) == (False, False)
    with pytest.raises(InputError, match=r"nothing at|no canvas in"):
        find_sources(f"{bucket}/elsewhere")
