"""Training against a plain PyTorch loop of the same model, at the paper's size: part of ``make bench``.

Every measurement runs in a process of its own on two threads, the plain loop and the library in turn, after an epoch of
warm-up; tables go to standard output, all numbers to ``training.json`` in the output directory.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.canvas import Run, table
from benchmarks.figure import draw_training
from benchmarks.process import ROOT, busy, load_average

#: The example's networks, on which quality is compared, trained for a third of its epochs, on one thread.
EXAMPLE: dict[str, dict[str, Any]] = {
    "nerv": {"settings": {"fc_dim": 37, "strides": [4, 2, 2]}, "resolution": [64, 128], "epochs": 100},
    "ffn": {"settings": {}, "resolution": [64, 128], "epochs": 200},
}


#: What the names of measurements on one thread end with.
ONE_THREAD = ", one thread"


def speed(run: Run, model: str, tasks: dict[str, tuple[str, dict[str, Any]]], device: str) -> Any:
    """Ways to train one network, and what each reaches of the machine's peak."""
    rows = run.alternate({name: (task, {"model": model, "device": device} | a) for name, (task, a) in tasks.items()})
    limit = run.measure("training_limit", model=model)
    for row in rows.values():
        row["frames_per_second"] = row["frames"] / row["seconds"]
        row["ms_per_frame"] = 1e3 * row["seconds"] / row["frames"]
        row["cpu_ms_per_frame"] = 1e3 * row["cpu_seconds"] / row["frames"]
    for name, row in rows.items():
        plain = rows["plain loop" + (ONE_THREAD if name.endswith(ONE_THREAD) else "")]
        row["ratio"] = plain["ms_per_frame"] / row["ms_per_frame"]
        row["cpu_ratio"] = plain["cpu_ms_per_frame"] / row["cpu_ms_per_frame"]
        row["share_of_peak"] = limit["operations"] / row["cpu_ms_per_frame"] / 1e6 / limit["gflops"][0]
    return {"rows": rows, "limit": limit}


def nerv(run: Run, device: str) -> Any:
    """The paper's NeRV, batches of two frames."""
    tasks: dict[str, tuple[str, dict[str, Any]]] = {"plain loop": ("train_plain", {}), "xinc": ("train_xinc", {})}
    for name, how in (("plain loop", "train_plain"), ("xinc", "train_xinc")) if device == "cpu" else ():
        tasks[f"{name}{ONE_THREAD}"] = (how, {"threads": 1})
    tasks |= {"xinc, bfloat16": ("train_xinc", {"precision": "bfloat16"})}
    tasks |= {"five seeds stacked": ("train_stacked", {})} if device == "cpu" else {}
    return speed(run, "nerv", tasks, device)


def ffn(run: Run, device: str) -> Any:
    """Sixteen frames, an FFN each; the plain loop trains a frame after the other."""
    tasks: dict[str, tuple[str, dict[str, Any]]] = {"plain loop": ("train_plain", {})}
    tasks |= {"plain loop, encoding kept": ("train_plain", {"kept": True}), "xinc": ("train_xinc", {})}
    for name, how in (("plain loop", "train_plain"), ("xinc", "train_xinc")) if device == "cpu" else ():
        tasks[f"{name}{ONE_THREAD}"] = (how, {"threads": 1})
    return speed(run, "ffn", tasks, device)


def curves(run: Run, device: str) -> Any:
    """PSNR against seconds of the paper's NeRV on all frames of the example `bunny`."""
    epochs = 3 if run.network == "quick" else 60
    arguments = {"epochs": epochs, "device": device, "model": "nerv"}
    hows = {"plain loop": {"how": "plain"}, "xinc": {"how": "xinc"}}
    hows |= {"xinc, bfloat16": {"how": "xinc", "precision": "bfloat16"}}
    return {name: run.measure("training_curve", **arguments, **own)["rows"] for name, own in hows.items()}


def quality(run: Run, device: str) -> Any:
    """Mean PSNR at the end, of three seeds on 16 frames of two videos: the plain loop's and the library's."""
    quick, rows = run.network == "quick", []
    for model, values in EXAMPLE.items():
        hows = {"plain": {}, "xinc": {}} | ({"bfloat16": {"precision": "bfloat16"}} if model == "nerv" else {})
        for video in ("bunny",) if quick else ("bunny", "collage"):
            for seed in (0,) if quick else (0, 1, 2):
                common = values | {"model": model, "video": video, "seed": seed, "device": device, "threads": 1}
                common |= {"epochs": 2, "resolution": [16, 32]} if quick else {}
                found: dict[str, float] = {}
                for how, own in hows.items():
                    found[how] = run.measure("training_quality", how=how, **common, **own)["psnr"]
                rows.append({"model": model, "video": video, "seed": seed} | found)
    means = {
        model: {
            how: statistics.mean(row[how] for row in rows if row["model"] == model)
            for how in ("plain", "xinc", "bfloat16")
            if how == "plain" or any(how in row for row in rows if row["model"] == model)
        }
        for model in EXAMPLE
    }
    return {"rows": rows, "means": means}


#: Threads of a training, and what PyTorch's do while they wait for each other; jobs of the workflow have them sleep.
THREADS: dict[str, tuple[int, dict[str, str]]] = {
    "one thread": (1, {}),
    "two that spin": (2, {}),
    "two that sleep": (2, {"OMP_WAIT_POLICY": "PASSIVE"}),
}


def threads(run: Run, device: str) -> Any:
    """Epochs of one FFN and of a NeRV on four frames: alone, and beside a process that keeps a core busy."""
    rows = []
    for model, frames in (("ffn", [0]), ("nerv", [0, 1, 2, 3]))[: 1 if run.network == "quick" else 2]:
        for count in (0, 1):
            found: dict[str, list[float]] = {how: [] for how in THREADS}
            with busy(count):
                for _ in range(run.repeats):
                    for how, (number, environment) in THREADS.items():
                        asked = {"model": model, "frames": frames, "epochs": 8, "threads": number, "device": device}
                        found[how].append(run.measure("train_xinc", environment=environment, **asked)["seconds"] / 8)
            named = {"model": model, "busy processes beside": count}
            rows.append(named | {how: statistics.median(seconds) for how, seconds in found.items()})
    return rows


#: By name, what measures and the title of its table.
PARTS: dict[str, tuple[Callable[[Run, str], Any], str]] = {
    "nerv": (nerv, "NeRV of the paper's size, two frames a step"),
    "ffn": (ffn, "Sixteen FFNs of the paper's size, a frame each"),
    "threads": (threads, "Seconds of an epoch by threads: one FFN, and NeRV on four frames"),
    "curves": (curves, "PSNR against seconds"),
    "quality": (quality, "Mean PSNR at the end, dB"),
}


def report(name: str, found: Any) -> str:
    """The table of a part."""
    if name in ("nerv", "ffn"):
        shown = ("ms_per_frame", "cpu_ms_per_frame", "frames_per_second", "ratio", "cpu_ratio", "share_of_peak", "load")
        rows = [{"": key} | {c: row.get(c) for c in shown} for key, row in found["rows"].items()]
        limit = found["limit"]
        least = f"A frame and step: {limit['operations'] / 1e9:.2f} billion operations; one core and two:"
        return f"{table(rows)}\n\n{least} {[round(g) for g in limit['gflops']]} GFLOP/s"
    if name == "threads":
        return table([{key: f"{v:.3f}" if isinstance(v, float) else v for key, v in row.items()} for row in found])
    if name == "quality":
        means = [{"model": model} | values for model, values in found["means"].items()]
        shown = [
            table([{key: f"{v:.3f}" if isinstance(v, float) else v for key, v in row.items()} for row in rows])
            for rows in (found["rows"], means)
        ]
        return "\n\n".join(shown)
    ends = [{"": how, "seconds": rows[-1]["seconds"], "psnr": f"{rows[-1]['psnr']:.3f}"} for how, rows in found.items()]
    return table(ends)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small networks: seconds in place of half an hour")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of each measurement (default: 3)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="measure these parts")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train (default: cpu)")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results", help="where results go")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "training.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    network = "quick" if options.quick else "paper"
    results["machine"] = {"python": platform.python_version(), "load": load_average(), "network": network}
    with tempfile.TemporaryDirectory(dir=options.output) as folder:
        chosen = Run(Path(folder), network, options.repeats)
        for name in options.only:
            measure, title = PARTS[name]
            print(f"\n## {title}\n", flush=True)
            results[name] = measure(chosen, options.device)
            print(report(name, results[name]), flush=True)
            file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if "curves" in options.only:
        draw_training(results["curves"], options.output / "training.png")
    print(f"\nAll numbers: {file}")


if __name__ == "__main__":
    main()
