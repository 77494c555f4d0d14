"""Quality of a network's reconstruction, and its size (paper section 6.1)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.settings import StrictModel


@analyses.register("quality")
class Quality(NetworkAnalysis):
    """PSNR and SSIM of every frame, parameters, bits per pixel, and the training curve.

    PSNR is computed on [0, 1] after clamping, for each frame, then averaged over frames; SSIM follows Wang et al. 2004,
    with a uniform window. The share of the variance explained is 0 for an error like that of each frame's mean colour,
    and 1 without error. Bits per pixel are the raw size of the weights at a given precision, without entropy coding.
    A line joins frames that share one network.
    """

    question = "How faithful is the reconstruction, and at what size?"
    section = "6.1"
    needs = frozenset({"model"})
    undefined = {
        "explained": "frames of one colour",
        "training_psnr": "epochs whose loss was not finite",
    }

    class Settings(StrictModel):
        show: int = Field(
            4, ge=1, description="Reconstructed frames drawn in the figure, evenly spread, with the worst among them."
        )
        bits: tuple[Annotated[int, Field(ge=1)], ...] = Field(
            (32, 8), min_length=1, description="Bits per stored parameter, from which bpp follows."
        )
