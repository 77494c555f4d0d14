"""Overview of a network: heatmaps of its layers, totals of its neurons and errors, in every frame."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("overview")
class Overview(NetworkAnalysis):
    """Heatmaps Σ_n |C_n| of every layer, reconstruction and error of every frame, and the totals of all neurons.

    What the explorer (`xinc explore`) shows at once: with this result it computes no heatmap of a whole layer. Totals,
    minima and maxima are those of |C_n| over the pixels of a frame; a dead neuron's total is 0. The error is the root
    of the squared error of clamped colours, mean over channels. In the figure, each heatmap has a scale of its own,
    from 0 to its maximum, since layers have no common one.
    """

    question = "What do the layers contribute to, and where does the network err, frame by frame?"
    section = "4.3"
    needs = frozenset({"model", "canvas"})
    figure_settings = frozenset({"shown"})
    undefined = {}

    class Settings(StrictModel):
        frames: FrameChoice = Field("all", description="Frames: how many evenly spread, a list, or all of the canvas.")
        shown: int = Field(4, ge=1, description="Frames that the figure shows, evenly spread.")
