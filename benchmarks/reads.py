"""Reads of a canvas on disk and on object storage, requests counted, beside another version.

    make bench BENCH=reads ARGS="--old 453128e --delay 0.05"

The paper's canvas of thirty frames is written once and put on a server of S3 on this machine, in which every request
waits. Each version, the other one from a working tree of git, reads both in a process of its own
(`benchmarks/reads_of_a_version.py`). Tables go to standard output, all numbers to ``reads.json`` in the output
directory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.canvas import table
from benchmarks.process import ROOT, load_average
from benchmarks.tasks import network
from tests.helpers import object_storage
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer

#: Frames of the canvas.
_FRAMES = {"paper": 30, "quick": 4}


def write_canvas(name: str, root: Path) -> None:
    """All layers factored but the head, which is dense by default."""
    model = network(name, _FRAMES[name])
    for layer in model.layer_names():
        layout = "dense" if layer == "head" else "factored"
        write_layer(model, root / layer, layer, None, CanvasSettings(layout=layout, device="cpu"))


@contextlib.contextmanager
def version(revision: str | None, folder: Path) -> Iterator[Path]:
    """The source of a revision; of this one where it is None."""
    if revision is None:
        yield ROOT
        return
    place = folder / "old"
    subprocess.run(["git", "worktree", "add", "--detach", "-q", place, revision], cwd=ROOT, check=True)
    try:
        yield place
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", place], cwd=ROOT, check=True)


class Reader:
    """A process in which a version reads a canvas, a question at a time."""

    def __init__(self, source: Path, canvas: str) -> None:
        program = Path(__file__).with_name("reads_of_a_version.py")
        self._process = subprocess.Popen(
            [sys.executable, program, canvas],
            cwd=source,
            env=os.environ | {"PYTHONPATH": os.fspath(source)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: str) -> dict[str, Any]:
        """Seconds, CPU seconds, and a sum to compare versions by."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(question, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The process that reads failed at {question}.")
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


#: Questions in their order: what is asked, and how often.
LOCAL = {
    "first": 1, "open": 5, "neuron": 7, "column": 7,
    "box 1/16": 3, "box 1/8": 3, "box 1/4": 3, "box 1/2": 3, "box 1": 3,
}  # fmt: skip
REMOTE = {"first": 1, "layer": 2, "open": 2, "neuron": 3, "column": 2, "dense neuron": 2}


def measure(source: Path, canvas: str, questions: dict[str, int], server: object_storage.Server | None) -> Any:
    """By question, a row for each time that it was asked."""
    reader = Reader(source, canvas)
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        for question, times in questions.items():
            rows = []
            for _ in range(times):
                if server is not None:
                    del server.requests[:]
                rows.append(reader.ask(question))
                if server is not None:
                    rows[-1]["requests"] = len(server.requests)
            found[question] = rows
    finally:
        reader.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", help="a revision to read with as well")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds that a request waits")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--quick", action="store_true", help="a small network, to see that it works")
    asked = parser.parse_args()
    name = "quick" if asked.quick else "paper"
    revisions = {"new": None} if asked.old is None else {"old": asked.old, "new": None}
    found: dict[str, Any] = {"load": load_average(), "delay": asked.delay, "disk": {}, "s3": {}}
    with tempfile.TemporaryDirectory() as scratch, object_storage.server() as server:
        root = Path(scratch) / "canvas.zarr"
        write_canvas(name, root)
        bucket = object_storage.new_bucket()
        import s3fs

        s3fs.S3FileSystem().put(os.fspath(root), f"{bucket.removeprefix('s3://')}/canvas.zarr", recursive=True)
        server.delay = asked.delay
        for which, revision in revisions.items():
            with version(revision, Path(scratch)) as source:
                found["disk"][which] = measure(source, os.fspath(root), LOCAL, None)
                found["s3"][which] = measure(source, f"{bucket}/canvas.zarr", REMOTE, server)
    checks = {
        (place, question, rows[0]["check"])
        for place in ("disk", "s3")
        for one in found[place].values()
        for question, rows in one.items()
    }
    if len({(place, question) for place, question, _ in checks}) != len(checks):
        raise RuntimeError(f"The two versions read different numbers: {sorted(checks)}.")
    asked.output.mkdir(parents=True, exist_ok=True)
    (asked.output / "reads.json").write_text(json.dumps(found, indent=1), "utf-8")
    for place in ("disk", "s3"):
        print(f"\n{place}, load {found['load']:.1f}")
        print(table(rows_of(found[place], place == "s3")))


def rows_of(found: dict[str, Any], counted: bool) -> list[dict[str, str]]:
    """The table: first time, and the median of the others."""
    rows = []
    for question in next(iter(found.values())):
        row = {"read": question}
        for which, one in found.items():
            first, *again = one[question]
            middle = sorted(again, key=lambda row: row["seconds"])[len(again) // 2] if again else None
            row |= {f"{which}, first": _cell(first, counted), f"{which}, again": _cell(middle, counted)}
        rows.append(row)
    return rows


def _cell(row: dict[str, Any] | None, counted: bool) -> str:
    if row is None:
        return ""
    text = f"{row['seconds'] * 1e3:.0f} ms"
    return f"{row['requests']} requests, {text}" if counted else f"{text}, {row['cpu_seconds'] * 1e3:.0f} CPU-ms"


if __name__ == "__main__":
    main()
