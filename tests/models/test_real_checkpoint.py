"""The HNeRV that its authors published for bunny: 640×1280, 132 frames, five blocks; dense, 591 GB a frame."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import xinc
from tests.conftest import SHARED
from tests.helpers.tiers import exhaustive
from xinc.canvas.writer import write_layer
from xinc.contributions.maps import LayerMaps
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.store import open_video

pytestmark = pytest.mark.slow

CHECKPOINT = SHARED / "checkpoints" / "hnerv_bunny_quant_vid.pth"
ROOT = Path(__file__).resolve().parents[2]
NEURONS = {"block1": 96_900, "block2": 43_776, "block3": 30_720, "block4": 5_280, "block5": 3_696, "head": 84}

#: PSNR in dB that its decoder reaches on these frames (numbered from 0), published beside the file.
REACHED = {0: 32.9, 66: 32.8, 131: 33.6}


@pytest.fixture(scope="module")
def model():
    if not CHECKPOINT.is_file():
        pytest.skip(f"the published checkpoint is not there: {CHECKPOINT}")
    return xinc.load_model(CHECKPOINT)


def test_it_needs_no_hints(model):
    assert (model.name, model.resolution, len(model.frames)) == ("hnerv", (640, 1280), 132)
    assert model.settings.strides == (5, 4, 4, 2, 2)
    assert model.settings.widths == (68, 57, 48, 40, 33, 28)
    assert model.settings.kernel_sizes() == (1, 3, 5, 5, 5)
    assert model.embeddings.shape == (132, 16, 2, 4)
    assert model.encoder is None


@pytest.mark.parametrize("frame", [one if one == 66 else pytest.param(one, marks=exhaustive) for one in REACHED])
def test_it_decodes_as_published(model, tmp_path, frame):
    video = VideoSettings(
        name="a", source="example:bunny", start=frame, count=1, crop="640x1280", resolution="640x1280"
    )
    prepare_video(video, tmp_path / "video.zarr")
    with open_video(tmp_path / "video.zarr") as stored:
        source = stored["frames"].transpose("frame", "channel", "y", "x").values[0]
    error = np.square(model.reconstruct(frame).clamp(0, 1).numpy().astype(np.float64) - source).mean()
    assert -10 * np.log10(error) == pytest.approx(REACHED[frame], abs=0.1)


@exhaustive
def test_its_canvas_is_stored_and_opened(model, tmp_path):
    """Every layer of a frame; single maps out of the store are those of the definition."""
    for name in model.layer_names():
        write_layer(model, tmp_path / "canvas.zarr" / name, name, [66])
    canvas = xinc.open_canvas(tmp_path / "canvas.zarr")
    assert {name: layer["contribution"].sizes["neuron"] for name, layer in canvas.children.items()} == NEURONS
    assert sum(layer["contribution"].nbytes for layer in canvas.children.values()) > 590e9
    assert sum(f.stat().st_size for f in (tmp_path / "canvas.zarr").rglob("*") if f.is_file()) < 1e9
    trace = model.trace(66)
    for name, v in trace.inputs().items():
        chosen = [0, NEURONS[name] // 3, NEURONS[name] - 1]
        expected = LayerMaps.of(trace, name).expand(v, torch.tensor(chosen)).numpy()
        found = canvas[name]["contribution"].isel(frame=0, neuron=chosen).values
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@exhaustive
def test_its_last_layers_are_analysed_in_little_memory(model):
    """In a process of its own. All layers: python -m benchmarks.checkpoint, see docs/explanation/performance.md."""
    words = [sys.executable, "-m", "benchmarks.checkpoint", str(CHECKPOINT), "--layers", "block5", "head"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["analysed"] == {"intensity": ["block5", "head"], "grouping": ["block5", "head"]}
    assert found["dense_gb"] > 12
    assert found["peak_gb"] < 4
