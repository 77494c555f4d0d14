"""Networks that functions of the user's make, by Snakemake, and what an edit of theirs brings about."""

from __future__ import annotations

import copy
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
import xarray as xr

import xinc
from tests.helpers import small
from tests.helpers.distributions import OUTSIDE
from tests.helpers.subjects import QUICK
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import REPORT, Workspace, jobs, studied

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.workflow, pytest.mark.slow, exhaustive]

#: Of each model, the layers that are kept: one that runs twice, one beside a skip connection.
LAYERS = {"waves": ["first.linear", "hidden.linear@2"], "decoder": ["body.0", "skip"]}
ANALYSES = ["error", "faithfulness", "quality"]


def config() -> dict[str, Any]:
    models: dict[str, Any] = {
        "waves": {"module": "outside.nets:coordinates", "frames": [0, 2]},
        "decoder": {"module": "nets:decoder", "checkpoint": "{video}.pt"},
    }
    for name, of in models.items():
        of |= {"min_psnr": None, "canvas": {"layers": LAYERS[name]}}
    analyses = {"error": {}, "faithfulness": copy.deepcopy(QUICK["faithfulness"]), "quality": {"show": 2}}
    return small.config() | {"models": models, "analyses": analyses | {"findings": {}}}


def branch(model: str) -> set[str]:
    """Everything made of a model's network, and what follows from any."""
    own = jobs("make_module", video="clip", model=model, seed=0)
    own |= jobs("canvas", video="clip", model=model, seed=0)
    project = {name for rule in ("analysis", "figure") for name in jobs(f"{rule}_of_project", analysis="findings")}
    return own | studied(model, ANALYSES) | project | REPORT


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_modules_in_the_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = Workspace.create(tmp_path)
    # One beside the library, where Python looks already; the other where Snakemake runs.
    shutil.copytree(OUTSIDE / "outside", space.code / "outside")
    shutil.copy(OUTSIDE / "outside" / "waves.py", space.run / "nets_waves.py")
    nets = (OUTSIDE / "outside" / "nets.py").read_text(encoding="utf-8")
    (space.run / "nets.py").write_text(nets.replace("from outside.waves", "from nets_waves"), encoding="utf-8")
    small.write_clip(space.run)
    small.write_table(space.run)
    monkeypatch.syspath_prepend(str(OUTSIDE))
    from outside.nets import Decoder

    def write_weights(seed: int) -> Decoder:
        torch.manual_seed(seed)
        network = Decoder(small.HEIGHT, small.WIDTH)
        torch.save({"model": {f"module.{n}": t for n, t in network.state_dict().items()}}, space.run / "clip.pt")
        return network

    trained = write_weights(1)
    space.configure(config())
    space.make()
    for model, layers in LAYERS.items():
        canvas = xinc.open_canvas(space.run / "results" / "clip" / model / "seed0" / "canvas.zarr")
        assert sorted(canvas) == sorted(layers)
    monkeypatch.syspath_prepend(str(space.run))
    made = xinc.load_model(space.run / "results/clip/decoder/seed0/model.pt", module="nets:decoder")
    with torch.no_grad():
        torch.testing.assert_close(made.reconstruct(3), trained(torch.tensor([3 / 4]))[0])
    result = xr.open_zarr(space.run / "results/clip/waves/seed0/quality/result.zarr", consolidated=False)
    assert result.attrs["architecture"] == "Coordinates"
    assert space.pending() == set()

    edit(space.code / "outside" / "nets.py", "the same layer twice", "one layer twice")
    assert space.pending() == set(), "a description"
    edit(space.run / "nets_waves.py", "0.25", "0.5")
    assert space.pending() == branch("decoder"), "a file that the module imports"
    edit(space.run / "nets_waves.py", "0.5", "0.25")
    write_weights(2)
    assert space.pending() == branch("decoder"), "its weights"
    write_weights(1)
    edit(space.code / "outside" / "nets.py", "torch.sin(5 *", "torch.sin(4 *")
    assert space.pending() == branch("waves"), "the module itself"
    (space.run / "clip.pt").write_bytes(b"no weights")
    done = space.snakemake("--cores", "1")
    assert done.returncode != 0
    assert "Error: clip.pt is not a PyTorch file, it begins with 'no weights'" in done.stdout
