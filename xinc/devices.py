"""Where to compute."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from xinc.errors import InputError


def pick_device(preference: str = "auto") -> torch.device:
    """The device for ``auto`` (a GPU when there is one), ``cpu`` or ``cuda``; `InputError` for an absent GPU."""
    if preference == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda' but PyTorch finds no CUDA GPU: use 'auto' or 'cpu'.")
    if preference == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(preference)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """PyTorch on ``count`` CPU threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def tensor_float(allowed: bool) -> Iterator[None]:
    """Convolutions and matrix products on a GPU in TF32 inside the block, or not."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Convolutions on a GPU in float32 inside the block; TF32, PyTorch's default, keeps three digits."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
