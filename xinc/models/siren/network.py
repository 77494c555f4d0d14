"""The network of sines: one batched MLP over all its frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xinc.models.mlp.network import MLP, pixel_coordinates, uniform
from xinc.models.siren import SIREN, WITH_FREQUENCY


class Network(SIREN, MLP):
    """The network of `xinc.models.siren.SIREN`."""

    def widths(self) -> list[int]:
        return [2, *[self.settings.hidden_width] * (self.settings.layers - 1), 3]

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        bound = 1 / c_in if at == 0 else math.sqrt(6 / c_in) / self.hidden_activation()[1]
        return uniform((c_out, c_in), bound, generator), uniform((c_out,), 1 / math.sqrt(c_in), generator)

    def grid(self, resolution: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
        s = self.settings
        return pixel_coordinates(
            resolution, device, coordinates=s.coordinates, order=s.coordinate_order, ends=s.coordinate_range,
            pixels=s.pixels,
        )  # fmt: skip

    def hidden_activation(self) -> tuple[str, float]:
        name = self.settings.activation
        return name, self.settings.omega if name in WITH_FREQUENCY else 1.0

    def frequency(self, at: int) -> float:
        first = self.settings.first_omega
        if at > 0 or first is None or self.settings.activation not in WITH_FREQUENCY:
            return self.hidden_activation()[1]
        return first
