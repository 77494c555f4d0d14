"""Gaussian networks (Ramasinghe and Lucey 2022): an MLP of coordinates with exp(−(s u)²), u = W x + b."""

from __future__ import annotations

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


@architectures.register("gauss")
class Gauss(MLPArchitecture):
    """Defaults are those of FINER's code for images: 198,915 parameters a frame, trained there at a rate of 5e-3.

    Weights begin as PyTorch has them. A neuron that does nothing makes 1 of 0, which its map leaves out.
    """

    class Settings(StrictModel):
        hidden_width: int = Field(256, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(5, ge=2, description="Number of linear layers.")
        scale: float = Field(30.0, gt=0, description="s, the inverse of the width of every bump; WIRE's code has 10.")
        coordinates: Coordinates = "stretched"
        coordinate_order: CoordinateOrder = "row_column"
        coordinate_range: CoordinateRange = (-1.0, 1.0)
        pixels: Pixels = "corners"
        output_activation: OutputActivation = "centred"
