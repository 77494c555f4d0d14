"""Types of neurons, and whether seeds share them (paper section 4.6, figures 10 and 12 to 14)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import SeedsAnalysis
from xinc.analyses.clusters.numbers import NEIGHBOURS
from xinc.frames import FrameChoice
from xinc.settings import StrictModel

Neighbours = Annotated[int, Field(ge=2)]


@analyses.register("clusters")
class Clusters(SeedsAnalysis):
    """Neurons as vectors of their contributions to each Gabor region, clustered, and laid out in the plane by UMAP.

    Each map |C| is scaled to [0, 1] by its own minimum and maximum and averaged over each region. The neurons of all
    seeds are clustered (k-means) and laid out (UMAP) together; the table counts the neurons of each seed in each
    cluster. Beside the layout are maps of neurons drawn at random from each cluster, framed in its colour, each on its
    own scale; letters mark these neurons in the layout. A cluster may have few neurons, even a single one. Seeds are
    compared if each has at least two neurons for each cluster. Dead neurons, and neurons whose map is constant, have no
    such vector; they are counted and left out. Neighbours in a UMAP layout are alike, but the places of groups and the
    distances between them mean little, and layouts are not comparable between machines. The numbers in the titles are
    those of the vectors, not of the layout: the silhouette is near 1 if clusters are well separated, and near 0 if they
    are not; the entropy is 1 if every cluster mixes the seeds evenly, and 0 if each holds one seed only; neighbours of
    own seed is 1 if a neuron's nearest neighbours are all of its own seed, and 0 if no more are than by chance. Coarse
    clusters may mix the seeds even if neurons of one seed lie in islands, which the neighbours reveal.
    """

    question = "Which types of neurons are there, and do seeds share them?"
    section = "4.6"
    needs = frozenset({"canvas", "regions"})
    figure_settings = frozenset({"shown"})
    scope_settings = frozenset({"seeds", "videos"})
    undefined = {
        **dict.fromkeys(
            ("seed_entropy", "seed_silhouette", "mixing", "mixing_null", "neighbouring", "neighbouring_null"),
            "a single seed, one with too few neurons, or a frame with a single Gabor region",
        ),
        **dict.fromkeys(
            ("cluster_silhouette", "separation", "separation_null"), "a single cluster, or a single Gabor region"
        ),
        "map": "clusters with fewer neurons than are drawn",
        "umap": "layers with fewer than four neurons",
        "vector": "regions that the frame lacks",
    }

    class Settings(StrictModel):
        seeds: tuple[int, ...] | None = Field(
            None,
            min_length=1,
            description="Seeds to compare, even if no other result needs them; when left out, those of all results.",
        )
        videos: tuple[str, ...] | None = Field(
            None,
            description="Videos on which `seeds` are compared, all when left out; others compare those of all results.",
        )
        frames: FrameChoice = Field(1, description="Frames, each clustered on its own: how many, a list, or all.")
        clusters: int = Field(6, ge=2, description="Clusters of k-means.")
        neighbours: Neighbours | dict[str, Neighbours] = Field(
            NEIGHBOURS, description=f"Neighbours of UMAP: for all layers, or by layer name, {NEIGHBOURS} for others."
        )
        max_neurons: int = Field(
            2000, ge=2, description="Neurons of a layer and seed; of more, this many are drawn at random."
        )
        samples: int = Field(4, ge=1, description="Neurons drawn from each cluster, whose maps are shown.")
        seed: int = Field(0, ge=0, description="Seed of the draws, of k-means and of UMAP.")
        shown: int = Field(6, ge=1, description="Clusters whose maps are shown, the largest first.")
