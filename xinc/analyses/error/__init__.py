"""Errors of a network, and whether one neuron is to blame (section 1 of the paper: failure modes are opaque)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("error")
class Error(NetworkAnalysis):
    """Where the network errs most, and whether one neuron is to blame there; in most networks, none is.

    Outlined: the worst tiles of the worst frames, with neighbouring tiles that are nearly as bad. For each of them and
    for the whole frame, estimates rank all neurons of all layers; the likeliest are looked at exactly. Dots are what
    the best factor of a neuron's weights gains there in dB, ablation (the factor 0) among them; filled ones cost
    nothing in the rest of the frame nor, as far as looked at, in other frames. A neuron stands out if it costs nothing
    there, and gains 0.05 dB or more in the region (the dashed line), the rest of the frame or other frames; in a
    network without a fault, hardly any does.
    """

    question = "Where does the network err, and is one neuron to blame?"
    section = "1"
    needs = frozenset({"model"})
    figure_settings = frozenset({"shown"})
    undefined = {"elsewhere": "neurons that are not looked at in other frames, or where there are none"}

    class Settings(StrictModel):
        frames: FrameChoice = Field(
            2, description="Frames that are looked at: how many, the worst of all; a list; or all."
        )
        tile: int = Field(16, ge=1, description="Side of a tile, in pixels.")
        share: float = Field(
            0.75, gt=0, le=1, description="Part of a tile's error above which its neighbours belong to the same region."
        )
        tiles: int = Field(2, ge=0, description="Regions of worst tiles in a frame, besides the frame as a whole.")
        probes: int = Field(32, ge=2, description="Backward passes a region for the Gauss-Newton estimate.")
        candidates: int = Field(12, ge=1, description="Neurons of a region that are looked at exactly.")
        others: int = Field(8, ge=0, description="Other frames on which a neuron that stands out must cost nothing.")
        granularity: Literal["kernel", "input", "output"] | None = Field(
            None, description="What a neuron is; kernel for convolutions and input for linear layers when left out."
        )
        seed: int = Field(0, description="Seed of the probes and of the null.")
        shown: int = Field(4, ge=1, description="Frames that the figure shows, worst first.")
