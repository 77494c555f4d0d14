"""A measurement in a process of its own: time, memory, and what both were before it began.

`run` starts ``python -m benchmarks``; a task there does its imports and its warm-up, then what it measures inside
`Job.measured`. Memory is the kernel's count of resident bytes, its peak reset at the start of the measured part where
the system allows. Quick runs, whose numbers mean nothing, fork instead (`tried`).
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

#: Modules that have measurements; the first keeps the list of all, in which the others register.
TASKS = ("tasks", "chunks", "roofline", "training_tasks")
#: What they import when they run.
_USED = ("xinc.canvas.dissect", "xinc.canvas.writer", "xinc.models.nerv.network", "xinc.training.loop")


def _status(name: str) -> float:
    """A line of /proc/self/status in MB (1e6 bytes); the peak so far where there is no such file."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024 / 1e6
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def resident_mb() -> float:
    return _status("VmRSS")


def peak_mb() -> float:
    return _status("VmHWM")


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "utf-8")


@dataclass
class Job:
    """What a task is given, and where it puts what it found.

    Attributes
    ----------
    arguments : the task's arguments.
    folder : a scratch directory, shared by the tasks of a run.
    found : results; `measured` sets ``seconds``, ``cpu_seconds`` (of all cores), ``peak_mb``, and ``before_mb``, what
        imports, network and warm-up had taken.
    """

    arguments: dict[str, Any]
    folder: Path
    found: dict[str, Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        self.found["before_mb"] = resident_mb()
        _reset_peak()
        spent = time.process_time()
        with self.timed("seconds"):
            yield
        self.found["cpu_seconds"] = time.process_time() - spent
        self.found["peak_mb"] = peak_mb()

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.found[name] = time.perf_counter() - start


def run(task: str, folder: Path, environment: Mapping[str, str] | None = None, **arguments: Any) -> dict[str, Any]:
    """The results of a task, run in a process of its own, with these environment variables beside those of this one."""
    words = [sys.executable, "-m", "benchmarks", task, str(folder), json.dumps(arguments)]
    done = subprocess.run(words, cwd=ROOT, env=os.environ | (environment or {}), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The measurement {task} {arguments} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def tried(task: str, folder: Path, **arguments: Any) -> dict[str, Any]:
    """The same in a copy of a process that has imported everything, seconds sooner; its memory means nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"benchmarks.{name}" for name in ("perform", *TASKS)] + list(_USED))
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_perform, args=(there, task, str(folder), arguments))
    process.start()
    there.close()
    try:
        found: dict[str, Any] = here.recv()
    except EOFError:
        raise RuntimeError(f"The measurement {task} {arguments} failed: see above.") from None
    process.join()
    return found


def _perform(there: Any, *words: Any) -> None:
    from benchmarks.perform import perform

    there.send(perform(*words))


def size_of(path: Path) -> tuple[int, int]:
    """Bytes and files below a directory."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files), len(files)


def forget_cached(path: Path) -> None:
    """Ask the system to drop its cached copies of the files below a directory, so that reading them reads the disk."""
    os.sync()
    for file in path.rglob("*"):
        if file.is_file() and hasattr(os, "posix_fadvise"):
            handle = os.open(file, os.O_RDONLY)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


def load_average() -> float:
    """Processes that wanted a core in the last minute, on average; what is beyond the cores disturbs measurements."""
    return os.getloadavg()[0]


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing, as fast as they can, until the block ends or this process does."""
    spin = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    spinning = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(count)]
    try:
        yield
    finally:
        for one in spinning:
            one.kill()
            one.wait()
