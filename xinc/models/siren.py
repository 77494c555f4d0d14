"""SIREN (Sitzmann et al. 2020): an MLP of coordinates with sine activations, sin(ω0 (W x + b))."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from xinc.models import architectures
from xinc.models.mlp import MLP, uniform
from xinc.settings import StrictModel


@architectures.register("siren")
class SIREN(MLP):
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
            "identity", description="From the last layer to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2."
        )

    def widths(self) -> list[int]:
        return [2, *[self.settings.hidden_width] * (self.settings.layers - 1), 3]

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        bound = 1 / c_in if at == 0 else math.sqrt(6 / c_in) / self.settings.omega
        return uniform((c_out, c_in), bound, generator), uniform((c_out,), 1 / math.sqrt(c_in), generator)

    def encode(self, coordinates: Tensor) -> Tensor:
        if self.settings.coordinates == "square":
            return coordinates
        span = (coordinates.amax(0) + 1).clamp_min(1e-6)  # of a frame one pixel high or wide, that axis stays at -1
        return (coordinates + 1) / span * 2 - 1

    def hidden_activation(self) -> tuple[str, float]:
        return "sin", self.settings.omega
