"""Pages of results as Markdown: numbers, lists and tables in lines of a page's width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import numpy as np

_WIDTH = 120


def spread(values: np.ndarray, form: str = ".2g") -> str:
    """Median and range of the numbers that are known; a dash where none is."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "–"
    middle, low, high = (number(value, form) for value in (np.median(known), known.min(), known.max()))
    return middle if low == high else f"{middle} ({low} to {high})"


def number(value: float, form: str = ".2g") -> str:
    """A number without an exponent.

    >>> number(0.0123), number(1234.0), number(-0.5)
    ('0.012', '1200', '−0.5')
    """
    text = f"{float(f'{value:{form}}'):f}".rstrip("0").rstrip(".") if form.endswith("g") else f"{value:{form}}"
    return text.replace("-", "−") if text not in ("-0", "") else "0"


def few(count: int, one: str) -> str:
    """So many of something.

    >>> few(1, "video"), few(2, "video")
    ('1 video', '2 videos')
    """
    return f"{count} {one}{'' if count == 1 else 's'}"


def several(names: Sequence[str], word: str) -> str:
    """Names in alphabetical order, the last after this word.

    >>> several(["b", "a", "c"], "and")
    'a, b and c'
    """
    *most, last = sorted(map(str, names))
    return f"{', '.join(most)} {word} {last}" if most else last


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def wrapped(text: str) -> str:
    """A paragraph."""
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def item(text: str) -> str:
    """A point of a list."""
    return textwrap.fill(
        text, _WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
