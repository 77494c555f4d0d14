"""An architecture and an analysis of another distribution, as users write and install one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.distributions import OUTSIDE, install

#: What a user does with the network and the analysis of the other distribution.
USE = """
import torch, xinc
from xinc.analyses import analyses
from xinc.analyses.results import open_result
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import subject_of
from xinc.canvas.writer import write_canvas_layer
from xinc.models import architectures
from xinc.models.storage import build, save_model
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings

assert {"planes", "nerv"} <= set(architectures) and {"spread", "maps"} <= set(analyses)
assert architectures.origin("planes") == ("outside.planes", "outside-of-xinc", "0.3")
assert analyses.origin("spread") == ("outside.spread", "outside-of-xinc", "0.3")
model = build("planes", {"waves": 3}, (16, 32), [0, 2], 4)
save_model(model, "planes.pt")
save_model(build("siren", {"layers": 2}, (16, 32), [0], 4), "siren.pt")
write_canvas_layer("planes.pt", "canvas.zarr/layer1", "layer1", {})
prepare_video(VideoSettings(name="v", source="example:collage", count=4, resolution="16x32"), "video.zarr")
run_analysis("spread", {"frames": [2]}, subject_of("video.zarr", layers=["canvas.zarr/layer1"]), "spread")
run_analysis("maps", {}, subject_of("video.zarr", layers=["canvas.zarr/layer1"]), "maps")
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

for use in (lambda: xinc.load_model("planes.pt"), lambda: draw_figures("spread", {}, "spread", "figures")):
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


@pytest.mark.slow
def test_what_another_distribution_brings(tmp_path: Path) -> None:
    install(OUTSIDE, tmp_path / "site")
    python(USE, tmp_path, tmp_path / "site")
    said = python(LACKS, tmp_path).splitlines()
    lacking = "is part of another distribution, outside-of-xinc 0.3, which is not installed: install it."
    assert said == [f"planes.pt: The architecture 'planes' {lacking}", f"The analysis 'spread' {lacking}"]
