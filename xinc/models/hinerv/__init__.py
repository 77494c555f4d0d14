"""HiNeRV (Kwan et al. 2023): grids of features over time, bilinear upsampling and ConvNeXt blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.architecture import ActivationSetting, Architecture
from xinc.models.budget import widest
from xinc.models.decoder import divided
from xinc.settings import StrictModel


class HiNeRVSettings(StrictModel):
    strides: tuple[int, ...] = Field((5, 3, 2, 2), min_length=1, description="Factor of each stage's upsampling.")
    channels: int | None = Field(
        None, ge=1, description="Channels out of the stem; 280, the published S's, if `size` is not given either."
    )
    size: float | None = Field(
        None, gt=0, description="Budget in parameters, grids included: channels are as many as fit."
    )
    reduction: float = Field(2.0, gt=0, description="Widths shrink by this factor from stage to stage, truncated.")
    lower_width: int = Field(1, ge=1, description="No stage is narrower than this.")
    depths: tuple[int, ...] | None = Field(
        None, description="ConvNeXt blocks of each stage; 3, but 1 in the last of several, when left out."
    )
    expansions: tuple[float, ...] | None = Field(
        None,
        description="Factor by which a stage's blocks widen; 4, but 1 in the last of several, when left out.",
    )
    kernel_size: int = Field(3, ge=1, description="Odd side of the blocks' depthwise kernels.")
    stem_kernel_size: int = Field(3, ge=1, description="Odd side of the stem's kernels.")
    base_frames: int | None = Field(
        None, ge=1, description="Entries over time of the base grid's first level; a quarter of the frames if left out."
    )
    base_channels: int = Field(2, ge=1, description="Channels of the base grid's first level.")
    base_levels: int = Field(
        2, ge=1, description="Levels of the base grid: each has half the entries over time and twice the channels."
    )
    local_channels: int = Field(
        4, ge=1, description="Channels of the first level of the first stage's local grid; half in each later stage."
    )
    local_levels: int = Field(
        3, ge=1, description="Levels of the local grids: each has half the entries over time and twice the channels."
    )
    grid_scale: float = Field(1e-3, ge=0, description="Grids are drawn from −grid_scale to grid_scale.")
    activation: ActivationSetting = Field("gelu", description="Activation of the blocks.")
    output_activation: Literal["identity", "sigmoid", "tanh", "centred"] = Field(
        "sigmoid", description="Activation from the head to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2."
    )

    @model_validator(mode="after")
    def _consistent(self) -> HiNeRVSettings:
        if min(self.strides) < 1:
            raise ValueError("every stride must be a positive integer")
        if self.channels is not None and self.size is not None:
            raise ValueError("give channels or size, not both")
        for name in ("kernel_size", "stem_kernel_size"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} must be odd (1, 3, 5, …), so that a kernel has a centre")
        for name in ("depths", "expansions"):
            given = getattr(self, name)
            if given is not None and (len(given) != len(self.strides) or min(given) <= 0):
                raise ValueError(f"{name} must be {len(self.strides)} positive numbers, one for each stride")
        return self

    def blocks(self) -> list[tuple[int, float]]:
        """Depth and expansion of each stage."""
        several = len(self.strides) - 1
        depths = self.depths or (*(3,) * several, 1 if several else 3)
        return list(zip(depths, self.expansions or (*(4.0,) * several, 1.0 if several else 4.0), strict=True))

    def widths(self, channels: int) -> list[int]:
        """Channels out of the stem and of each stage: the first keeps them, each other has ⌊previous / reduction⌋."""
        found = [channels, max(channels, self.lower_width)]
        for _ in self.strides[1:]:
            found.append(max(int(found[-1] / self.reduction), self.lower_width))
        return found

    def base_shape(self, num_frames: int) -> list[tuple[int, int]]:
        """Entries over time, and channels, of each level of the base grid."""
        first = max(num_frames // 4, 1) if self.base_frames is None else self.base_frames
        return [(max(first // 2**k, 1), self.base_channels * 2**k) for k in range(self.base_levels)]

    def local_shape(self, stage: int, num_frames: int) -> list[tuple[int, int]]:
        """Entries over time, and channels, of each level of a stage's local grid."""
        channels = max(self.local_channels // 2**stage, 1)
        return [(max(num_frames // 2**k, 1), channels * 2**k) for k in range(self.local_levels)]

    def parameters(self, channels: int, resolution: tuple[int, int], num_frames: int) -> int:
        """How many a network of this width has."""
        height, width = divided(resolution, self.strides)
        base, widths = self.base_shape(num_frames), self.widths(channels)
        found = sum(entries * height * width * own for entries, own in base)
        found += (self.stem_kernel_size**2 * sum(own for _, own in base) + 1) * channels
        for k, (stride, (depth, expansion)) in enumerate(zip(self.strides, self.blocks(), strict=True)):
            local = self.local_shape(k, num_frames)
            found += sum(entries * stride**2 * own for entries, own in local)
            found += (sum(own for _, own in local) + 1) * widths[k]
            after = widths[k + 1]
            for before in (widths[k], *[after] * (depth - 1)):
                found += self.kernel_size**2 * before + int(expansion * after) * (before + after)
        return found + 3 * widths[-1] + 3

    def stem_width(self, resolution: tuple[int, int], num_frames: int) -> int:
        """Channels out of the stem: as given, or the most with which the network fits the budget ``size``."""
        if self.size is None:
            return self.channels or 280
        found = widest(lambda channels: self.parameters(channels, resolution, num_frames), self.size)
        if not found:
            least = self.parameters(1, resolution, num_frames)
            raise InputError(
                f"A budget of {self.size:g} parameters is too small for a HiNeRV of {resolution[0]}x{resolution[1]} "
                f"pixels and {num_frames} frames, which has {least:,} at the least, most of them in its grids: raise "
                "`size`, or lower base_frames, base_channels and local_channels."
            )
        return found


@architectures.register("hinerv")
class HiNeRV(Architecture):
    """Grids of features over time -> stem -> stages of bilinear upsampling and ConvNeXt blocks -> a 1×1 head.

    A stage normalises the channels of each pixel, upsamples by r, adds a linear function (``encoding``) of its local
    grid, whose entry at a pixel is that of (time, y mod r, x mod r), and has blocks

        x + contract(act(expand(norm(depthwise(x))))),

    without x where the width changes. Grids are linear in time, and dissected as look-ups (`xinc.trace.lookup`): their
    neurons are the numbers in the tables. With the defaults it is the published S for UVG, of 3,188,933 parameters at
    1080×1920 and 600 frames.
    """

    Settings: ClassVar[type[StrictModel]] = HiNeRVSettings
    granularities: ClassVar[tuple[str, ...]] = ("kernel",)
    title: ClassVar[str] = "A HiNeRV"

    @classmethod
    def check(cls, settings: HiNeRVSettings, resolution: tuple[int, int]) -> None:
        divided(resolution, settings.strides)
        widths = settings.widths(settings.channels or 280)[1:] if settings.size is None else []
        for width, (_, expansion) in zip(widths, settings.blocks(), strict=False):
            if int(expansion * width) < 1:
                raise InputError(
                    f"The expansions of this hinerv have {expansion:g}, which makes less than one channel of {width}: "
                    f"give at least {1 / width:.3g}."
                )

    @classmethod
    def layers_of(cls, settings: HiNeRVSettings) -> list[str]:
        found = ["grid", "stem"]
        for stage, (depth, _) in enumerate(settings.blocks(), 1):
            found += [f"stage{stage}.grid", f"stage{stage}.encoding"]
            found += [f"stage{stage}.block{k}.{part}" for k in range(1, depth + 1) for part in PARTS]
        return [*found, "head"]


#: Layers of a block, in order.
PARTS: Sequence[str] = ("depthwise", "expand", "contract")
