"""The network of sines: one batched MLP over all its frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xinc.models.mlp.network import MLP, uniform
from xinc.models.siren import SIREN


class Network(SIREN, MLP):
    """The network of `xinc.models.siren.SIREN`."""

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
