"""Groupings of pixels that neurons' contributions respect (paper sections 4.2 and 7.2, figures 4 and 16)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("grouping")
class Grouping(NetworkAnalysis):
    """For each neuron, how far its contributions to regions differ from those expected from their areas.

    δ = (expected − actual) / expected, where expected is the neuron's total times the region's share of the pixels. Its
    variance over the regions is high if a neuron contributes to some regions and not to others. Live neurons are sorted
    by it, separately for each grouping, as in the paper's figure. It grows with the number of regions, so the result
    also compares each grouping with a grid of as many rectangles of nearly equal areas, as close to squares as their
    number allows; claims compare its roots, standard deviations. A constant neuron, which contributes
    the same everywhere, has 0, below the axis. The boxes compare the variances of sampled neurons with chance: with
    those over the same label maps shifted around the frame, which keep areas and shapes and lose the correspondence. z
    is how far a variance lies above the mean of the shifts, in their standard deviations; the percentage is the share
    of neurons significantly above it. Shifted grid cells are grid cells again, so for the grid z says only whether the
    borders happen to lie well. Instances are grouped only in frames with masks; the title says if a frame has none.
    """

    question = "Which grouping of pixels do contributions respect?"
    section = "4.2"
    needs = frozenset({"canvas", "regions"})
    undefined = {
        **dict.fromkeys(
            ("variance", "std", "same_count_variance"),
            "neurons that are dead or constant, and past the last neuron of a layer",
        ),
        "over_same_count": "frames without the regions of the grouping, and layers of dead or constant neurons alone",
        **dict.fromkeys(
            ("z", "percentile", "p_value"),
            "neurons that are dead or constant, past the last sampled one, and where the null has no spread",
        ),
        **dict.fromkeys(
            (
                "median_z",
                "share_significant",
                "layer_p_value",
                "over_grid_p_value",
                "median_z_null",
                "over_grid",
                "over_grid_null",
                "over_grid_shifted",
                "top",
                "top_null",
            ),
            "layers without a sampled neuron, and where the null has no spread",
        ),
        **dict.fromkeys(("progress", "progress_null"), "all layers but the last, and where median_z is"),
    }

    class Settings(StrictModel):
        frames: FrameChoice = Field(
            2, description="Frames: how many evenly spread (over those with masks, if there are any), a list, or all."
        )
        neurons: int = Field(
            64, ge=1, description="Neurons, neither dead nor constant, drawn from each layer for the null."
        )
        shifts: int | Literal["all"] = Field(
            8192,
            description="Toroidal shifts of the label maps in the null: how many are drawn at random, or all. On large "
            "frames, they are drawn among shifts by multiples of a few pixels, at least four times as many.",
        )
        seed: int = Field(0, ge=0, description="Seed of the draws.")
