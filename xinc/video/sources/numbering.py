"""Numbers in the names of files, which say what belongs to which frame."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def numbers(files: Sequence[Path]) -> list[int] | None:
    """The number in each file's name: the last one that tells all of them apart; None where none does.

    >>> numbers([Path("a1_0003_v2.png"), Path("a1_0004_v2.png")]), numbers([Path("a.png")])
    ([3, 4], None)
    """
    found = [[int(run) for run in re.findall(r"\d+", path.stem, re.ASCII)][::-1] for path in files]
    for place in range(min((len(runs) for runs in found), default=0)):
        column = [runs[place] for runs in found]
        if len(set(column)) == len(column):
            return column
    return None


def disagreement(ours: Sequence[int], frames: Sequence[int]) -> int | None:
    """The place at which numbers stop following those of the frames, evenly or at a constant distance; None: nowhere.

    >>> disagreement([1, 2, 3], [0, 1, 2]), disagreement([0, 5, 10], [0, 1, 2]), disagreement([0, 1, 5], [0, 1, 2])
    (None, None, 2)
    """
    if len(set(np.diff(ours))) <= 1 and len(set(np.diff(frames))) <= 1:
        return None
    distance = ours[0] - frames[0]
    return next((at for at, (own, frame) in enumerate(zip(ours, frames, strict=True)) if own - frame != distance), None)


def gap(found: Sequence[int]) -> tuple[int, int] | None:
    """The first two neighbours that lie further apart than most do, where most are at one distance; None: nowhere.

    >>> gap([0, 1, 2, 5, 6]), gap([0, 5, 10]), gap([1, 7, 20])
    ((2, 5), None, None)
    """
    steps = np.diff(found).tolist()
    usual = max(set(steps), key=steps.count, default=0)
    if 2 * steps.count(usual) <= len(steps):
        return None
    return next(((a, b) for a, b in itertools.pairwise(found) if b - a > usual), None)


def span(found: Sequence[int]) -> str:
    """The first and the last of some numbers.

    >>> span([3, 4, 7]), span([3])
    ('3-7', '3')
    """
    return f"{found[0]}-{found[-1]}" if len(found) > 1 else str(found[0])
