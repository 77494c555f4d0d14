"""Contribution against pixel intensity and edges (paper section 4.3, figure 5)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("intensity")
class Intensity(NetworkAnalysis):
    """Layer heatmap Σ_n |C_n|, intensity Σ_channels, both min-max normalised; difference = heatmap − intensity.

    Pearson (r) and Spearman (ρ) correlations over pixels, of the heatmap with the intensity, with the edges of the grey
    frame, and with the distance of the colours from mid-grey, Σ_channels |colour − ½|, say how much of the heatmap each
    explains. Which of the first and the last a NeRV's heatmap follows depends on its output activation: responses are
    large where colours are far from what a response of zero shows, which is black without activation, and mid-grey with
    a tanh or sigmoid. The findings compare them, and the heatmap in dark pixels, on edges and on people, with all
    toroidal shifts of the frame against the heatmap.

    The grid at the distance of a NeRV's strides and the dark rim of the frame are maps of structure, not of content:
    sub-pixels of PixelShuffle, upsampling and zero padding make them of any weights. Structure is the heatmap of an
    i.i.d. network, of the same kernels and strides with weights and inputs drawn at random, and the correlation with it
    says how much of a heatmap that is. Divided by it (setting `divided`), the content is left. Networks of coordinates
    treat all pixels alike and have no such structure.
    """

    figure_quotes = frozenset({"faithfulness"})
    question = "Does contribution follow intensity, or edges?"
    section = "4.3"
    undefined = {
        **dict.fromkeys(
            ("heatmap", "intensity", "edges", "mid_grey_distance", "difference", "pearson", "spearman"),
            "images that are constant",
        ),
        "structure": "layers that treat all pixels alike, and those without a record, made by hand",
        **dict.fromkeys(("divided", "divided_pearson", "divided_spearman"), "images that are constant"),
        **dict.fromkeys(
            ("attention", "attention_null"),
            "frames without the area in question (people, edges), and images that are constant",
        ),
    }

    figure_settings = frozenset({"divided"})

    class Settings(StrictModel):
        divided: bool = Field(
            False, description="Draw heatmaps divided by those of an i.i.d. network of the same structure."
        )
        edges: Literal["sobel", "scharr"] = Field("sobel", description="Edge filter on the grey frame.")
        frames: FrameChoice = Field(2, description="Frames: how many evenly spread, a list, or all.")
