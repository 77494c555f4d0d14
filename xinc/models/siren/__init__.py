"""SIREN (Sitzmann et al. 2020): an MLP of coordinates with sine activations, sin(ω0 (W x + b))."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.models import architectures
from xinc.models.mlp import MLPArchitecture
from xinc.settings import StrictModel


@architectures.register("siren")
class SIREN(MLPArchitecture):
    """Initialised as in section 3.2 of its paper, so that activations keep their distribution from layer to layer.

    The default width and depth (33,387 parameters a frame) match the budget of the FFN within 1.3 %.
    """

    class Settings(StrictModel):
        hidden_width: int = Field(104, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(5, ge=2, description="Number of linear layers.")
        omega: float = Field(30.0, gt=0, description="ω0, the frequency of every sine.")
        coordinates: Literal["square", "stretched"] = Field(
            "square",
            description="square: the longer side spans [-1, 1]; stretched: both do, as in its authors' code.",
        )
        output_activation: Literal["identity", "sigmoid", "tanh", "centred"] = Field(
            "identity",
            description="Activation from the last layer to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2.",
        )
