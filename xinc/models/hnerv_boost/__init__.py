"""HNeRV-Boost (Zhang et al. 2024, "Boosting Neural Representations for Videos"): HNeRV whose blocks know the time."""

from __future__ import annotations

import itertools
from typing import ClassVar

from pydantic import Field, model_validator

from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.architecture import ActivationSetting
from xinc.models.budget import widest
from xinc.models.hnerv import HNeRV, HNeRVSettings
from xinc.settings import StrictModel


class HNeRVBoostSettings(HNeRVSettings):
    strides: tuple[int, ...] = Field((5, 2, 2, 2, 2), min_length=1, description="PixelShuffle factor of each stage.")
    depths: tuple[int, ...] | None = Field(
        None, description="Blocks of each stage, all but the first of stride 1; 1, 1, 2, 2, … when left out."
    )
    kernel_size: int | tuple[int, ...] | None = Field(
        None, description="Odd side of the blocks' kernels, one for all or each stage; 1, 3, 3, 3, … when left out."
    )
    size: float | None = Field(
        None,
        gt=0,
        description="Budget in parameters, without encoder and embeddings: fc_dim is the largest that fits; 1e6 if "
        "neither is given.",
    )
    widths: tuple[int, ...] | None = Field(
        None,
        description="Channels entering each stage and the head, instead of the rule by fc_dim, size, reduction and "
        "lower_width.",
    )
    activation: ActivationSetting = Field("sin", description="Activation of stem, blocks and the embedding of time.")
    embed_base: float = Field(1.25, gt=0, description="Base b of the positional encoding of time.")
    embed_levels: int = Field(80, ge=1, description="Levels of the positional encoding; twice as many channels.")
    time_width: int = Field(32, ge=1, description="Channels of the embedding of time; twice as many before the last.")

    @model_validator(mode="after")
    def _depths_fit(self) -> HNeRVBoostSettings:
        if self.depths is not None and (len(self.depths) != len(self.strides) or min(self.depths) < 1):
            raise ValueError(f"depths must be {len(self.strides)} positive integers, one for each stride")
        return self

    def kernel_sizes(self) -> tuple[int, ...]:
        if self.kernel_size is None:
            return tuple(min(1 + 2 * i, 3) for i in range(len(self.strides)))
        return super().kernel_sizes()

    def blocks_of_stages(self) -> tuple[int, ...]:
        """The depths."""
        return self.depths or tuple(1 if k < 2 else 2 for k in range(len(self.strides)))

    def blocks(self, widths: list[int]) -> list[tuple[int, int, int, int]]:
        """Channels in and out, stride and kernel side of each block, for channels entering each stage and the head."""
        found, stages = [], zip(self.strides, self.kernel_sizes(), self.blocks_of_stages(), strict=True)
        for (before, after), (stride, side, depth) in zip(itertools.pairwise(widths), stages, strict=True):
            found += [(before, after, stride, side)] + [(after, after, 1, side)] * (depth - 1)
        return found

    def parameters(self, fc_dim: int) -> int:
        """How many a network of this width has, without encoder and embeddings."""
        own = self.model_copy(update={"fc_dim": fc_dim, "size": None})
        widths, time = own.channels((0, 0)), self.time_width
        blocks = self.blocks(widths)
        found = (2 * self.embed_levels + 1) * 2 * time + (2 * time + 1) * time
        found += (self.embed_channels + 1) * widths[0] * self.stem_upscale() ** 2
        for before, after, stride, side in blocks:
            found += (side**2 * before + 1) * after * stride**2
        for width in (widths[0], *(after for _, after, _, _ in blocks)):
            found += 2 * (9 * width + 1) * width + 4 * (time + 1) * (time + width)
        return found + 3 * (self.head_kernel_size**2 * widths[-1] + 1)

    def stem_width(self, resolution: tuple[int, int]) -> int:
        """fc_dim: as given, or the largest with which the network fits the budget ``size``."""
        if self.fc_dim is not None:
            return self.fc_dim
        size = 1e6 if self.size is None else self.size
        found = widest(self.parameters, size)
        if not found:
            raise InputError(
                f"A budget of {size:g} parameters is too small for an HNeRV-Boost, which has {self.parameters(1)} at "
                "the least with these settings: raise `size`, or lower time_width, lower_width and depths."
            )
        return found


@architectures.register("hnerv_boost")
class HNeRVBoost(HNeRV):
    """HNeRV whose stem and blocks are each followed by y + conv2(sft(gelu(conv1(sft(y))))), with 3×3 convolutions.

    sft(x) = x · (1 + scale) + shift, channel by channel; each scale and shift is two layers, ReLU between them, of an
    embedding of time (frame / number of frames, encoded, then two layers). Convolutions of blocks are dissected, those
    behind the stem as well. Parameters are counted as an HNeRV's, without the encoder.
    """

    Settings: ClassVar[type[StrictModel]] = HNeRVBoostSettings
    title: ClassVar[str] = "An HNeRV-Boost"

    @classmethod
    def layers_of(cls, settings: HNeRVBoostSettings) -> list[str]:
        found = ["stem.conv1", "stem.conv2"]
        for k in range(1, sum(settings.blocks_of_stages()) + 1):
            found += [f"block{k}", f"block{k}.conv1", f"block{k}.conv2"]
        return [*found, "head"]
