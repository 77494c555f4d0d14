"""Bootstrap intervals over neurons, and nulls by exchange of labels."""

from __future__ import annotations

import numpy as np

from xinc.statistics.ranks import average_ranks
from xinc.statistics.standing import NULL, standing_of

#: The part of the resamples inside an interval.
_INSIDE = (2.5, 97.5)


def median_with_interval(values: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Median, and the ends of its 95 % bootstrap interval, of values (n,), NaN left out."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.full(3, np.nan)
    drawn = known[generator.integers(0, known.size, (resamples, known.size))]
    return np.array([np.median(known), *np.percentile(np.median(drawn, axis=1), _INSIDE)])


def rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's ρ along the last axis; NaN where all values are the same."""
    a, b = (average_ranks(values) for values in np.broadcast_arrays(a, b))
    return _correlation(a, b)


def ranking_with_interval(
    totals: np.ndarray, effects: np.ndarray, resamples: int, generator: np.random.Generator
) -> np.ndarray:
    """Spearman's ρ of totals with effects, (frames, n) both: its mean over frames, and its bootstrap interval."""
    drawn = generator.integers(0, totals.shape[-1], (resamples, totals.shape[-1]))
    own = rank_correlation(totals, effects).mean()
    of_resamples = rank_correlation(totals[:, drawn], effects[:, drawn]).mean(0)
    known = of_resamples[np.isfinite(of_resamples)]
    ends = np.percentile(known, _INSIDE) if known.size else np.full(2, np.nan)
    return np.array([own, *ends]) if np.isfinite(own) else np.full(3, np.nan)


def ranking_of_chance(effects: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """0, the mean of Spearman's ρ of random numbers with effects (frames, n), and where 95 % of it lie."""
    found = rank_correlation(generator.random((effects.shape[0], resamples, effects.shape[1])), effects[:, None]).mean(
        0
    )
    return np.array([0.0, *np.percentile(found, _INSIDE)]) if np.isfinite(found).all() else np.full(3, np.nan)


def paired_difference(
    own: np.ndarray, other: np.ndarray, resamples: int, generator: np.random.Generator
) -> tuple[float, np.ndarray]:
    """Mean difference of pairs (n,), and how it stands where the two of each pair change places at random."""
    difference = own - other
    difference = difference[np.isfinite(difference)]
    if not difference.size:
        return float("nan"), np.full(len(NULL), np.nan)
    signs = generator.choice([-1.0, 1.0], (resamples, difference.size))
    values = np.append(difference.mean(), (signs * difference).mean(1))
    return float(values[0]), standing_of(values)


def ranked_better(
    first: np.ndarray, second: np.ndarray, effects: np.ndarray, resamples: int, generator: np.random.Generator
) -> tuple[float, np.ndarray]:
    """By how much ρ of the first total with the effects exceeds that of the second, all (frames, n), mean over frames.

    And how that stands where both ranks of each neuron change places at random.
    """
    a, b, target = (average_ranks(values) for values in (first, second, effects))
    change = generator.integers(0, 2, (resamples + 1, 1, a.shape[-1])).astype(bool)
    change[0] = False
    found = _correlation(np.where(change, b, a), target) - _correlation(np.where(change, a, b), target)
    values = found.mean(1)
    if not np.isfinite(values[0]):
        return float("nan"), np.full(len(NULL), np.nan)
    return float(values[0]), standing_of(values)


def effect_of_idle(
    idle: np.ndarray, others: np.ndarray, resamples: int, generator: np.random.Generator
) -> tuple[float, np.ndarray]:
    """Median effect of idle neurons (m,) / that of others (n,), and how it stands where who is idle is drawn by lot."""
    if not idle.size or not others.size or not np.median(others):
        return float("nan"), np.full(len(NULL), np.nan)
    every = np.concatenate([idle, others])
    values = [np.median(idle) / np.median(others)]
    for _ in range(resamples):
        order = generator.permutation(every)
        rest = np.median(order[idle.size :])
        values.append(np.median(order[: idle.size]) / rest if rest else np.inf)
    return float(values[0]), standing_of(np.array(values), below=True)


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = (values - values.mean(-1, keepdims=True) for values in (a, b))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(-1) / np.sqrt(np.square(a).sum(-1) * np.square(b).sum(-1)))
