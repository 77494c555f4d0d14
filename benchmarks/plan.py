"""Time and memory of planning an experiment on all of VIPSeg: 3,536 videos, two networks, five seeds, every analysis.

    python -m benchmarks.plan
    python -m benchmarks.plan --only parts --parts 56

A tree as the data set's scripts leave it is made in a scratch folder: its lists, and links to a few files of the size
of real ones instead of frames and masks, which planning reads but does not decode. Snakemake is run as a user runs
it, without executing anything. Tables go to standard output, all numbers to ``plan.json`` in the output directory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.canvas import table
from benchmarks.process import ROOT, load_average

#: Videos and frames of VIPSeg (Miao et al. 2022), the shortest and the longest of its videos (the paper, table 1), and
#: segments of a frame, of which its authors count 926,213.
VIDEOS, FRAMES, SHORTEST, LONGEST, SEGMENTS = 3536, 84750, 4, 81, 11
#: Bytes of a frame and of a mask of 720 lines.
FRAME_BYTES, MASK_BYTES = 150_000, 15_000
#: Names that one file may have; a file system may stop at 65,000.
_LINKS = 20_000

SEEDS = [0, 1, 2, 3, 4]


def lengths(videos: int, seed: int = 0) -> list[int]:
    """Frames of each video, as many in all as that number of VIPSeg's videos has."""
    draw = random.Random(seed)
    mean = FRAMES / VIDEOS
    found = [min(max(round(draw.gauss(mean, mean / 3)), SHORTEST), LONGEST) for _ in range(videos)]
    found[0], found[-1] = SHORTEST, LONGEST
    short = round(mean * videos) - sum(found)
    while short:
        at = draw.randrange(1, max(videos - 1, 2))
        step = 1 if short > 0 else -1
        if SHORTEST <= found[at] + step <= LONGEST:
            found[at] += step
            short -= step
    return found


class Links:
    """Files that share their content, a new one after a given number of names."""

    def __init__(self, original: Path, size: int) -> None:
        self._original, self._content, self._names = original, random.Random(0).randbytes(size), 0

    def add(self, path: Path) -> None:
        if self._names % _LINKS == 0:
            self._original = self._original.with_suffix(f".{self._names}")
            self._original.write_bytes(self._content)
        os.link(self._original, path)
        self._names += 1


def write_tree(folder: Path, videos: int) -> Path:
    """A copy of VIPSeg with a given number of videos; its root.

    `tests.helpers.datasets.write_vipseg` writes one of real images, in the same formats.
    """
    root = folder / "VIPSeg_720P"
    links = {"images": Links(folder / "frame", FRAME_BYTES), "panomasks": Links(folder / "mask", MASK_BYTES)}
    root.mkdir(parents=True)
    listed, annotated = [], []
    for number, length in enumerate(lengths(videos)):
        name = f"{number}_{random.Random(number).randbytes(6).hex()}"
        images = [
            {"id": f"{index:08d}", "width": 1280, "height": 720, "file_name": f"{index:08d}.png"}
            for index in range(length)
        ]
        for kind, suffix in (("images", ".jpg"), ("panomasks", ".png")):
            (root / kind / name).mkdir(parents=True)
            for image in images:
                links[kind].add(root / kind / name / f"{image['id']}{suffix}")
        segments = [
            {"id": 7000 + k, "category_id": 69, "iscrowd": 0, "area": 10_000, "bbox": [100, 100, 100, 100]}
            for k in range(SEGMENTS)
        ]
        labels = [{"image_id": i["id"], "file_name": i["file_name"], "segments_info": segments} for i in images]
        listed.append({"video_id": name, "images": images})
        annotated.append({"video_id": name, "annotations": labels})
    categories = [{"id": k, "name": f"class {k}", "isthing": int(k >= 40), "color": [k, 0, 0]} for k in range(124)]
    content = {"videos": listed, "annotations": annotated, "categories": categories}
    (root / "panoptic_gt_VIPSeg.json").write_text(json.dumps(content), "utf-8")
    return root


@dataclass
class Experiment:
    """A working directory with the paper's configuration for videos of a copy of VIPSeg.

    Attributes
    ----------
    run : the working directory, where Snakemake keeps what it knows.
    """

    run: Path

    @classmethod
    def create(cls, run: Path, root: Path, clips: str = "all") -> Experiment:
        """``clips``: which videos, as in the table's column of that name."""
        run.mkdir(parents=True)
        (run / "videos.tsv").write_text(f"video\tsource\tclips\nvipseg\tvipseg\t{clips}\n", "utf-8")
        values = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text("utf-8"))
        values |= {"videos": "videos.tsv", "roots": {"vipseg": str(root)}, "seeds": SEEDS}
        # As many as the paper's, which are those that Cityscapes-VPS annotates and need 30 frames.
        values["models"]["ffn"]["frames"] = len(values["models"]["ffn"]["frames"])
        (run / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
        return cls(run)

    def plan(self, part: str | None = None, *targets: str) -> dict[str, Any]:
        """What ``snakemake -n`` takes, and how many jobs it announces."""
        words = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow" / "Snakefile")]
        words += ["-n", "--quiet", "rules", "--configfile", "config.yaml"]
        words += ["--config", f"part={part}"] if part else []
        output, found = spent([*words, "--", *targets] if targets else words, self.run)
        jobs = re.search(r"^total +(\d+)$", output, re.MULTILINE)
        return {"jobs": int(jobs[1]) if jobs else 0} | found

    def read(self, part: str | None = None) -> dict[str, Any]:
        """What reading and validating the configuration takes, imports included; without one, imports alone."""
        code = "import yaml; from xinc.experiment.config import Config"
        if part != "":
            code += f"; Config(yaml.safe_load(open('config.yaml')) | {{'part': {part!r}}})"
        return spent([sys.executable, "-c", code], self.run)[1]


#: Runs a command and counts what it takes. Linux counts the memory of a process that starts another as the other's, so
#: that it has to be a small one.
_COUNT = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.STDOUT)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - start
peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
found = {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mb": peak}
print(json.dumps(found), file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def spent(words: Sequence[str], folder: Path) -> tuple[str, dict[str, Any]]:
    """Output of a command, and its seconds, CPU seconds and peak of memory in MB (1e6 bytes)."""
    load, environment = load_average(), os.environ | {"PYTHONPATH": str(ROOT)}
    counting = [sys.executable, "-S", "-c", _COUNT, *words]
    done = subprocess.run(counting, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout[-4000:]}")
    return done.stdout, json.loads(done.stderr) | {"load": load}


@dataclass(frozen=True)
class Scene:
    """What all measurements of a run share: a scratch folder, the data set, its size, and which parts are planned."""

    folder: Path
    root: Path
    videos: int
    parts: int
    some: Sequence[int]


def twice(measure: Callable[[], dict[str, Any]], what: str) -> list[dict[str, Any]]:
    """The first time, when the videos' files are read, and the second."""
    return [{"": f"{what}, {time}"} | measure() for time in ("first time", "again")]


def sizes(scene: Scene) -> list[dict[str, Any]]:
    """Whole experiments of a few videos."""
    rows = []
    for count in (n for n in (5, 20, 100) if n <= scene.videos):
        one = Experiment.create(scene.folder / f"videos{count}", scene.root, f"{count} of all")
        rows += twice(one.plan, f"{count} videos")
    return rows


def parts(scene: Scene) -> list[dict[str, Any]]:
    """Parts of the whole data set."""
    whole = Experiment.create(scene.folder / f"parts{scene.parts}", scene.root)
    rows = []
    for number in scene.some:
        rows += twice(lambda number=number: whole.plan(f"{number}/{scene.parts}"), f"part {number}/{scene.parts}")
    return rows


def project(scene: Scene) -> list[dict[str, Any]]:
    """The analyses of the project, of results that are there: empty folders take their place."""
    from xinc.experiment.config import read_config
    from xinc.experiment.plan import Plan

    whole = Experiment.create(scene.folder / "project", scene.root)
    before = Path.cwd()
    os.chdir(whole.run)
    try:
        plan = Plan(read_config("config.yaml"))
    finally:
        os.chdir(before)
    for video in plan.videos:
        (whole.run / "results" / video / "video.zarr").mkdir(parents=True)
    for analysis, video, model, seed in plan.runs():
        below = "seeds" if seed is None else f"seed{seed}"
        (whole.run / "results" / video / model / below / analysis).mkdir(parents=True)
    return twice(lambda: whole.plan("project"), "part project")


def configuration(scene: Scene) -> list[dict[str, Any]]:
    """What each process that plans or executes jobs does first, and what a job's does in all."""
    whole = Experiment.create(scene.folder / "configuration", scene.root)
    part = f"1/{scene.parts}"
    rows = [{"": "imports alone"} | whole.read("")]
    rows += [{"": f"configuration, {scene.videos} videos"} | whole.read()]
    rows += [{"": f"configuration, part {part}"} | whole.read(part)]
    rows += [{"": "configuration, part project"} | whole.read("project")]
    first = next(path.name for path in (scene.root / "images").iterdir() if path.name.startswith("0_"))
    for one in (None, part):
        row = whole.plan(one, f"results/vipseg-{first}/video.zarr")
        rows.append({"": f"one job, {f'part {part}' if one else 'all videos'}"} | row)
    return rows


#: By name, what measures and the title of its table.
PARTS: Mapping[str, tuple[Callable[[Scene], list[dict[str, Any]]], str]] = {
    "sizes": (sizes, "Whole experiments"),
    "parts": (parts, "Parts of all videos"),
    "configuration": (configuration, "The configuration alone"),
    "project": (project, "The project of all videos"),
}


def report(rows: list[dict[str, Any]]) -> str:
    shown = ("", "jobs", "seconds", "cpu_seconds", "peak_mb", "load")
    return table([{key: row.get(key) for key in shown} for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="6 videos in 2 parts: half a minute")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="measure these")
    parser.add_argument("--videos", type=int, default=VIDEOS, help=f"videos of the data set (default: {VIDEOS})")
    parser.add_argument("--parts", type=int, default=56, help="parts that it is planned in (default: 56)")
    parser.add_argument("--some", type=int, nargs="+", default=[1], help="the parts that are planned (default: 1)")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results", help="where results go")
    options = parser.parse_args()
    videos, number = (6, 2) if options.quick else (options.videos, options.parts)
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "plan.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    with tempfile.TemporaryDirectory(dir=options.output) as name:
        folder = Path(name).resolve()
        scene = Scene(folder, write_tree(folder, videos), videos, number, options.some)
        for name in options.only:
            measure, title = PARTS[name]
            print(f"\n## {title}\n", flush=True)
            results[name] = measure(scene)
            print(report(results[name]), flush=True)
            file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(f"\nAll numbers: {file}")


if __name__ == "__main__":
    main()
