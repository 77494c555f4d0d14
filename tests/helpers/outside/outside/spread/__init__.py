"""How far the contributions at a pixel lie apart."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("spread")
class Spread(NetworkAnalysis):
    """Standard deviation over neurons of the contributions at each pixel."""

    question = "How far do contributions lie apart?"
    section = "4.3"

    class Settings(StrictModel):
        frames: FrameChoice = Field(1, description="Frames: how many evenly spread, a list, or all.")
