"""Sentences of the paper about types of neurons (sections 1, 4.6 and 7.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from xinc.analyses.claim import Claim
from xinc.statistics.standing import combined

#: Silhouette up to which there is no substantial structure (Kaufman and Rousseeuw 1990, "Finding groups in data").
STRUCTURE = 0.25
#: Probability, under a normal distribution, of clusters as separate, up to which there are types that seeds can share.
LEVEL = 0.05


def _types_to_share(result: xr.Dataset) -> xr.DataArray:
    """Whether a layer has types, (layer,): k-means cuts what has none, and networks without any share the cut."""
    p_values = result["separation_null"].sel(null="p_value", drop=True).transpose("layer", "frame").values
    return (result["separation"].mean("frame") > STRUCTURE) & (np.array([combined(one) for one in p_values]) <= LEVEL)


_TYPES: tuple[str, Callable[[Any], xr.DataArray]] = (
    "mean silhouette of the neurons' vectors by cluster (k-means), of 300 at most: 0 where clusters touch, 1 "
    "where they lie far apart; threshold: no substantial structure up to here (Kaufman and Rousseeuw 1990)",
    lambda result: result["separation"],
)
_NULL: dict[str, Any] = {
    "threshold": STRUCTURE,
    "null": lambda result: result["separation_null"],
    "chance": "99 sets of vectors drawn from one normal distribution with their covariance, clustered alike",
    "missing": "fewer neurons than clusters, or a frame without edges, which has one Gabor region only",
}
_SEEDS: dict[str, Any] = {
    "direction": "<",
    "absence": True,
    "chance": "999 relabellings of the neurons by seed; p: of seeds as separate as here",
    "premise": _types_to_share,
    "without": "no types that seeds could share: clusters are not separate, or no more than those of one normal "
    "distribution (group_similar_neurons)",
    "missing": "one seed only on this video, a seed with too few neurons, or a frame without edges, which has one "
    "Gabor region only",
}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "group_similar_neurons",
        "1",
        "Neurons can be grouped by their contributions: there are clusters of similar neurons.",
        *_TYPES,
        **_NULL,
    ),
    Claim(
        "many_neuron_types",
        "4.6",
        "There are different types of neurons when they are separated by their contributions to edges.",
        *_TYPES,
        **_NULL,
    ),
    Claim(
        "clusters_mix_seeds",
        "7.1",
        "Each cluster has neurons of different seeds.",
        "adjusted mutual information of clusters and seeds: 0 where seeds are spread over the clusters as at "
        "random, 1 where each cluster is of one seed",
        lambda result: result["mixing"],
        threshold=0.05,
        null=lambda result: result["mixing_null"],
        **_SEEDS,
    ),
    Claim(
        "seeds_share_types",
        "7.1",
        "Models of different seeds learn the same types of neurons: neurons are not grouped by seed.",
        "share of a neuron's ten nearest neighbours that are of its own seed, beyond that of seeds mixed at "
        "random, 1: all ten",
        lambda result: result["neighbouring"],
        threshold=0.1,
        null=lambda result: result["neighbouring_null"],
        **_SEEDS,
    ),
)
