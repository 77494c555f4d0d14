"""WIRE (Saragadam et al. 2023): an MLP of coordinates with complex Gabor wavelets, exp(jωu − |s u|²), u = W x + b."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from xinc.models import architectures
from xinc.models.mlp import (
    CoordinateOrder,
    CoordinateRange,
    Coordinates,
    MLPArchitecture,
    OutputActivation,
    Pixels,
)
from xinc.settings import StrictModel


@architectures.register("wire")
class WIRE(MLPArchitecture):
    """The first layer has real weights, all others complex ones; the output is the real part of the last response.

    Defaults are those that its authors' code names for images: 66,973 weights, 133,403 real numbers a frame, trained
    there at a rate of 5e-3. Weights begin as PyTorch has them, real and imaginary parts alike. A map of a hidden layer
    is a magnitude, |φ(e) − φ(0)|, so that a neuron that does nothing, which makes 1, contributes nothing.
    """

    class Settings(StrictModel):
        hidden_width: int = Field(
            256,
            ge=2,
            description="Channels of a real network of as many numbers; hidden layers have this over √2, rounded down,"
            " each complex.",
        )
        layers: int = Field(4, ge=2, description="Number of linear layers.")
        omega: float = Field(20.0, gt=0, description="ω, the frequency of the wavelets of the hidden layers.")
        first_omega: float | None = Field(None, gt=0, description="ω of the first layer; `omega` when left out.")
        scale: float = Field(30.0, gt=0, description="s, the inverse of the width of every wavelet.")
        coordinates: Coordinates = "stretched"
        coordinate_order: CoordinateOrder = "column_row"
        coordinate_range: CoordinateRange = (-1.0, 1.0)
        pixels: Pixels = "corners"
        output_activation: OutputActivation = "identity"

    @classmethod
    def channels_of(cls, settings: Any) -> int:
        """Complex channels of a hidden layer."""
        return int(settings.hidden_width / math.sqrt(2))
