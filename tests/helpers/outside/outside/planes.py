"""A network of coordinates in a single file: frame index and pixel -> waves -> colours."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from outside.waves import SHIFT
from xinc.models.mlp.network import MLP, uniform
from xinc.settings import StrictModel


class Planes(MLP):
    """Plane waves, one linear layer and ReLU, one linear layer; a network for each frame."""

    class Settings(StrictModel):
        waves: int = Field(4, ge=1, description="Plane waves.")
        layers: int = Field(2, ge=2, description="Number of linear layers.")

    @property
    def output_activation(self) -> str:
        return "sigmoid"

    def widths(self) -> list[int]:
        return [self.settings.waves, *[self.settings.waves] * (self.settings.layers - 1), 3]

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        bound = 1 / math.sqrt(c_in)
        return uniform((c_out, c_in), bound, generator), uniform((c_out,), bound, generator)

    def encode(self, coordinates: Tensor) -> Tensor:
        angles = torch.arange(self.settings.waves) * (math.pi / self.settings.waves)
        return torch.sin(4 * coordinates @ torch.stack([angles.sin(), angles.cos()]) + SHIFT)

    def hidden_activation(self) -> tuple[str, float]:
        return "relu", 1.0
