"""Vectors of neurons, their clusters and layout, and tests of types and of how seeds mix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from xinc.analyses.clusters.neuron_types import (
    cluster,
    layout,
    mixing,
    neighbouring,
    seed_entropy,
    separation,
    silhouette,
)
from xinc.analyses.clusters.numbers import NEIGHBOURS
from xinc.analyses.clusters.variables import OF_A_PART, OF_A_POINT, TESTS, describe
from xinc.analyses.clusters.vectors import over_regions, vectors_of
from xinc.analyses.subject import Subject
from xinc.errors import InputError
from xinc.frames import select_frames
from xinc.statistics.standing import NULL, standing_of

if TYPE_CHECKING:
    from xinc.analyses.clusters import Clusters

#: Seeds are compared where each has at least this many neurons for each cluster.
_LEAST_A_CLUSTER = 2


def compute(settings: Clusters.Settings, subjects: Mapping[int, Subject]) -> xr.Dataset:
    """Two passes over the maps of a layer, frame and seed, then k-means and UMAP of at most `max_neurons` a seed.

    UMAP costs ten seconds to import and as many to compile, once for all layers, and then about 3 ms a neuron.
    """
    subjects = dict(sorted(subjects.items()))
    first = next(iter(subjects.values()))
    layers = list(first.canvas)
    frames = select_frames(_shared_frames(subjects), settings.frames)
    parts = [[_part(settings, subjects, layer, frame) for frame in frames] for layer in layers]
    shape = (len(layers), len(frames))
    coords = {
        "layer": np.array(layers, dtype=object),
        "frame": np.asarray(frames, np.int64),
        "seed": np.asarray(list(subjects), np.int64),
        "cluster": np.arange(settings.clusters),
        "axis": np.arange(2),
        "null": np.array(NULL, dtype=object),
    }
    variables: dict[str, Any] = {}
    for name, dims in OF_A_PART.items():
        stacked = np.stack([part[name] for row in parts for part in row])
        variables[name] = (("layer", "frame", *dims), stacked.reshape(*shape, *stacked.shape[1:]))
    regions = np.unique(np.concatenate([part["regions"] for row in parts for part in row]))
    flat = [part for row in parts for part in row]
    for name, dims in OF_A_POINT.items():
        variables[name] = (("point", *dims), np.concatenate([part[name] for part in flat]))
    vectors = [over_regions(part["vectors"], part["regions"], regions) for part in flat]
    variables["vector"] = (("point", "region"), np.concatenate(vectors))
    sizes = [len(part["umap"]) for part in flat]
    where = [(layer, frame) for layer in layers for frame in frames]
    names = np.array([layer for layer, _ in where], dtype=object)
    variables["point_layer"] = (("point",), np.repeat(names, sizes))
    variables["point_frame"] = (("point",), np.repeat([frame for _, frame in where], sizes))
    source = first.video["frames"].sel(frame=frames).transpose("frame", "y", "x", "channel").values
    variables["source"] = (("frame", "y", "x", "channel"), source.astype(np.float32))
    result = xr.Dataset(variables, coords | {"region": regions})
    result["neurons"] = (("layer",), [first.canvas[layer].sizes["neuron"] for layer in layers])
    result.attrs["max_neurons"] = settings.max_neurons
    return describe(result)


def _part(settings: Clusters.Settings, subjects: dict[int, Subject], layer: str, frame: int) -> dict[str, Any]:
    """What is found for one layer and frame."""
    found = [vectors_of(settings, subject, seed, layer, frame) for seed, subject in subjects.items()]
    vectors = np.concatenate([one["vectors"] for one in found])
    neurons = np.concatenate([one["chosen"] for one in found])
    sizes = [len(one["chosen"]) for one in found]
    places = np.repeat(np.arange(len(found)), sizes)
    assigned = cluster(vectors, settings.clusters, settings.seed)
    counts = np.zeros((settings.clusters, len(found)), np.int64)
    np.add.at(counts, (assigned, places), 1)
    wanted = settings.neighbours
    wanted = wanted.get(layer, NEIGHBOURS) if isinstance(wanted, dict) else wanted
    # A few neurons in as many clusters would say that seeds share nothing.
    enough = min(sizes) >= _LEAST_A_CLUSTER * settings.clusters
    # Without edges there is one region, by whose mean no types can be told apart.
    told_apart = len(found[0]["regions"]) > 1
    enough = enough and told_apart
    part = {
        "regions": found[0]["regions"],
        "vectors": vectors.astype(np.float32),
        "point_seed": np.repeat(list(subjects), sizes),
        "point_neuron": neurons,
        "point_cluster": assigned,
        "umap": layout(vectors, wanted, settings.seed),
        "members": counts,
        "seed_entropy": seed_entropy(counts) if enough else float("nan"),
        "seed_silhouette": silhouette(vectors, places, settings.seed) if enough else float("nan"),
        "cluster_silhouette": silhouette(vectors, assigned, settings.seed),
    }
    nothing = np.full(1, np.nan)
    tests = {
        "mixing": mixing(assigned, places, settings.seed) if enough else nothing,
        "neighbouring": neighbouring(vectors, places, settings.seed) if enough else nothing,
        "separation": separation(vectors, settings.clusters, settings.seed) if told_apart else nothing,
    }
    part |= {name: values[0] for name, values in tests.items()}
    part |= {f"{name}_null": standing_of(values) for name, values in tests.items()}
    part |= {name: np.array([one[name] for one in found]) for name in ("dead", "constant")}
    return part | _samples(settings, subjects, layer, frame, places, neurons, assigned)


def _samples(
    settings: Clusters.Settings,
    subjects: dict[int, Subject],
    layer: str,
    frame: int,
    places: np.ndarray,
    neurons: np.ndarray,
    assigned: np.ndarray,
) -> dict[str, np.ndarray]:
    """Maps of neurons drawn from each cluster; NaN, seed and number −1 where it has fewer."""
    first = next(iter(subjects.values())).canvas[layer]
    shape = (settings.clusters, settings.samples)
    maps = np.full((*shape, first.sizes["y"], first.sizes["x"]), np.nan, np.float32)
    numbers, seeds = np.full(shape, -1), np.full(shape, -1)
    place = np.full(shape, -1)
    generator = np.random.default_rng([settings.seed, *layer.encode()])
    for at in range(settings.clusters):
        members = np.flatnonzero(assigned == at)
        if not len(members):
            continue
        drawn = np.sort(generator.choice(members, min(shape[1], len(members)), replace=False))
        for k, point in enumerate(drawn):
            numbers[at, k], place[at, k] = neurons[point], places[point]
            seeds[at, k] = list(subjects)[places[point]]
    for k, subject in enumerate(subjects.values()):
        own = place == k
        if own.any():
            wanted = subject.canvas[layer]["contribution"].sel(frame=frame).isel(neuron=numbers[own])
            maps[own] = abs(wanted.transpose("neuron", "y", "x").values)
    return {"map": maps, "map_neuron": numbers, "map_seed": seeds}


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row a layer, frame, cluster and seed: neurons, and their share of the seed's; and the layer's measures."""
    table = result["members"].to_dataframe("neurons").reset_index()
    total = table.groupby(["layer", "frame", "seed"])["neurons"].transform("sum")
    table["share_of_seed"] = table["neurons"] / total.where(total > 0)
    measures = result[["seed_entropy", "seed_silhouette", "cluster_silhouette", *TESTS]].to_dataframe().reset_index()
    left_out = result[["dead", "constant"]].to_dataframe().reset_index()
    table = table.merge(left_out, on=["layer", "frame", "seed"]).merge(measures, on=["layer", "frame"])
    assert isinstance(table, pd.DataFrame)
    return table


def _shared_frames(subjects: dict[int, Subject]) -> list[int]:
    """Frames that the canvases of all seeds have."""
    kept = [next(iter(subject.canvas.values()))["frame"].values.tolist() for subject in subjects.values()]
    shared = sorted(set(kept[0]).intersection(*kept[1:]))
    if not shared:
        raise InputError(f"The canvases of seeds {list(subjects)} have no frame in common: give them one.")
    return shared
