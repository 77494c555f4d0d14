"""An MLP of coordinates with positional encoding, as in NeRF (Mildenhall et al. 2020, equation 4)."""

from __future__ import annotations

from pydantic import Field

from xinc.models import architectures
from xinc.models.architecture import ActivationSetting
from xinc.models.mlp import (
    CoordinateOrder,
    CoordinateRange,
    Coordinates,
    MLPArchitecture,
    OutputActivation,
    Pixels,
)
from xinc.settings import StrictModel


@architectures.register("pemlp")
class PEMLP(MLPArchitecture):
    """x, then sin(2^k x) and cos(2^k x) of all coordinates for each k, untrained; then linear layers with ReLU.

    Defaults are those of FINER's code for images, whose frequencies have no π: 209,155 parameters a frame, trained
    there at a rate of 1e-3. Weights begin as PyTorch has them.
    """

    class Settings(StrictModel):
        frequencies: int = Field(10, ge=0, le=100, description="N; k goes from 0 to N - 1.")
        hidden_width: int = Field(256, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(5, ge=2, description="Number of linear layers.")
        activation: ActivationSetting = Field(
            "relu", description="Activation between the layers, e.g. `relu` or `elu(0.5)`."
        )
        coordinates: Coordinates = "stretched"
        coordinate_order: CoordinateOrder = "row_column"
        coordinate_range: CoordinateRange = (-1.0, 1.0)
        pixels: Pixels = "corners"
        output_activation: OutputActivation = "centred"
