"""The network of positional encoding: one batched MLP over all its frames."""

from __future__ import annotations

import torch
from torch import Tensor

from xinc.models.mlp.network import PlacedMLP, usual_initial
from xinc.models.pemlp import PEMLP


class Network(PEMLP, PlacedMLP):
    """The network of `xinc.models.pemlp.PEMLP`."""

    def widths(self) -> list[int]:
        return [2 + 4 * self.settings.frequencies, *super().widths()[1:]]

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return usual_initial(c_in, c_out, generator)

    def encode(self, coordinates: Tensor) -> Tensor:
        angles = [2.0**k * coordinates for k in range(self.settings.frequencies)]
        waves = [wave(angle) for angle in angles for wave in (torch.sin, torch.cos)]
        return torch.cat([coordinates, *waves], dim=-1)

    def hidden_activation(self) -> tuple[str, float]:
        return self.settings.activation, 1.0
