"""Network shared by NeRV and its relatives: stem, blocks and head, forwards and as a trace."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xinc.errors import InputError
from xinc.models.base import INR, OUTPUT_ACTIVATIONS
from xinc.models.decoder import DecoderArchitecture
from xinc.runtime.devices import full_precision
from xinc.trace.activations import activation
from xinc.trace.layers import Convolution, Trace


class Decoder(DecoderArchitecture, INR):
    """A network whose frames come out of convolutional blocks; subclasses say what enters the first.

    Subclasses call `build_decoder` and implement `embed`, the stem's input (n, C, h, w) of frames given by index.
    """

    def build_decoder(self, stem_inputs: int, stem_area: int) -> None:
        """Stem, blocks and head with weights drawn from PyTorch's generator, in this order.

        Parameters
        ----------
        stem_inputs : channels that enter the stem.
        stem_area : positions (fc_h · fc_w) that the stem makes of each of its own.
        """
        settings = self.settings
        widths = settings.channels(self.resolution)
        self.stem = nn.Conv2d(stem_inputs, widths[0] * stem_area, 1)
        self.blocks = nn.ModuleList(
            nn.Conv2d(c_in, c_out * stride**2, k, padding=k // 2)
            for c_in, c_out, stride, k in zip(
                widths[:-1], widths[1:], settings.strides, settings.kernel_sizes(), strict=True
            )
        )
        k = settings.head_kernel_size
        self.head = nn.Conv2d(widths[-1], 3, k, padding=k // 2)

    def colours_of(self, response: Tensor) -> Tensor:
        return OUTPUT_ACTIVATIONS[self.output_activation](response) + self.settings.output_offset

    def embed(self, frames: Tensor) -> Tensor:
        """The stem's input (n, C, h, w) of frames (n,) given by index."""
        raise NotImplementedError

    def start(self, embedded: Tensor) -> Tensor:
        """Stem: (n, C, h, w) -> (n, fc_dim, fc_h·h, fc_w·w), the input of the first block."""
        n, _, h, w = embedded.shape
        height, width = self.settings.start_shape(self.resolution)
        fc_h, fc_w = height // h, width // w
        x = activation(self.settings.activation)(self.stem(embedded))
        return x.view(n, -1, fc_h, fc_w, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, -1, height, width)

    def render(self, inputs: Tensor) -> Tensor:
        return self.decode(self.start(inputs))

    def forward(self, frames: Tensor) -> Tensor:
        return self.render(self.inputs(frames))

    def decode(self, x: Tensor) -> Tensor:
        """(n, fc_dim, fc_h, fc_w) -> (n, 3, H, W)."""
        activated = activation(self.settings.activation)
        for block, stride in zip(self.blocks, self.settings.strides, strict=True):
            x = activated(F.pixel_shuffle(block(x), stride))
        return self.colours_of(self.head(x))

    @full_precision()
    @torch.no_grad()
    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> Trace:
        if resolution is not None and tuple(resolution) != self.resolution:
            raise InputError(
                f"{self.title} has one resolution, here {self.resolution[0]}x{self.resolution[1]}: it cannot be "
                f"dissected at {resolution[0]}x{resolution[1]}; leave resolution out."
            )
        x = self.start(self.embed(torch.tensor([self.check_frame(frame)])))[0]
        layers = [
            Convolution(f"block{k + 1}", *_weights(b), self.settings.activation, stride)
            for k, (b, stride) in enumerate(zip(self.blocks, self.settings.strides, strict=True))
        ]
        head = Convolution("head", *_weights(self.head), "identity")
        return Trace(x, (*layers, head))


def _weights(convolution: Any) -> tuple[Tensor, Tensor]:
    """A convolution's kernels and bias."""
    return convolution.weight.detach(), convolution.bias.detach()
