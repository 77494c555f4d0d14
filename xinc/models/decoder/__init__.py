"""Declaration shared by NeRV and its relatives: a 1×1 stem, blocks of convolution + PixelShuffle, and a head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from xinc.errors import InputError
from xinc.models.architecture import ActivationSetting, Architecture
from xinc.settings import StrictModel


class DecoderSettings(StrictModel):
    strides: tuple[int, ...] = Field((4, 2, 2), min_length=1, description="PixelShuffle factor of each block.")
    kernel_size: int | tuple[int, ...] | None = Field(
        3, description="Odd side of the blocks' kernels, one for all or each."
    )
    head_kernel_size: int = Field(3, description="Odd side of the head's kernels.")
    fc_dim: int | None = Field(None, ge=1, description="Channels out of the stem; give this or `size`.")
    size: float | None = Field(
        None,
        gt=0,
        description="Budget in parameters from which fc_dim follows; 1e6, the paper's, if neither is given.",
    )
    reduction: float = Field(1.2, gt=0, description="Widths shrink by this factor from block to block.")
    lower_width: int = Field(6, ge=1, description="No block is narrower than this.")
    widths: tuple[int, ...] | None = Field(
        None,
        description="Channels entering each block and the head, instead of the rule by fc_dim, size, reduction and "
        "lower_width.",
    )
    activation: ActivationSetting = Field(
        "gelu", description="Activation of stem and blocks, e.g. `gelu` or `leaky_relu(0.2)`."
    )
    output_activation: Literal["identity", "sigmoid", "tanh", "centred"] = Field(
        "tanh", description="Activation from the head to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2."
    )
    output_offset: float = Field(0.0, description="Added to colours after output_activation.")

    @field_validator("strides")
    @classmethod
    def _positive(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(s < 1 for s in value):
            raise ValueError("every stride must be a positive integer")
        return value

    @field_validator("kernel_size", "head_kernel_size")
    @classmethod
    def _odd(cls, value: int | tuple[int, ...] | None) -> int | tuple[int, ...] | None:
        sides = value if isinstance(value, tuple) else () if value is None else (value,)
        if any(k < 1 or k % 2 == 0 for k in sides):
            raise ValueError("a kernel's side must be odd (1, 3, 5, …), so that it has a centre")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> DecoderSettings:
        if isinstance(self.kernel_size, tuple) and len(self.kernel_size) != len(self.strides):
            raise ValueError(
                f"kernel_size lists {len(self.kernel_size)} sides for {len(self.strides)} strides; give one per block"
            )
        if self.fc_dim is not None and self.size is not None:
            raise ValueError("give fc_dim or size, not both")
        if self.widths is not None and (len(self.widths) != len(self.strides) + 1 or min(self.widths) < 1):
            raise ValueError(
                f"widths must be {len(self.strides) + 1} positive integers: one per block and one for the head"
            )
        return self

    def kernel_sizes(self) -> tuple[int, ...]:
        """One kernel side per block."""
        size = 3 if self.kernel_size is None else self.kernel_size
        return size if isinstance(size, tuple) else (size,) * len(self.strides)

    def start_shape(self, resolution: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the first block's input; `InputError` where the strides do not lead to the resolution."""
        return divided(resolution, self.strides)

    def stem_cost(self, resolution: tuple[int, int]) -> int:
        """Weights of the stem for each channel of its output."""
        raise NotImplementedError

    def stem_width(self, resolution: tuple[int, int]) -> int:
        """fc_dim: as given, or the largest that fits the budget ``size``, by the released code's formula.

        The largest root of a·x² + b·x − S = 0, truncated, with q = 1/reduction, a = q·Σ q^(2i)·s_i²·k_i² (blocks) and
        b the stem's cost.
        """
        if self.fc_dim is not None:
            return self.fc_dim
        size = 1e6 if self.size is None else self.size
        q = 1 / self.reduction
        blocks = zip(self.strides, self.kernel_sizes(), strict=True)
        a = q * sum(q ** (2 * i) * s**2 * k**2 for i, (s, k) in enumerate(blocks))
        b = self.stem_cost(resolution)
        width = int((-b + math.sqrt(b * b + 4 * a * size)) / (2 * a))
        if width < 1:
            raise InputError(
                f"A budget of {size:g} parameters is too small for this network at this resolution: raise `size`."
            )
        return width

    def channels(self, resolution: tuple[int, int]) -> list[int]:
        """Channels entering each block, then the head: fc_dim, then max(round(previous / reduction), lower_width)."""
        if self.widths is not None:
            return list(self.widths)
        found = [self.stem_width(resolution)]
        for _ in self.strides:
            found.append(max(round(found[-1] / self.reduction), self.lower_width))
        return found


def divided(resolution: tuple[int, int], strides: Sequence[int]) -> tuple[int, int]:
    """The resolution divided by the product of strides; `InputError` where that is not an integer."""
    factor = math.prod(strides)
    if any(side % factor for side in resolution):
        near = [max(factor, round(side / factor) * factor) for side in resolution]
        raise InputError(
            f"Resolution {resolution[0]}x{resolution[1]} cannot be produced by strides "
            f"{list(strides)}, whose product is {factor}: both sides must be multiples of it; the nearest is "
            f"{near[0]}x{near[1]}."
        )
    return resolution[0] // factor, resolution[1] // factor


class DecoderArchitecture(Architecture):
    """A kind of network whose frames come out of convolutional blocks."""

    granularities: ClassVar[tuple[str, ...]] = ("kernel",)
    #: How a message begins that speaks of it.
    title: ClassVar[str] = "A network"

    @classmethod
    def check(cls, settings: Any, resolution: tuple[int, int]) -> None:
        settings.start_shape(resolution)
        settings.channels(resolution)

    @classmethod
    def layers_of(cls, settings: Any) -> list[str]:
        return [*(f"block{k + 1}" for k in range(len(settings.strides))), "head"]
