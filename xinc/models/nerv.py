"""NeRV (Chen et al. 2021) with HNeRV's width reduction, the paper's CNN-based INR: sections 3.2 and 6.1."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from xinc.models import architectures
from xinc.models.decoder import Activation, Decoder, DecoderSettings
from xinc.settings import StrictModel
from xinc.trace.activations import ACTIVATIONS

__all__ = ["Activation", "NeRV", "NeRVSettings"]


class NeRVSettings(DecoderSettings):
    embed_base: float = Field(1.25, gt=0, description="Base b of the positional encoding of time.")
    embed_levels: int = Field(80, ge=1, description="Levels of the positional encoding; twice as many channels.")
    embed_order: Literal["separate", "interleaved"] = Field(
        "separate",
        description="Channels of the encoding: separate, all sines, then all cosines, computed in float64; "
        "interleaved, sine and cosine of each level in turn, computed in float32 as in the original NeRV.",
    )
    stem_widths: tuple[int, ...] = Field((), description="Channels of the stem's layers before its last, as in NeRV's.")

    def stem_cost(self, resolution: tuple[int, int]) -> int:
        fc_h, fc_w = self.start_shape(resolution)
        return (2 * self.embed_levels, *self.stem_widths)[-1] * fc_h * fc_w

    def stem_shape(self, resolution: tuple[int, int]) -> tuple[int, int]:
        """(fc_h, fc_w): the resolution divided by the product of the strides; `InputError` where that is no integer."""
        return self.start_shape(resolution)


@architectures.register("nerv")
class NeRV(Decoder):
    """Frame index -> frame: positional encoding, a 1×1 stem, blocks of convolution + PixelShuffle, a head.

    With ``size`` 1e6 at 128×256 it has 978,557 parameters, as in section 6.1.
    """

    Settings: ClassVar[type[StrictModel]] = NeRVSettings
    title: ClassVar[str] = "A NeRV"

    def __init__(
        self, settings: NeRVSettings, resolution: tuple[int, int], frames: Sequence[int], num_frames: int, seed: int = 0
    ) -> None:
        super().__init__(settings, resolution, frames, num_frames, seed)
        widths = (2 * settings.embed_levels, *settings.stem_widths)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.stem_hidden = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in itertools.pairwise(widths))
            self.build_decoder(widths[-1], math.prod(settings.start_shape(self.resolution)))

    def embed(self, frames: Tensor) -> Tensor:
        """Positional encoding (n, 2·levels, 1, 1): sin(b^k π t) for all k, then cos; t = frame / num_frames.

        The bases are float32, t and the products float64, the sines float32: in float32 throughout, the highest levels
        would be off by radians. With ``embed_order`` interleaved they are, as in the network that is imported.
        """
        s = self.settings
        t = frames.double().cpu() / self.num_frames
        if s.embed_order == "interleaved":
            levels = [t.float() * s.embed_base**k * math.pi for k in range(s.embed_levels)]
            encoded = torch.stack([f(angle) for angle in levels for f in (torch.sin, torch.cos)], dim=1)
        else:
            bases = (s.embed_base ** torch.arange(s.embed_levels)).to(torch.float32) * math.pi
            angle = t[:, None] * bases.double()
            encoded = torch.cat([torch.sin(angle), torch.cos(angle)], dim=1).to(torch.float32)
        return encoded[:, :, None, None].to(self.head.weight.device)

    def start(self, embedded: Tensor) -> Tensor:
        for layer in self.stem_hidden:
            embedded = ACTIVATIONS[self.settings.activation](layer(embedded))
        return super().start(embedded)

    def inputs(self, frames: Tensor) -> Tensor:
        return self.embed(frames)
