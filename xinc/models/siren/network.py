"""The network of sines: one batched MLP over all its frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xinc.models.mlp.network import PlacedMLP, uniform
from xinc.models.siren import SIREN, WITH_FREQUENCY


class Network(SIREN, PlacedMLP):
    """The network of `xinc.models.siren.SIREN`."""

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return initial_of_sines(at, c_in, c_out, self.hidden_activation()[1], generator)

    def hidden_activation(self) -> tuple[str, float]:
        name = self.settings.activation
        return name, self.settings.omega if name in WITH_FREQUENCY else 1.0

    def frequency(self, at: int) -> float:
        first = self.settings.first_omega
        if at > 0 or first is None or self.settings.activation not in WITH_FREQUENCY:
            return self.hidden_activation()[1]
        return first


def initial_of_sines(at: int, c_in: int, c_out: int, omega: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Initial weight and bias of layer number ``at`` (Sitzmann et al. 2020, section 3.2; biases as in its code)."""
    bound = 1 / c_in if at == 0 else math.sqrt(6 / c_in) / omega
    return uniform((c_out, c_in), bound, generator), uniform((c_out,), 1 / math.sqrt(c_in), generator)
