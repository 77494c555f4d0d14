"""Progress of long work: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xinc.errors import InputError

#: Where a job whose output goes to a log file may still tell a waiting person how far it is (see `job_log`).
_console: Any = None


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
        if _console is not None:
            self._print(_console, "console", 3 * self.every, figures)

    def _print(self, stream: Any, key: str, every: float, figures: dict[str, str]) -> None:
        now = time.monotonic()
        finished = self.done >= self.total
        if now - self._last[key] < every and not (finished and key == "log"):
            return
        self._last[key] = now
        extra = "".join(f", {name} {value}" for name, value in figures.items())
        print(f"{self.label}: {self.done}/{self.total} ({now - self._start:.0f} s{extra})", file=stream, flush=True)


@contextlib.contextmanager
def job_log(
    path: str | Path, threads: int = 1, inputs: Iterable[str] = (), outputs: Iterable[str] = ()
) -> Iterator[None]:
    """Send everything a job prints to ``path``; an `InputError` becomes one sentence there and exit status 1.

    So does any failure of a job of whose ``inputs`` a store turns out to be damaged, a full disk, and a GPU whose
    memory ran out. The job computes on ``threads`` CPU threads. What an earlier attempt that was killed left of its
    ``outputs`` is removed. Progress is also shown on the original standard error, a line every 15 seconds.
    """
    from xinc.stores import remove_unfinished

    global _console
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for a PyTorch imported later on
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    for output in outputs:
        remove_unfinished(output)
    with open(path, "w", encoding="utf-8", buffering=1) as log:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            _console = sys.__stderr__
            try:
                yield
            except InputError as error:
                print(f"Error: {error}", file=log)
                raise SystemExit(1) from None
            except Exception as error:
                explained = _explained(error, inputs)
                if explained is None:
                    traceback.print_exc(file=log)
                else:
                    print(f"Error: {explained}", file=log)
                log.flush()
                os.fsync(log.fileno())
                raise SystemExit(1) from None
            finally:
                _console = None


def _explained(error: Exception, inputs: Iterable[str]) -> str | None:
    """A failure that is not the job's own in one sentence; None for any other."""
    from xinc.gpu_memory import ran_out, shortage
    from xinc.stores import find_damage

    if ran_out(error):
        return shortage(error)
    for path in inputs:
        damage = find_damage(path)
        if damage is not None:
            return f"{path} is damaged, {damage}: remove it and run again, which makes it anew."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        where = f" for {error.filename}" if error.filename else ""
        return f"There is no space left{where} ({error.strerror}): free some and run again."
    return None
