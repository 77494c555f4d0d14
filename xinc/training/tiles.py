"""Steps of coordinate networks on a CPU: one network after the other, a tile of pixels at a time that stays in cache.

All networks on all pixels at once would read and write every layer's responses from memory; a tile's forward and
backward pass keep them in the core's second-level cache. What is computed is the gradient of the same sum.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from xinc.models.base import INR, OUTPUT_ACTIVATIONS
from xinc.models.mlp.network import MLP
from xinc.training.settings import TrainingSettings
from xinc.training.steps import Steps

#: Pixels of a tile: two layers of a hundred channels and their gradients take 2 MB.
TILE = 1024

_aten: Any = torch.ops.aten

#: By activation, from the gradient of its result and its argument z to the gradient of z.
SLOPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "identity": lambda d, z: d,
    "relu": lambda d, z: _aten.threshold_backward(d, z, 0),
    "leaky_relu": lambda d, z: _aten.leaky_relu_backward(d, z, 0.01, False),
    "elu": lambda d, z: _aten.elu_backward(d, 1.0, 1.0, 1.0, False, z),
    "gelu": lambda d, z: _aten.gelu_backward(d, z),
    "silu": lambda d, z: _aten.silu_backward(d, z),
    "tanh": lambda d, z: _aten.tanh_backward(d, torch.tanh(z)),
    "sigmoid": lambda d, z: _aten.sigmoid_backward(d, torch.sigmoid(z)),
    "sin": lambda d, z: torch.cos(z).mul_(d),
}

#: The same for `OUTPUT_ACTIVATIONS`.
OUTPUT_SLOPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    **{name: SLOPES[name] for name in ("identity", "sigmoid")},
    "tanh": lambda d, z: SLOPES["tanh"](d, z).mul_(0.5),
    "centred": lambda d, z: d.mul_(0.5),
}


class _Entrance:
    """The first layer of one network after the other.

    Parameters
    ----------
    encoded : (P, channels), what enters the layer.
    """

    def __init__(self, encoded: Tensor) -> None:
        self.encoded = encoded

    def arrange(self, targets: Tensor) -> list[Tensor]:
        """Targets (networks, P, 3) as one tensor per tile (networks, pixels, 3)."""
        return [tile.contiguous() for tile in targets.split(TILE, dim=1)]

    def open(self, weight: Tensor) -> None:
        """Begin with the network of this weight (C_out, channels)."""
        self.tiles, self.weight, self.gradient = self.encoded.split(TILE), weight, torch.zeros_like(weight)

    def forward(self, tile: int, bias: Tensor) -> Tensor:
        """Responses (pixels, C_out) before the activation."""
        return torch.addmm(bias, self.tiles[tile], self.weight.T)

    def backward(self, tile: int, d: Tensor) -> None:
        """Add to the weight's gradient, given that of the responses."""
        self.gradient.addmm_(d.T, self.tiles[tile])

    def close(self) -> Tensor:
        """The gradient of the weight."""
        return self.gradient


class _MirroredEntrance(_Entrance):
    """The same for half the operations, where the encoding of a pixel says that of its mirror image.

    About the frame's centre, sin(θ) of pixel p is −sin(θ) of pixel P − 1 − p, and cos(θ) is the same. So the sums of
    the weighted sines and cosines of half the pixels, added and subtracted, are the responses at all of them. The
    centre's phase φ turns the weights: w_s sin(θ + φ) + w_c cos(θ + φ) = (w_s cos φ − w_c sin φ) sin θ +
    (w_s sin φ + w_c cos φ) cos θ.

    Parameters
    ----------
    angle : (P, F), the angles θ + φ of all pixels, P even.
    centre : (F,), φ.
    """

    def __init__(self, angle: Tensor, centre: Tensor) -> None:
        theta = (angle - centre)[: len(angle) // 2]
        self.sines, self.cosines = (part.float().split(TILE // 2) for part in (theta.sin(), theta.cos()))
        self.sin, self.cos = centre.sin().float(), centre.cos().float()

    def arrange(self, targets: Tensor) -> list[Tensor]:
        half = targets.shape[1] // 2
        first, second = targets[:, :half], targets.flip(1)[:, :half]
        pairs = zip(first.split(TILE // 2, dim=1), second.split(TILE // 2, dim=1), strict=True)
        return [torch.cat(pair, dim=1) for pair in pairs]

    def open(self, weight: Tensor) -> None:
        of_sine, of_cosine = weight.chunk(2, dim=1)
        self.of_sine = of_sine * self.cos - of_cosine * self.sin
        self.of_cosine = of_sine * self.sin + of_cosine * self.cos
        self.sine_gradient, self.cosine_gradient = torch.zeros_like(self.of_sine), torch.zeros_like(self.of_cosine)

    def forward(self, tile: int, bias: Tensor) -> Tensor:
        odd = torch.mm(self.sines[tile], self.of_sine.T)
        found = odd.new_empty(2 * len(odd), odd.shape[1])
        first, even = found.chunk(2)
        torch.addmm(bias, self.cosines[tile], self.of_cosine.T, out=even)
        torch.add(even, odd, out=first)
        even.sub_(odd)
        return found

    def backward(self, tile: int, d: Tensor) -> None:
        first, second = d.chunk(2)
        self.sine_gradient.addmm_((first - second).T, self.sines[tile])
        self.cosine_gradient.addmm_((first + second).T, self.cosines[tile])

    def close(self) -> Tensor:
        of_sine, of_cosine = self.sine_gradient, self.cosine_gradient
        return torch.cat([of_sine * self.cos + of_cosine * self.sin, of_cosine * self.cos - of_sine * self.sin], dim=1)


class TiledSteps(Steps):
    """All networks on all pixels in every step, for the gradients of `xinc.training.steps.PixelSteps`."""

    def __init__(self, model: MLP, targets: Tensor, settings: TrainingSettings) -> None:
        super().__init__(model, settings)
        self.network, self.all = model, torch.arange(len(model.frames))
        coordinates = model.grid(model.resolution)
        angles = model.angles(coordinates) if len(coordinates) % 2 == 0 else None
        if angles is None:
            self.entrance = _Entrance(model.encode(coordinates))
        else:
            self.entrance = _MirroredEntrance(angles, (angles[0] + angles[-1]) / 2)
        self.targets = self.entrance.arrange(targets.flatten(2).transpose(1, 2).float())
        self.scale = 1 / (3 * len(coordinates))
        # A tile is too small for several threads: each takes whole networks or, where there are too few, tiles of one.
        count, tiles = len(self.targets), range(len(self.targets))
        parts = min(count, -(-settings.threads // len(model.frames)))
        self.shares = [tiles[count * k // parts : count * (k + 1) // parts] for k in range(parts)]
        self.threads = None
        if settings.threads > 1 and parts * len(model.frames) > 1:
            self.threads = ThreadPoolExecutor(settings.threads, initializer=torch.set_num_threads, initargs=(1,))

    @staticmethod
    def serves(model: INR) -> bool:
        """Whether the model is made of linear layers and activations that are known here, as `MLP` puts them."""
        if not isinstance(model, MLP) or type(model).colours is not MLP.colours:
            return False
        known = model.hidden_activation()[0] in SLOPES or model.slope(0) is not None
        return known and model.output_activation in OUTPUT_SLOPES

    def batches(self) -> list[Tensor]:
        return [self.all]

    def gradients(self, batch: Tensor) -> Tensor:
        work = list(itertools.product(range(len(batch)), self.shares))
        spread = map if self.threads is None else self.threads.map
        errors, found = zip(*spread(self._part, *zip(*work, strict=True)), strict=True)
        for k, parameters in enumerate((self.network.weights, self.network.biases)):
            for layer, parameter in enumerate(parameters):
                parameter.grad = torch.zeros_like(parameter)
                for (at, _), gradients in zip(work, found, strict=True):
                    parameter.grad[at] += gradients[layer][k]
        return torch.stack(errors).view(len(batch), -1).sum(1) * self.scale

    @torch.no_grad()
    def _part(self, at: int, tiles: range) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Squared errors of one network over some tiles, summed, and the gradients of its weights and biases."""
        model, entrance = self.network, copy.copy(self.entrance)
        weights, biases = [w[at] for w in model.weights], [b[at] for b in model.biases]
        into = [(torch.zeros_like(w), torch.zeros_like(b)) for w, b in zip(weights, biases, strict=True)]
        entrance.open(weights[0])
        error = torch.zeros(())
        for tile in tiles:
            error += self._tile(entrance, tile, self.targets[tile][at], weights, biases, into)
        into[0][0].copy_(entrance.close())
        return error, into

    def _tile(
        self,
        entrance: _Entrance,
        tile: int,
        target: Tensor,
        weights: list[Tensor],
        biases: list[Tensor],
        into: list[tuple[Tensor, Tensor]],
    ) -> Tensor:
        """Squared errors of one network summed over a tile; their gradient, divided by 3·P, is added to ``into``."""
        name = self.network.hidden_activation()[0]
        last, output = len(weights) - 1, self.network.output_activation
        arguments, inputs = [entrance.forward(tile, biases[0])], [target]
        for k in range(1, len(weights)):
            frequency = self.network.frequency(k - 1)
            z = arguments[-1] if frequency == 1.0 else arguments[-1].mul_(frequency)
            inputs.append(self.network.activation(k - 1)(z))
            arguments.append(torch.addmm(biases[k], inputs[k], weights[k].T))
        error = OUTPUT_ACTIVATIONS[output](arguments[last]) - target
        d = OUTPUT_SLOPES[output](error * (2 * self.scale), arguments[last])
        for k in range(last, 0, -1):
            into[k][0].addmm_(d.T, inputs[k])
            into[k][1].add_(d.sum(0))
            slope = self.network.slope(k - 1) or SLOPES[name]
            d = slope(torch.mm(d, weights[k]), arguments[k - 1])
            frequency = self.network.frequency(k - 1)
            d = d if frequency == 1.0 else d.mul_(frequency)
        entrance.backward(tile, d)
        into[0][1].add_(d.sum(0))
        return torch.linalg.vector_norm(error).square()
