"""Effect sizes: in how many cases a claim holds, and the median and range of its number over them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xinc.analyses.findings.names import DECIDED, HOLDS


@dataclass(frozen=True)
class Effect:
    """Numbers of several rows: cases with a verdict, in how many the claim holds, and their median and range."""

    cases: int = 0
    holds: int = 0
    median: float = math.nan
    lowest: float = math.nan
    highest: float = math.nan


def effect_of(rows: Iterable[Mapping[str, Any]]) -> Effect:
    """Of rows of a claim, those with a verdict: videos, networks, seeds and layers count alike.

    >>> effect_of({"verdict": "holds", "value": value} for value in (0.1, 0.5, 0.2))
    Effect(cases=3, holds=3, median=0.2, lowest=0.1, highest=0.5)
    """
    decided = [(row["verdict"], float(row["value"])) for row in rows if row["verdict"] in DECIDED]
    if not decided:
        return Effect()
    verdicts, values = zip(*decided, strict=True)
    return Effect(len(values), verdicts.count(HOLDS), statistics.median(values), min(values), max(values))


def in_words(effect: Effect) -> str:
    """Median and range, as far as there are any.

    >>> in_words(Effect(3, 1, 0.25, -0.1234, 1234.0)), in_words(Effect(1, 1, 2.0, 2.0, 2.0)), in_words(Effect())
    ('0.25 (−0.12 to 1200)', '2', '')
    """
    if not effect.cases:
        return ""
    middle, low, high = (short(value) for value in (effect.median, effect.lowest, effect.highest))
    return middle if low == high else f"{middle} ({low} to {high})"


def bound(direction: str, threshold: float) -> str:
    """Where the claim holds.

    >>> bound(">", 1.645), bound("within", 2.0), bound("", math.nan)
    ('> 1.6', '0.5 to 2', '')
    """
    if direction == "within":
        return f"{short(1 / threshold)} to {short(threshold)}"
    return f"{direction} {short(threshold)}" if direction else ""


def short(value: float) -> str:
    """A number of two digits, without an exponent unless it is very small or large."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        digits = max(0, 1 - math.floor(math.log10(abs(value)))) if value else 0
        text = f"{float(f'{value:.1e}'):.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:.0e}"
    return text.replace("-", "−")
