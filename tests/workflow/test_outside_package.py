"""An architecture and an analysis of another distribution in the workflow: used by name, and made again by an edit."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from tests.helpers import small
from tests.helpers.distributions import OUTSIDE, install
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import Workspace, jobs, studied

pytestmark = [pytest.mark.workflow, pytest.mark.slow, exhaustive]

#: Everything made of the network of the other distribution.
PLANES = (
    jobs("train", video="clip", model="planes", seed=0)
    | jobs("canvas", video="clip", model="planes", seed=0)
    | studied("planes", ["quality", "spread"])
)
#: Everything made by its analysis, of its own network and of one of ours.
SPREAD = studied("planes", ["spread"]) | studied("siren", ["spread"])


def config() -> dict[str, Any]:
    values = small.config()
    siren = values["models"]["siren"]
    return values | {
        "models": {"siren": siren, "planes": siren | {"architecture": "planes", "settings": {"waves": 3}}},
        "analyses": {"quality": {"show": 2}, "spread": {"frames": 1}},
    }


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_another_distribution_in_the_workflow(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path)
    install(OUTSIDE, tmp_path / "site")
    # Beside the library, where Python looks already.
    for part in (tmp_path / "site").iterdir():
        part.rename(space.code / part.name)
    small.write_clip(space.run)
    small.write_table(space.run)
    space.configure(config())
    space.make()
    result = xr.open_zarr(space.run / "results/clip/planes/seed0/spread/result.zarr", consolidated=False)
    assert (result.attrs["architecture"], result.attrs["distribution"]) == ("planes", "outside-of-xinc 0.3")

    outside = space.code / "outside"
    edit(outside / "planes.py", "Plane waves, one", "Waves, one")
    assert space.pending() == set(), "a description"
    edit(outside / "spread" / "figure.py", 'result["spread"]', 'abs(result["spread"])')
    assert space.remake() == {job for job in SPREAD if job.startswith(("figure ", "report"))}
    edit(outside / "spread" / "compute.py", '.std("neuron")', '.std("neuron", ddof=1)')
    assert space.remake() == SPREAD
    edit(outside / "waves.py", "0.25", "0.5")
    assert space.remake() == PLANES, "a module that the network imports"
    [metadata] = space.code.glob("outside_of_xinc-*.dist-info/METADATA")
    edit(metadata, "Version: 0.3", "Version: 0.4")
    assert space.pending() == PLANES | SPREAD
    ask = ["why", "results/clip/siren/seed0/spread", "--configfile", "config.yaml"]
    why = [space.python, "-c", f"from xinc.experiment.cli import main; main({ask})"]
    said = subprocess.run(why, cwd=space.run, env=space.environment(), capture_output=True, text=True, check=True)
    assert "outside-of-xinc" in said.stdout
