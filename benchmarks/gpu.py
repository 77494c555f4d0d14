"""All that can be seen only on a machine with a GPU, in one command of eight minutes: ``make gpu``.

Every test marked ``gpu`` runs, and then, each beside a baseline in the same process: training (the paper's NeRV on 30
frames, whole, and five seeds at once; sixteen FFNs) beside the plain loop of `benchmarks.training_baseline`; canvas,
reductions and effects beside the same on the machine's CPU. It needs no network and no workflow, only PyTorch and the
packages that it names if they are missing. What is found is written after every part, so that whatever ends the run
early costs no more than the part it was in: all numbers to ``gpu.json``, tables to ``gpu.md``.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

#: What must be there, by the name that is imported.
NEEDED = ["numba", "numpy", "pydantic", "pytest", "hypothesis", "scipy", "torch", "tqdm", "xarray", "zarr"]
#: Seconds in which the paper's NeRV is to be trained for 1000 epochs, alone and with four more seeds.
GOALS = {"float32": 60, "five seeds": 120}
#: Epochs of the paper's training (section 6.1).
EPOCHS = 1000


@dataclass
class Clock:
    """How much of the time for everything is left."""

    end: float

    @property
    def left(self) -> float:
        return self.end - time.monotonic()


def missing() -> list[str]:
    """Packages that are needed and cannot be imported."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def timed(action: Callable[[], Any], repeats: int = 1) -> float:
    """Seconds of a call, the median of some, after one to warm up; the GPU is waited for on both sides."""
    from benchmarks.training_tasks import synchronise

    action()
    found = []
    for _ in range(repeats):
        synchronise()
        start = time.perf_counter()
        action()
        synchronise()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def machine(clock: Clock, quick: bool, device: str) -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {"python": platform.python_version(), "torch": torch.__version__, "cores": os.cpu_count()}
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found |= {
            "gpu": properties.name,
            "memory_gb": round(properties.total_memory / 1e9, 1),
            "cuda": torch.version.cuda,
        }
    return found


def tests(clock: Clock, quick: bool, device: str) -> dict[str, Any]:
    """All tests marked ``gpu``; those that fail by name, with the end of their output."""
    # Other tests import more than such a machine has.
    marked = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in path.read_text("utf-8")]
    chosen = ["tests/test_gpu.py", "-k", "test_training"] if quick else [str(path) for path in marked]
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "--tb=short", *chosen]
    if importlib.util.find_spec("xdist") is not None:
        words += ["-n", str(min(4, os.cpu_count() or 1))]
    environment = os.environ | {"XINC_TEST_DEVICE": device}
    limit = max(30, min(150, clock.left))
    # A folder of its own: beside others, pytest would end by removing those of earlier runs, which can take minutes.
    with tempfile.TemporaryDirectory() as folder:
        words += ["--basetemp", str(Path(folder) / "tests")]
        try:
            done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired as stopped:
            return {"stopped": f"took more than {limit:.0f} s", "output": str(stopped.stdout)[-4000:]}
    counts = {kind: int(count) for count, kind in re.findall(r"(\d+) (passed|failed|skipped|errors?)", done.stdout)}
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, flags=re.MULTILINE)
    return {"counts": counts, "failed": failed} | ({"output": done.stdout[-12000:]} if done.returncode else {})


def nerv(clock: Clock, quick: bool, device: str) -> dict[str, Any]:
    """The paper's training, from beginning to end, and its epoch beside the plain loop's."""
    from xinc.training.loop import fit, fit_together

    model, _, settings = _training("nerv", quick, device, 0)
    plain = _plain_epoch("nerv", quick, device)
    found: dict[str, Any] = {"epochs": settings.epochs, "frames": len(model.frames), "plain_epoch_seconds": plain}
    for precision in ("float32", "bfloat16"):
        own = settings.model_copy(update={"precision": precision, "time_budget": max(20.0, min(150.0, clock.left / 3))})
        one, images, _ = _training("nerv", quick, device, 0)
        start = time.perf_counter()
        history = fit(one, images, own)
        seconds = time.perf_counter() - start
        found[precision] = _row(seconds, len(history.rows), plain) | {"psnr": _mean(history.psnr)}
    seeds = [_training("nerv", quick, device, seed) for seed in range(5)]
    own = settings.model_copy(update={"time_budget": max(20.0, min(180.0, clock.left / 2))})
    start = time.perf_counter()
    histories = fit_together([one for one, _, _ in seeds], [images for _, images, _ in seeds], own)
    seconds = time.perf_counter() - start
    found["five seeds"] = _row(seconds, len(histories[0].rows), 5 * plain) | {
        "psnr": [_mean(h.psnr) for h in histories]
    }
    return found


def ffn(clock: Clock, quick: bool, device: str) -> dict[str, Any]:
    """Networks of a frame each, which the plain loop trains one after the other."""
    from xinc.training.loop import fit

    model, data, settings = _training("ffn", quick, device, 0)
    plain = _plain_epoch("ffn", quick, device)
    own = settings.model_copy(update={"time_budget": max(10.0, min(60.0, clock.left / 3))})
    start = time.perf_counter()
    history = fit(model, data, own)
    seconds = time.perf_counter() - start
    return {
        "epochs": settings.epochs,
        "frames": len(model.frames),
        "plain_epoch_seconds": plain,
        "float32": _row(seconds, len(history.rows), plain) | {"psnr": _mean(history.psnr)},
    }


def canvas(clock: Clock, quick: bool, device: str) -> dict[str, Any]:
    """All reductions of a frame of the paper's network (random weights), layer by layer, on the GPU and on the CPU."""
    import copy
    from unittest import mock

    import xinc
    from benchmarks.tasks import PERCENTS, label_maps, network

    name = "quick" if quick else "paper"
    model, labels = network(name, 2), label_maps(name)
    there = copy.deepcopy(model).to(device)
    rows = []
    for layer in model.layer_names():
        here, other = xinc.dissect(model, [0, 1], [layer])[layer], xinc.dissect(there, [0, 1], [layer])[layer]

        def reduce(canvas: Any) -> Any:
            return lambda: xinc.summarise(canvas, labels, [1], PERCENTS)

        gpu = timed(reduce(other), 3)
        with mock.patch("xinc.canvas.reductions.execute.has_gpu", return_value=False):
            cpu = timed(reduce(here))
        rows.append({"layer": layer, "neurons": here.sizes["neuron"], "gpu_seconds": gpu, "cpu_seconds": cpu})
    return {"threads": _threads(), "rows": [row | {"ratio": row["cpu_seconds"] / row["gpu_seconds"]} for row in rows]}


def effects(clock: Clock, quick: bool, device: str) -> dict[str, Any]:
    """Estimated effects of all neurons of a frame, and exact ones of 60 of each layer, on the GPU and on the CPU."""
    import copy

    import xinc
    from benchmarks.tasks import network

    model = network("quick" if quick else "paper", 1)
    there = copy.deepcopy(model).to(device)
    found: dict[str, Any] = {}
    probes, neurons = (4, 10) if quick else (32, 60)

    def ablate(one: Any) -> None:
        for layer in one.layer_names():
            xinc.ablate(one, layer, range(neurons), [0], maps=False)

    def estimate(one: Any) -> None:
        xinc.effects(one, [0], probes=probes)

    for name, action in {"effects": estimate, "ablate": ablate}.items():
        gpu, cpu = (timed(functools.partial(action, one)) for one in (there, model))
        found[name] = {"gpu_seconds": gpu, "cpu_seconds": cpu, "ratio": cpu / gpu}
    return {"threads": _threads()} | found


#: In the order of their importance: what there is no time for is left out from the end.
PARTS: dict[str, Callable[[Clock, bool, str], dict[str, Any]]] = {
    "machine": machine,
    "tests": tests,
    "nerv": nerv,
    "ffn": ffn,
    "canvas": canvas,
    "effects": effects,
}


def _training(name: str, quick: bool, device: str, seed: int) -> tuple[Any, Any, Any]:
    """A network, its frames, and the settings of the paper's training."""
    from benchmarks.process import Job
    from benchmarks.training_tasks import make, pictures
    from xinc.training.settings import TrainingSettings

    model = make(Job({"network": "quick" if quick else "paper", "model": name}, Path()), seed=seed)
    return model, pictures(model), TrainingSettings(epochs=4 if quick else EPOCHS, device=device, threads=1)


def _plain_epoch(name: str, quick: bool, device: str) -> float:
    """Seconds of an epoch of the plain loop, after one to warm up."""
    from benchmarks.training_baseline import plain_epochs

    model, data, settings = _training(name, quick, device, 0)
    own = settings.model_copy(update={"epochs": 4})
    epochs = plain_epochs(model.to(device), data, own)
    return timed(lambda: next(epochs), 2)


def _row(seconds: float, epochs: int, plain_epoch: float) -> dict[str, Any]:
    return {"seconds": seconds, "epochs": epochs, "ratio": plain_epoch * epochs / seconds}


def _mean(values: Any) -> float:
    return float(sum(values) / len(values))


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def report(found: dict[str, Any]) -> str:
    """Tables of what was found, as they go into the documentation."""
    lines = []
    about = found.get("machine", {})
    if "gpu" in about:
        lines += [f"{about['gpu']}, {about['memory_gb']} GB, CUDA {about['cuda']}, PyTorch {about['torch']}.", ""]
    counts = found.get("tests", {}).get("counts")
    if counts:
        said = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        lines += [f"Tests on the GPU: {said}.", ""]
    rows = []
    for name, words in {"nerv": "the paper's NeRV", "ffn": "FFNs"}.items():
        for how in ("float32", "bfloat16", "five seeds"):
            if row := found.get(name, {}).get(how):
                goal = f"≤ {GOALS[how]}" if name == "nerv" and how in GOALS else ""
                what = f"{words}, {found[name]['frames']} frames, {how}"
                rows.append(f"| {what} | {row['epochs']} | {row['seconds']:.1f} | {goal} | {row['ratio']:.1f} |")
    if rows:
        head = "| training | epochs | seconds | goal | times as fast as the plain loop |"
        lines += [head, "|---|---|---|---|---|", *rows, ""]
    rows = [
        f"| all reductions of `{row['layer']}`, {row['neurons']:,} neurons | {row['gpu_seconds']:.3f} | "
        f"{row['cpu_seconds']:.3f} | {row['ratio']:.1f} |"
        for row in found.get("canvas", {}).get("rows", [])
    ]
    for name, words in {"effects": "effects of all neurons, 32 probes", "ablate": "60 ablations of each layer"}.items():
        if row := found.get("effects", {}).get(name):
            rows.append(f"| {words} | {row['gpu_seconds']:.3f} | {row['cpu_seconds']:.3f} | {row['ratio']:.1f} |")
    if rows:
        lines += ["| a frame of the paper's NeRV | GPU, s | CPU, s | ratio |", "|---|---|---|---|", *rows, ""]
    for name in PARTS:
        if why := found.get(name, {}).get("not_measured"):
            lines += [f"Not measured: {name} ({why.splitlines()[-1]}).", ""]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=8, help="for everything (default: 8)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts")
    parser.add_argument("--quick", action="store_true", help="small networks, to see that it works")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try the command itself")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results", help="where results go")
    options = parser.parse_args(arguments)
    if lacking := missing():
        print(
            f"{sys.executable} has no {', '.join(lacking)}: where there is a network, run `make wheels "
            f'WHEELS="{" ".join(lacking)}"` and take the folder .wheels along.',
            file=sys.stderr,
        )
        return 2
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        print(
            "PyTorch finds no CUDA GPU: run this on a machine with one (--device cpu --quick tries it).",
            file=sys.stderr,
        )
        return 2
    options.output.mkdir(parents=True, exist_ok=True)
    clock = Clock(time.monotonic() + 60 * options.minutes)
    found: dict[str, Any] = {}
    for name in options.only:
        start = time.monotonic()
        print(f"{name} …", flush=True)
        try:
            if clock.left < 5:
                raise TimeoutError(f"{options.minutes:g} minutes were over")
            found[name] = PARTS[name](clock, options.quick, options.device)
        except Exception:
            found[name] = {"not_measured": traceback.format_exc().strip()}
            print(found[name]["not_measured"], flush=True)
        found[name]["took_seconds"] = round(time.monotonic() - start, 1)
        (options.output / "gpu.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        (options.output / "gpu.md").write_text(report(found), "utf-8")
    print(report(found))
    print(f"All numbers: {options.output / 'gpu.json'}")
    broken = [name for name, one in found.items() if "not_measured" in one or one.get("failed") or "stopped" in one]
    if broken:
        print(f"Not as they should be: {', '.join(broken)}.", file=sys.stderr)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
