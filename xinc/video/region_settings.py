"""Settings of the groupings of pixels."""

from __future__ import annotations

from pydantic import Field

from xinc.settings import StrictModel


class RegionSettings(StrictModel):
    """How pixels are grouped; the defaults give rgb, gabor and grid equally many regions."""

    rgb: int = Field(32, ge=2, description="Clusters of pixel colours.")
    gabor: int = Field(32, ge=2, description="Clusters of Gabor responses.")
    grid: tuple[int, int] = Field((4, 8), description="Rows and columns of the grid.")
    orientations: int = Field(4, ge=1, description="Orientations of the Gabor filters.")
    frequencies: tuple[float, ...] = Field(
        (0.05, 0.25, 0.5), min_length=1, description="Frequencies of the Gabor filters, in cycles per pixel."
    )
    seed: int = Field(0, ge=0, description="Seed of the clusterings.")
