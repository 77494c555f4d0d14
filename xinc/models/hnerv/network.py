"""The network of HNeRV: NeRV's decoder, the table of embeddings, and the ConvNeXt encoder that fills it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xinc.errors import InputError
from xinc.models.decoder.network import Decoder
from xinc.models.hnerv import HNeRV, HNeRVSettings
from xinc.runtime.gpu_memory import Room, on_cpu

#: Frames that the encoder sees at a time when it fills the table of embeddings.
_BATCH = 4


class Network(HNeRV, Decoder):
    """The network of `xinc.models.hnerv.HNeRV`."""

    embeddings: Tensor

    def __init__(
        self,
        settings: HNeRVSettings,
        resolution: tuple[int, int],
        frames: Sequence[int],
        num_frames: int,
        seed: int = 0,
    ) -> None:
        super().__init__(settings, resolution, frames, num_frames, seed)
        shape = (len(self.frames), *settings.embedding_shape(self.resolution))
        self._seen: Tensor | None = None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = Encoder(settings) if settings.encoder else None
            self.build_decoder(settings.embed_channels, settings.stem_upscale() ** 2)
            table = torch.randn(shape)
        if settings.encoder:
            self.register_buffer("embeddings", table)
        else:
            self.embeddings = nn.Parameter(table)

    def parameter_count(self) -> int:
        """Number of parameters of the decoder and of all embeddings."""
        parts = [self.stem, self.blocks, self.head]
        return sum(p.numel() for part in parts for p in part.parameters()) + self.embeddings.numel()

    def inputs(self, frames: Tensor) -> Tensor:
        at = torch.tensor([self.frames.index(self.check_frame(int(f))) for f in frames], device=self.embeddings.device)
        return at if self._encoding is None else self._encoding[at]

    def render(self, inputs: Tensor) -> Tensor:
        return super().render(self._embedded(inputs))

    def embed(self, frames: Tensor) -> Tensor:
        return self._embedded(self.inputs(frames))

    def _embedded(self, inputs: Tensor) -> Tensor:
        if self._encoding is None or self.encoder is None:
            return self.embeddings[inputs]
        return torch.as_tensor(self.encoder(inputs))

    @property
    def _encoding(self) -> Tensor | None:
        """The frames to be represented while their encoder is being trained: embeddings are not in the table yet."""
        return self._seen if self.encoder is not None and self.training else None

    def before_training(self, targets: Tensor) -> None:
        self._seen = targets.to(self.head.weight.device)

    def after_training(self) -> None:
        if self._seen is not None:
            self.fill_embeddings(self._seen)
        self._seen = None

    @torch.no_grad()
    def fill_embeddings(self, images: Tensor) -> None:
        """Set the table of embeddings from the frames (frames, 3, H, W) that the network represents, in that order."""
        if self.encoder is None:
            return
        if images.shape != (len(self.frames), 3, *self.resolution):
            raise InputError(
                f"The encoder got frames of shape {tuple(images.shape)}; expected "
                f"{(len(self.frames), 3, *self.resolution)}."
            )

        def encoded(encoder: Encoder, frames: Tensor, size: int) -> Tensor:
            return torch.cat([encoder(part) for part in frames.split(size)])

        room, encoder = Room("a frame in the encoder", "frames in the encoder"), self.encoder
        on_gpu = partial(encoded, encoder, images)
        self.embeddings.copy_(room.fit(_BATCH, on_gpu, lambda: encoded(on_cpu(encoder), images.cpu(), _BATCH)))


class Encoder(nn.Module):
    """Stages that shrink an image, each followed by ConvNeXt blocks (Liu et al. 2022): (n, 3, H, W) -> (n, C, h, w)."""

    def __init__(self, settings: HNeRVSettings) -> None:
        super().__init__()
        strides = settings.down()
        widths = [settings.encoder_width] * (len(strides) - 1) + [settings.embed_channels]
        self.stages = nn.ModuleList(
            _Stage(c_in, c_out, stride, settings.encoder_blocks, first=k == 0)
            for k, (c_in, c_out, stride) in enumerate(zip([3, *widths[:-1]], widths, strides, strict=True))
        )

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        return x


class _Stage(nn.Module):
    """A strided convolution, normalised before it (after it in the first stage), then blocks."""

    def __init__(self, c_in: int, c_out: int, stride: int, blocks: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.shrink = _initialised(nn.Conv2d(c_in, c_out, stride, stride=stride))
        self.norm = _Norm(c_out if first else c_in)
        self.blocks = nn.ModuleList(_Block(c_out) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.shrink(x)) if self.first else self.shrink(self.norm(x))
        for block in self.blocks:
            x = block(x)
        return x


class _Norm(nn.Module):
    """Normalises the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


class _Block(nn.Module):
    """x + scale · contract(gelu(expand(norm(7×7 depthwise(x)))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = _initialised(nn.Conv2d(channels, channels, 7, padding=3, groups=channels))
        self.norm = _Norm(channels)
        self.expand = _initialised(nn.Conv2d(channels, 4 * channels, 1))
        self.contract = _initialised(nn.Conv2d(4 * channels, channels, 1))
        self.scale = nn.Parameter(torch.full((channels,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        y = self.contract(F.gelu(self.expand(self.norm(self.spatial(x)))))
        return x + self.scale[:, None, None] * y


def _initialised(layer: nn.Conv2d) -> nn.Conv2d:
    """As ConvNeXts are: narrow truncated normal weights, no bias."""
    nn.init.trunc_normal_(layer.weight, std=0.02)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
