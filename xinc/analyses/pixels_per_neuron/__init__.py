"""Pixels that each neuron represents: how many there are (paper section 4.4, figures 6 and 15)."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("pixels_per_neuron")
class PixelsPerNeuron(NetworkAnalysis):
    """Pixels that each neuron represents, neurons sorted by their number, a curve per layer.

    A neuron represents a pixel if its share |C_n| / Σ_m |C_m| exceeds 1/N, the share of each of the layer's N neurons
    if all contributed alike; if no neuron contributes, none represents the pixel. Curves are resampled to a common
    length by linear interpolation, so that layers of any size compare. Dead neurons (Σ|C| = 0) are counted.
    """

    question = "How many pixels does a neuron represent?"
    section = "4.4"
    undefined = {
        "pixels": "past the last neuron of a layer",
    }

    class Settings(StrictModel):
        frames: FrameChoice = Field(2, description="Frames: how many evenly spread, a list, or all.")
        points: int = Field(101, ge=2, description="Length to which the sorted curves are resampled.")
        share: float | None = Field(
            None, gt=0, lt=1, description="Share of a pixel above which a neuron represents it; 1/N when left out."
        )
