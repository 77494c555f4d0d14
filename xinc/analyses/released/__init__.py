"""The paper's definitions beside those of its released notebooks (figures 4, 7, 8, 12, 13 and 16).

Each module restates one definition of the public repository namithap10/xinc that differs from the paper's words, and
says in which notebook and cell it is. Cells are counted from 1, text included. The notebooks do not run as they are
(some fields and functions that they use are missing), so that it is not known which version drew the paper's figures.

- `lattices`: position modulo (4, 8) or (4, 6) in the place of grid cells;
- `deltas`: absolute deltas for instances, colours and Gabor responses, and the union of objects as a region "other";
- `gabor`: one orientation of the Gabor filters, on bytes;
- `layer3`: density of the FFN's layer 3 counted from layer 2's contributions;
- `plane`: k-means in the plane of UMAP;
- `pairing`: frames of Cityscapes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel

Side = Annotated[int, Field(ge=1)]


@analyses.register("released")
class Released(NetworkAnalysis):
    """The paper's figure 4 by the definitions of its released notebooks, and by its words, from the same maps.

    Above, as released: "grid" groups pixels by position modulo (4, 8), a lattice of which each class is spread over the
    whole frame; deltas are absolute but for the grid; instances include the union of all of them, as "other"; Gabor
    clusters come from one orientation and bytes. Below, as written: rectangles, signed deltas, the rest of the frame,
    all orientations. Both show the variance of δ over regions, of live neurons, sorted for each grouping. Dashed: the
    variance that a kernel of the last block that contributes the same everywhere has over the lattice, because
    PixelShuffle gives it every other row and column. The table holds the same numbers, and those of the other
    definitions that differ, side by side. The notebooks do not run as released, so that it is not known which version
    drew the paper's figures.
    """

    question = "How do numbers differ between the paper's words and its released notebooks?"
    section = "4.2"
    needs = frozenset({"canvas", "regions"})
    undefined = {
        "variance": "neurons that are dead, groupings with fewer than two regions, and past the last neuron of a layer",
        "silhouette": "layers with too few neurons to cluster, and where clusters are left out",
        "constant_kernel": "all layers but the last block",
        **dict.fromkeys(("other_share", "objects_share"), "frames without masks, and layers that contribute nothing"),
        "layer3_variation": "networks without a layer3, and frames to which it contributes nothing",
    }

    class Settings(StrictModel):
        frames: FrameChoice = Field(
            2, description="Frames: how many evenly spread (over those with masks, if there are any), a list, or all."
        )
        lattices: tuple[tuple[Side, Side], ...] = Field(
            ((4, 8), (4, 6)),
            min_length=1,
            description="Rows and columns of the lattices, and of the grids beside them; figures show the first.",
        )
        gabor: int = Field(32, ge=2, description="Clusters of the released Gabor responses.")
        offset: int | Literal["released"] = Field(
            0,
            description="Frames by which the picture and its masks lie after the network's frame; released: of n "
            "frames with masks the k-th, beside the network at time k / n, as released for Cityscapes.",
        )
        clusters: int | None = Field(
            6,
            ge=2,
            description="Clusters of k-means in the plane of UMAP; nothing leaves them out, which is much faster.",
        )
        max_neurons: int = Field(
            1000, ge=2, description="Neurons of a layer that are laid out; of more, this many are drawn at random."
        )
        seed: int = Field(0, ge=0, description="Seed of the draws, of k-means and of UMAP.")
