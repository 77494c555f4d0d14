"""The frame of every job of the workflow: its log, its threads, its records, and errors in one sentence."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from xinc.errors import InputError
from xinc.experiment.failures import explained, of_system
from xinc.experiment.records import RECORDS, write_record
from xinc.runtime import process, progress


@contextlib.contextmanager
def imports() -> Iterator[None]:
    """Imports, in whose objects Python looks for no cycles, now and later: a tenth of the time of importing PyTorch."""
    _share_cores()
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def _share_cores() -> None:
    """Have PyTorch's threads sleep while they wait for each other, unless the user wants it otherwise.

    By default they spin, on cores that other jobs need: docs/explanation/training.md. It is read when OpenMP is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """A job of the workflow: see `job_log`; when it has ended well, what its results depend on is noted for `xinc why`.

    Parameters
    ----------
    snakemake : the object of that name in a script, with the params ``settings``, ``code`` and ``upstream``.
    """
    # Python ends with a search for cycles among all objects, 0.2 s after a large import: the process frees them anyway.
    atexit.register(gc.freeze)
    process.is_job = True
    with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
        yield
        for output in snakemake.output:
            write_record(RECORDS, output, dict(snakemake.params.items()))


@contextlib.contextmanager
def job_log(
    path: str | Path, threads: int = 1, inputs: Iterable[str] = (), outputs: Iterable[str] = ()
) -> Iterator[None]:
    """Send everything a job prints to ``path``; an `InputError` becomes one sentence there and exit status 1.

    So do the failures that `xinc.experiment.failures` explains. The job computes on ``threads`` CPU threads. Unfinished
    ``outputs`` of an earlier attempt that was killed are removed. Progress is also shown on the original standard
    error, a line every 15 seconds.
    """
    from xinc.storage.atomic import remove_unfinished

    _share_cores()
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for a PyTorch imported later on
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    for output in outputs:
        remove_unfinished(output)
    with _opened(path) as log:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            progress.console = sys.__stderr__
            try:
                yield
            except Exception as error:
                sentence = str(error) if isinstance(error, InputError) else explained(error, inputs)
                _say(traceback.format_exc() if sentence is None else f"Error: {sentence}\n", log)
                raise SystemExit(1) from None
            finally:
                progress.console = None


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[TextIO]:
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        log = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 (closed below)
    except OSError as error:
        sys.exit(f"Error: {of_system(error.errno, str(path), error.strerror)}")
    try:
        yield log
    finally:
        with contextlib.suppress(OSError):  # of a full disk, which has been told of
            log.close()


def _say(text: str, log: TextIO) -> None:
    """Into the log, or on the original standard error where the log's disk is full."""
    try:
        log.write(text)
        log.flush()
        os.fsync(log.fileno())
    except OSError:
        print(text, file=sys.__stderr__)
