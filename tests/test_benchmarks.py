"""The baseline of the benchmarks says what the library says, and a quick run writes what the documentation reads."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import xinc
from benchmarks import dense_baseline, explorer, gpu, interventions, plan, roofline, tasks, training, training_tasks
from benchmarks.training_baseline import plain_epochs
from tests.helpers.browser import browser
from tests.helpers.datasets import write_vipseg
from tests.helpers.tiers import exhaustive
from xinc.experiment.config import read_config
from xinc.models.storage import build
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings

ROOT = Path(__file__).resolve().parents[1]


def quick_run(name: str, folder: Path, *words: str) -> tuple[str, Any]:
    """What a benchmark with small networks prints, and the numbers that it writes."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick", *words, "--output", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((folder / f"{name}.json").read_text("utf-8"))


LAYERS = ["block1", "block2", "block3", "head"]
PERCENTS = (10, 50)


@pytest.fixture(scope="module")
def model():
    settings = {"strides": [2, 1, 3], "widths": [3, 2, 4, 3], "kernel_size": [3, 5, 1], "embed_levels": 4}
    return build("nerv", settings, (12, 24), range(3), 3)


@pytest.fixture(scope="module")
def labels():
    y, x = np.mgrid[:12, :24]
    return {"halves": y // 6, "columns": x // 5}


def close(found, expected):
    expected = np.asarray(expected)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=2e-5 * max(np.abs(expected).max(), 1e-30))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("block_bytes", [1, 4000, 2**26])
def test_baseline_has_the_librarys_maps(model, name, block_bytes):
    expected = xinc.dissect(model, [2], [name])[name]["contribution"].values[0]
    close(dense_baseline.dense_maps(model.trace(2), name, block_bytes), expected)


@pytest.mark.parametrize("streamed", [False, True])
def test_baseline_writes_what_any_reader_of_zarr_opens(model, tmp_path, monkeypatch, streamed):
    monkeypatch.setattr(dense_baseline, "CHUNK_NEURONS", 7)
    dense_baseline.write_canvas(model.trace(1), tmp_path / "dense.zarr", streamed)
    for name, layer in xinc.dissect(model, [1]).children.items():
        written = xr.open_zarr(tmp_path / "dense.zarr" / name, consolidated=False)
        close(written["contribution"], layer["contribution"])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("reduce", [tasks.everything, tasks.summary])
def test_baseline_has_the_librarys_reductions(model, labels, name, reduce):
    expected = dense_baseline.all_reductions(model.trace(2), name, labels, PERCENTS, model.trace(1))
    layer = xinc.dissect(model, layers=[name])[name].to_dataset()
    found = reduce(layer, 2, labels)
    for key in ("total", "minimum", "maximum"):
        close(np.squeeze(found["statistics"][key]), expected[key])
    for key in labels:
        close(np.squeeze(found["regions"][key]), expected[key])
    for key in ("sum_abs", "fluctuation", "area_quantiles"):
        close(np.squeeze(found[key]), expected[key])
    # Counts: the two differ in rounding, so a contribution that is at the threshold may fall on either side.
    for key in ("pixels_over_share", "neurons_over"):
        differ = np.abs(np.squeeze(found[key]).astype(int) - expected[key].astype(int))
        assert differ.max() <= 2
        assert differ.mean() < 0.05
    close(dense_baseline.sum_abs(model.trace(2), name), expected["sum_abs"])


def test_operations_are_counted_as_the_definition_has_them():
    """A block of one kernel, upscaled by 2, before a head: counted by hand."""
    count = roofline.operations(source=(4, 5), kernel_size=3, activation="gelu", upscale=2, later=[(3, 1, "identity")])
    source = 20 * (2 * 9 + roofline.ACTIVATION_FLOP["gelu"])
    # Zero-insertion by 2 and a box of 3: even positions see one source pixel, odd ones two, but the last one. So there
    # are 14 taps for the 10 columns and 11 for the 8 rows; a sum of t terms is 2·t − 1 operations.
    assert count == source + 4 * (2 * 14 - 10) + 10 * (2 * 11 - 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ffn", "nerv", "siren"])
def test_plain_loop_learns_what_the_library_learns(name):
    """From the same initial weights by the same batches and learning rates; only rounding differs."""
    small = {"ffn": {"sigma": 1.0, "hidden_width": 8}, "siren": {"hidden_width": 8, "layers": 3, "omega": 5.0}}
    small["nerv"] = {"strides": [2, 2], "widths": [6, 5, 4], "embed_levels": 6}
    frames = [1] if name != "nerv" else [0, 1, 2]
    data = torch.rand(len(frames), 3, 8, 12, generator=torch.Generator().manual_seed(0))
    settings = TrainingSettings(epochs=12, threads=1, device="cpu")
    expected = fit(build(name, small[name], (8, 12), frames, 3), data, settings)
    for kept in (False, True):
        losses = list(plain_epochs(build(name, small[name], (8, 12), frames, 3), data, settings, kept))
        np.testing.assert_allclose(losses, [row["loss"] for row in expected.rows], rtol=1e-4)


def test_operations_of_a_step_by_hand():
    """An FFN of 4 features, 5 channels and two layers on 6 pixels; a NeRV of one block after its stem."""
    ffn = build("ffn", {"fourier_features": 4, "hidden_width": 5, "layers": 2}, (2, 3), [0], 1)
    assert training_tasks.operations(ffn) == 6 * (2 * 2 * 8 * 5 + 3 * 2 * 5 * 3 + 2 * 5)
    nerv = build("nerv", {"strides": [2], "widths": [3, 2], "embed_levels": 4}, (4, 6), [0], 1)
    stem = 2 * 2 * (8 * 18 + 18) + 40 * 18
    block = 6 * (3 * 2 * 3 * 8 * 9 + 40 * 8)
    head = 24 * 3 * 2 * 2 * 3 * 9
    assert training_tasks.operations(nerv) == stem + block + head


@exhaustive
@pytest.mark.slow
def test_quick_run_of_training(tmp_path):
    said, found = quick_run("training", tmp_path, "--repeats", "1")
    assert set(found) == {"machine", "nerv", "ffn", "threads", "curves", "quality"}
    assert [(row["model"], row["busy processes beside"]) for row in found["threads"]] == [("ffn", 0), ("ffn", 1)]
    assert all(row[how] > 0 for row in found["threads"] for how in training.THREADS)
    for part in ("nerv", "ffn"):
        rows = found[part]["rows"].values()
        assert all(row["frames_per_second"] > 0 and 0 < row["share_of_peak"] < 1 for row in rows)
    assert {how: len(rows) for how, rows in found["curves"].items()} == {
        "plain loop": 3,
        "xinc": 3,
        "xinc, bfloat16": 3,
    }
    assert found["quality"]["means"]["nerv"]["xinc"] == pytest.approx(
        found["quality"]["means"]["nerv"]["plain"], abs=0.1
    )
    assert "| model | video | seed |" in said
    assert (tmp_path / "training.png").stat().st_size < 100_000


@exhaustive
@pytest.mark.slow
def test_quick_run_of_the_gpu_script(tmp_path):
    """The same command on the CPU: every part ends with numbers, and the tables name them."""
    _, found = quick_run("gpu", tmp_path, "--device", "cpu")
    assert set(found) == set(gpu.PARTS)
    assert found["tests"]["failed"] == []
    assert found["tests"]["counts"]["passed"] > 0
    for part in ("nerv", "ffn"):
        assert found[part]["float32"]["epochs"] == 4
        assert found[part]["float32"]["ratio"] > 0
    assert len(found["nerv"]["five seeds"]["psnr"]) == 5
    assert [row["layer"] for row in found["canvas"]["rows"]] == ["block1", "block2", "head"]
    assert (tmp_path / "gpu.md").read_text("utf-8") == gpu.report(found)


def test_a_gpu_script_that_cannot_run_says_what_to_do(tmp_path, monkeypatch, capsys):
    """No GPU, or a package less; a part that breaks costs that part only."""
    if not torch.cuda.is_available():
        assert gpu.main(["--output", str(tmp_path)]) == 2
        assert "PyTorch finds no CUDA GPU" in capsys.readouterr().err
    monkeypatch.setattr(gpu, "NEEDED", ["json", "no_such_package"])
    assert gpu.main(["--device", "cpu", "--output", str(tmp_path)]) == 2
    assert 'make wheels WHEELS="no_such_package"' in capsys.readouterr().err
    monkeypatch.setattr(gpu, "NEEDED", [])
    monkeypatch.setitem(gpu.PARTS, "ffn", lambda *_: 1 / 0)
    assert gpu.main(["--device", "cpu", "--quick", "--only", "ffn", "machine", "--output", str(tmp_path)]) == 1
    found = json.loads((tmp_path / "gpu.json").read_text("utf-8"))
    assert "division by zero" in found["ffn"]["not_measured"]
    assert "Not measured: ffn (ZeroDivisionError: division by zero)." in (tmp_path / "gpu.md").read_text("utf-8")
    assert found["machine"]["cores"]


@exhaustive
@pytest.mark.slow
def test_quick_run(tmp_path):
    said, found = quick_run("canvas", tmp_path, "--repeats", "1")
    assert set(found) == {"machine", "write", "reductions", "sum", "frames", "cold", "chunks", "source", "roofline"}
    assert {"time", "bytes", "peak", "peak_above_imports"} <= set(found["write"]["ratios"]["dense / xinc"])
    assert {"time", "peak"} <= set(found["reductions"]["ratios"]["dense / xinc.summarise"])
    assert all(math.isfinite(row["seconds"]) for row in found["frames"]["rows"])
    assert {row["what"] for row in found["cold"]["rows"]} == {"neuron", "pixel", "crop"}
    assert {"layer", "flop_per_map", "seconds", "share_of_peak"} <= set(found["roofline"]["rows"][0])
    assert "| frames |" in said
    assert (tmp_path / "frames.png").stat().st_size < 100_000


def test_generated_data_set_has_vipsegs_size():
    """Section 4.1, table 1; the frames in all are those that VIPSeg's authors count."""
    found = plan.lengths(plan.VIDEOS)
    assert len(found) == 3536
    assert sum(found) == 84750
    assert (min(found), max(found)) == (4, 81)


def keys(value):
    """Names of all levels of a JSON, of lists those of the first entry."""
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return {name: keys(one) for name, one in value.items()} if isinstance(value, dict) else None


def test_generated_data_set_lies_as_vipseg_does(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_LINKS", 50)
    root = plan.write_tree(tmp_path / "made", 6)
    real = write_vipseg(tmp_path / "real", {"0_a": 4})
    lists = [json.loads((one / "panoptic_gt_VIPSeg.json").read_text("utf-8")) for one in (root, real)]
    assert keys(lists[0]) == keys(lists[1])
    assert {path.name for path in root.iterdir()} < {path.name for path in real.iterdir()}
    one = plan.Experiment.create(tmp_path / "run", root)
    monkeypatch.chdir(one.run)
    config = read_config("config.yaml")
    assert sorted(config.count(name) for name in config.videos) == sorted(plan.lengths(6))
    assert all(config.has_masks(name) for name in config.videos)
    assert config.file.seeds == (0, 1, 2, 3, 4)


@pytest.mark.slow
def test_planted_faults_are_counted(model):
    """Of a network that is right but for white noise, whose faults cost much."""
    noise = np.random.default_rng(0)
    images = {frame: model.reconstruct(frame).permute(1, 2, 0).numpy() for frame in (1, 0)}
    images = {frame: image + noise.normal(0, 0.005, image.shape).astype(np.float32) for frame, image in images.items()}
    found = interventions.measure(model, images, 200, 4, [32])
    assert found["frame"] == 1
    assert found["healthy"].startswith("No neuron stands out here")
    for layer, one in found["32 probes"]["rank_correlation"].items():
        assert one["neurons"] == min(200, xinc.dissect(model, [1], [layer])[layer].sizes["neuron"])
        assert one["squared_effect"] > 0.5
    for layers in found["faults"].values():
        assert set(layers) == set(LAYERS)
        assert sum(one["first"] for one in layers.values()) >= sum(one["named"] for one in layers.values()) > 0


@exhaustive
@pytest.mark.slow
def test_quick_run_of_reads(tmp_path):
    said, found = quick_run("reads", tmp_path, "--delay", "0")
    remote = {question: [row["requests"] for row in rows] for question, rows in found["s3"]["new"].items()}
    assert max(remote["layer"]) <= 15
    assert remote["neuron"][1:] == [0, 0]
    assert all(row["cpu_seconds"] > 0 for rows in found["disk"]["new"].values() for row in rows)
    assert "| box 1/16 |" in said


@exhaustive
@pytest.mark.slow
def test_quick_run_of_plan(tmp_path):
    said, found = quick_run("plan", tmp_path, "--only", "parts")
    first, again = found["parts"]
    # Of three videos: five jobs each, trainings and canvases of three networks and five seeds, and every analysis with
    # its figures, of those from frame to frame none for networks of one frame.
    assert first["jobs"] == again["jobs"] == 3 * (5 + 5 * (2 + 2 + 2) + 2 * (5 * (9 + 10 + 10) + 3)) + 1
    assert all(row["cpu_seconds"] > 0 and row["peak_mb"] > 100 for row in (first, again))
    assert "| part 1/2, again | 994 |" in said
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json"}


def test_the_table_of_the_explorer_is_put_into_its_page():
    found = {"example": {"idle": {"address": 0.6, "list": 90, "heat": 40}, "busy": {"address": 1, "list": 120}}}
    table = explorer.written(found)
    assert table.splitlines()[0] == "| ms | goal | example, 64×128, idle | example, 64×128, busy |"
    assert table.splitlines()[2:] == [
        "| the address is printed (s) | 2 | 0.6 | 1 |",
        "| pixel → list | 150 | 90 | 120 |",
        "| frame → heatmap | 100 | 40 | – |",
    ]
    page = (ROOT / "docs" / "how-to" / "explore.md").read_text("utf-8")
    once = explorer.renewed(page, table)
    assert once.count(table) == 1
    assert explorer.renewed(once, "other").count("other") == page.count("other") + 1
    assert table not in explorer.renewed(once, "other")


@pytest.mark.slow
@exhaustive
def test_quick_run_of_the_explorer(tmp_path):
    browser()
    said, found = quick_run("explorer", tmp_path)
    assert "| pixel → list | 150 |" in said
    measured = found["found"]["example"]
    assert set(measured["idle"]) == set(measured["busy"]) == set(explorer.ROWS)
    assert all(value > 0 for value in measured["idle"].values())
