"""Which types of neurons there are, and whether seeds share them (paper section 4.6, figures 10 and 12 to 14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses._neuron_types import (
    cluster,
    layout,
    mixing,
    neighbouring,
    seed_entropy,
    separation,
    silhouette,
)
from xinc.analyses.base import Analysis
from xinc.analyses.claim import Claim
from xinc.analyses.subject import Subject
from xinc.errors import InputError
from xinc.frames import FrameChoice, select_frames
from xinc.settings import StrictModel
from xinc.statistics.standing import NULL, standing_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: Neighbours of UMAP in a layer that the settings do not name.
NEIGHBOURS = 15
#: Seeds are compared where each has so many neurons for each cluster.
_LEAST_A_CLUSTER = 2
#: Silhouette up to which there is no substantial structure (Kaufman and Rousseeuw 1990, "Finding groups in data").
STRUCTURE = 0.25

Neighbours = Annotated[int, Field(ge=2)]


def _claims() -> tuple[Claim, ...]:
    types = (
        "mean silhouette of the neurons' vectors by cluster (k-means), of 300 at most: 0 where clusters touch, 1 "
        "where they "
        "lie far apart; threshold: no substantial structure up to here (Kaufman and Rousseeuw 1990)",
        lambda result: result["separation"],
    )
    null: dict[str, Any] = {
        "threshold": STRUCTURE,
        "null": lambda result: result["separation_null"],
        "chance": "99 sets of vectors drawn from one normal distribution with their covariance, clustered alike",
        "missing": "fewer neurons than clusters",
    }
    seeds: dict[str, Any] = {
        "direction": "<",
        "absence": True,
        "chance": "999 relabellings of the neurons by seed; p: of seeds as separate as here",
        "missing": "one seed only on this video, or a seed with too few neurons",
    }
    return (
        Claim(
            "group_similar_neurons",
            "1",
            "Neurons can be grouped by their contributions: there are clusters of similar neurons.",
            *types,
            **null,
        ),
        Claim(
            "many_neuron_types",
            "4.6",
            "There are different types of neurons when they are separated by their contributions to edges.",
            *types,
            **null,
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
            **seeds,
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
            **seeds,
        ),
    )


@analyses.register("clusters")
class Clusters(Analysis):
    """Neurons as vectors of what they contribute to each Gabor region, clustered, and laid out in the plane by UMAP.

    Each map |C| is scaled to [0, 1] by its own minimum and maximum and averaged over each region. The neurons of all
    seeds are clustered (k-means) and laid out (UMAP) together; the table says how many of each seed a cluster has.
    Beside the layout are maps of neurons drawn at random from each cluster, framed in its colour, each on its own
    scale; the same letters mark these neurons in the layout. A cluster may be of few neurons, even of one. Seeds are
    compared where each has at least two neurons for each cluster. Dead neurons, and neurons whose map is constant, have
    no such vector; they are counted and left out. What is near in a UMAP layout is alike; where and how far apart
    groups lie means little, and layouts are not comparable between machines. Clusters, mixtures and silhouettes are
    those of the vectors, not of the layout. Where neurons of one seed lie in islands, the entropy of coarse clusters
    may still be high: the share of nearest neighbours that are of a neuron's own seed, beyond chance, says so.
    """

    question = "Which types of neurons are there, and do seeds share them?"
    section = "4.6"
    scope = "seeds"
    needs = frozenset({"canvas", "regions"})
    figure_settings = frozenset({"shown"})
    claims = _claims()

    class Settings(StrictModel):
        seeds: tuple[int, ...] | None = Field(
            None,
            min_length=1,
            description="Seeds compared, also ones that no other result needs; when left out, those of all results.",
        )
        videos: tuple[str, ...] | None = Field(
            None,
            description="Videos on which `seeds` are compared, on others those of all results; all when left out.",
        )
        frames: FrameChoice = Field(1, description="Frames, each clustered on its own: how many, a list, or all.")
        clusters: int = Field(6, ge=2, description="Clusters of k-means.")
        neighbours: Neighbours | dict[str, Neighbours] = Field(
            NEIGHBOURS, description=f"Neighbours of UMAP: for all layers, or by layer name, {NEIGHBOURS} for others."
        )
        max_neurons: int = Field(
            2000, ge=2, description="Neurons of a layer and seed; where there are more, so many are drawn at random."
        )
        samples: int = Field(4, ge=1, description="Neurons drawn from each cluster, whose maps are shown.")
        seed: int = Field(0, ge=0, description="Seed of the draws, of k-means and of UMAP.")
        shown: int = Field(6, ge=1, description="Clusters whose maps are shown, the largest first.")

    def compute(self, subject: Mapping[int, Subject]) -> xr.Dataset:
        """Two passes over the maps of a layer, frame and seed, then k-means and UMAP of at most `max_neurons` a seed.

        UMAP costs ten seconds to import and as many to compile, once for all layers, and then about 3 ms a neuron.
        """
        subjects = dict(sorted(subject.items()))
        first = next(iter(subjects.values()))
        layers = list(first.canvas)
        frames = select_frames(_shared_frames(subjects), self.settings.frames)
        parts = [[self._part(subjects, layer, frame) for frame in frames] for layer in layers]
        shape = (len(layers), len(frames))
        coords = {
            "layer": np.array(layers, dtype=object),
            "frame": np.asarray(frames, np.int64),
            "seed": np.asarray(list(subjects), np.int64),
            "cluster": np.arange(self.settings.clusters),
            "axis": np.arange(2),
            "null": np.array(NULL, dtype=object),
        }
        variables: dict[str, Any] = {}
        for name, dims in _OF_A_PART.items():
            stacked = np.stack([part[name] for row in parts for part in row])
            variables[name] = (("layer", "frame", *dims), stacked.reshape(*shape, *stacked.shape[1:]))
        regions = np.unique(np.concatenate([part["regions"] for row in parts for part in row]))
        flat = [part for row in parts for part in row]
        for name, dims in _OF_A_POINT.items():
            variables[name] = (("point", *dims), np.concatenate([part[name] for part in flat]))
        vectors = [_spread(part["vectors"], part["regions"], regions) for part in flat]
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
        result.attrs["max_neurons"] = self.settings.max_neurons
        return _describe(result)

    def _part(self, subjects: dict[int, Subject], layer: str, frame: int) -> dict[str, Any]:
        """What is found for one layer and frame."""
        found = [self._vectors(subject, seed, layer, frame) for seed, subject in subjects.items()]
        vectors = np.concatenate([one["vectors"] for one in found])
        neurons = np.concatenate([one["chosen"] for one in found])
        sizes = [len(one["chosen"]) for one in found]
        places = np.repeat(np.arange(len(found)), sizes)
        assigned = cluster(vectors, self.settings.clusters, self.settings.seed)
        counts = np.zeros((self.settings.clusters, len(found)), np.int64)
        np.add.at(counts, (assigned, places), 1)
        wanted = self.settings.neighbours
        wanted = wanted.get(layer, NEIGHBOURS) if isinstance(wanted, dict) else wanted
        # A few neurons in as many clusters would say that seeds share nothing.
        enough = min(sizes) >= _LEAST_A_CLUSTER * self.settings.clusters
        part = {
            "regions": found[0]["regions"],
            "vectors": vectors.astype(np.float32),
            "point_seed": np.repeat(list(subjects), sizes),
            "point_neuron": neurons,
            "point_cluster": assigned,
            "umap": layout(vectors, wanted, self.settings.seed),
            "members": counts,
            "seed_entropy": seed_entropy(counts) if enough else float("nan"),
            "seed_silhouette": silhouette(vectors, places, self.settings.seed) if enough else float("nan"),
            "cluster_silhouette": silhouette(vectors, assigned, self.settings.seed),
        }
        nothing = np.full(1, np.nan)
        tests = {
            "mixing": mixing(assigned, places, self.settings.seed) if enough else nothing,
            "neighbouring": neighbouring(vectors, places, self.settings.seed) if enough else nothing,
            "separation": separation(vectors, self.settings.clusters, self.settings.seed),
        }
        part |= {name: values[0] for name, values in tests.items()}
        part |= {f"{name}_null": standing_of(values) for name, values in tests.items()}
        part |= {name: np.array([one[name] for one in found]) for name in ("dead", "constant")}
        return part | self._samples(subjects, layer, frame, places, neurons, assigned)

    def _vectors(self, subject: Subject, seed: int, layer: str, frame: int) -> dict[str, Any]:
        """Vectors (neuron, region) of one network's neurons, of those that have one and are drawn."""
        from xinc.canvas.reductions import neuron_statistics, region_sums

        data = subject.canvas[layer]
        labels = subject.regions["gabor"].sel(frame=frame).transpose("y", "x").values
        sums = region_sums(data, {"gabor": labels}, [frame])["gabor"].isel(frame=0)
        regions = sums["region"].values
        areas = np.array([(labels == region).sum() for region in regions])
        statistics = neuron_statistics(data, [frame]).isel(frame=0)
        low, high = (statistics[name].values.astype(np.float64)[:, None] for name in ("minimum", "maximum"))
        # A millionth of the maximum is the rounding of float32.
        varied = (high - low > 1e-6 * high)[:, 0]
        dead = statistics["total"].values == 0
        usable = np.flatnonzero(varied)
        if len(usable) > self.settings.max_neurons:
            generator = np.random.default_rng([self.settings.seed, seed, *layer.encode()])
            usable = np.sort(generator.choice(usable, self.settings.max_neurons, replace=False))
        means = sums.transpose("neuron", "region").values[usable] / areas
        return {
            "regions": regions,
            "vectors": np.clip((means - low[usable]) / (high - low)[usable], 0, 1),
            "chosen": usable,
            "dead": int(dead.sum()),
            "constant": int((~varied & ~dead).sum()),
        }

    def _samples(
        self,
        subjects: dict[int, Subject],
        layer: str,
        frame: int,
        places: np.ndarray,
        neurons: np.ndarray,
        assigned: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Maps of neurons drawn from each cluster; NaN, seed and number −1 where it has fewer."""
        first = next(iter(subjects.values())).canvas[layer]
        shape = (self.settings.clusters, self.settings.samples)
        maps = np.full((*shape, first.sizes["y"], first.sizes["x"]), np.nan, np.float32)
        numbers, seeds = np.full(shape, -1), np.full(shape, -1)
        place = np.full(shape, -1)
        generator = np.random.default_rng([self.settings.seed, *layer.encode()])
        for at in range(self.settings.clusters):
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

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        """A row a layer, frame, cluster and seed: neurons, and their share of the seed's; and the layer's measures."""
        import pandas as pd

        table = result["members"].to_dataframe("neurons").reset_index()
        total = table.groupby(["layer", "frame", "seed"])["neurons"].transform("sum")
        table["share_of_seed"] = table["neurons"] / total.where(total > 0)
        measures = (
            result[["seed_entropy", "seed_silhouette", "cluster_silhouette", *TESTS]].to_dataframe().reset_index()
        )
        left_out = result[["dead", "constant"]].to_dataframe().reset_index()
        table = table.merge(left_out, on=["layer", "frame", "seed"]).merge(measures, on=["layer", "frame"])
        assert isinstance(table, pd.DataFrame)
        return table

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        from xinc.analyses._clusters_figure import layer_figure, overview

        single = result.sizes["frame"] == 1
        drawn = {}
        for frame in result["frame"].values:
            suffix = "" if single else f"-frame{int(frame)}"
            for layer in result["layer"].values:
                drawn[f"{layer}{suffix}"] = layer_figure(
                    result, str(layer), int(frame), self.question, self.settings.shown
                )
            drawn[f"all{suffix}"] = overview(result, int(frame), self.question)
        return drawn


def _shared_frames(subjects: dict[int, Subject]) -> list[int]:
    """Frames that the canvases of all seeds have."""
    kept = [next(iter(subject.canvas.values()))["frame"].values.tolist() for subject in subjects.values()]
    shared = sorted(set(kept[0]).intersection(*kept[1:]))
    if not shared:
        raise InputError(f"The canvases of seeds {list(subjects)} have no frame in common: give them one.")
    return shared


def _spread(vectors: np.ndarray, own: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Vectors over all regions; NaN in those that the frame does not have."""
    wide = np.full((len(vectors), len(regions)), np.nan, np.float32)
    wide[:, np.searchsorted(regions, own)] = vectors
    return wide


TESTS = {
    "mixing": "adjusted mutual information of clusters and seeds",
    "neighbouring": "share of a neuron's nearest neighbours that are of its own seed, beyond chance",
    "separation": "silhouette of at most 300 vectors by their clusters",
}
_OF_A_PART: dict[str, tuple[str, ...]] = {
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
_OF_A_POINT: dict[str, tuple[str, ...]] = {
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


def _describe(result: xr.Dataset) -> xr.Dataset:
    for name, text in _DESCRIPTIONS.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    return result
