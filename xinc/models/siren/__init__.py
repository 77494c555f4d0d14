"""SIREN (Sitzmann et al. 2020): an MLP of coordinates with sine activations, sin(ω0 (W x + b))."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.models import architectures
from xinc.models.mlp import MLPArchitecture
from xinc.settings import StrictModel

#: Activations of hidden layers: waves (which have a frequency), and others.
HiddenActivation = Literal["sin", "finer", "gauss", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "softplus"]
WITH_FREQUENCY = ("sin", "finer", "gauss")


@architectures.register("siren")
class SIREN(MLPArchitecture):
    """Initialised as in section 3.2 of its paper, so that activations keep their distribution from layer to layer.

    The default width and depth (33,387 parameters a frame) match the budget of the FFN within 1.3 %.
    """

    class Settings(StrictModel):
        hidden_width: int = Field(104, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(5, ge=2, description="Number of linear layers.")
        activation: HiddenActivation = Field(
            "sin", description="Activation of the hidden layers; others than sin are for networks of the same layout."
        )
        omega: float = Field(
            30.0, gt=0, description="ω0, the frequency of every sine; a Gaussian's s. ReLU and its like have none."
        )
        first_omega: float | None = Field(
            None, gt=0, description="Frequency of the first layer; `omega` when left out."
        )
        coordinates: Literal["square", "stretched", "height"] = Field(
            "square",
            description="square: the longer side spans the range; stretched: both do, as in its authors' code; height: "
            "the rows do, and columns have the same scale, as in COIN's.",
        )
        coordinate_order: Literal["row_column", "column_row"] = Field(
            "row_column", description="What comes first; column_row is (x, y)."
        )
        coordinate_range: tuple[float, float] = Field((-1.0, 1.0), description="Ends of the range of coordinates.")
        pixels: Literal["corners", "centres"] = Field(
            "corners",
            description="corners: the ends of the range are the first and the last pixel; centres: they are half a "
            "pixel beyond these.",
        )
        output_activation: Literal["identity", "sigmoid", "tanh", "centred"] = Field(
            "identity",
            description="Activation from the last layer to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2.",
        )
