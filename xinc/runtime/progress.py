"""Progress of long work: a bar on a terminal or in a notebook, a line now and then in a log file."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from xinc.runtime import task

#: Where a job whose output goes to a log file still shows progress, see `xinc.experiment.job.job_log`.
console: Any = None


def say(text: str) -> None:
    """A line for whoever watches: on standard error, and on the console of a job whose output goes to a log file."""
    for stream in (sys.stderr, console):
        if stream is not None:
            print(text, file=stream, flush=True)


class Progress:
    """Counts steps and shows them with free-form figures, e.g. the PSNR reached.

    Each step is told to the `Task` around the work, and raises `xinc.Cancelled` where that was cancelled. Steps may be
    counted by several threads.

    Parameters
    ----------
    total : number of steps.
    label : what is being done.
    every : seconds between two lines where the output is neither a terminal nor a notebook.
    brief : seconds; nothing is shown of work that takes no longer.
    """

    def __init__(self, total: int, label: str, every: float = 5.0, brief: float = 0.0) -> None:
        self.label, self.total, self.every, self.brief = label, total, every, brief
        self.done = 0
        self._bar: Any = None
        self._start = time.monotonic()
        self._last = {"log": self._start, "console": self._start}
        self._tasks = task.current()
        self._lock = threading.RLock()

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() or in_notebook():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self.total,
                initial=self.done,
                desc=self.label,
                file=sys.stderr,
                delay=self.brief,
                leave=not self.brief,
                unit_scale=self.total >= 10_000,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, steps: int = 1, **figures: str) -> None:
        """Count steps; `xinc.Cancelled` where the task around the work was cancelled."""
        with self._lock:
            self.done += steps
            task.report(self._tasks, self.label, self.done, self.total)
            if self._bar is not None:
                if figures:
                    self._bar.set_postfix(figures, refresh=False)
                self._bar.update(steps)
            else:
                self._print(sys.stderr, "log", self.every, figures)
                if console is not None:
                    self._print(console, "console", 3 * self.every, figures)
        task.check(self._tasks)

    def _print(self, stream: Any, key: str, every: float, figures: dict[str, str]) -> None:
        now = time.monotonic()
        finished = self.done >= self.total and key == "log" and now - self._start >= self.brief
        if now - self._last[key] < every and not finished:
            return
        self._last[key] = now
        extra = "".join(f", {name} {value}" for name, value in figures.items())
        print(f"{self.label}: {self.done}/{self.total} ({now - self._start:.0f} s{extra})", file=stream, flush=True)


def in_notebook() -> bool:
    """Whether what is printed appears below a cell of a notebook, where a bar can be drawn."""
    return type(sys.stderr).__module__.startswith("ipykernel.")
