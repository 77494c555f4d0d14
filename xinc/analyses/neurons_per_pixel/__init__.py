"""Neurons that represent each pixel: how many there are, and where (paper section 4.4, figures 7 and 17)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("neurons_per_pixel")
class NeuronsPerPixel(NetworkAnalysis):
    """Density of the neurons that contribute more than a threshold to each pixel, as a percentage of the layer.

    Contributions up to the threshold τ_x make up x % of the layer's total when all |C| are sorted; it is exact. Above
    each map is the Pearson correlation of the density over pixels with the frame's intensity and with its (Sobel)
    edges. Colours start at no neurons, so that an evenly represented frame looks even; the coefficient of variation
    (cv: standard deviation over mean, over pixels) says how uneven it is.

    A grid at the distance of a NeRV's strides and a dark rim of the frame are maps of structure, not of content: see
    `intensity`, which tells one from the other.
    """

    question = "How many neurons represent a pixel?"
    section = "4.4"
    undefined = {
        **dict.fromkeys(
            ("density", "tau", "mean_density", "variation"), "frames to which the layer contributes nothing"
        ),
        **dict.fromkeys(("pearson", "pearson_null", "pearson_shifted"), "densities and images that are constant"),
        "edges_gain_null": "a single percentage, and where a correlation is",
    }

    class Settings(StrictModel):
        frames: FrameChoice = Field(2, description="Frames: how many evenly spread, a list, or all.")
        percents: tuple[Annotated[float, Field(gt=0, lt=100)], ...] = Field(
            (10, 50), min_length=1, description="Percentages of the total contribution below the thresholds."
        )
