"""The network of Fourier features: one batched MLP over all its frames."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from xinc.models.ffn import FFN
from xinc.models.mlp.network import MLP, uniform


class Network(FFN, MLP):
    """The network of `xinc.models.ffn.FFN`."""

    B: Tensor

    def __init__(
        self,
        settings: FFN.Settings,
        resolution: tuple[int, int],
        frames: Sequence[int],
        num_frames: int,
        seed: int = 0,
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
