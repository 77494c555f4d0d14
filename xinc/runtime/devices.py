"""Choice of the device to compute on."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xinc.errors import InputError

if TYPE_CHECKING:
    import torch

#: How many blocks of `full_precision` there are at the moment, and what was allowed before the first.
_inside, _allowed = 0, True
_lock = threading.Lock()


def has_gpu() -> bool:
    """Whether PyTorch finds a CUDA GPU. It is imported, which takes seconds, only where there is a driver for one."""
    if "torch" not in sys.modules and not _has_driver():
        return False
    import torch

    return torch.cuda.is_available()


def _has_driver() -> bool:
    """Whether the system has NVIDIA's driver, or AMD's, which PyTorch's build for it calls CUDA as well."""
    if os.path.exists("/dev/kfd"):
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def cpu_threads() -> int:
    """CPU threads to compute on: PyTorch's number where it is imported, else ``OMP_NUM_THREADS`` or all cores."""
    ask = getattr(sys.modules.get("torch"), "get_num_threads", None)
    if ask is not None:
        return int(ask())
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pick_device(preference: str = "auto") -> torch.device:
    """The device for ``auto`` (a GPU when there is one), ``cpu`` or ``cuda``; `InputError` for an absent GPU."""
    import torch

    if preference == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda' but PyTorch finds no CUDA GPU: use 'auto' or 'cpu'.")
    if preference == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(preference)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """PyTorch on ``count`` CPU threads inside the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def tensor_float(allowed: bool) -> Iterator[None]:
    """Convolutions and matrix products on a GPU in TF32 inside the block, or not."""
    import torch

    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Convolutions on a GPU in float32 inside the block; TF32, PyTorch's default, keeps three digits.

    PyTorch has one setting for all threads: it is put back when the last of them has left such a block.
    """
    global _inside, _allowed
    import torch

    with _lock:
        if not _inside:
            _allowed = torch.backends.cudnn.allow_tf32
            torch.backends.cudnn.allow_tf32 = False
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                torch.backends.cudnn.allow_tf32 = _allowed
