"""Dimensions and descriptions of the variables of a result."""

from __future__ import annotations

import xarray as xr

#: Statistics that have a null.
TESTS = {
    "mixing": "adjusted mutual information of clusters and seeds",
    "neighbouring": "share of a neuron's nearest neighbours that are of its own seed, beyond chance",
    "separation": "silhouette of at most 300 vectors by their clusters",
}
#: Variables of a layer and frame, with their dimensions.
OF_A_PART: dict[str, tuple[str, ...]] = {
    "members": ("cluster", "seed"),
    "seed_entropy": (),
    "seed_silhouette": (),
    "cluster_silhouette": (),
    **dict.fromkeys(TESTS, ()),
    **{f"{name}_null": ("null",) for name in TESTS},
    "dead": ("seed",),
    "constant": ("seed",),
    "map": ("cluster", "sample", "y", "x"),
    "map_neuron": ("cluster", "sample"),
    "map_seed": ("cluster", "sample"),
}
#: Variables of a neuron, with their dimensions.
OF_A_POINT: dict[str, tuple[str, ...]] = {
    "umap": ("axis",),
    "point_cluster": (),
    "point_seed": (),
    "point_neuron": (),
}
_DESCRIPTIONS = {
    "members": "neurons of a seed in a cluster",
    "seed_entropy": "entropy of the seeds within clusters, 1 where all are equally frequent, mean over neurons",
    "seed_silhouette": "silhouette of the vectors by seed",
    "cluster_silhouette": "silhouette of the vectors by cluster",
    **TESTS,
    **{f"{name}_null": f"how that stands in its null: {text}" for name, text in TESTS.items()},
    "dead": "neurons that contribute nothing, left out",
    "constant": "neurons that contribute to all pixels alike, left out",
    "map": "|C| of neurons drawn from a cluster, NaN where it has fewer",
    "map_neuron": "number of the neuron, -1 where there is none",
    "map_seed": "seed of the neuron, -1 where there is none",
    "umap": "place in the layout of the layer and frame",
    "point_cluster": "cluster of the neuron in its layer and frame",
    "point_seed": "seed of the neuron's network",
    "point_neuron": "number of the neuron in its layer",
    "point_layer": "layer of the neuron",
    "point_frame": "frame",
    "vector": "mean over a Gabor region of |C| scaled to [0, 1] over the frame, NaN where the frame lacks the region",
    "neurons": "neurons of the layer",
    "source": "source frame",
}


def describe(result: xr.Dataset) -> xr.Dataset:
    """The result with a description and a unit for each of its variables."""
    for name, text in _DESCRIPTIONS.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    return result
