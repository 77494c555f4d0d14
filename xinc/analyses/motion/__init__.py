"""Whether contributions change where things move (paper section 4.5, figure 9)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("motion")
class Motion(NetworkAnalysis):
    """Fluctuation Σ_n ||C_n(f)| − |C_n(f−1)||, beside the optical flow from frame f − 1 to frame f.

    It follows one network over time, so it is not asked where each frame has a network of its own.
    Correlations are over pixels, with the length of the flow (r Pearson, ρ Spearman) and with the length of the flow
    relative to the camera's, which is taken to be the median flow of the frame. The null shifts the motion map over the
    fluctuation, around the edges, by every possible vector. Three areas are compared: revealed pixels (outlined),
    which show what the frame before did not; moving pixels, which something faster than the threshold leaves or
    reaches; still pixels, the rest. Unless the settings say otherwise, the camera's own motion does not count as
    moving there.
    """

    question = "Do contributions change where things move?"
    section = "4.5"
    needs = frozenset({"canvas", "flow"})
    across_frames = True
    figure_settings = frozenset({"shown", "zoom"})

    class Settings(StrictModel):
        frames: FrameChoice = Field(
            2,
            description="Frames whose predecessor is in the canvas as well: how many evenly spread, a list, or all.",
        )
        threshold: float = Field(
            0.5, gt=0, description="Motion above which a pixel counts as moving, in pixels per frame."
        )
        moving: Literal["relative", "flow"] = Field(
            "relative",
            description="Motion to which the threshold applies. relative: to the frame's median, the camera's; "
            "flow: as it is.",
        )
        animated: int = Field(
            2, ge=0, description="Number of last layers whose fluctuation the animation shows, at every frame; 0: none."
        )
        shown: int = Field(4, ge=1, description="Number of last layers shown in the figure.")
        zoom: int = Field(2, ge=1, description="Animation pixels per output pixel.")
