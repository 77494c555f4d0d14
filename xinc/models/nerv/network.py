"""The network of NeRV: positional encoding of time, and layers of the stem before the decoder's."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xinc.models.decoder.network import Decoder
from xinc.models.nerv import NeRV, NeRVSettings
from xinc.trace.activations import activation


class Network(NeRV, Decoder):
    """The network of `xinc.models.nerv.NeRV`."""

    def __init__(
        self, settings: NeRVSettings, resolution: tuple[int, int], frames: Sequence[int], num_frames: int, seed: int = 0
    ) -> None:
        super().__init__(settings, resolution, frames, num_frames, seed)
        widths = (2 * settings.embed_levels, *settings.stem_widths)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.stem_hidden = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in itertools.pairwise(widths))
            self.build_decoder(widths[-1], math.prod(settings.start_shape(self.resolution)))

    def times(self, frames: Tensor) -> Tensor:
        """Time, from 0 to 1, of frames (n,) given by index, as `frame_numbering` says."""
        numbering = self.settings.frame_numbering
        if numbering == "to_one":
            return frames / max(self.num_frames - 1, 1)
        return (frames + (numbering == "from_one")) / self.num_frames

    def embed(self, frames: Tensor) -> Tensor:
        """Positional encoding (n, 2·levels, 1, 1): sin(b^k π t) for all k, then cos; t = frame / num_frames.

        The bases are float32, t and the products float64, the sines float32: in float32 throughout, the highest levels
        would be off by radians. With ``embed_order`` interleaved they are, as in the network that is imported.
        """
        s = self.settings
        t = self.times(frames.double().cpu())
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
            embedded = activation(self.settings.activation)(layer(embedded))
        return super().start(embedded)

    def inputs(self, frames: Tensor) -> Tensor:
        return self.embed(frames)
