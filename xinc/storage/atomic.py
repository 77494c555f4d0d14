"""Directories and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from xinc.errors import InputError


@contextlib.contextmanager
def whole_directory(path: str | Path) -> Iterator[Path]:
    """A new directory to write into, which takes the place of ``path`` when the block ends well and vanishes otherwise.

    A reader of ``path`` sees what was there before, or all of the new content.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.partial-"))
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror or error}.") from None
    partial.chmod(0o755)
    try:
        yield partial
        if target.exists():
            shutil.rmtree(target)
        os.replace(partial, target)
    except OSError as error:
        raise InputError(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A new file to write, which takes the place of ``path`` when the block ends well and vanishes otherwise."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.partial-")
        os.close(handle)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror or error}.") from None
    partial = Path(name)
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())  # or a power cut could leave the new name on an empty file
        partial.chmod(0o644)
        os.replace(partial, target)
    except OSError as error:
        raise InputError(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def remove_unfinished(path: str | Path) -> None:
    """Remove what was left beside ``path`` by a process that was killed while it wrote it; nobody may be writing it."""
    target = Path(path)
    for left in target.parent.glob(f".{glob.escape(target.name)}.partial-*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
