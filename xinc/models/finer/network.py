"""The network of sines of variable frequency: one batched MLP over all its frames."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xinc.models.finer import FINER
from xinc.models.mlp.network import PlacedMLP, uniform
from xinc.models.siren.network import initial_of_sines


class Network(FINER, PlacedMLP):
    """The network of `xinc.models.finer.FINER`."""

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        weight, bias = initial_of_sines(at, c_in, c_out, self.settings.omega, generator)
        scale = self.settings.first_bias_scale
        return weight, bias if at > 0 or scale is None else uniform((c_out,), scale, generator)

    def hidden_activation(self) -> tuple[str, float]:
        return "finer", self.settings.omega

    def frequency(self, at: int) -> float:
        return self.settings.omega if at > 0 else self.settings.first_omega or self.settings.omega

    def activated(self, at: int, z: Tensor) -> Tensor:
        if self.settings.scale_gradient:
            return self.activation(at)(z)
        return torch.sin(z * (z.detach().abs() / self.frequency(at) + 1))

    def slope(self, at: int) -> Callable[[Tensor, Tensor], Tensor]:
        omega, through = self.frequency(at), self.settings.scale_gradient

        def slope(d: Tensor, z: Tensor) -> Tensor:
            share = z.abs() / omega
            factor = share + 1
            found = torch.cos(z * factor).mul_(d)
            return found.mul_(factor.add_(share) if through else factor)

        return slope
