"""Neurons of two networks matched one to one, and what such a matching finds where there is nothing in common.

Similarity is Pearson's r of maps |C| averaged over the cells of a grid; the matching is the assignment with the largest
sum of similarities (Crouse 2016, "On implementing 2D rectangular assignment algorithms", as in SciPy).

Two neurons of unrelated networks of one picture are alike, since all maps follow the picture, and the assignment picks
the most similar of many. A null with shuffled or shifted pixels would break the first and make everything significant;
random pairs would leave out the second. So the null is the matching of a network with itself in which no neuron may be
matched with one that reads the same input: the same picture, architecture, training, sizes and selection, and no
identity of neurons. Two networks whose neurons come from one population, as two of random weights, have no more
partners than that. Neurons with the same input are barred because they share its map, as no two of different networks
do: they are more alike than any two of different networks could be. Twins, whose maps no measure of maps can tell
apart, are left out for the same reason.

A neuron of either network has a partner where its match is beyond what 95 % of the null's matches of its own network
reach. Of more neurons the best match is better, so a network with fewer neurons takes the null of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

#: Share of the null's similarities below its edge.
WITHIN = 0.95
#: Edges of the bins in which similarities are counted.
BINS = np.linspace(-1, 1, 101)
#: Most similarities of two groups that are kept at once: 0.8 GB, and as much for SciPy's copy.
LARGEST = 100_000_000
#: Two networks have equally many neurons for the null if one has at least this part of the other's.
_ALIKE = 0.9
#: Two maps are one if they differ by less, of a length of 1: float32 maps of different layouts do by 1e-6.
_ROUNDING = 1e-5
#: What no matching of distinct neurons is as low as.
_BARRED = -3.0
_DRAWS = 499


@dataclass(frozen=True)
class Neurons:
    """The neurons of a layer as they are matched.

    Attributes
    ----------
    means : (n, cells) mean of |C| over each cell.
    source : (n,) input channel of a kernel; of neurons that are not kernels, a number of its own for each.
    phase : (n,) sub-pixel that PixelShuffle gives the neuron.
    total : (n,) Σ|C|.
    """

    means: np.ndarray
    source: np.ndarray
    phase: np.ndarray
    total: np.ndarray

    @cached_property
    def dead(self) -> np.ndarray:
        """(n,) whether the map is zero."""
        return self.total == 0

    @cached_property
    def constant(self) -> np.ndarray:
        """(n,) whether the map is not zero, but the same in all cells, up to the rounding of float32."""
        spread = np.ptp(self.means, axis=1)
        return ~self.dead & (spread <= 1e-6 * self.means.max(1))

    @cached_property
    def twin(self) -> np.ndarray:
        """(n,) whether the map is that of a neuron of another input, up to scale and rounding.

        So are kernels without weights that feed one channel: each has its share of the bias.
        """
        marks = self.standard @ np.random.default_rng(0).normal(size=(self.means.shape[1], 3))
        order = np.lexsort(marks.T)
        run = np.cumsum(np.r_[0, (abs(np.diff(marks[order], axis=0)) > _ROUNDING).any(1)])
        inputs = np.unique(np.stack([run, self.source[order]]), axis=1)[0]
        found = np.zeros(len(order), bool)
        found[order] = np.bincount(inputs)[run] > 1
        return found & ~self.dead & ~self.constant

    @cached_property
    def usable(self) -> np.ndarray:
        """(n,) whether the map can be matched."""
        return ~(self.dead | self.constant | self.twin)

    @cached_property
    def standard(self) -> np.ndarray:
        """(n, cells) with mean 0 and length 1; 0 of neurons that are dead or constant."""
        centred = self.means - self.means.mean(1, keepdims=True)
        length = np.linalg.norm(centred, axis=1)
        nothing = self.dead | self.constant
        return np.asarray(np.where(nothing, 0, 1 / np.where(length > 0, length, 1))[:, None] * centred)


class Null(NamedTuple):
    """Matches of a network with itself: their similarity and the first neuron's input channel, each (m,)."""

    similarity: np.ndarray
    source: np.ndarray


@dataclass(frozen=True)
class Matching:
    """Neurons of one network, a, matched with those of another, b.

    Attributes
    ----------
    neuron, partner : (m,) numbers in either layer, of a ascending; the partner of a neuron that is left over is −1.
    similarity : (m,) NaN for one that is left over.
    nulls : the matches of a and of b with themselves; none of a network with fewer neurons than the other, and where no
        two neurons have different inputs.
    counts : (4, bins) similarities of the matches, of the nulls' matches, and of all pairs that are not matched.
    """

    neuron: np.ndarray
    partner: np.ndarray
    similarity: np.ndarray
    nulls: tuple[Null, Null]
    counts: np.ndarray

    def null_of(self, network: int) -> Null:
        """The null for the neurons of a (0) or of b (1)."""
        own, other = self.nulls[network], self.nulls[1 - network]
        return own if own.similarity.size else other

    @property
    def edges(self) -> np.ndarray:
        """(2,) the similarity that 95 % of the null's matches do not reach, for neurons of a and for those of b."""
        nulls = [self.null_of(at).similarity for at in (0, 1)]
        return np.array([np.quantile(null, WITHIN) if null.size else np.nan for null in nulls])

    @property
    def beyond(self) -> np.ndarray:
        """(m, 2) whether the match is a partner for the neuron of a, and for that of b."""
        return np.asarray(self.similarity[:, None] > self.edges)


def match(a: Neurons, b: Neurons, most: int, generator: np.random.Generator) -> Matching:
    """Match at most ``most`` neurons of ``a``, drawn at random, with all of ``b``.

    Dead and constant neurons and twins are left out. Neurons of one phase are matched among themselves where both
    layers have the same phases.
    """
    vectors = (a.standard, b.standard)
    usable = [np.flatnonzero(one.usable) for one in (a, b)]
    drawn = np.sort(generator.permutation(usable[0])[:most])
    phases = shared_phases(a.phase, b.phase)
    larger = max(len(one) for one in usable)
    with_null = [at for at in (0, 1) if len(usable[at]) >= _ALIKE * larger]
    partner = np.full(len(drawn), -1)
    similarity = np.full(len(drawn), np.nan)
    counts = np.zeros((4, len(BINS) - 1), np.int64)
    nothing = Null(np.empty(0), np.empty(0, np.int64))
    nulls = ([nothing], [nothing])
    for phase in np.unique(phases[0][drawn]):
        mine = np.flatnonzero(phases[0][drawn] == phase)
        of_phase = [own[phases[at][own] == phase] for at, own in enumerate(usable)]
        rows, columns = drawn[mine], of_phase[1]
        between = vectors[0][rows] @ vectors[1][columns].T
        r, c = assign(between)
        partner[mine[r]], similarity[mine[r]] = columns[c], between[r, c]
        matched = _counted(between[r, c])
        counts[[0, 3]] += np.stack([matched, _counted(between) - matched])
        few, many = sorted((len(rows), len(columns)))
        for at in with_null:
            nulls[at].append(_within(vectors[at], (a, b)[at].source, of_phase[at], few, many, generator))
            counts[1 + at] += _counted(nulls[at][-1].similarity)
    joined = [Null(*(np.concatenate(values) for values in zip(*null, strict=True))) for null in nulls]
    return Matching(drawn, partner, similarity, (joined[0], joined[1]), counts)


def assign(similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, each at most once, whose similarities (n, m) have the largest sum; min(n, m) of each."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return np.asarray(rows), np.asarray(columns)


def _within(
    vectors: np.ndarray, source: np.ndarray, own: np.ndarray, few: int, many: int, generator: np.random.Generator
) -> Null:
    """``few`` neurons of a network matched with ``many`` of its own, of other inputs."""
    rows, columns = generator.permutation(own)[:few], generator.permutation(own)[:many]
    similarity = vectors[rows] @ vectors[columns].T
    barred = source[rows][:, None] == source[columns]
    similarity[barred] = _BARRED
    r, c = assign(similarity)
    allowed = ~barred[r, c]
    return Null(similarity[r, c][allowed], source[rows[r[allowed]]])


def shared_phases(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Phases of the neurons of two layers, among which they are matched; all alike where the two have other phases."""
    if np.array_equal(np.unique(a), np.unique(b)):
        return a, b
    return np.zeros_like(a), np.zeros_like(b)


def largest(a: np.ndarray, b: np.ndarray, most: int) -> int:
    """How many similarities `match` keeps at once, at most, of neurons with these phases."""
    phases = shared_phases(a, b)
    sizes = ((int((phases[0] == phase).sum()), int((phases[1] == phase).sum())) for phase in np.unique(phases[0]))
    return max(min(most, mine) * others for mine, others in sizes)


def _counted(values: np.ndarray) -> np.ndarray:
    """Numbers of values in `BINS`."""
    return np.histogram(np.clip(values, -1, 1), BINS)[0]


def share_interval(
    similarity: np.ndarray, source: np.ndarray, null: Null, generator: np.random.Generator
) -> tuple[float, float]:
    """95 % interval of the share of neurons whose match is beyond the edge of the null.

    Input channels are resampled, on whose maps their neurons depend, those of the null as well. NaN where there is one
    channel only.

    Parameters
    ----------
    similarity, source : (m,) similarity of each neuron's match, −∞ without one, and the neuron's input channel.
    null : of the matches of the network with itself.
    """
    weights, of_null = (_resampled(one, generator) for one in (source, null.source))
    if weights is None or of_null is None:
        return float("nan"), float("nan")
    order = np.argsort(null.similarity)
    below = np.cumsum(of_null[:, order], axis=1)
    edges = null.similarity[order][(below >= WITHIN * below[:, -1:]).argmax(1)]
    shares = (weights * (similarity > edges[:, None])).sum(1) / weights.sum(1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def _resampled(source: np.ndarray, generator: np.random.Generator) -> np.ndarray | None:
    """How often each neuron is drawn, (draws, m), if its input channel is; None for a single channel."""
    known, channel = np.unique(source, return_inverse=True)
    if len(known) < 2:
        return None
    return generator.multinomial(len(known), np.full(len(known), 1 / len(known)), _DRAWS)[:, channel]
