"""A network that is not a chain: a residual connection, a concatenation, depthwise kernels, upsampling, a stride."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xinc.models.base import INR
from xinc.settings import StrictModel
from xinc.trace.layers import BaseTrace, Convolution, Layer, Respond
from xinc.trace.route import Route, Stage, Sum

#: What follows the concatenation.
_END: Route = (Stage(3, 1, "relu", stride=2), Stage(3))

ROUTES: dict[str, Route] = {
    "stem": (
        Sum((
            (Sum(((), (Stage(3, 1, "gelu", padding="replicate"), Stage(1)))), Stage(1, 2, interpolation="bilinear")),
            (Stage(1, 2),),
        )),
        *_END,
    ),
    "depthwise": (Stage(1), Stage(1, 2, interpolation="bilinear"), *_END),
    "pointwise": (Stage(1, 2, interpolation="bilinear"), *_END),
    "down": (Stage(3),),
    "head": (),
}  # fmt: skip


class Skipping(INR):
    """Frames of 12x16, from features of 6x8."""

    name = "skipping"

    class Settings(StrictModel):
        pass

    def __init__(self, seed: int = 1) -> None:
        super().__init__(self.Settings(), (12, 16), [0, 2], 3, seed)
        torch.manual_seed(seed)
        self.register_buffer("features", torch.randn(3, 2, 6, 8))
        self.stem = nn.Conv2d(2, 12, 3, padding=1, padding_mode="circular")
        self.depthwise = nn.Conv2d(3, 3, 3, padding=1, padding_mode="replicate", groups=3)
        self.pointwise = nn.Conv2d(3, 3, 1)
        self.down = nn.Conv2d(6, 4, 3, stride=2, padding=1, groups=2)
        self.head = nn.Conv2d(4, 3, 3, padding=1)

    @classmethod
    def layers_of(cls, settings: Any) -> list[str]:
        return list(ROUTES)

    @property
    def output_activation(self) -> str:
        return "sigmoid"

    def forward(self, frames: Tensor) -> Tensor:
        a = F.gelu(F.pixel_shuffle(self.stem(self.features[frames]), 2))
        z = a + self.pointwise(F.gelu(self.depthwise(a)))
        z = torch.cat([F.interpolate(z, scale_factor=2, mode="bilinear"), F.interpolate(a, scale_factor=2)], 1)
        found: Tensor = self.colours_of(self.head(F.relu(self.down(z))))
        return found

    def trace(self, frame: int, resolution: Any = None) -> SkippingTrace:
        def layer(name: str, activation: str, **how: Any) -> Layer:
            one = getattr(self, name)
            return Convolution(name, one.weight.detach(), one.bias.detach(), activation, **how)

        layers = (
            layer("stem", "gelu", upscale=2, padding="circular"),
            layer("depthwise", "gelu", groups=3, padding="replicate"),
            layer("pointwise", "identity"),
            layer("down", "relu", groups=2, stride=2),
            layer("head", "identity"),
        )
        assert isinstance(self.features, Tensor)
        return SkippingTrace(self.features[self.check_frame(frame)], layers)


@dataclass(frozen=True)
class SkippingTrace(BaseTrace):
    input: Tensor
    layers: tuple[Layer, ...]

    def run(self, respond: Respond) -> Tensor:
        stem, depthwise, pointwise, down, head = self.layers

        def through(layer: Layer, v: Tensor) -> Tensor:
            return layer.activated(respond(layer, v))

        a = through(stem, self.input)
        z = a + through(pointwise, through(depthwise, a))
        up = F.interpolate(z[None], scale_factor=2, mode="bilinear")[0]
        both = torch.cat([up, F.interpolate(a[None], scale_factor=2)[0]])
        return through(head, through(down, both))

    def route(self, name: str) -> Route:
        return ROUTES[name]
