"""A large checkpoint from start to end: imported, its canvas written and opened, analysed on one frame.

    python -m benchmarks.checkpoint ../shared/checkpoints/hnerv_bunny_quant_vid.pth

Dense, one frame of that network's canvas takes about 590 GB. Every number is of this process: peak memory includes
Python, PyTorch and compiled code.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

ANALYSES: dict[str, dict[str, Any]] = {"intensity": {}, "grouping": {}}
RESOLUTION = "640x1280"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--frame", type=int, default=0, help="frame of example:bunny")
    parser.add_argument("--layers", nargs="*", help="default: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="keep the results in this folder")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        root = given.output or Path(folder)
        print(json.dumps(measure(given.checkpoint, given.frame, given.layers, root), indent=1))


def measure(checkpoint: str, frame: int, layers: list[str] | None, root: Path) -> dict[str, Any]:
    """Seconds of each step, gigabytes of memory and of dense maps."""
    import xinc
    from xinc.analyses.results import open_result
    from xinc.analyses.run import run_analysis
    from xinc.analyses.subject import subject_of
    from xinc.video.prepare import prepare_video
    from xinc.video.regions import RegionSettings, prepare_regions
    from xinc.video.settings import VideoSettings

    seconds: dict[str, float] = {}

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        seconds[what] = round(time.monotonic() - start, 1)
        print(f"{what}: {seconds[what]} s, {peak_gb()} GB", file=sys.stderr)

    video = VideoSettings(name="bunny", source="example:bunny", start=frame, count=1, resolution=RESOLUTION)
    with timed("video and regions"):
        prepare_video(video, root / "video.zarr")
        prepare_regions(root / "video.zarr", root / "regions.zarr", RegionSettings())
    with timed("import"):
        model = xinc.load_model(checkpoint)
        chosen = layers or model.layer_names()
    with timed("canvas written"):
        xinc.write_canvas(model, root / "canvas.zarr", [frame], chosen)
    with timed("canvas opened"):
        canvas = xinc.open_canvas(root / "canvas.zarr")
        dense = sum(layer["contribution"].size * 4 for layer in canvas.children.values())
    found: dict[str, Any] = {}
    for name, settings in ANALYSES.items():
        with timed(name):
            files = {name: str(root / f"{name}.zarr") for name in ("video", "regions", "canvas")}
            subject = subject_of(**files)
            run_analysis(name, settings, subject, root / name)
        found[name] = open_result(root / name)["layer"].values.tolist()
    return {
        "layers": chosen,
        "analysed": found,
        "seconds": seconds,
        "total": round(sum(seconds.values()), 1),
        "cpu_seconds": round(time.process_time(), 1),
        "dense_gb": round(dense / 1e9, 1),
        "stored_gb": round(sum(f.stat().st_size for f in (root / "canvas.zarr").rglob("*") if f.is_file()) / 1e9, 3),
        "peak_gb": peak_gb(),
    }


def peak_gb() -> float:
    """Most memory that this process has held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


if __name__ == "__main__":
    main(sys.argv[1:])
