"""An architecture, a layout, an analysis and an activation of another distribution, as users write and install one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.distributions import OUTSIDE, install
from tests.helpers.tiers import exhaustive

#: What a user does with the network, its files, the analysis and the activation of the other distribution.
USE = """
import sys
import torch, xinc
from xinc.analyses import analyses
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import subject_of
from xinc.canvas.writer import write_canvas_of
from xinc.contributions.maps import LayerMaps
from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.imports.layouts import layouts
from xinc.models.storage import build, save_model
from xinc.trace.activations import activations
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings

assert {"planes", "nerv"} <= set(architectures) and {"spread", "maps"} <= set(analyses)
assert activations.origin("snake") == ("outside.snake", "outside-of-xinc", "0.3")
assert architectures.origin("planes") == ("outside.planes", "outside-of-xinc", "0.3")
assert analyses.origin("spread") == ("outside.spread", "outside-of-xinc", "0.3")
model = build("planes", {"waves": 3}, (16, 32), [0, 2], 4)
save_model(model, "planes.pt")
save_model(build("siren", {"layers": 2}, (16, 32), [0], 4), "siren.pt")
snaky = build("siren", {"layers": 2, "hidden_width": 4, "activation": "snake(0.5)"}, (16, 32), [0], 4)
save_model(snaky, "snaky.pt")
write_canvas_of("snaky.pt", "snaky.zarr", ["layer1"], {"layout": "factored", "granularity": "kernel"})
maps = xinc.open_canvas("snaky.zarr")["layer1"]["contribution"].values
expected = LayerMaps.of(snaky.trace(0), "layer1", "kernel").expand(snaky.trace(0).input)
torch.testing.assert_close(torch.as_tensor(maps[0]), expected)
state = {"mixing.0": torch.randn(2, 2), "offset.0": torch.randn(2)}
torch.save(state | {"mixing.1": torch.randn(3, 2), "offset.1": torch.randn(3)}, "theirs.pth")
hints = {"resolution": [16, 32], "num_frames": 4, "frames": [1]}
assert layouts.origin("planes_file") == ("outside.planes_file", "outside-of-xinc", "0.3")
assert "outside.planes_file" not in sys.modules
for given, said in (({}, "unknown layout"), ({"layout": "siren"}, "does not have the layout 'siren'"),
                    ({"layout": "plane_file"}, "did you mean 'planes_file'")):
    try:
        xinc.load_model("theirs.pth", **hints, **given)
    except InputError as error:
        assert said in str(error), error
    else:
        raise AssertionError(said)
theirs = xinc.load_model("theirs.pth", layout="planes_file", **hints)
assert (theirs.name, theirs.settings.waves) == ("planes", 2)
assert torch.equal(theirs.weights[0][0], state["mixing.0"])
write_canvas_of("planes.pt", "canvas.zarr", ["layer1"], {})
prepare_video(VideoSettings(name="v", source="example:collage", count=4, resolution="16x32"), "video.zarr")
run_analysis("spread", {"frames": [2]}, subject_of("video.zarr", canvas="canvas.zarr"), "spread")
run_analysis("maps", {}, subject_of("video.zarr", canvas="canvas.zarr"), "maps")
assert open_result("spread")["spread"].sizes == {"layer": 1, "frame": 1, "y": 16, "x": 32}
assert open_result("spread").attrs["distribution"] == "outside-of-xinc 0.3"
assert "distribution" not in open_result("maps").attrs
files = [torch.load(name, weights_only=True) for name in ("planes.pt", "siren.pt")]
assert [file.get("distribution") for file in files] == ["outside-of-xinc 0.3", None]
"""

#: What another user does, who has the files and not the distribution.
LACKS = """
import xinc
from xinc.analyses.draw import draw_figures
from xinc.errors import InputError

for use in (lambda: xinc.load_model("planes.pt"), lambda: draw_figures("spread", {}, "spread", "figures"),
            lambda: xinc.load_model("snaky.pt"),
            lambda: xinc.open_canvas("snaky.zarr")["layer1"]["contribution"].load()):
    try:
        use()
    except InputError as error:
        print(error)
"""


def python(code: str, folder: Path, *paths: Path) -> str:
    """What a program prints that runs in a folder; the checkout is found, and these paths."""
    found = [*paths, Path(__file__).parents[1]]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, found)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@exhaustive
@pytest.mark.slow
def test_what_another_distribution_brings(tmp_path: Path) -> None:
    install(OUTSIDE, tmp_path / "site")
    python(USE, tmp_path, tmp_path / "site")
    said = python(LACKS, tmp_path).splitlines()
    lacking = "is part of another distribution, outside-of-xinc 0.3, which is not installed: install it."
    assert said == [
        f"planes.pt: The architecture 'planes' {lacking}",
        f"The analysis 'spread' {lacking}",
        f"snaky.pt: The activation 'snake' {lacking}",
        f"The activation 'snake' {lacking}",
    ]
