"""The paper's statements in our words, the number behind each by either definition, and the reason for a difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

#: What becomes of a statement by one definition.
STANDS, PARTLY, FALLS, UNMEASURED = "stands", "stands in part", "does not stand", "not measured"
#: Share of the cases in which a statement that stands holds at least, and one that does not at most.
MOST, FEW = 0.8, 0.2


@dataclass(frozen=True)
class Statement:
    """A statement of the paper.

    Attributes
    ----------
    title, where, says : in short, where it is in the paper, and what it says in our words.
    number, measure : name of the number among those of `xinc.analyses.paper_claims.measured`, and what it is.
    direction, bound : it holds where the number is above (``>``) or below (``<``) the bound; a bound of None is that of
        each network; no direction: nothing is claimed.
    written, released : what the definitions are; the same text where they are one, and none where there is none.
    because : why they differ, or what else is to be known.
    architecture, layers : of which the number is taken; empty: of all.
    """

    title: str
    where: str
    says: str
    number: str
    measure: str
    direction: Literal[">", "<", ""]
    bound: float | None
    written: str
    released: str
    because: str
    architecture: str = ""
    layers: tuple[str, ...] = ()

    @property
    def one(self) -> bool:
        """Whether both definitions are one."""
        return self.written == self.released

    def holds(self, values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        """In which cases it holds, bool."""
        limits = bounds if self.bound is None else np.full(len(values), self.bound)
        return values > limits if self.direction == ">" else values < limits


def outcome(held: np.ndarray) -> str:
    """What becomes of a statement that holds in these cases, bool."""
    if not len(held):
        return UNMEASURED
    share = float(np.mean(held))
    return STANDS if share >= MOST else FALLS if share <= FEW else PARTLY


_CELLS = "equal rectangles, 4 × 8 of them; signed deltas"
_LATTICE = "pixels grouped by position modulo (4, 8); other groupings with absolute deltas"
_SAME = "the same in both"

STATEMENTS: tuple[Statement, ...] = (
    Statement(
        "Space explains least",
        "sections 1 and 4.2, figures 4 and 16",
        "Of all groupings of pixels, contributions vary least over grid cells: networks ignore space.",
        "space_least",
        "median variance over the grid / the lowest of those over instances, colours and Gabor responses",
        "<",
        1.0,
        _CELLS,
        _LATTICE,
        "The released notebooks group pixels by position modulo (4, 8) or (4, 6), not by rectangles. Each group is "
        "spread over the whole frame, so that their sums are nearly equal whatever a neuron shows.",
    ),
    Statement(
        "Instances explain more than space",
        "sections 4.2 and 7.2, figure 4",
        "Contributions vary more over instances than over grid cells.",
        "instances_over_space",
        "median variance over instances / over the grid",
        ">",
        1.0,
        "signed deltas, the rest of the frame is a region; 4 × 8 rectangles",
        "absolute deltas, the union of all objects is a region; position modulo (4, 8)",
        "The variance also grows with the number of regions, and there are fewer instances than cells: the row "
        "below has a grid of as many cells as there are instances.",
    ),
    Statement(
        "… beside as many cells",
        "sections 4.2 and 7.2, figure 4",
        "The same, with a grid of as many rectangles as the frame has instances.",
        "instances_over_same_count",
        "variance over instances / over a grid of the same number of regions, median over neurons",
        ">",
        1.0,
        "signed deltas; as many rectangles as instances",
        "",
        "Neither the paper nor the notebooks compare equal numbers of regions.",
    ),
    Statement(
        "Colours explain more than space",
        "section 4.2, figure 4",
        "Contributions vary more over clusters of colours than over grid cells.",
        "rgb_over_space",
        "median variance over clusters of colours / over the grid",
        ">",
        1.0,
        _CELLS,
        "absolute deltas; position modulo (4, 8)",
        "As above. The clusters of colours are the same in both.",
    ),
    Statement(
        "Edges and textures explain more than space",
        "section 4.2, figure 4",
        "Contributions vary more over clusters of Gabor responses than over grid cells.",
        "gabor_over_space",
        "median variance over Gabor clusters / over the grid",
        ">",
        1.0,
        "four orientations and three frequencies; signed deltas; 4 × 8 rectangles",
        "one orientation, responses as bytes; absolute deltas; position modulo (4, 8)",
        "The released filters return after the first of four orientations: 6 of 24 filters.",
    ),
    Statement(
        "The last block before the head follows space",
        "section 4.2, figure 4",
        "NeRV's block 3 has some correlation with grid cells, unlike the other layers.",
        "last_block_space",
        "median variance of block 3 over the grid / the highest of the other layers",
        ">",
        1.0,
        _CELLS,
        "position modulo (4, 8)",
        "PixelShuffle gives a kernel of this block every second row and column. A spatially constant block-3 kernel "
        "then has variance 0.238 over (4, 8) or 0.243 over (4, 6), whatever the picture; the stored curves end there.",
        architecture="nerv",
    ),
    Statement(
        "Height of figure 4's curves",
        "section 4.2, figure 4",
        "The variance is that of the normalised difference of expected and actual contribution.",
        "variance_rgb",
        "median variance over clusters of colours",
        "",
        None,
        "signed deltas, as in the equation",
        "absolute deltas for instances, colours and Gabor responses; signed for the grid",
        "Magnitudes vary less than signed values, so that the variances of three of the four groupings are lower, "
        "and that of the grid is not.",
    ),
    Statement(
        "Contributions of NeRV follow brightness",
        "sections 1 and 4.3, figure 5",
        "Areas of large contributions are areas of high intensity.",
        "nerv_intensity",
        "Pearson correlation over pixels of the head's Σ|C| with the intensity",
        ">",
        0.0,
        "networks with a tanh at the output, as section 3.2.1 and the code that trains them",
        "networks without an activation at the output, as the analysis code, which adds a constant",
        "Whether NeRV's contributions follow brightness depends on the output activation: responses are large where "
        "colours are far from what a response of zero shows, black without activation and mid-grey with a tanh.",
        architecture="nerv",
        layers=("head",),
    ),
    Statement(
        "… or distance from mid-grey",
        "sections 1 and 4.3, figure 5",
        "The same, with the distance of the colours from mid-grey in the place of the intensity (not a claim of the "
        "paper).",
        "nerv_mid_grey",
        "Pearson correlation over pixels of the head's Σ|C| with Σ|colour − ½|",
        "",
        None,
        "tanh at the output",
        "no activation at the output",
        "See above.",
        architecture="nerv",
        layers=("head",),
    ),
    Statement(
        "Layer 3 of the FFN follows intensity",
        "section 4.3, figure 5",
        "The contributions of the FFN's last layer are largely consistent with intensity.",
        "intensity",
        "Pearson correlation over pixels of Σ|C| with the intensity",
        ">",
        0.8,
        _SAME,
        _SAME,
        "The FFN of the paper has no activation at the output.",
        architecture="ffn",
        layers=("layer3",),
    ),
    Statement(
        "Half of the FFN's layer 2 contributes nothing",
        "section 4.4, figure 6",
        "Nearly half of the neurons of FFN layer 2 contribute almost nothing.",
        "layer2_silent",
        "share of layer 2's neurons with Σ|C| = 0",
        ">",
        0.4,
        "a neuron is an output of the layer, its contribution what it receives, Σᵢ vᵢwᵢⱼ",
        "a neuron is an input of the layer, its contribution the activation of vᵢ Σⱼ wᵢⱼ and a part of the bias",
        "In the released FFN checkpoint, the 47 layer-2 neurons without contribution are exactly those whose outgoing "
        "weights sum below zero. All are active; removing them costs about as much as removing as many others.",
        architecture="ffn",
        layers=("layer2",),
    ),
    Statement(
        "… and the network does without them",
        "section 4.4, figure 6",
        "Neurons without contribution do nothing.",
        "layer2_idle",
        "share of the neurons with Σ|C| = 0, as released, whose ablation changes no pixel",
        ">",
        0.5,
        _SAME,
        _SAME,
        "A neuron that is active sends something on, whatever the sum of its outgoing weights.",
        architecture="ffn",
        layers=("layer2",),
    ),
    Statement(
        "The outermost layer's neurons represent the most pixels",
        "section 4.4, figures 6 and 15",
        "Neurons of the outermost layer represent more pixels than those of earlier layers.",
        "outermost_over_earlier",
        "pixels that a neuron represents on average: outermost layer / the most of the earlier ones",
        ">",
        1.0,
        _SAME,
        _SAME,
        "On average is the area below a curve of figure 6.",
    ),
    Statement(
        "… by the median neuron",
        "section 4.4, figures 6 and 15",
        "The same of the median neuron, in the middle of a curve of figure 6.",
        "outermost_median",
        "pixels that the median neuron represents: outermost layer / the most of the earlier ones",
        ">",
        1.0,
        _SAME,
        _SAME,
        "The analysis `findings` compares medians.",
    ),
    Statement(
        "… beyond the structure of the network",
        "section 4.4, figures 6 and 15",
        "The same, by more than in a network of the same structure with independent random weights and inputs.",
        "outermost_beyond_structure",
        "pixels that a neuron represents on average: outermost layer / the most of the earlier ones",
        ">",
        None,
        _SAME,
        _SAME,
        "Box filters and PixelShuffle alone already order NeRV's head before block 3 before block 1.",
    ),
    Statement(
        "Layer 3 of the FFN is evenly spread",
        "section 4.4, figures 7 and 17",
        "The FFN's representation is more evenly distributed over pixels than NeRV's, at its last layer.",
        "layer3_variation",
        "coefficient of variation over pixels of layer 3's density of neurons at τ₅₀; below that of NeRV's head on the "
        "same video",
        "<",
        None,
        "neurons of layer 3 over layer 3's threshold",
        "neurons of layer 2 over layer 3's threshold",
        "The released notebook computes FFN layer 3's density from layer 2's contributions; on the released "
        "checkpoint, corrected, its coefficient of variation at τ₅₀ is 0.61, not 0.19.",
        architecture="ffn",
        layers=("layer3",),
    ),
    Statement(
        "Most contributions are small",
        "sections 4.4 and 7.3, figure 18",
        "A large portion of the contributions are small, and the larger ones are fewer.",
        "gini",
        "Gini coefficient of |C| of a layer; above that of normally distributed contributions",
        ">",
        0.414,
        _SAME,
        _SAME,
        "Sound as published.",
    ),
    Statement(
        "Share of the background",
        "section 4.5, figures 8 and 19",
        "Contributions to objects are compared with those to the rest of the frame.",
        "other_share",
        "share of a neuron's contributions in the region “other”, median over neurons",
        "",
        None,
        "the pixels without objects",
        "the union of all objects",
        "The mask of “other” is where the union of the masks is, not where it is not; figure 8's shares are lower "
        "for it.",
    ),
    Statement(
        "Motion drives change",
        "sections 1 and 4.5, figure 9",
        "Contributions of NeRV change where things move.",
        "motion",
        "Pearson correlation over pixels of the fluctuation with motion relative to the camera's",
        ">",
        0.0,
        _SAME,
        _SAME,
        "Sound as published. The released code divides the flow by 255, which changes no correlation.",
        architecture="nerv",
    ),
    Statement(
        "There are types of neurons",
        "sections 4.6 and 7.1, figures 10, 12 and 13",
        "Neurons fall into clusters, which UMAP shows.",
        "silhouette",
        "mean silhouette of six clusters; by the words above 0.25, as released above that of one normal "
        "distribution of the same covariance",
        ">",
        None,
        "k-means of the neurons' vectors, in their own space",
        "k-means in the plane of UMAP, in that plane",
        "UMAP places groups apart: even a single normal distribution falls into clusters in its plane.",
    ),
)


@dataclass(frozen=True)
class Remark:
    """What a study of other videos cannot measure, or need not."""

    title: str
    where: str
    text: str


REMARKS: tuple[Remark, ...] = (
    Remark(
        "Frames of Cityscapes",
        "figures 4, 5, 7, 8 and 10",
        "The notebooks evaluate a NeRV of 30 frames at time k / 6 beside the k-th annotated frame, four frames "
        "later. No video of this study has six annotated frames of thirty; `analyses: {released: {offset: released}}` "
        "reproduces the pairs on Cityscapes-VPS. VIPSeg's frames, which are all annotated, are paired correctly.",
    ),
    Remark("Thresholds of figure 7", "section 4.4", "τ₁₀ and τ₅₀ are the same in words, notebooks and xinc."),
    Remark(
        "Identifiers of segments",
        "section 4.5",
        "The notebooks cast the colours of VIPSeg's masks to 64-bit integers with the NumPy that they pin: correct.",
    ),
)
