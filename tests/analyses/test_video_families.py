"""Analyses of the field's video networks: residuals, depthwise kernels, look-ups over time, modulation."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from tests.helpers.stepwise import SMALL
from tests.helpers.subjects import QUICK, Make
from tests.helpers.tiers import exhaustive
from xinc.analyses import analyses
from xinc.analyses.plot import plot_all
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import Subject
from xinc.canvas.written import write_canvas
from xinc.models.storage import build, save_model

pytestmark = [pytest.mark.slow, exhaustive]

#: Of a HiNeRV, every kind of layer; of the others, one before and one behind a modulation.
LAYERS = {
    "hinerv": ["grid", "stage1.grid", "stage1.encoding", "stage2.block1.depthwise", "stage2.block1.expand", "head"],
    "enerv": ["block1.conv1", "head"],
    "hnerv_boost": ["stem.conv2", "head"],
}
#: Settings of analyses; `released` without UMAP, which takes long to start.
CHEAP = QUICK | {"released": {"clusters": None}}
#: Every analysis of one network, of a HiNeRV; of the others, those that look at the network itself, which is no chain.
EVERY = [name for name in analyses if analyses[name].scope == "network" and analyses[name].architectures is None]
CASES = [("hinerv", name) for name in EVERY]
CASES += [(model, name) for model in ("enerv", "hnerv_boost") for name in ("pixels_per_neuron", "faithfulness")]


@pytest.fixture(scope="module")
def subject(subjects: Make, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``subject(model)``: of four frames, never trained."""

    @functools.cache
    def make(name: str) -> Subject:
        root = tmp_path_factory.mktemp(name)
        model = build(name, SMALL[name], (16, 32), [0, 1, 2, 3], 4, seed=1).eval()
        for parameter in model.parameters():  # grids begin near zero
            if float(parameter.detach().abs().max()) <= 1e-3:
                torch.nn.init.normal_(parameter)
        save_model(model, root / "model.pt")
        write_canvas(model, root / "canvas.zarr", layers=LAYERS[name])
        found = subjects("nerv")
        return Subject(
            found.video_path, root / "model.pt", None, root / "canvas.zarr", found.regions_path, found.flow_path
        )

    return make


@pytest.mark.parametrize(("model", "name"), CASES)
def test_it_runs_and_is_drawn(model: str, name: str, subject: Any, tmp_path: Path) -> None:
    run_analysis(name, CHEAP.get(name), subject(model), tmp_path / name, {"video": "clip", "seed": "1", "model": model})
    figures = plot_all(tmp_path / name)
    assert figures
    assert all(isinstance(figure, Figure) for figure in figures.values())
