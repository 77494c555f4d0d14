"""HNeRV (Chen et al. 2023): NeRV's decoder fed with embeddings that an encoder computes from the frames themselves."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field, model_validator

from xinc.models import architectures
from xinc.models.decoder import DecoderArchitecture, DecoderSettings, divided
from xinc.settings import StrictModel


class HNeRVSettings(DecoderSettings):
    strides: tuple[int, ...] = Field((4, 4, 2, 2), min_length=1, description="PixelShuffle factor of each block.")
    kernel_size: int | tuple[int, ...] | None = Field(
        None, description="Odd side of the blocks' kernels, one for all or each; 1, 3, 5, 5, 5, … when left out."
    )
    size: float | None = Field(
        None,
        gt=0,
        description="Budget of the decoder in parameters, from which fc_dim follows; 1e6 if neither is given.",
    )
    lower_width: int = Field(12, ge=1, description="No block is narrower than this.")
    embed_channels: int = Field(16, ge=1, description="Channels of a frame's embedding.")
    encoder: bool = Field(
        True, description="Whether an encoder computes the embeddings; if not, they are trained themselves."
    )
    encoder_strides: tuple[int, ...] | None = Field(
        None,
        min_length=1,
        description="Factors by which the encoder's stages shrink a frame; the `strides` when left out. Their product"
        " must be a multiple of the product of the strides.",
    )
    encoder_width: int = Field(64, ge=1, description="Channels of the encoder's stages before the last.")
    encoder_blocks: int = Field(1, ge=0, description="ConvNeXt blocks of each of the encoder's stages.")

    @model_validator(mode="after")
    def _encoder_fits(self) -> HNeRVSettings:
        if min(self.down()) < 1 or math.prod(self.down()) % math.prod(self.strides):
            raise ValueError(
                f"encoder_strides have the product {math.prod(self.down())}, expected a multiple of "
                f"{math.prod(self.strides)}, the product of strides"
            )
        return self

    def down(self) -> tuple[int, ...]:
        """The encoder's strides."""
        return self.strides if self.encoder_strides is None else self.encoder_strides

    def kernel_sizes(self) -> tuple[int, ...]:
        if self.kernel_size is None:
            return tuple(min(1 + 2 * i, 5) for i in range(len(self.strides)))
        return super().kernel_sizes()

    def stem_upscale(self) -> int:
        """By how much the stem enlarges an embedding, along each axis."""
        return math.prod(self.down()) // math.prod(self.strides)

    def stem_cost(self, resolution: tuple[int, int]) -> int:
        return self.embed_channels * self.stem_upscale() ** 2

    def embedding_shape(self, resolution: tuple[int, int]) -> tuple[int, int, int]:
        """(channels, height, width) of a frame's embedding; `InputError` where the strides do not divide."""
        return (self.embed_channels, *divided(resolution, self.down()))


@architectures.register("hnerv")
class HNeRV(DecoderArchitecture):
    """Frame -> ConvNeXt encoder -> small embedding -> NeRV's decoder. The embeddings are kept with the weights.

    Dissected is the decoder, as in NeRV. Parameters are counted as its authors do: decoder and embeddings, which is
    what has to be stored to play the video; not the encoder.
    """

    Settings: ClassVar[type[StrictModel]] = HNeRVSettings
    title: ClassVar[str] = "An HNeRV"

    @classmethod
    def check(cls, settings: HNeRVSettings, resolution: tuple[int, int]) -> None:
        super().check(settings, resolution)
        settings.embedding_shape(resolution)
