"""Peak memory of jobs and answers about a network of many neurons: the default hash grid, 708,592 of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.tiers import exhaustive
from xinc.canvas.written import write_canvas
from xinc.models.storage import build, save_model
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.sources.examples import compose

pytestmark = [pytest.mark.slow, exhaustive]

#: Bytes that a process may hold at its peak, its libraries among them.
MOST = 1e9

#: The peak of this process's own pages; what `resource` says is that of the process that it was forked from, too.
_PEAK = """
import json, sys
from pathlib import Path
from xinc.runtime import process
process.is_job = True
root, what, settings = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
if what == "canvas":
    from xinc.canvas.writer import write_canvas_of
    write_canvas_of(str(root / "model.pt"), str(root / "again.zarr"), ["grid", "layer1", "layer2", "layer3"], settings)
elif what == "blame":
    from xinc.explorer.session import Session
    from xinc.video.store import open_video
    session = Session(str(root / "canvas.zarr"), open_video(root / "video.zarr"))
    at = {"network": session.ask({"ask": "networks"}).head["first"], "layer": "grid", "frame": 0}
    for by in ("contribution", "gained", "effect", "blame"):
        session.ask({"ask": "rank", **at, "place": {"box": [10, 40, 20, 90]}, "by": by})
else:
    from xinc.analyses.run import run_analysis
    from xinc.analyses.subject import Subject
    subject = Subject(root / "video.zarr", root / "model.pt", None, root / "canvas.zarr")
    run_analysis(what, settings, subject, root / what)
[line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(line.split()[1]) * 1024)
"""
SETTINGS = {
    "pruning": '{"criteria": ["map_weight", "gauss_newton"], "shares": [0.3], "draws": 1, "finetune_epochs": 1}',
    "canvas": '{"device": "cpu"}',
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("memory")
    (found / "frames").mkdir()
    Image.fromarray(compose(0)[0]).save(found / "frames" / "0.png")
    video = VideoSettings(name="one", source=str(found / "frames"), resolution=(128, 256))
    prepare_video(video, found / "video.zarr")
    model = build("hashgrid", {}, (128, 256), [0], 1, seed=1).eval()
    model.tables.data.mul_(3e3)  # type: ignore[operator, union-attr]
    save_model(model, found / "model.pt")
    write_canvas(model, found / "canvas.zarr")
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("what", ["canvas", "error", "faithfulness", "pruning", "blame"])
def test_a_network_of_many_neurons_fits_into_memory(what: str, root: Path) -> None:
    command = [sys.executable, "-c", _PEAK, str(root), what, SETTINGS.get(what, "null")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(run.stdout.split()[-1]) < MOST, what
