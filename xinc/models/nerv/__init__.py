"""NeRV (Chen et al. 2021) with HNeRV's width reduction, the paper's CNN-based INR: sections 3.2 and 6.1."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from xinc.models import architectures
from xinc.models.decoder import DecoderArchitecture, DecoderSettings
from xinc.settings import StrictModel


class NeRVSettings(DecoderSettings):
    embed_base: float = Field(1.25, gt=0, description="Base b of the positional encoding of time.")
    embed_levels: int = Field(80, ge=1, description="Levels of the positional encoding; twice as many channels.")
    embed_order: Literal["separate", "interleaved"] = Field(
        "separate",
        description="Channels of the encoding: separate, all sines, then all cosines, computed in float64; "
        "interleaved, sine and cosine of each level in turn, computed in float32 as in the original NeRV.",
    )
    frame_numbering: Literal["from_zero", "from_one", "to_one"] = Field(
        "from_zero",
        description="Time t of frame k of N: from_zero k/N, from_one (k + 1)/N, to_one k/(N − 1).",
    )
    stem_widths: tuple[int, ...] = Field(
        (), description="Channels of the stem's layers before its last, as in the original NeRV."
    )

    def stem_cost(self, resolution: tuple[int, int]) -> int:
        fc_h, fc_w = self.start_shape(resolution)
        return (2 * self.embed_levels, *self.stem_widths)[-1] * fc_h * fc_w

    def stem_shape(self, resolution: tuple[int, int]) -> tuple[int, int]:
        """(fc_h, fc_w): the resolution divided by the product of strides; `InputError` where that is not an integer."""
        return self.start_shape(resolution)


@architectures.register("nerv")
class NeRV(DecoderArchitecture):
    """Frame index -> frame: positional encoding, a 1×1 stem, blocks of convolution + PixelShuffle, a head.

    With ``size`` 1e6 at 128×256 it has 978,557 parameters, as in section 6.1.
    """

    Settings: ClassVar[type[StrictModel]] = NeRVSettings
    title: ClassVar[str] = "A NeRV"
