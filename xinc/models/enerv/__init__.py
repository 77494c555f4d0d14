"""E-NeRV (Li et al. 2022): space and time encoded apart, fused by attention, and modulated convolutional blocks."""

from __future__ import annotations

import itertools
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.architecture import ActivationSetting, Architecture
from xinc.models.budget import widest
from xinc.models.decoder import divided
from xinc.settings import StrictModel


class ENeRVSettings(StrictModel):
    strides: tuple[int, ...] = Field((5, 2, 2, 2, 2), min_length=1, description="PixelShuffle factor of each block.")
    fc_dim: int | None = Field(
        None, ge=4, description="Channels that enter the first block; 196, the paper's, if `size` is not given either."
    )
    size: float | None = Field(None, gt=0, description="Budget in parameters: fc_dim is the largest that fits.")
    expansion: float = Field(3.0, gt=0, description="The first block makes this many times as many channels.")
    reduction: int = Field(2, ge=1, description="Each later block divides them by this, unless its stride is 1.")
    lower_width: int = Field(96, ge=1, description="No block but the first is narrower than this.")
    embed_base: float = Field(1.25, gt=0, description="Base b of the positional encodings of time and space.")
    embed_levels: int = Field(80, ge=1, description="Levels of the positional encodings; twice as many channels each.")
    time_width: int = Field(512, ge=1, description="Width of the hidden layer that embeds time.")
    width: int = Field(256, ge=1, description="Channels of each position and of time where they are fused.")
    mlp_width: int = Field(128, ge=1, description="Width of the transformers' hidden layers.")
    heads: int = Field(8, ge=1, description="Heads of the second transformer; the first has one.")
    head_width: int = Field(64, ge=1, description="Channels of a head.")
    modulation_width: int = Field(128, ge=1, description="Width of the layers that make scales and shifts of time.")
    activation: ActivationSetting = Field("gelu", description="Activation of stem, modulations and blocks.")
    output_activation: Literal["identity", "sigmoid", "tanh", "centred"] = Field(
        "sigmoid", description="Activation from the head to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2."
    )

    @model_validator(mode="after")
    def _consistent(self) -> ENeRVSettings:
        if min(self.strides) < 1:
            raise ValueError("every stride must be a positive integer")
        if self.fc_dim is not None and self.size is not None:
            raise ValueError("give fc_dim or size, not both")
        return self

    def widths(self, fc_dim: int) -> list[int]:
        """Channels entering each block, and the head."""
        found = [fc_dim, int(fc_dim * self.expansion)]
        for stride in self.strides[1:]:
            found.append(max(found[-1] // (1 if stride == 1 else self.reduction), self.lower_width))
        return found

    def parameters(self, fc_dim: int) -> int:
        """How many a network of this width has."""

        def linear(*widths: int) -> int:
            return sum((before + 1) * after for before, after in itertools.pairwise(widths))

        width, encoded, first = self.width, 2 * self.embed_levels, self.head_width
        every, made = self.heads * first, self.modulation_width
        found = linear(encoded, self.time_width, width) + linear(2 * encoded, width) + linear(encoded, made, made)
        for inside in (first, every):
            found += 3 * width * inside + linear(inside, width) + linear(width, self.mlp_width, width)
        if width != fc_dim:
            found += linear(width, fc_dim)
        widths = self.widths(fc_dim)
        found += sum(linear(made, 2 * own) for own in widths[:-1])
        narrow = fc_dim // 4
        found += (9 * fc_dim + 1) * narrow * self.strides[0] ** 2 + (9 * narrow + 1) * widths[1]
        for stride, before, after in zip(self.strides[1:], widths[1:], widths[2:], strict=False):
            found += (9 * before + 1) * after * stride**2
        return found + linear(widths[-1], 3)

    def stem_width(self) -> int:
        """fc_dim: as given, or the largest with which the network fits the budget ``size``."""
        if self.size is None:
            return self.fc_dim or 196
        found = widest(self.parameters, self.size)
        if found < 4:
            raise InputError(
                f"A budget of {self.size:g} parameters is too small for an E-NeRV, which has {self.parameters(4)} at "
                "the least with these settings: raise `size`, or lower width, time_width, lower_width and embed_levels."
            )
        return found


@architectures.register("enerv")
class ENeRV(Architecture):
    """Positions and time, embedded -> two transformers -> blocks of convolution + PixelShuffle, modulated -> a head.

    The embeddings of the positions of a small frame attend to each other, are multiplied by that of time, attend again,
    and enter the first block. What enters a block is normalised (each channel over the frame), then scaled and shifted
    by functions of time. The first block is two convolutions: 3×3 to a quarter of the channels, with PixelShuffle and
    no activation, and 3×3 to ``expansion`` times as many. With the defaults it is the published network for `bunny`, of
    12,490,314 parameters at 720×1280. Convolutions are dissected, what comes before the first is not.
    """

    Settings: ClassVar[type[StrictModel]] = ENeRVSettings
    granularities: ClassVar[tuple[str, ...]] = ("kernel",)
    title: ClassVar[str] = "An E-NeRV"

    @classmethod
    def check(cls, settings: ENeRVSettings, resolution: tuple[int, int]) -> None:
        if divided(resolution, settings.strides) == (1, 1):
            raise InputError(
                f"The strides {list(settings.strides)} make {resolution[0]}x{resolution[1]} pixels out of one, over "
                "which an E-NeRV cannot normalise: give smaller strides."
            )
        width = settings.stem_width()
        if int(width * settings.expansion) < 1:
            raise InputError(
                f"The expansion {settings.expansion:g} of this enerv makes less than one channel of {width}: give at "
                f"least {1 / width:.3g}."
            )

    @classmethod
    def layers_of(cls, settings: ENeRVSettings) -> list[str]:
        return ["block1.conv1", "block1.conv2", *(f"block{k}" for k in range(2, len(settings.strides) + 1)), "head"]
