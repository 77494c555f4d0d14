"""Clusters of neurons in the plane of UMAP, beside those of their vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xinc.analyses.clusters.neuron_types import cluster, layout, silhouette, without_types
from xinc.analyses.clusters.vectors import region_vectors

if TYPE_CHECKING:
    from xinc.analyses.released import Released

#: Neighbours of UMAP by layer, and of others the default of the function that lays them out.
NEIGHBOURS, OTHERS = {"block1": 150, "block2": 75, "block3": 25, "head": 5, "layer1": 5, "layer2": 5, "layer3": 5}, 15
#: Starts of k-means, the default of the scikit-learn that the repository pins (1.3.2).
STARTS = 10
#: What is measured, in the order of `silhouettes`.
MEASURES = {
    "vectors": "clusters of the vectors, in their own space, as the paper's words have it",
    "plane": "clusters of the plane, in the plane, as released",
    "plane_in_vectors": "clusters of the plane, in the space of the vectors",
    "gaussian_plane": "the same as released, of one normal distribution with the mean and covariance of the vectors",
}


def silhouettes(
    settings: Released.Settings, data: xr.Dataset, labels: np.ndarray, layer: str, frame: int
) -> list[float]:
    """Mean silhouettes of the clusters of a layer's neurons in a frame, in the order of `MEASURES`.

    Restates ``save_umap`` and ``main`` of cluster_utils/sample_neuron_clustering.py, and those of
    plot_figures/supplementary/plot_umap_with_samples.py and plot_umaps_for_seeds.py: vectors of neurons are laid out in
    the plane, and k-means (6 clusters, seed 0) is given the places in it. UMAP keeps neighbours together and places
    groups apart, so that even a single normal distribution falls into clusters there; its silhouette is what that
    alone gives. The paper (section 4.6) clusters neurons, and projects them by UMAP to plot them.

    Vectors are as in `clusters`, over the Gabor regions (y, x) of the paper's words, so that only the place of k-means
    differs. UMAP starts from principal components and knows its neighbours exactly, as in `clusters`; the released
    code leaves both to umap-learn.
    """
    if settings.clusters is None:
        return [float("nan")] * len(MEASURES)
    generator = np.random.default_rng([settings.seed, *layer.encode()])
    vectors = region_vectors(data, labels, frame, settings.max_neurons, generator)["vectors"]
    if len(np.unique(vectors, axis=0)) <= max(settings.clusters, 3):
        return [float("nan")] * len(MEASURES)
    own = cluster(vectors, settings.clusters, settings.seed, STARTS)
    places, in_plane = _clustered_plane(settings, settings.clusters, vectors, layer)
    drawn = next(without_types(vectors, 1, generator))
    return [
        silhouette(vectors, own, settings.seed),
        silhouette(places, in_plane, settings.seed),
        silhouette(vectors, in_plane, settings.seed),
        silhouette(*_clustered_plane(settings, settings.clusters, drawn, layer), settings.seed),
    ]


def _clustered_plane(
    settings: Released.Settings, clusters: int, vectors: np.ndarray, layer: str
) -> tuple[np.ndarray, np.ndarray]:
    """Places (point, 2) of vectors in the plane, and their clusters there."""
    places = layout(vectors, NEIGHBOURS.get(layer, OTHERS), settings.seed)
    return places, cluster(places, clusters, settings.seed, STARTS)
