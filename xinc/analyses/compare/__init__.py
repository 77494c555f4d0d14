"""Two networks of one video: quality, heatmaps, and neurons matched one to one (paper sections 4.6 and 7.1)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import PairAnalysis
from xinc.analyses.compare.numbers import GRID, MOST
from xinc.frames import FrameChoice
from xinc.settings import StrictModel

Cells = Annotated[int, Field(ge=1)]


@analyses.register("compare")
class Compare(PairAnalysis):
    """Two networks of one video beside each other: reconstructions, layer heatmaps, and their neurons, matched.

    Heatmaps are Σ_n |C_n|; r is their correlation over pixels, p how often two that are shifted against each other
    are as alike. Neurons are matched one to one so that the sum of similarities is largest; the similarity of two
    neurons is the correlation of their maps |C|, averaged over the cells of a grid. Neurons that PixelShuffle gives
    one sub-pixel are matched among themselves where both layers have the same sub-pixels. All maps follow the
    picture, so that any neuron finds one that is alike. So a match counts as a partner only if it is closer than 95
    % of the matches of a network with itself, of neurons with other inputs: that is how alike neurons are that have
    nothing in common but the picture and the architecture. By chance, 5 % have a partner; the interval is from
    resampling input channels. Seeds may well share types of neurons (clusters) and no single neuron. Dead neurons,
    whose map is zero, have no partner and are counted apart, as are those whose map is constant on the grid or the
    same as that of a neuron of another input (twins; so are pruned kernels, which keep a share of the bias). Of
    layers with many neurons, some are drawn from the first network and matched with all of the second. Maps of the
    best and the worst matches are on their own scales; the best have different inputs.
    """

    question = "What do two networks have in common?"
    section = "7.1"
    needs = frozenset({"model", "canvas"})
    scope_settings = frozenset({"pairs"})
    undefined = {
        "similarity": "neurons that are left over where the other network has fewer",
        "map": "layers with fewer matches than are shown",
        "map_similarity": "layers with fewer matches than are shown",
        "edge": "layers in which no two neurons have different inputs",
        "share": "layers without neurons to match or without an edge, and of the second network if some are drawn",
        "share_low": "as share, and where there is one input channel",
        "share_high": "as share, and where there is one input channel",
        "contribution_share": "as share",
        "heatmap_correlation": "heatmaps that are constant",
        "heatmap_correlation_null": "heatmaps that are constant",
    }

    class Settings(StrictModel):
        pairs: tuple[tuple[str, str], ...] | None = Field(
            None,
            min_length=1,
            description="Pairs of networks `MODEL/seed0`, or `VIDEO/MODEL/seed0` on one video only; without a seed on "
            "either side, all seeds that both have. When left out, all pairs of seeds of each model.",
        )
        layers: dict[str, str] = Field(
            default_factory=dict,
            description="Layers to compare that have different names, e.g. {layer3: head}; others by their names.",
        )
        frames: FrameChoice = Field(1, description="Frames, each compared on its own: how many, a list, or all.")
        grid: tuple[Cells, Cells] = Field(
            GRID, description="Rows and columns of the grid on which maps are averaged to be matched."
        )
        max_neurons: int = Field(
            MOST,
            ge=1,
            description="Neurons of a layer that are matched; of more, this many of the first network are drawn at "
            "random and matched with all of the second.",
        )
        shown: int = Field(3, ge=1, description="Best and worst matches of each layer whose maps are kept and shown.")
        seed: int = Field(0, ge=0, description="Seed of the draws.")
