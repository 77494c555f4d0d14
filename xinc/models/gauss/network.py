"""The network of Gaussians: one batched MLP over all its frames."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xinc.models.gauss import Gauss
from xinc.models.mlp.network import PlacedMLP, usual_initial


class Network(Gauss, PlacedMLP):
    """The network of `xinc.models.gauss.Gauss`."""

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return usual_initial(c_in, c_out, generator)

    def hidden_activation(self) -> tuple[str, float]:
        return "gauss", self.settings.scale

    def slope(self, at: int) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda d, z: z.square().neg_().exp_().mul_(z).mul_(d).mul_(-2)
