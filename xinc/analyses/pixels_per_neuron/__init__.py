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
    length by linear interpolation, so that layers of any size compare. Dashed: an i.i.d. network of the same structure,
    with weights and inputs drawn at random; what it has too, the order of its layers for instance, is not learned.

    Dead neurons, by the paper's definition those without contribution (Σ|C| = 0), are counted, and beside them those
    with an input of zero at every pixel, which are truly inactive, and those without effect, whose ablation changes no
    pixel. These differ. An input feature of a linear layer contributes what the layer's activation makes of the sum of
    its weights times the feature: a ReLU makes that zero everywhere if the weights sum below zero, whatever each of
    them does; and of an inactive feature the bias remains. In brackets: dead if a neuron is an output of the layer.
    """

    question = "How many pixels does a neuron represent?"
    section = "4.4"
    needs = frozenset({"canvas", "model"})
    undefined = {
        "pixels": "past the last neuron of a layer",
        **dict.fromkeys(("null_curve", "null_median", "null_almost_none"), "layers without a record, made by hand"),
        **dict.fromkeys(("dead_zero_input", "dead_no_effect"), "dead neurons of a canvas without a network"),
        **dict.fromkeys(("zero_input", "no_effect"), "convolutions and look-ups, where the dead alone are looked at"),
        **dict.fromkeys(
            ("output_dead", "output_zero_input", "output_no_effect"),
            "layers of which a neuron is not an input feature",
        ),
    }

    class Settings(StrictModel):
        frames: FrameChoice = Field(2, description="Frames: how many evenly spread, a list, or all.")
        points: int = Field(101, ge=2, description="Length to which the sorted curves are resampled.")
        share: float | None = Field(
            None, gt=0, lt=1, description="Share of a pixel above which a neuron represents it; 1/N when left out."
        )
