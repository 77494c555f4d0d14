"""Failures that are not a job's own: memory, disks, places that cannot be written."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from xinc.experiment.console import in_one_sentence
from xinc.experiment.failures import explained
from xinc.experiment.job import job_log


def wrapped(error: Exception) -> Exception:
    outer = ValueError("the cause is memory")
    outer.__cause__ = error
    return outer


def of_numpy() -> Exception:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, np.uint8)
    return caught.value


def of_torch() -> Exception:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    return caught.value


OPENCV = "OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 1244160000 bytes"

#: What is raised, and what the sentence must contain.
MEMORY = {
    "Python": (MemoryError, []),
    "NumPy": (of_numpy, ["(1.00 EiB more asked for)"]),
    "PyTorch": (of_torch, ["(1152921504606846976 bytes more asked for)"]),
    "OpenCV": (lambda: RuntimeError(OPENCV), ["(1244160000 bytes more asked for)"]),
    "system": (lambda: OSError(errno.ENOMEM, "Cannot allocate memory"), []),
    "C++": (lambda: RuntimeError("std::bad_alloc"), []),
    "cause of another": (lambda: wrapped(MemoryError()), []),
}


@pytest.mark.parametrize(("make", "expected"), MEMORY.values(), ids=MEMORY)
def test_memory_that_is_used_up(make, expected, tmp_path: Path) -> None:
    error = make()
    with pytest.raises(SystemExit) as ended, job_log(tmp_path / "job.log"):
        raise error
    assert ended.value.code == 1
    (said,) = (tmp_path / "job.log").read_text().splitlines()
    assert said.startswith("Error: The memory of this machine is used up")
    assert said.endswith("and run again.")
    assert [part for part in expected if part not in said] == [], said


@pytest.mark.parametrize("error", [ValueError("no memory of it"), FileNotFoundError(errno.ENOENT, "no such file", "a")])
def test_anything_else_keeps_its_traceback(error: Exception, tmp_path: Path) -> None:
    assert explained(error) is None
    with pytest.raises(SystemExit), job_log(tmp_path / "job.log"):
        raise error
    assert "Traceback" in (tmp_path / "job.log").read_text()


def test_a_log_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(SystemExit, match=r"^Error: .*logs is a file where a folder is expected: move it away"):
        with job_log(tmp_path / "logs" / "video" / "clip.log"):
            pass


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_log_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would say goes to the terminal."""
    (tmp_path / "full.log").symlink_to("/dev/full")
    with open(tmp_path / "terminal", "w+") as terminal:
        monkeypatch.setattr(sys, "__stderr__", terminal)
        with pytest.raises(SystemExit), job_log(tmp_path / "full.log"):
            raise OSError(errno.ENOSPC, "No space left on device", "results/clip")
        terminal.seek(0)
        assert "Error: There is no space left for results/clip (No space left on device)" in terminal.read()


def traceback(line: str) -> str:
    return f'Traceback (most recent call last):\n\n  File "snakemake/api.py", line 687, in execute\n\n{line}\n'


#: How Snakemake's tracebacks end, and what is said in their place.
REFUSALS = {
    "read-only folder": (
        "PermissionError: [Errno 13] Permission denied: '/mine/.snakemake'",
        "/mine/.snakemake cannot be written (Permission denied): allow it, or run in another folder.",
    ),
    "read-only disk": (
        "OSError: [Errno 30] Read-only file system: '/mine/.snakemake'",
        "/mine/.snakemake cannot be written (Read-only file system): allow it, or run in another folder.",
    ),
    "file for a folder": (
        "NotADirectoryError: [Errno 20] Not a directory: 'taken/video/clip.log'",
        "taken is a file where a folder is expected: move it away, and run again.",
    ),
    "file for a folder that is made": (
        "FileExistsError: [Errno 17] File exists: 'taken'",
        "taken is a file where a folder is expected: move it away, and run again.",
    ),
    "full disk": ("OSError: [Errno 28] No space left on device", "There is no space left on the disk of "),
    "full disk, by name": (
        "OSError: [Errno 28] No space left on device: 'a' -> 'b'",
        "There is no space left for a (No space left on device): free some and run again.",
    ),
    "name that is too long": (
        "OSError: [Errno 36] File name too long: 'aaa'",
        "aaa cannot be used (File name too long).",
    ),
}


@pytest.mark.parametrize(("last", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_what_the_system_refuses_snakemake(
    last: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").touch()
    monkeypatch.chdir(tmp_path)
    said = in_one_sentence(traceback(last))
    assert said is not None
    assert said.startswith(expected)
    assert said.endswith(".")


@pytest.mark.parametrize("last", ["ValueError: 3", "WorkflowError:\nFailed to create output directory results/clip."])
def test_other_messages_stay(last: str) -> None:
    assert in_one_sentence(traceback(last)) is None
