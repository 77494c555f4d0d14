"""Types among vectors of neurons: clusters, a layout in the plane, and how mixed the seeds are (paper section 4.6)."""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, cast

import numpy as np

from xinc.runtime import process

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

#: Largest number of neurons whose silhouettes are computed, because their cost is quadratic.
_SILHOUETTE_POINTS = 2000
#: Largest number of neurons in the test for types, and sets of vectors without types that it draws.
_TYPE_POINTS, _TYPE_DRAWS = 300, 99
#: Relabellings of neurons by seed, and neighbours of a neuron that are looked at.
_RELABELLINGS, _NEIGHBOURS = 999, 10


def cluster(vectors: np.ndarray, clusters: int, seed: int, starts: int = 4) -> np.ndarray:
    """Clusters (point,) of vectors (point, region) by k-means, the largest first; fewer where fewer vectors differ."""
    if not len(vectors):
        return np.zeros(0, np.int64)
    from sklearn.cluster import KMeans

    count = min(clusters, len(np.unique(vectors, axis=0)))
    # Several threads would add up in an order of their own.
    with _thread_pools().limit(limits=1):
        found = KMeans(count, n_init=starts, random_state=seed).fit_predict(vectors)
    order = np.argsort(-np.bincount(found, minlength=count), kind="stable")
    return np.argsort(order)[found].astype(np.int64)


@functools.cache
def _thread_pools() -> ThreadpoolController:
    """Those of the libraries that k-means uses: looking for them takes longer than a small k-means."""
    import sklearn.cluster  # noqa: F401  (loads them)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def layout(vectors: np.ndarray, neighbours: int, seed: int) -> np.ndarray:
    """UMAP (point, 2) float32 of vectors (point, region); NaN where there are fewer than four.

    Neighbours are exact, found by brute force: up to some ten thousand neurons that is quicker than compiling the
    approximate search of umap-learn. The layout starts from principal components. One seed gives one layout on one
    machine.
    """
    count = len(vectors)
    if count < 4:
        return np.full((count, 2), np.nan, np.float32)
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    few = min(neighbours, count - 1)
    with threadpool_limits(1), warnings.catch_warnings():
        # Of no transform of new data without an index, of one thread with a seed, of numba's own deprecations.
        warnings.simplefilter("ignore")
        umap = _umap()
        distances, indices = NearestNeighbors(n_neighbors=few, algorithm="brute").fit(vectors).kneighbors(vectors)
        varied = int((vectors.std(0) > 0).sum())
        made = umap.UMAP(
            n_neighbors=few,
            init="pca" if varied >= 2 else "random",
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(indices.astype(np.int32), distances.astype(np.float32), None),
        )
        return np.asarray(made.fit_transform(vectors.astype(np.float32)), np.float32)


@functools.cache
def _umap() -> ModuleType:
    """umap-learn, its compiled functions kept between processes: compiling them takes as long as a layout."""
    if process.is_job and "pynndescent" not in sys.modules:
        _import_uncompiled("pynndescent")
    import umap
    from umap import layouts, umap_

    for module, name in (
        (umap_, "smooth_knn_dist"),
        (umap_, "compute_membership_strengths"),
        (layouts, "_nb_optimize_layout_euclidean_single_epoch"),
    ):
        # Another version of umap-learn may have no such function, and Numba no folder to keep it in.
        with contextlib.suppress(AttributeError, RuntimeError):
            getattr(module, name).enable_caching()
    return cast(ModuleType, umap)


def _import_uncompiled(package: str) -> None:
    """Import a package without compiling its functions with Numba.

    umap-learn imports an approximate search of neighbours, which takes ten seconds to compile when it is first
    imported, and is not used here: neighbours are exact. In a session of the user's own it is: they may use it.
    """
    import numba

    numba.config.DISABLE_JIT = True  # type: ignore[attr-defined]
    try:
        importlib.import_module(package)
    finally:
        numba.config.DISABLE_JIT = False  # type: ignore[attr-defined]


def seed_entropy(members: np.ndarray) -> float:
    """How mixed clusters are: entropy of the seeds within a cluster, 0 (one seed) to 1 (all alike), mean over neurons.

    Parameters
    ----------
    members : (cluster, seed) numbers of neurons. Each seed counts by its shares, as if all had equally many neurons.

    Returns
    -------
    NaN with a single seed, or where one has no neurons.
    """
    totals = members.sum(0)
    if members.shape[1] < 2 or not totals.all():
        return float("nan")
    shares = members / totals
    weights = shares.sum(1)
    within = shares[weights > 0] / weights[weights > 0, None]
    entropy = -(within * np.log(np.where(within > 0, within, 1))).sum(1) / np.log(members.shape[1])
    return float((entropy * weights[weights > 0]).sum() / weights.sum())


def silhouette(vectors: np.ndarray, labels: np.ndarray, seed: int) -> float:
    """Mean silhouette of vectors (point, region) by labels (point,), of 2000 of them at most; NaN with one label."""
    if len(vectors) > _SILHOUETTE_POINTS:
        chosen = np.random.default_rng(seed).choice(len(vectors), _SILHOUETTE_POINTS, replace=False)
        vectors, labels = vectors[chosen], labels[chosen]
    if not 2 <= len(np.unique(labels)) < len(labels):
        return float("nan")
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(vectors, labels))


def mixing(clusters: np.ndarray, places: np.ndarray, seed: int) -> np.ndarray:
    """Adjusted mutual information of clusters and seeds, (1 + n,): as it is, then of neurons relabelled at random.

    0 is what seeds that say nothing of the cluster give, 1 where a cluster has one seed and a seed one cluster.

    Parameters
    ----------
    clusters, places : (point,) integers, the cluster and the position of the seed of each neuron.
    """
    sizes = int(clusters.max(initial=0)) + 1, int(places.max(initial=0)) + 1
    if min(sizes) < 2:
        return np.full(1, np.nan)

    def information(labels: np.ndarray) -> float:
        joint = np.bincount(clusters * sizes[1] + labels, minlength=sizes[0] * sizes[1]).reshape(sizes) / len(labels)
        return _entropy(joint.sum(0)) + _entropy(joint.sum(1)) - _entropy(joint)

    generator = np.random.default_rng(seed)
    found = [information(places), *(information(generator.permutation(places)) for _ in range(_RELABELLINGS))]
    chance = float(np.mean(found[1:]))
    highest = (_entropy(np.bincount(places) / len(places)) + _entropy(np.bincount(clusters) / len(places))) / 2
    return (np.array(found) - chance) / (highest - chance)


def neighbouring(vectors: np.ndarray, places: np.ndarray, seed: int) -> np.ndarray:
    """How many of a neuron's nearest neighbours are of its own seed beyond chance, (1 + n,): as it is, then relabelled.

    0 is what seeds mixed at random give, 1 where all ten neighbours of every neuron are of its seed: islands of one
    seed, which clusters may be too coarse to tell.

    Parameters
    ----------
    vectors : (point, region).
    places : (point,) position of the seed of each neuron.
    """
    counts = np.bincount(places)
    if len(counts) < 2 or len(vectors) < 3:
        return np.full(1, np.nan)
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    few = min(_NEIGHBOURS, len(vectors) - 1)
    with threadpool_limits(1):
        search = NearestNeighbors(n_neighbors=few, algorithm="brute").fit(vectors)
        near = search.kneighbors(return_distance=False)
    chance = float((counts * (counts - 1)).sum() / (len(places) * (len(places) - 1)))
    generator = np.random.default_rng(seed)
    labels = [places, *(generator.permutation(places) for _ in range(_RELABELLINGS))]
    shares = np.array([(one[near] == one[:, None]).mean() for one in labels])
    return (shares - chance) / (1 - chance)


def separation(vectors: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Mean silhouette of vectors (point, region) by their clusters, (1 + n,): as they are, then without types.

    k-means finds clusters in anything. Vectors without types are drawn from one normal distribution with the mean and
    the covariance of the vectors (after Liu et al. 2008, "SigClust"), and clustered alike. Of 300 vectors at most.
    """
    generator = np.random.default_rng(seed)
    if len(vectors) > _TYPE_POINTS:
        vectors = vectors[np.sort(generator.choice(len(vectors), _TYPE_POINTS, replace=False))]
    if len(np.unique(vectors, axis=0)) <= clusters:
        return np.full(1, np.nan)
    found = [_separated(vectors, clusters, seed)]
    found += [_separated(drawn, clusters, seed) for drawn in without_types(vectors, _TYPE_DRAWS, generator)]
    return np.array(found)


def without_types(vectors: np.ndarray, draws: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Sets of as many vectors, drawn from one normal distribution with the mean and the covariance of the vectors."""
    mean = vectors.mean(0)
    # Of the centred vectors themselves: normal weights of them have their covariance.
    centred = (vectors - mean) / np.sqrt(max(len(vectors) - 1, 1))
    root = np.linalg.qr(centred, mode="r")
    for _ in range(draws):
        yield mean + generator.standard_normal((len(vectors), len(root))) @ root


def _separated(vectors: np.ndarray, clusters: int, seed: int) -> float:
    return silhouette(vectors, cluster(vectors, clusters, seed, starts=1), seed)


def _entropy(shares: np.ndarray) -> float:
    return float(-(shares * np.log(np.where(shares > 0, shares, 1))).sum())
