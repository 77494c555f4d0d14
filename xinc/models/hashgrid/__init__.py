"""Hash grid (Müller et al. 2022, Instant-NGP): trained tables of features at several resolutions, and a small MLP."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.architecture import ActivationSetting
from xinc.models.mlp import MLPArchitecture
from xinc.settings import StrictModel
from xinc.trace.lookup import Axis, Level

#: Of all levels together, and numbers in them.
_MOST_ENTRIES = 2**24
_MOST_NUMBERS = 2**26
#: Of a side of the finest level: numbers of vertices have 32 bits.
_MOST_VERTICES = 2**31


@architectures.register("hashgrid")
class HashGrid(MLPArchitecture):
    """The image task of its paper: coordinates (x, y) in [0, 1], an MLP without biases.

    Level l of the grid has ``base_resolution`` · ``level_scale``^l vertices along each side. Where these are more than
    a table may have, the number of a vertex's entry is a hash of its place, and vertices far apart share entries. With
    the default settings, those of tiny-cuda-nn's ``data/config_hash.json``, the tables of a frame's network have
    708,592 numbers.
    """

    class Settings(StrictModel):
        levels: int = Field(16, ge=1, description="Levels of the grid.")
        features: int = Field(2, ge=1, description="Features of every entry.")
        log2_entries: int = Field(15, ge=3, le=24, description="log2 of the most entries that a level may have.")
        base_resolution: int = Field(16, ge=1, description="Vertices along each side of the coarsest level.")
        level_scale: float = Field(1.5, ge=1, description="Factor of the resolution from level to level.")
        interpolation: Literal["linear", "smoothstep"] = Field(
            "linear", description="Between vertices; smoothstep has a continuous derivative."
        )
        rules: Literal["tiny-cuda-nn", "tiny-cuda-nn-float32", "torch-ngp", "torch-ngp-corners"] = Field(
            "tiny-cuda-nn",
            description="Whose sizes of levels and places of vertices: float32 differs by the rounding of powers; "
            "torch-ngp has a vertex more along each side; corners: with its `align_corners`.",
        )
        hidden_width: int = Field(64, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(3, ge=1, description="Number of linear layers behind the grid.")
        activation: ActivationSetting = Field("relu", description="Activation between the linear layers.")
        output_activation: Literal["identity", "sigmoid", "tanh", "centred"] = Field(
            "identity",
            description="Activation from the last layer to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2.",
        )

    #: The entries of the grid have no other; left out, the layers behind it have that of an MLP.
    granularities: ClassVar[tuple[str, ...]] = ("kernel",)

    @classmethod
    def layers_of(cls, settings: Any) -> list[str]:
        return ["grid", *super().layers_of(settings)]

    @classmethod
    def check(cls, settings: Any, resolution: tuple[int, int]) -> None:
        finest = math.log2(settings.base_resolution) + (settings.levels - 1) * math.log2(settings.level_scale)
        if finest > math.log2(_MOST_VERTICES):
            raise InputError(
                f"The finest level of this hashgrid has about 2^{finest:.0f} vertices along a side: at most "
                f"{_MOST_VERTICES:,} are possible; lower levels, level_scale or base_resolution."
            )
        entries = sum(level.entries for level in grid_levels(settings))
        if entries > _MOST_ENTRIES:
            raise InputError(
                f"The tables of this hashgrid have {entries:,} entries: at most {_MOST_ENTRIES:,} are possible; lower "
                "levels or log2_entries."
            )
        if entries * settings.features > _MOST_NUMBERS:
            raise InputError(
                f"The tables of this hashgrid have {entries:,} entries of {settings.features:,} features: at most "
                f"{_MOST_NUMBERS:,} numbers are possible; lower features, levels or log2_entries."
            )


def grid_levels(settings: Any) -> tuple[Level, ...]:
    """The levels of the grid of some settings, each over x and y.

    tiny-cuda-nn's rules (``common_device.h``, ``encodings/grid.h``): with scale_l = base · 2^(l · log₂ s) − 1, a
    level has n = ⌈scale_l⌉ + 1 vertices along a side and min(n² rounded up to a multiple of 8, 2^T) entries; a
    coordinate lies at x · scale_l + 1/2. A vertex (x, y) is entry x + y · n where all vertices have one, otherwise
    its hash, modulo the entries. Where base · s^l is a whole number, rounding decides whether there is a vertex more:
    55 in place of 54 at level 3 of the default settings in double precision, 54 in single precision. torch-ngp
    (``gridencoder``) has ⌈base · s^l⌉ + 1 vertices along a side; with ``align_corners`` one less, and no 1/2.
    """
    levels = []
    for number in range(settings.levels):
        scale = _scale(settings, number)
        vertices = math.ceil(scale) + 1
        side = vertices + 1 if settings.rules == "torch-ngp" else vertices
        entries = min(-(-(side**2) // 8) * 8, 2**settings.log2_entries)
        shift = 0.0 if settings.rules == "torch-ngp-corners" else 0.5
        axis = Axis(side, scale, shift, settings.interpolation)
        levels.append(Level((axis, axis), settings.features, entries, side**2 > entries))
    return tuple(levels)


def _scale(settings: Any, number: int) -> float:
    """Cells along each side of a level, in the arithmetic of the rules."""
    base, factor = settings.base_resolution, settings.level_scale
    if settings.rules == "tiny-cuda-nn":
        return float(2 ** (number * math.log2(factor)) * base - 1)
    if settings.rules == "tiny-cuda-nn-float32":
        power = np.exp2(np.float32(number) * np.log2(np.float32(factor)))
        return float(power * np.float32(base) - np.float32(1))
    return float(base * factor**number - 1)
