"""Settings of optical flow."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.settings import StrictModel


class FlowSettings(StrictModel):
    """Source of the optical flow."""

    method: Literal["auto", "dis"] = Field(
        "auto", description="auto: exact or given where the video has it, estimated elsewhere; dis: always estimated."
    )
