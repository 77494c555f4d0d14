"""Progress of long work: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import sys
import time
from typing import Any

#: Where a job whose output goes to a log file still shows progress, see `xinc.experiment.job.job_log`.
console: Any = None


def say(text: str) -> None:
    """A line for whoever watches: on standard error, and on the console of a job whose output goes to a log file."""
    for stream in (sys.stderr, console):
        if stream is not None:
            print(text, file=stream, flush=True)


class Progress:
    """Counts steps and shows them with free-form figures, e.g. the PSNR reached.

    Parameters
    ----------
    total : number of steps.
    label : what is being done.
    every : seconds between two lines where the output is not a terminal.
    """

    def __init__(self, total: int, label: str, every: float = 5.0) -> None:
        self.label, self.total, self.every = label, total, every
        self.done = 0
        self._bar: Any = None
        self._start = time.monotonic()
        self._last = {"log": self._start, "console": self._start}

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, initial=self.done, desc=self.label, file=sys.stderr)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, steps: int = 1, **figures: str) -> None:
        self.done += steps
        if self._bar is not None:
            self._bar.set_postfix(figures, refresh=False)
            self._bar.update(steps)
            return
        self._print(sys.stderr, "log", self.every, figures)
        if console is not None:
            self._print(console, "console", 3 * self.every, figures)

    def _print(self, stream: Any, key: str, every: float, figures: dict[str, str]) -> None:
        now = time.monotonic()
        finished = self.done >= self.total
        if now - self._last[key] < every and not (finished and key == "log"):
            return
        self._last[key] = now
        extra = "".join(f", {name} {value}" for name, value in figures.items())
        print(f"{self.label}: {self.done}/{self.total} ({now - self._start:.0f} s{extra})", file=stream, flush=True)
