"""The command `xinc warm`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.tiers import exhaustive
from xinc.errors import InputError
from xinc.experiment import cli, warm

AFTER = """
import sys
import numpy as np, xarray as xr, xinc
from pathlib import Path
from tests.helpers.tiny import tiny
from xinc.canvas import reductions
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.experiment.warm import compiled_functions, use_everything

folder = Path(sys.argv[1])
(folder / "small").mkdir()
use_everything(folder / "small")
before = {one: set(one.signatures) for one in compiled_functions()}
assert any(before.values())
for name in ("nerv", "ffn", "hashgrid"):
    model = tiny(name)
    for layout in ("factored", "auto" if name == "hashgrid" else "dense"):
        for layer in model.layer_names():
            settings = CanvasSettings(layout=layout, gain=True, probes=1, device="cpu")
            write_layer(model, folder / name / layout / layer, layer, settings=settings)
    trees = [xinc.dissect(model), *(xinc.open_canvas(folder / name / layout) for layout in ("factored", layout))]
    trees += [xinc.open_canvas(folder / name / "factored", gain=True)]
    for tree in trees:
        for node in tree.children.values():
            layer = node.to_dataset()
            size = layer.sizes["y"], layer.sizes["x"]
            labels = {"a": np.indices(size).sum(0) // 5, "b": np.tri(*size, dtype=int) - 1}
            xinc.summarise(layer, labels, layer["frame"].values[-2:].tolist())
            reductions.pixels_over_share(layer, share=0.1)
            reductions.neurons_over(layer, [0.1])
            reductions.region_sums(layer.isel(y=slice(1, 6), neuron=[2, 0]), {"a": np.zeros((5, size[1]), int)})
            layer["contribution"].isel(y=[3, 1], neuron=slice(None, None, 2)).load()
            if name == "nerv":
                by = "gained" if layer.attrs["xinc"]["gain"] == "applied" else "contribution"
                xinc.top_neurons(layer, pixel=(3, 3), frames=layer["frame"].values[:1].tolist(), by=by)
new = {one.__name__: set(one.signatures) - before.get(one, set()) for one in compiled_functions()}
assert not any(new.values()), new
"""


@exhaustive
@pytest.mark.slow
def test_nothing_is_compiled_after_it(tmp_path):
    """Whatever reads canvases of other networks, layouts and parts finds code for its types of arrays."""
    done = subprocess.run([sys.executable, "-c", AFTER, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_it_says_what_it_did(monkeypatch, capsys):
    monkeypatch.setattr(warm, "use_everything", lambda folder: None)
    monkeypatch.setattr(warm, "kept_code", lambda: ({"b", "a"}, 3, 8))
    assert cli.main(["warm"]) == 0
    said = capsys.readouterr().out
    assert "3 functions were compiled for this machine and 8 had been before (0 s): a, b" in said


def test_without_a_place_it_is_an_error(monkeypatch):
    monkeypatch.setattr(warm, "use_everything", lambda folder: None)
    monkeypatch.setattr(warm, "kept_code", lambda: (set(), 3, 0))
    with pytest.raises(InputError, match="set NUMBA_CACHE_DIR to a folder"):
        list(warm.warm())
