"""Galleries and animations of single neurons' contributions (paper figures 1, 3 and 11; project page)."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("maps")
class Maps(NetworkAnalysis):
    """Contribution maps |C| of neurons drawn at random from each layer, and their change over time.

    Each map is scaled to its own maximum, stated above it, so that weak neurons are visible too. The maximum is over
    all frames if these share one network (NeRV), and over each frame if each has a network of its own (FFN, SIREN). In
    the second case, neurons of the same number in two frames are unrelated. A constant map, all in one colour, is
    usually that of a neuron in the last layer of an FFN that is off: what it contributes is its part of the bias. The
    dots or the grid at the distance of a NeRV's strides, and the dark rim of the frame, are of its structure, whatever
    it learned. With the analysis `faithfulness`, a line says how far maps of the layer agree with the effect of
    ablating their neurons.
    """

    question = "What does a neuron contribute to?"
    section = "4.2"
    figure_settings = frozenset({"animated", "zoom"})
    figure_quotes = frozenset({"faithfulness"})
    undefined = {
        "contribution": "past the last neuron of a layer with fewer than are shown",
    }

    class Settings(StrictModel):
        neurons: int = Field(11, ge=1, description="Neurons drawn from each layer.")
        seed: int = Field(0, ge=0, description="Seed of the draw.")
        frames: FrameChoice = Field("all", description="Frames: how many evenly spread, a list, or all.")
        animated: int = Field(4, ge=1, description="Neurons shown in the animation beside the video.")
        zoom: int = Field(2, ge=1, description="Animation pixels per output pixel.")
