"""Subjects that jobs make of their files: a layer that the configuration asks for and the canvas lacks is an error."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from xinc.canvas.written import write_canvas
from xinc.errors import InputError
from xinc.experiment.subjects import subject_from
from xinc.models.storage import build

LAYERS = ["block2", "head"]


@pytest.fixture
def canvases(tmp_path: Path) -> list[str]:
    """Of two seeds, with all layers of their networks."""
    found = []
    for seed in (0, 1):
        model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), [0], 1, seed)
        found.append(str(tmp_path / "results" / "clip" / "nerv" / f"seed{seed}" / "canvas.zarr"))
        write_canvas(model, found[-1])
    return found


def test_layers_are_those_that_are_asked_for(canvases: list[str]) -> None:
    assert list(subject_from("maps", {"video": "v", "canvas": canvases[0], "layers": LAYERS}).canvas) == LAYERS
    seeds = subject_from("clusters", {"video": "v", "canvas": canvases, "layers": LAYERS})
    assert {seed: list(one.canvas) for seed, one in seeds.items()} == {0: LAYERS, 1: LAYERS}
    files: dict[str, Any] = {"canvas": canvases[0], "other_canvas": canvases[1], "layers": LAYERS}
    pair = subject_from("compare", {"video": "v", **files, "other_layers": ["block1"]})
    assert [list(one.canvas) for one in pair] == [LAYERS, ["block1"]]


def test_one_that_is_missing_is_an_error(canvases: list[str]) -> None:
    """As when its folder was removed: the canvas as a whole is still there for Snakemake."""
    shutil.rmtree(Path(canvases[0]) / "head")
    subject = subject_from("maps", {"video": "v", "canvas": canvases[0], "layers": LAYERS})
    with pytest.raises(InputError, match=r"canvas.zarr lacks head: remove it and run again, which makes it anew\."):
        subject.canvas  # noqa: B018
