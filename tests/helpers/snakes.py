"""Activations of another distribution, made up for the time of a test."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.distributions import pretend
from xinc.trace.activations import activation, activations

SNAKE = """
import math
import torch
from xinc.trace.activations import Activation

def snake(z, a=1.0):
    return z + torch.sin(a * z).square() / a

def in_numbers(z, a):
    return z + math.sin(a * z) ** 2 / a

def raised(z, a=1.0, by=0.5):
    return snake(z, a) + by

SNAKE = Activation(snake, scalar=in_numbers)
RAISED = Activation(raised, scalar=lambda z, a, by: z + math.sin(a * z) ** 2 / a + by)
WRONG = Activation(snake, scalar=lambda z, a: z + math.sin(z) ** 2 / a)
STRANGE = Activation(snake, scalar=lambda z, a: str(z) + a)
def mode(z, how="fast"): return z
"""

#: Entry points of the distribution ``snakes`` 1.2.
NAMES = {
    "snake": "snakes:SNAKE", "slow_snake": "snakes:snake", "raised": "snakes:RAISED", "wrong": "snakes:WRONG",
    "strange": "snakes:STRANGE", "mode": "snakes:mode", "gone": "snakes:GONE", "relu": "snakes:SNAKE",
}  # fmt: skip


@contextlib.contextmanager
def snakes(folder: Path) -> Iterator[None]:
    """Let the distribution be installed in a folder inside the block."""
    pretend(folder, "snakes", "1.2", "xinc.activations", **NAMES)
    (folder / "snakes.py").write_text(SNAKE, encoding="utf-8")
    _forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield
    _forget()


def _forget() -> None:
    activations.__dict__.pop("_entries", None)
    for name in NAMES:
        activations._classes.pop(name, None)
    sys.modules.pop("snakes", None)
    activation.cache_clear()
