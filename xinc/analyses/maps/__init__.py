"""Galleries and animations of single neurons' contributions (paper figures 1, 3 and 11; project page)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("maps")
class Maps(NetworkAnalysis):
    """Contribution maps |C| of the strongest neurons of each layer, or of some drawn at random, and their change.

    The strongest come first: those with the largest total over the first frame shown, whose share of the layer's total
    stands above. All maps of a layer have one scale, so that those that look alike contribute alike; with `scale: own`
    each has a bar of its own, and weak neurons are visible too. The scale is of all frames if these share one network
    (NeRV), and of each frame if each has a network of its own (FFN, SIREN). In the second case, neurons of the same
    number in two frames are unrelated. A constant map, all in one colour, is usually that of a neuron in the last layer
    of an FFN that is off: what it contributes is its part of the bias. The dots or the grid at the distance of a NeRV's
    strides, and the dark rim of the frame, are of its structure, whatever it learned. With the analysis `faithfulness`,
    a line says how far maps of the layer agree with the effect of ablating their neurons.
    """

    question = "What does a neuron contribute to?"
    section = "4.2"
    figure_settings = frozenset({"animated", "scale", "zoom"})
    figure_quotes = frozenset({"faithfulness"})
    undefined = {
        "contribution": "past the last neuron of a layer with fewer than are shown",
        "share": "past the last neuron of a layer with fewer than are shown",
    }

    class Settings(StrictModel):
        neurons: int = Field(11, ge=1, description="Neurons shown of each layer.")
        choice: Literal["strongest", "random"] = Field(
            "strongest",
            description="Which: those with the largest total |C| over the first frame shown, or drawn at random.",
        )
        seed: int = Field(0, ge=0, description="Seed of a random draw.")
        frames: FrameChoice = Field("all", description="Frames: how many evenly spread, a list, or all.")
        scale: Literal["common", "own"] = Field(
            "common", description="Colours: one scale for all maps of a layer, or each map's own."
        )
        animated: int = Field(4, ge=1, description="Neurons shown in the animation beside the video.")
        zoom: int = Field(2, ge=1, description="Animation pixels per output pixel.")
