"""Numbers of the shares of all neurons, and how they stand among relabelled instances."""

from __future__ import annotations

import itertools

import numpy as np

from xinc.statistics.nan_reductions import nan_mean, nan_median, nan_variance
from xinc.statistics.ranks import average_ranks
from xinc.statistics.standing import NULL, standing_of

#: Relabellings of the instances in a test of ranks or categories; all, if there are fewer.
RELABELLINGS = 5040
#: Draws of the test of constancy, and neurons that it looks at, at most.
DRAWS, SAMPLED = 99, 256


def distances(shares: np.ndarray) -> np.ndarray:
    """Mean over frames and neurons of the difference of the shares of two instances, (instance, instance)."""
    count = shares.shape[2]
    out = np.full((count, count), np.nan)
    for a, b in itertools.combinations(range(count), 2):
        out[a, b] = out[b, a] = float(nan_mean(abs(shares[..., a] - shares[..., b]), (0, 1)))
    return out


def category_ratio(distance: np.ndarray, categories: list[str]) -> tuple[float, np.ndarray]:
    """Mean distance within a category / between categories, and how it stands among relabellings, below."""
    numbers = np.unique(np.array(categories, dtype=str), return_inverse=True)[1]
    pairs = np.triu(~np.isnan(distance), 1)

    def ratio(labels: np.ndarray) -> float:
        same = labels[:, None] == labels
        within, between = distance[pairs & same], distance[pairs & ~same]
        if not within.size or not between.size or not between.mean() > 0:
            return float("nan")
        return float(within.mean() / between.mean())

    observed = ratio(numbers)
    if np.isnan(observed):
        return observed, np.full(len(NULL), np.nan)
    return observed, standing_of(np.array([ratio(numbers[order]) for order in orders(len(numbers))]), below=True)


def orders(count: int) -> np.ndarray:
    """All permutations of ``count`` things, or a fixed draw of them, with the identity first."""
    if np.prod(np.arange(1, min(count, 20) + 1), dtype=float) <= RELABELLINGS:
        return np.array(list(itertools.permutations(range(count))))
    generator = np.random.default_rng(0)
    drawn = [generator.permutation(count) for _ in range(RELABELLINGS - 1)]
    return np.array([np.arange(count), *drawn])


def rank_correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
    """Spearman correlation of what both know and how it stands among permutations; NaN of fewer than three."""
    both = ~(np.isnan(a) | np.isnan(b))
    ranks = [average_ranks(values[both]) - (both.sum() + 1) / 2 for values in (a, b)]
    scale = np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())
    if both.sum() < 3 or scale == 0:
        return float("nan"), np.full(len(NULL), np.nan)
    found = ranks[0][orders(int(both.sum()))] @ ranks[1] / scale
    return float(found[0]), standing_of(found)


def fluctuation_of(shares: np.ndarray) -> np.ndarray:
    """Mean change of shares from frame to frame, over neurons and frames, relative to the mean share: (instance,)."""
    change = nan_mean(nan_mean(abs(np.diff(shares, axis=0)), 1), 0)
    level = nan_mean(nan_mean(shares, 1), 0)
    out: np.ndarray = change / np.where(level > 0, level, np.nan)
    return out


def constancy(shares: np.ndarray) -> float:
    """Median over neurons of the deviation between instances, of means over time, / over time; see the claim."""
    between = np.sqrt(nan_variance(nan_mean(shares, 0), 1))
    over_time = np.sqrt(nan_mean(nan_variance(shares, 0), 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return nan_median(between / over_time)


def constancy_standing(shares: np.ndarray, generator: np.random.Generator) -> tuple[float, np.ndarray]:
    """Constancy of all neurons, and how that of some stands where every frame has an order of instances of its own."""
    live = np.flatnonzero(~np.isnan(shares).all((0, 2)))
    some = shares[:, np.sort(generator.choice(live, min(SAMPLED, len(live)), replace=False))]
    found = [constancy(some)]
    if len(shares) > 1 and np.isfinite(found[0]):
        for _ in range(DRAWS):
            order = generator.permuted(np.tile(np.arange(shares.shape[2]), (len(shares), 1)), axis=1)
            found.append(constancy(np.take_along_axis(some, order[:, None], axis=2)))
    return constancy(shares), standing_of(np.array(found))


def evenness(shares: np.ndarray) -> float:
    """Median over neurons, of means over frames, of the entropy of a frame's shares / the log of how many there are."""
    there = ~np.isnan(shares)
    count = there.sum(2)
    part = np.where(there, shares, 0)
    total = part.sum(2, keepdims=True)
    part = part / np.where(total > 0, total, np.nan)
    logs = np.log(np.where(part > 0, part, 1))
    entropy = np.where(count > 1, -(part * logs).sum(2) / np.log(np.where(count > 1, count, 2)), np.nan)
    return nan_median(nan_mean(entropy, 0))
