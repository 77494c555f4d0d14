"""The canvas against a plain dense implementation of the same equations, at the paper's size: ``make bench``.

Every measurement runs in a process of its own on two threads, the baseline and the library in turn, after a warm-up
that loads compiled code; tables go to standard output, all numbers to ``canvas.json`` in the output directory.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figure import draw_frames
from benchmarks.process import ROOT, load_average, run, tried


@dataclass(frozen=True)
class Run:
    """What all measurements of a run have in common."""

    folder: Path
    network: str
    repeats: int

    def measure(self, task: str, environment: Mapping[str, str] | None = None, **arguments: Any) -> dict[str, Any]:
        if self.network == "quick":
            return tried(task, self.folder, network=self.network, **arguments)
        return run(task, self.folder, environment, network=self.network, **arguments)

    def alternate(self, tasks: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
        """Medians over the repeats, the tasks taking turns; with the load of the machine at each."""
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in tasks}
        for _ in range(self.repeats):
            for name, (task, arguments) in tasks.items():
                before = load_average()
                found[name].append(self.measure(task, **arguments) | {"load": before})
        return {name: medians(results) for name, results in found.items()}


def medians(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median of every number, and all the times."""
    numbers = [key for key, value in results[0].items() if isinstance(value, int | float)]
    return {key: statistics.median(r[key] for r in results) for key in numbers} | {
        "all_seconds": [r["seconds"] for r in results]
    }


def ratio(a: dict[str, Any], b: dict[str, Any]) -> dict[str, float]:
    """What a takes in terms of b: time, bytes, peak memory, and peak memory above that of imports and warm-up."""
    above = [max(one["peak_mb"] - one["before_mb"], 0.1) for one in (a, b)]
    found = {"time": a["seconds"] / b["seconds"], "cpu_time": a["cpu_seconds"] / b["cpu_seconds"]}
    found["peak"] = a["peak_mb"] / b["peak_mb"]
    found["peak_above_imports"] = above[0] / above[1]
    return found | ({"bytes": a["bytes"] / b["bytes"]} if "bytes" in a and "bytes" in b else {})


def compare(run: Run, tasks: dict[str, tuple[str, dict[str, Any]]], pairs: dict[str, tuple[str, str]]) -> Any:
    rows = run.alternate(tasks)
    return {"rows": rows, "ratios": {name: ratio(rows[a], rows[b]) for name, (a, b) in pairs.items()}}


def write(run: Run) -> Any:
    """One frame of all layers, computed and written."""
    tasks = {
        "dense": ("dense_write", {}),
        "dense, streamed": ("dense_write", {"streamed": True}),
        "xinc": ("xinc_write", {}),
        "xinc, all factored": ("xinc_write", {"layout": "factored"}),
    }
    pairs = {f"{a} / {b}": (a, b) for b in ("xinc", "xinc, all factored") for a in ("dense", "dense, streamed")}
    return compare(run, tasks, pairs)


def reductions(run: Run) -> Any:
    """All reductions of all layers of a frame."""
    tasks = {"dense": ("dense_reductions", {}), "xinc": ("xinc_reductions", {})}
    tasks["xinc.summarise"] = ("xinc_summary", {})
    return compare(run, tasks, {f"dense / {b}": ("dense", b) for b in ("xinc", "xinc.summarise")})


def total(run: Run) -> Any:
    """The sum over neurons of |C| of all layers, the library's from the store."""
    found = compare(run, {"dense": ("dense_sum", {}), "xinc": ("xinc_sum", {})}, {"dense / xinc": ("dense", "xinc")})
    checks = [row["check"] for row in found["rows"].values()]
    if not math.isclose(*checks, rel_tol=1e-4):
        raise RuntimeError(f"The two sums over neurons differ: {checks}.")
    return found


def frames(run: Run) -> Any:
    """Canvas and sum over neurons for more and more frames."""
    counts = (1, 2) if run.network == "quick" else (1, 2, 5, 15, 30, 60)
    rows = [{"frames": n, "load": load_average()} | run.measure("frames", frames=n) for n in counts]
    return {"rows": rows}


def cold(run: Run) -> Any:
    """Reads of a store by a fresh process."""
    count, layer = (2, "block1") if run.network == "quick" else (30, "block1")
    run.measure("store", frames=count)
    rows = []
    for loaded in (True,) if run.network == "quick" else (True, False):
        for what in ("neuron", "pixel", "crop"):
            arguments = {"frames": count, "layer": layer, "what": what, "loaded": loaded}
            found = [run.measure("cold", **arguments) for _ in range(run.repeats)]
            rows.append({"what": what, "code": "loaded" if loaded else "not loaded yet"} | medians(found))
    return {"rows": rows}


def chunks(run: Run) -> Any:
    return run.measure("chunks", repeats=run.repeats + 2)


def source(run: Run) -> Any:
    return run.measure("source", repeats=run.repeats + 2)


def roofline(run: Run) -> Any:
    return run.measure("roofline", repeats=run.repeats + 2)


#: By name, what measures and the title of its table.
PARTS: dict[str, tuple[Callable[[Run], Any], str]] = {
    "write": (write, "One frame of all layers, computed and written"),
    "reductions": (reductions, "All reductions of all layers of a frame, two label maps"),
    "sum": (total, "Sum over neurons of |C|, all layers of a frame"),
    "frames": (frames, "Canvas written and summed over neurons"),
    "cold": (cold, "Reads of a store of 30 frames by a fresh process, file cache dropped (block1)"),
    "chunks": (chunks, "Dense maps: chunks (frames, neurons) and codecs"),
    "source": (source, "Source responses of a frame: computing against reading"),
    "roofline": (roofline, "One core: operations that a map needs, and time"),
}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table; numbers to three digits."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_text(row.get(name, "")) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, list | tuple):
        return "×".join(str(one) for one in value)
    return "–" if value is None else str(value)


def report(name: str, found: Any) -> str:
    """The tables of a part."""
    if name in ("write", "reductions", "sum"):
        shown = ("seconds", "cpu_seconds", "bytes", "files", "before_mb", "peak_mb", "warm_up", "load")
        rows = [{"": key} | {c: row.get(c) for c in shown} for key, row in found["rows"].items()]
        return table(rows) + "\n\n" + table([{"": key} | row for key, row in found["ratios"].items()])
    if name == "frames":
        shown = ("frames", "write", "sum", "bytes", "before_mb", "peak_mb", "load")
        return table([{c: r[c] for c in shown} | {"s/frame": r["seconds"] / r["frames"]} for r in found["rows"]])
    if name == "cold":
        return table([{c: row[c] for c in ("what", "code", "values", "seconds", "peak_mb")} for row in found["rows"]])
    if name == "chunks":
        return table(found["rows"])
    if name == "source":
        return table([{key: value for key, value in found.items() if not key.endswith("_mb") and key != "seconds"}])
    peaks = f"One and two cores: {found['gflops']} GFLOP/s, copying {found['copy_gbps']} GB/s"
    inner = [{"layer": r["layer"]} | {k: v * 1e6 for k, v in r["kernels"].items()} for r in found["rows"]]
    outer = [{k: v for k, v in row.items() if k != "kernels"} for row in found["rows"]]
    return f"{peaks}\n\n{table(outer)}\n\nReductions, microseconds a map\n\n{table(inner)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.canvas", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a small network: seconds in place of an hour")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of each measurement (default: 3)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="measure these parts")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results", help="where results go")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "canvas.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    results["machine"] = {"python": platform.python_version(), "load": load_average(), "network": "paper"}
    with tempfile.TemporaryDirectory(dir=options.output) as folder:
        chosen = Run(Path(folder), "quick" if options.quick else "paper", options.repeats)
        results["machine"]["network"] = chosen.network
        for name in options.only:
            measure, title = PARTS[name]
            print(f"\n## {title}\n", flush=True)
            results[name] = measure(chosen)
            print(report(name, results[name]), flush=True)
            file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if "frames" in options.only:
        draw_frames(results["frames"]["rows"], options.output / "frames.png")
    print(f"\nAll numbers: {file}")


if __name__ == "__main__":
    main()
