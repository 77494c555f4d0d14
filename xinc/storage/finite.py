"""Refusal of values that are not finite."""

from __future__ import annotations

from typing import Any

from xinc.errors import InputError


def unknown_values(values: Any) -> int:
    """How many values of an array of numbers are NaN or infinite."""
    import numpy as np

    if values.dtype.kind not in "fc":
        return 0
    return int(values.size) - int(np.count_nonzero(np.isfinite(values)))


def require_finite(values: Any, what: str, remedy: str) -> None:
    """`InputError` where an array holds NaN or infinities.

    Parameters
    ----------
    values : the array.
    what, remedy : which array of what, and what to do, for the message.
    """
    count = unknown_values(values)
    if count:
        raise InputError(f"{what} has {count} of {values.size} values that are not finite: {remedy}.")
