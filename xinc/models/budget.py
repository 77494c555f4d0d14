"""Budgets in parameters: the widest network that fits."""

from __future__ import annotations

from collections.abc import Callable


def widest(parameters: Callable[[int], int], size: float) -> int:
    """The largest width of at most ``size`` parameters, of which a wider network has more; 0 where not even 1 fits."""
    low, high = 0, 1
    while parameters(high) <= size:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if parameters(middle) <= size else (low, middle)
    return low
