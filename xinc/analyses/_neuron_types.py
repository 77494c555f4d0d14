"""Types among vectors of neurons: clusters, a layout in the plane, and how mixed the seeds are (paper section 4.6)."""

from __future__ import annotations

import warnings

import numpy as np

#: Neurons of which silhouettes are computed at most: their cost is quadratic.
_SILHOUETTE_POINTS = 2000


def cluster(vectors: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Clusters (point,) of vectors (point, region) by k-means, the largest first; fewer where fewer vectors differ."""
    if not len(vectors):
        return np.zeros(0, np.int64)
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    count = min(clusters, len(np.unique(vectors, axis=0)))
    # Several threads would add up in an order of their own.
    with threadpool_limits(1):
        found = KMeans(count, n_init=4, random_state=seed).fit_predict(vectors)
    order = np.argsort(-np.bincount(found, minlength=count), kind="stable")
    return np.argsort(order)[found].astype(np.int64)


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
        import umap

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
