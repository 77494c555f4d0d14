"""Content digests that detect changed input files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xinc.errors import InputError

#: A file that changed less than this many nanoseconds ago may change again within the same tick of the clock.
_TICK = 2 * 10**9


def check_readable(files: Sequence[str]) -> None:
    """Look at each file without reading it.

    Raises
    ------
    InputError : one does not exist, is not a file, or may not be read; or its path has braces around a name.
    """
    for file in files:
        if re.search(r"\{\s*\w[^{}]*\}", file):
            raise InputError(f"'{file}' has braces in its path, which Snakemake takes for a wildcard: rename it.")
        try:
            mode = os.stat(file).st_mode
        except OSError as error:
            dangling = isinstance(error, FileNotFoundError) and os.path.islink(file)
            link = f"it is a link to '{os.readlink(file)}', which does not exist" if dangling else None
            raise _unreadable(file, link or error.strerror or str(error)) from None
        if not stat.S_ISREG(mode):
            raise _unreadable(file, "it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file")
        if not os.access(file, os.R_OK, effective_ids=True):
            raise _unreadable(file, "its permissions do not allow it")


class Contents:
    """Digests of files, kept from one run to the next.

    A file is read again where its size, its times or its place on the disk are others than when it was read. The time
    of the last change of its entry (ctime) is among them: no program can set it back, as copying sets back the other.

    Parameters
    ----------
    kept : a folder for what is known; None keeps nothing.
    """

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = kept
        #: By file, its state and digest: the list of a data set belongs to each of its videos.
        self._seen: dict[str, list[Any]] = {}

    def digests(self, name: str, files: Sequence[str]) -> list[str]:
        """The digest of each file, 16 hexadecimal digits; what is known of them is kept under ``name``.

        Raises
        ------
        InputError : a file cannot be read.
        """
        known = self._load(name)
        found: dict[str, list[Any]] = {}
        for file in files:
            try:
                state = _state(file)
                before = self._seen.get(file) or known.get(file, [])
                found[file] = [*state, before[-1] if before[:-1] == state else _read(file)]
            except OSError as error:
                raise _unreadable(file, error.strerror or str(error)) from None
        self._seen |= found
        settled = {file: entry for file, entry in found.items() if entry[2] < time.time_ns() - _TICK}
        if settled != known:
            self._save(name, settled)
        return [found[file][-1] for file in files]

    def known(self, name: str, files: Sequence[str]) -> bool:
        """Whether each file is as it was when its digest was kept under ``name``."""
        kept = self._load(name)
        return all(kept.get(file, [])[:-1] == _state(file) for file in files)

    def _load(self, name: str) -> dict[str, list[Any]]:
        if self._kept is None:
            return {}
        try:
            known = json.loads((self._kept / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _save(self, name: str, known: dict[str, list[Any]]) -> None:
        """Where that is not possible, files are read again the next time."""
        if self._kept is None:
            return
        file = self._kept / f"{name}.json"
        with contextlib.suppress(OSError):
            self._kept.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(f".{os.getpid()}.partial")
            partial.write_text(json.dumps(known), encoding="utf-8")
            os.replace(partial, file)


def _state(file: str) -> list[int]:
    at = os.stat(file)
    return [at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino]


def _unreadable(file: str, why: str) -> InputError:
    return InputError(
        f"'{file}' cannot be read ({why}): expected a file of a video or network; replace it, or remove it."
    )


def _read(file: str) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]
