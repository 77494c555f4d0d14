"""Contributions of neurons to objects, and their change over time (paper sections 4.5 and 7.4, figures 8 and 19)."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("objects")
class Objects(NetworkAnalysis):
    """Contribution of sampled neurons to each instance over time: mean |C| over its pixels, as a share.

    A share is relative to the neuron's mean contributions to all instances: in all frames together if the frames share
    one network, otherwise in each frame. An absent instance has none. Colours are instances, as in the video's figures,
    markers are categories, and stuff is dashed; pixels without a mask are left out. The numbers: how far shares lie
    apart within a category and between categories; how much a share changes over time, and how much shares differ
    between instances; whether instances that move change more. If only some frames have masks, time is counted in
    these: a step leads from one to the next.
    """

    question = "What do neurons contribute to objects?"
    section = "4.5"
    annotated_only = True
    undefined = {
        **dict.fromkeys(
            ("share", "mean_share", "distance", "displacement", "intensity"),
            "instances that are absent, and dead or missing neurons",
        ),
        "fluctuation": "instances that are absent, networks of one frame each, and a single frame",
        **dict.fromkeys(
            ("constancy", "constancy_null"), "networks of one frame each; infinite where shares do not change over time"
        ),
        **dict.fromkeys(("category_ratio", "category_null"), "fewer than two categories, or none with two instances"),
        "evenness": "frames with fewer than two instances",
        **dict.fromkeys(
            ("motion_correlation", "motion_null", "intensity_correlation", "intensity_null"),
            "fewer than three instances, or values that are all alike",
        ),
    }

    class Settings(StrictModel):
        frames: FrameChoice = Field(
            "all", description="Annotated frames: how many evenly spread, a list, or all that the canvas holds."
        )
        neurons: int = Field(3, ge=1, description="Live neurons drawn from each layer for the figure.")
        seed: int = Field(0, ge=0, description="Seed of the draw.")
