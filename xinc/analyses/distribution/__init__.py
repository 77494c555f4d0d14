"""The distribution of contributions over magnitudes (paper section 4.4, figure 18).

Cost: one pass over the maps of each frame, 0.5 s for 18,352 neurons of 64 × 128 pixels on one core; nothing is sorted.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("distribution")
class Distribution(NetworkAnalysis):
    """All contributions |C| of a layer, sorted, relative to the largest; marks show the thresholds τ, zeros are absent.

    Contributions up to τ_x make up x % of the total. A plateau is one value that many contributions share: in the last
    layer of an FFN, a neuron that is off still has its part of the bias, so none is dead there. The Gini coefficient is
    0 if all contributions are equal, and near 1 if a few make up the total. Everything comes from a histogram of 32
    bins to each power of two. Values of the curve and thresholds are therefore off by at most 1/32 of themselves, the
    Gini coefficient and shares of contributions by no more than the errors that the result states beside them.
    """

    question = "Are most contributions small?"
    section = "4.4"
    figure_settings = frozenset({"marked", "floor"})
    undefined = dict.fromkeys(
        ("tau", "rank", "rank_error", "gini", "gini_error", "below_mean", "below_mean_error"),
        "frames to which the layer contributes nothing",
    )

    class Settings(StrictModel):
        frames: FrameChoice = Field(2, description="Frames: how many evenly spread, a list, or all.")
        points: int = Field(201, ge=2, description="Points of a sorted curve.")
        percents: tuple[Annotated[float, Field(gt=0, lt=100)], ...] = Field(
            (5, 10, 25, 50, 75, 90), description="Percentages of the total contribution below the thresholds."
        )
        marked: tuple[float, ...] = Field((10, 50), description="Those of the percentages that the figure marks.")
        floor: float = Field(1e-6, gt=0, lt=1, description="Lowest contribution drawn, relative to the largest.")
