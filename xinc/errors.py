"""Errors that a user is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that says what was found, what was expected and what to do; the workflow and the
    command line print it without a traceback.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that ends an "unknown name" message: the closest known name, then all of them.

    >>> nearest("nervv", ["ffn", "nerv"])
    "did you mean 'nerv'? Expected one of ffn, nerv"
    >>> nearest("siren", ["nerv"])
    'expected nerv'
    """
    names = sorted(str(name) for name in known)
    close = difflib.get_close_matches(str(word), names, n=1, cutoff=0.5)
    listing = f"expected {'one of ' if len(names) > 1 else ''}{', '.join(names)}"
    return f"did you mean '{close[0]}'? {listing[0].upper()}{listing[1:]}" if close else listing
