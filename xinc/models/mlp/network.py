"""Multi-layer perceptrons of pixel coordinates, one per frame, held and trained as one batched network."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from xinc.models.base import INR, OUTPUT_ACTIVATIONS
from xinc.models.mlp import MLPArchitecture
from xinc.trace.activations import Activation, activation
from xinc.trace.layers import BaseTrace, Linear, Trace


def pixel_coordinates(
    resolution: tuple[int, int],
    device: torch.device | str = "cpu",
    *,
    coordinates: str = "square",
    order: str = "row_column",
    ends: tuple[float, float] = (-1.0, 1.0),
    pixels: str = "corners",
) -> Tensor:
    """Coordinates of every pixel: (H·W, 2), row-major.

    Parameters
    ----------
    resolution : (height, width).
    device : where to.
    coordinates : what spans the range: the longer side, so that a pixel is ``square`` and of a wide frame the rows fill
        a part of it; both sides (``stretched``); or the rows, with columns of the same scale (``height``).
    order : ``row_column`` or ``column_row``.
    ends : of the range.
    pixels : ``corners``: the ends are the first and the last pixel, so that numbers are divided by one less than there
        are; ``centres``: they are half a pixel beyond these.
    """
    height, width = resolution
    sides = {"square": (max(resolution),) * 2, "stretched": resolution, "height": (height, height)}[coordinates]
    axes = []
    for count, side in zip(resolution, sides, strict=True):
        places = torch.arange(count, dtype=torch.float32, device=device)
        unit = (places + 0.5) / side if pixels == "centres" else places / max(side - 1, 1)
        axes.append(unit * (ends[1] - ends[0]) + ends[0])
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(height * width, 2)
    return grid.flip(1) if order == "column_row" else grid


class MLP(MLPArchitecture, INR):
    """One coordinate network per frame, all of the same shape; weights carry a leading frame axis.

    A frame's initial weights depend on the seed and on the frame's own index only, so that training it in company or
    alone starts from the same network.
    """

    def __init__(
        self, settings: Any, resolution: tuple[int, int], frames: Sequence[int], num_frames: int, seed: int = 0
    ) -> None:
        super().__init__(settings, resolution, frames, num_frames, seed)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        generators = [generator_of(seed, frame) for frame in self.frames]
        for at, (c_in, c_out) in enumerate(self.channels_of_layers()):
            drawn = [self.initial(at, c_in, c_out, g) for g in generators]
            self.weights.append(nn.Parameter(torch.stack([weight for weight, _ in drawn])))
            self.biases.append(nn.Parameter(torch.stack([bias for _, bias in drawn])))

    #: Of networks that PyTorch trains on a CPU, pixels that one takes at a time, which bounds memory; None: all.
    pixels_at_once: ClassVar[int | None] = None

    def widths(self) -> list[int]:
        """Channels from the encoded coordinates to the three colours."""
        raise NotImplementedError

    def channels_of_layers(self) -> list[tuple[int, int]]:
        """(C_in, C_out) of every linear layer."""
        return list(itertools.pairwise(self.widths()))

    def initial(self, at: int, c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Initial weight (C_out, C_in) and bias (C_out,) of layer number ``at``."""
        raise NotImplementedError

    def grid(self, resolution: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
        """Coordinates (H·W, 2) of every pixel, row-major."""
        return pixel_coordinates(resolution, device)

    def encode(self, coordinates: Tensor) -> Tensor:
        """(P, 2) coordinates -> (P, channels) inputs of the first layer; the coordinates themselves by default."""
        return coordinates

    def angles(self, coordinates: Tensor) -> Tensor | None:
        """(P, F) float64 angles θ of which the encoding is [sin θ, cos θ], where it is that of a linear map, or None.

        Training on a CPU then takes a pixel and its mirror image together, see `xinc.training.tiles`.
        """
        return None

    def hidden_activation(self) -> tuple[str, float]:
        """Activation and frequency of the hidden layers."""
        raise NotImplementedError

    def frequency(self, at: int) -> float:
        """Frequency of hidden layer number ``at``."""
        return self.hidden_activation()[1]

    def activation(self, at: int) -> Activation:
        """Activation of hidden layer number ``at``."""
        return activation(self.hidden_activation()[0], self.frequency(at))

    def activated(self, at: int, z: Tensor) -> Tensor:
        """What hidden layer number ``at`` makes of its pre-activation in training: the same, but for gradients."""
        return self.activation(at)(z)

    def slope(self, at: int) -> Callable[[Tensor, Tensor], Tensor] | None:
        """From the gradient of `activated` and its argument z to the gradient of z; None: that of the activation.

        `xinc.training.tiles` knows those of the usual activations.
        """
        return None

    def forward(self, frames: Tensor) -> Tensor:
        at = torch.as_tensor([self.frames.index(self.check_frame(int(f))) for f in frames], device=frames.device)
        height, width = self.resolution
        colours = self.colours(self.encode(self.grid(self.resolution, self.weights[0].device)), at)
        return colours.transpose(1, 2).reshape(len(frames), 3, height, width)

    def colours(self, encoded: Tensor, at: Tensor | None = None) -> Tensor:
        """(P, channels) -> (networks, P, 3); ``at`` selects networks by position."""
        x = encoded
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            w, b = (weight, bias) if at is None else (weight[at], bias[at])
            x = torch.matmul(x, w.transpose(1, 2)) + b[:, None, :]
            if k < len(self.weights) - 1:
                frequency = self.frequency(k)
                x = self.activated(k, x if frequency == 1.0 else frequency * x)
        return OUTPUT_ACTIVATIONS[self.output_activation](x)

    @torch.no_grad()
    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> BaseTrace:
        at = self.frames.index(self.check_frame(frame))
        height, width = resolution or self.resolution
        encoded = self.encode(self.grid((height, width), self.weights[0].device))
        last = len(self.weights) - 1
        layers = tuple(
            Linear(
                f"layer{k + 1}",
                w[at].detach(),
                b[at].detach(),
                *(("identity",) if k == last else (str(self.activation(k)), self.frequency(k))),
            )
            for k, (w, b) in enumerate(zip(self.weights, self.biases, strict=True))
        )
        return Trace(encoded.T.reshape(-1, height, width).contiguous(), layers)


class Placed:
    """A network whose settings say where pixels lie."""

    settings: Any

    def grid(self, resolution: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
        """Coordinates (H·W, 2) of every pixel, row-major."""
        s = self.settings
        return pixel_coordinates(
            resolution, device, coordinates=s.coordinates, order=s.coordinate_order, ends=s.coordinate_range,
            pixels=s.pixels,
        )  # fmt: skip


class PlacedMLP(Placed, MLP):
    """One whose settings also say how wide and deep it is: coordinates, hidden layers, colours."""

    def widths(self) -> list[int]:
        return [2, *[self.settings.hidden_width] * (self.settings.layers - 1), 3]


def generator_of(*numbers: int) -> torch.Generator:
    """A generator whose stream belongs to these numbers alone."""
    seed = int(np.random.SeedSequence(list(numbers)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.Generator().manual_seed(seed)


def uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> Tensor:
    """Uniform in [-bound, bound]."""
    return (torch.rand(shape, generator=generator) * 2 - 1) * bound


def usual_initial(c_in: int, c_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """PyTorch's initial weight (C_out, C_in) and bias (C_out,) of a linear layer: uniform up to 1/√C_in."""
    bound = 1 / math.sqrt(c_in)
    return uniform((c_out, c_in), bound, generator), uniform((c_out,), bound, generator)
