"""Latency of the explorer in a real browser, from the click to the pixels; ``make bench BENCH=explorer``.

Three networks: of the example's size, of the paper's and, with ``--checkpoint``, a published HNeRV that has no canvas
and is dissected. The first two have random weights, on which no time depends, a canvas, and the analysis `overview`.
Each is measured while nothing else runs, and with one core kept busy by another process.

A time ends when the browser has painted what the answer changes. Medians of so many rounds, each at another place,
neuron or frame, so that no answer is one that was given before; of starts there are fewer. ``--write`` puts the table
into docs/how-to/explore.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import ROOT, busy
from tests.helpers.browser import Page, opened

#: By name, the title of its columns.
CASES = {"example": "example, 64×128", "paper": "paper's size, 128×256", "hnerv": "HNeRV, 640×1280"}
#: What is measured: its name in the results, in the table, and the design's goal.
ROWS = {
    "address": ("the address is printed (s)", "2"),
    "page": ("the page is opened, all panels painted (s)", "2"),
    "cpu": ("CPU seconds of the server until then", ""),
    "list": ("pixel → list", "150"),
    "thumbnails": ("… → 24 thumbnails", "300"),
    "map": ("neuron → map", "100"),
    "frame_map": ("frame → map", "200"),
    "frame_list": ("frame → list", "300"),
    "heat": ("frame → heatmap", "100"),
    "error": ("frame → error of the network", "100"),
    "box": ("box, a quarter of each side → list", "500"),
    "memory": ("the server's memory at the end (MB)", ""),
}
#: Seconds between two rounds: a browser ignores addresses beyond 200 in ten seconds.
_PAUSE = 0.1
_PAGE = ROOT / "docs" / "how-to" / "explore.md"
_BEGIN, _END = "<!-- latency: python -m benchmarks.explorer --write -->", "<!-- latency: end -->"
_NERV = {"example": {"fc_dim": 37, "strides": [4, 2, 2]}}
_NERV["paper"] = {"size": 1.0e6, "strides": [4, 2, 2], "reduction": 1.2, "lower_width": 6}
_SIZES = {"example": ((64, 128), 16), "paper": ((128, 256), 32)}


@dataclass(frozen=True)
class Case:
    """What `xinc explore` is given, the network and the layer that are looked at, and whether they have an overview."""

    words: tuple[str, ...]
    network: str
    layer: str = "block1"
    overview: bool = True


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", help="a published HNeRV of 640×1280, as in ../shared/checkpoints")
    parser.add_argument("--only", nargs="*", choices=CASES, default=list(CASES), help="default: all that are there")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two rounds and one start of the example's size")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results", help="where explorer.json goes")
    parser.add_argument("--write", action="store_true", help=f"put the table into {_PAGE.relative_to(ROOT)}")
    given = parser.parse_args(arguments)
    rounds, starts = (2, 1) if given.quick else (given.rounds, given.starts)
    names = [name for name in (["example"] if given.quick else given.only) if name != "hnerv" or given.checkpoint]
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            case = _prepared(name, Path(folder) / name, given.checkpoint, rounds)
            found[name] = {}
            for how, count in (("idle", 0), ("busy", 1)):
                with busy(count):
                    found[name][how] = measured(case, rounds, starts)
                print(f"{name}, {how}: {json.dumps(found[name][how], ensure_ascii=False)}", file=sys.stderr)
    about = (
        f"Medians of {rounds} (of {starts} starts); load at the end {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores."
    )
    table = written(found)
    print(f"{about}\n\n{table}")
    given.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"about": about, "found": found}, indent=1, ensure_ascii=False)
    (given.output / "explorer.json").write_text(f"{text}\n", "utf-8")
    if given.write:
        _PAGE.write_text(renewed(_PAGE.read_text("utf-8"), f"{table}\n\n{about}"), "utf-8")


def written(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """The table in Markdown: a row for each interaction, idle and busy of each network in turn."""
    columns = [f"{CASES[name]}, {how}" for name in found for how in found[name]]
    lines = [f"| ms | goal | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for key, (title, goal) in ROWS.items():
        values = [found[name][how].get(key) for name in found for how in found[name]]
        if any(value is not None for value in values):
            cells = ["–" if value is None else f"{value:g}" for value in values]
            lines.append(f"| {title} | {goal} | {' | '.join(cells)} |")
    return "\n".join(lines)


def renewed(page: str, table: str) -> str:
    """A page of the documentation with another table between the two marks."""
    found = re.sub(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", f"{_BEGIN}\n\n{table}\n\n{_END}", page, flags=re.DOTALL)
    assert _BEGIN in found, f"the page has no line {_BEGIN}"
    return found


def _prepared(name: str, folder: Path, checkpoint: str | None, rounds: int) -> Case:
    """A video, and a folder of results as the workflow would leave it; of HNeRV just the video."""
    from xinc.analyses.run import run_analysis
    from xinc.analyses.subject import Subject
    from xinc.canvas.settings import CanvasSettings
    from xinc.canvas.writer import write_layer
    from xinc.models.storage import build, save_model
    from xinc.video.prepare import prepare_video
    from xinc.video.settings import VideoSettings

    (height, width), frames = _SIZES.get(name, ((640, 1280), rounds + 2))
    video = folder / "results" / "bunny" / "video.zarr"
    video.parent.mkdir(parents=True)
    about = VideoSettings(name="bunny", source="example:bunny", resolution=f"{height}x{width}", count=frames)
    prepare_video(about, video)
    if name == "hnerv":
        assert checkpoint is not None
        return Case((checkpoint, "--video", str(video)), Path(checkpoint).stem, overview=False)
    run = video.parent / "nerv" / "seed0"
    model = build("nerv", _NERV[name], (height, width), range(frames), frames)
    save_model(model, run / "model.pt")
    for layer in model.layer_names():
        write_layer(model, run / "canvas.zarr" / layer, layer, settings=CanvasSettings(device="cpu"))
    of = {"video": "bunny", "model": "nerv", "seed": "0"}
    run_analysis(
        "overview", None, Subject(video, run / "model.pt", canvas_path=run / "canvas.zarr"), run / "overview", of
    )
    return Case((str(folder / "results"),), "bunny/nerv/seed0")


def measured(case: Case, rounds: int, starts: int) -> dict[str, float]:
    """Medians by row."""
    opening: dict[str, list[float]] = {"address": [], "page": [], "cpu": []}
    found: dict[str, float] = {}
    for at in range(starts):
        with _server(case) as (address, seconds, process), opened() as page:
            page.look(1600, 1000)
            start = time.monotonic()
            page.open(f"{address}#network={case.network}&layer={case.layer}")
            _until(page, _painted("pictures", "list", "thumbs0", "map", "heat"))
            for key, value in zip(opening, (seconds, time.monotonic() - start, _cpu(process)), strict=True):
                opening[key].append(value)
            if at == starts - 1:
                found = interactions(page, case, rounds)
                status = Path(f"/proc/{process}/status").read_text("utf-8")
                found["memory"] = int(re.findall(r"VmRSS:\s*(\d+)", status)[0]) // 1024
    return {key: round(statistics.median(values), 1) for key, values in opening.items()} | found


@contextlib.contextmanager
def _server(case: Case) -> Iterator[tuple[str, float, int]]:
    """Its address, the seconds until it was printed, and the number of its process."""
    start = time.monotonic()
    command = [sys.executable, "-m", "xinc", "explore", *case.words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            address = next(line.strip() for line in server.stdout if line.strip().startswith("http"))
            yield address, time.monotonic() - start, server.pid
        finally:
            server.kill()


def _cpu(process: int) -> float:
    """CPU seconds that a process has used, in and for it."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def interactions(page: Page, case: Case, rounds: int) -> dict[str, float]:
    """Milliseconds by interaction."""
    question = json.dumps({"ask": "network", "network": case.network})
    about = page.run(
        "fetch('ask', { method: 'POST', headers: { 'Content-Type': 'application/json' }, "
        f"body: {json.dumps(question)} }}).then((answer) => answer.arrayBuffer()).then((bytes) => JSON.parse("
        "new TextDecoder().decode(new Uint8Array(bytes, 8, new DataView(bytes).getUint32(0, true)))))"
    )
    draw = random.Random(0)
    height, width, frames = about["height"], about["width"], about["frames"]
    used: set[tuple[int, int]] = set()

    def place(rows: int, columns: int) -> tuple[int, int]:
        """One that has not been asked about."""
        while (found := (draw.randrange(rows), draw.randrange(columns))) in used:
            pass
        used.add(found)
        return found

    def pixel() -> str:
        return ",".join(map(str, place(height, width)))

    def box() -> str:
        y, x = place(height * 3 // 4, width * 3 // 4)
        return f"{y},{y + height // 4},{x},{x + width // 4}"

    own = f"network={case.network}&layer={case.layer}"
    at = f"{own}&frame={frames[0]}"

    def timed(view: Callable[[int], str], *views: str, count: int = rounds) -> list[float]:
        """Medians until each of these views was painted."""
        times = []
        for k in range(count):
            page.run(f"performance.clearMeasures(); location.hash = {json.dumps(view(k))}; 0")
            _until(page, _painted(*views))
            times.append([page.run(f"performance.getEntriesByName('xinc {one}')[0].duration") for one in views])
            _until(page, "document.querySelector('.xinc-explorer').dataset.pending === '0'")
            time.sleep(_PAUSE)
        return [round(statistics.median(each)) for each in zip(*times, strict=True)]

    found = dict(zip(("list", "thumbnails"), timed(lambda _: f"{at}&pixel={pixel()}", "list", "thumbs0"), strict=True))
    neurons = next(int(one["neurons"]) for one in about["layers"] if one["name"] == case.layer)
    numbers = random.Random(1).sample(range(neurons), rounds)
    [found["map"]] = timed(lambda k: f"{at}&pixel=1,1&neuron={numbers[k]}", "map")
    there, steps = pixel(), min(rounds, len(frames) - 1)
    views = ("map", "list", "heat") if case.overview else ("map", "list")
    of_frame = timed(lambda k: f"{own}&frame={frames[k + 1]}&pixel={there}&neuron=0", *views, count=steps)
    found |= dict(zip(("frame_map", "frame_list", "heat"), of_frame, strict=False))
    error = "pixel=1,1&neuron=0&picture=error"
    [found["error"]] = timed(lambda k: f"{own}&frame={frames[k + 1]}&{error}", "pictures", count=steps)
    [found["box"]] = timed(lambda _: f"{at}&box={box()}", "list")
    return found


def _painted(*views: str) -> str:
    return " && ".join(f"performance.getEntriesByName('xinc {one}').length" for one in views)


def _until(page: Page, condition: str) -> None:
    end = time.monotonic() + 600
    while not page.run(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1:])
