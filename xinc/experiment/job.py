"""The frame of every job of the workflow: its log, its threads, its records, and errors in one sentence."""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xinc.errors import InputError
from xinc.experiment.records import RECORDS, write_record
from xinc.runtime import progress


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """A job of the workflow: see `job_log`; when it has ended well, what its results depend on is noted for `xinc why`.

    Parameters
    ----------
    snakemake : the object of that name in a script, with the params ``settings``, ``code`` and ``upstream``.
    """
    # Python ends with a search for cycles among all objects, 0.2 s after a large import: the process frees them anyway.
    atexit.register(gc.freeze)
    with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
        yield
        for output in snakemake.output:
            write_record(RECORDS, output, dict(snakemake.params.items()))


@contextlib.contextmanager
def job_log(
    path: str | Path, threads: int = 1, inputs: Iterable[str] = (), outputs: Iterable[str] = ()
) -> Iterator[None]:
    """Send everything a job prints to ``path``; an `InputError` becomes one sentence there and exit status 1.

    So do a damaged store among the job's ``inputs``, a full disk, and a GPU whose memory
    ran out. The job computes on ``threads`` CPU threads. Unfinished ``outputs`` of an earlier attempt that was killed
    are removed. Progress is also shown on the original standard error, a line every 15 seconds.
    """
    from xinc.storage.atomic import remove_unfinished

    os.environ["OMP_NUM_THREADS"] = str(threads)  # for a PyTorch imported later on
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    for output in outputs:
        remove_unfinished(output)
    with open(path, "w", encoding="utf-8", buffering=1) as log:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            progress.console = sys.__stderr__
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
                progress.console = None


def _explained(error: Exception, inputs: Iterable[str]) -> str | None:
    """A failure that is not the job's own in one sentence; None for any other."""
    from xinc.runtime.gpu_memory import ran_out, shortage
    from xinc.storage.damage import find_damage

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
