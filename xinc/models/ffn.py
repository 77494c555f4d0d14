"""Fourier feature network (Tancik et al. 2020), the paper's MLP-based INR: sections 3.1 and 6.1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from xinc.models import architectures
from xinc.models.mlp import MLP, uniform
from xinc.settings import StrictModel


@architectures.register("ffn")
class FFN(MLP):
    """γ(x) = [sin(2πBx), cos(2πBx)] with B ~ N(0, σ²) untrained, then linear layers with ReLU between them.

    With the default settings a frame's network has 32,971 parameters, as in section 6.1.
    """

    class Settings(StrictModel):
        fourier_features: int = Field(104, ge=1, description="Rows of B; the encoding has twice as many channels.")
        sigma: float = Field(10.0, gt=0, description="Standard deviation of B, in cycles per unit of coordinate.")
        hidden_width: int = Field(104, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(3, ge=2, description="Number of linear layers.")
        activation: Literal["relu", "gelu", "silu", "tanh", "elu", "leaky_relu"] = Field(
            "relu", description="Activation between the layers."
        )
        output_activation: Literal["identity", "sigmoid", "tanh", "centred"] = Field(
            "identity", description="From the last layer to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2."
        )

    B: Tensor

    def __init__(
        self, settings: Settings, resolution: tuple[int, int], frames: Sequence[int], num_frames: int, seed: int = 0
    ) -> None:
        super().__init__(settings, resolution, frames, num_frames, seed)
        generator = torch.Generator().manual_seed(int(seed))
        self.register_buffer("B", torch.randn(settings.fourier_features, 2, generator=generator) * settings.sigma)

    def widths(self) -> list[int]:
        s = self.settings
        return [2 * s.fourier_features, *[s.hidden_width] * (s.layers - 1), 3]

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        bound = 1 / math.sqrt(c_in)
        return uniform((c_out, c_in), bound, generator), uniform((c_out,), bound, generator)

    def encode(self, coordinates: Tensor) -> Tensor:
        angle = 2 * math.pi * coordinates @ self.B.T
        return torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)

    def angles(self, coordinates: Tensor) -> Tensor:
        return 2 * math.pi * coordinates.double() @ self.B.double().T

    def hidden_activation(self) -> tuple[str, float]:
        return self.settings.activation, 1.0
