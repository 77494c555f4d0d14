"""Failures that are not a job's own, in one sentence: memory, disks, places that cannot be written, damaged inputs."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR)

#: What PyTorch and OpenCV say where NumPy and Python raise a MemoryError.
_NO_MEMORY = re.compile(r"can't allocate memory|Cannot allocate memory|Failed to allocate \d+ bytes|std::bad_alloc")


def explained(error: BaseException, inputs: Iterable[str] = ()) -> str | None:
    """A failure of a job that is not its own in one sentence; None for any other.

    Parameters
    ----------
    error : what ended the job.
    inputs : the job's inputs, which are looked through for damage.
    """
    from xinc.runtime.gpu_memory import ran_out, shortage
    from xinc.storage.damage import find_damage

    if ran_out(error):
        return shortage(error)
    if no_memory(error):
        return _shortage(error)
    for path in inputs:
        damage = find_damage(path)
        if damage is not None:
            return f"{path} is damaged, {damage}: remove it and run again, which makes it anew."
    if isinstance(error, OSError) and error.errno in (*_FULL, *_FORBIDDEN):
        return of_system(error.errno, error.filename, error.strerror)
    return None


def no_memory(error: BaseException | None) -> bool:
    """Whether the memory of the machine was used up, there or in what was being dealt with."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if not isinstance(error, OSError) and _NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def _shortage(error: BaseException) -> str:
    asked = re.search(r"(?:Unable to allocate|tried to allocate|Failed to allocate) ([\d.]+ ?\w+)", str(error))
    what = f" ({asked[1]} more asked for)" if asked else ""
    return (
        f"The memory of this machine is used up{what}: end what else uses it, give the job more, or compute fewer "
        "frames or a lower resolution, and run again."
    )


def of_system(number: int | None, path: str | None, reason: str | None) -> str:
    """A failure of the operating system in one sentence.

    Parameters
    ----------
    number : its ``errno``.
    path : the file or folder that it is about, if known.
    reason : the system's own words.
    """
    if number in _FULL:
        where = f" for {path}" if path else f" on the disk of {Path.cwd()}"
        return f"There is no space left{where} ({reason}): free some and run again."
    if number in _FORBIDDEN:
        return f"{path or Path.cwd()} cannot be written ({reason}): allow it, or run in another folder."
    if number in _IN_THE_WAY and path:
        file = _file_in(path)
        if file is not None:
            return f"{file} is a file where a folder is expected: move it away, and run again."
    return f"{path or 'A file'} cannot be used ({reason})."


def _file_in(path: str) -> str | None:
    """The part of a path that is a file; None where there is none."""
    for part in (Path(path), *Path(path).parents):
        if part.exists() and not part.is_dir():
            return os.fspath(part)
    return None
