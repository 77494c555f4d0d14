"""The network of E-NeRV: embeddings of time and space, transformers, modulated blocks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xinc.models.decoder import divided
from xinc.models.encodings import interleaved
from xinc.models.enerv import ENeRV, ENeRVSettings
from xinc.models.stepwise import ConvolutionPart, Part, Stepwise
from xinc.trace.activations import activation
from xinc.trace.steps import Dissected, Fixed, Steps


class Network(ENeRV, Stepwise):
    """The network of `xinc.models.enerv.ENeRV`."""

    places: Tensor

    def __init__(
        self,
        settings: ENeRVSettings,
        resolution: tuple[int, int],
        frames: Sequence[int],
        num_frames: int,
        seed: int = 0,
    ) -> None:
        super().__init__(settings, resolution, frames, num_frames, seed)
        s, width, encoded = settings, settings.width, 2 * settings.embed_levels
        fc_dim = s.stem_width()
        widths = s.widths(fc_dim)
        self.size = divided(self.resolution, s.strides)
        self.register_buffer("places", self._encoded_places(), persistent=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.time = _Layers((encoded, s.time_width, width), s.activation)
            self.space = _Layers((2 * encoded, width), s.activation)
            self.before = _Transformer(width, 1, s.head_width, s.mlp_width)
            self.after = _Transformer(width, s.heads, s.head_width, s.mlp_width)
            self.narrow = _Layers((width,) if width == fc_dim else (width, fc_dim), s.activation)
            self.modulation = _Layers((encoded, s.modulation_width, s.modulation_width), s.activation)
            self.modulations = nn.ModuleList(
                _Layers((s.modulation_width, 2 * own), s.activation) for own in widths[:-1]
            )
            inside = fc_dim // 4
            self.first = nn.ModuleList(
                [
                    nn.Conv2d(fc_dim, inside * s.strides[0] ** 2, 3, padding=1),
                    nn.Conv2d(inside, widths[1], 3, padding=1),
                ]
            )
            self.blocks = nn.ModuleList(
                nn.Conv2d(before, after * r**2, 3, padding=1)
                for before, after, r in zip(widths[1:], widths[2:], s.strides[1:], strict=False)
            )
            self.head = nn.Conv2d(widths[-1], 3, 1)

    def _encoded_places(self) -> Tensor:
        """(h·w, 4·levels), row by row: encodings of row/h, then of column/w."""
        axes = torch.meshgrid(*(torch.arange(side) / side for side in self.size), indexing="ij")
        base, levels = self.settings.embed_base, self.settings.embed_levels
        return torch.cat([interleaved(axis.flatten(), base, levels) for axis in axes], 1)

    def inputs(self, frames: Tensor) -> Tensor:
        """Encodings (n, 2·levels) of the time of frames (n,): from 0, of the first frame, to 1, of the last."""
        for frame in frames:
            self.check_frame(int(frame))
        t = frames.cpu() / max(self.num_frames - 1, 1)
        return interleaved(t, self.settings.embed_base, self.settings.embed_levels).to(self.head.weight.device)

    def parts(self) -> dict[str, Part]:
        s = self.settings
        one, two = self.first
        found: dict[str, Part] = {
            "block1.conv1": ConvolutionPart(one, "identity", s.strides[0]),
            "block1.conv2": ConvolutionPart(two, s.activation),
        }
        for k, (block, r) in enumerate(zip(self.blocks, s.strides[1:], strict=True), 2):
            found[f"block{k}"] = ConvolutionPart(block, s.activation, r)
        return found | {"head": ConvolutionPart(self.head)}

    def start(self, inputs: Tensor, traced: bool = False) -> Tensor:
        x = self.before(self.space(self.places)[None]) * self.time(inputs)[:, None]
        return self.narrow(self.after(x)).transpose(1, 2).unflatten(2, self.size)

    def steps(self, inputs: Tensor, traced: bool = False) -> Steps:
        time = self.modulation(inputs)
        first, *later = (Fixed(partial(_modulated, by=one(time)[:, :, None, None])) for one in self.modulations)
        found: list[Dissected | Fixed] = [first, Dissected("block1.conv1"), Dissected("block1.conv2")]
        for k, one in enumerate(later, 2):
            found += [one, Dissected(f"block{k}")]
        return (*found, Dissected("head"))


class _Layers(nn.Module):
    """Fully connected layers, each with its activation; of one width, nothing."""

    def __init__(self, widths: Sequence[int], activation: str) -> None:
        super().__init__()
        self.activation = activation
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = activation(self.activation)(layer(x))
        return x


class _Transformer(nn.Module):
    """x + attention(x), then x + mlp(x), without norms: (n, positions, C)."""

    def __init__(self, width: int, heads: int, head_width: int, mlp_width: int) -> None:
        super().__init__()
        self.heads, inside = heads, heads * head_width
        self.queries_keys_values = nn.Linear(width, 3 * inside, bias=False)
        self.out = nn.Linear(inside, width)
        self.expand, self.contract = nn.Linear(width, mlp_width), nn.Linear(mlp_width, width)

    def forward(self, x: Tensor) -> Tensor:
        every = self.queries_keys_values(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(*every)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.contract(F.gelu(self.expand(x)))


def _modulated(x: Tensor, by: Tensor) -> Tensor:
    """Channels of mean 0 and variance 1 over the frame, times half of ``by`` (n, 2·C, 1, 1), plus the rest."""
    scale, shift = by.chunk(2, 1)
    # A group for each channel is F.instance_norm, of which PyTorch's gradient is wrong for one frame in channels-last
    # order, as training has it; in that order groups are right, but a hundred times less exact.
    return F.group_norm(x.contiguous(), x.shape[1]) * scale + shift
