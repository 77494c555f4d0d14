"""Changes of contributions, and the motion in the video (paper section 4.5, figure 9)."""

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

    It follows one network over time, so models with a network for each frame are left out. Correlations are over
    pixels, with the length of the flow (r Pearson, ρ Spearman) and with its length relative to the camera's, which is
    taken to be the median flow of the frame. The null shifts the motion map over the fluctuation, around the edges, by
    every possible vector. Three areas are compared: revealed pixels (outlined), which were not visible in the frame
    before; moving pixels, which something faster than the threshold leaves or reaches; and still pixels, the rest.
    Unless the settings say otherwise, the camera's own motion does not count as moving.
    """

    question = "Do contributions change where things move?"
    section = "4.5"
    needs = frozenset({"canvas", "flow"})
    across_frames = True
    figure_settings = frozenset({"shown", "zoom"})
    undefined = {
        **dict.fromkeys(("flow", "camera", "speed", "film_flow"), "pixels whose displacement is not known"),
        **dict.fromkeys(
            ("pearson", "spearman", "p_value", "null_95", "pearson_null"), "fluctuation or motion that is constant"
        ),
        **dict.fromkeys(("area_fluctuation", "moving_null", "revealed_null"), "areas without pixels"),
    }

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
