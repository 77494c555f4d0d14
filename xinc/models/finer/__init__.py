"""FINER (Liu et al. 2024): an MLP of coordinates with sines of variable frequency, sin(ω (|u| + 1) u), u = W x + b."""

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


@architectures.register("finer")
class FINER(MLPArchitecture):
    """Defaults are those of its authors' code for images: 198,915 parameters a frame, trained there at a rate of 5e-4.

    Weights begin as a SIREN's. Biases of the first layer that begin large (section 3.3 of its paper) choose among more
    of the frequencies that there are; the code's default has them as a SIREN's too.
    """

    class Settings(StrictModel):
        hidden_width: int = Field(256, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(5, ge=2, description="Number of linear layers.")
        omega: float = Field(30.0, gt=0, description="ω of the hidden layers.")
        first_omega: float | None = Field(None, gt=0, description="ω of the first layer; `omega` when left out.")
        first_bias_scale: float | None = Field(
            None, gt=0, description="Biases of the first layer begin uniform up to this; as a SIREN's when left out."
        )
        scale_gradient: bool = Field(
            False,
            description="Whether training takes gradients through |u| + 1, which its authors' code does not. The "
            "network is the same.",
        )
        coordinates: Coordinates = "stretched"
        coordinate_order: CoordinateOrder = "row_column"
        coordinate_range: CoordinateRange = (-1.0, 1.0)
        pixels: Pixels = "corners"
        output_activation: OutputActivation = "centred"
