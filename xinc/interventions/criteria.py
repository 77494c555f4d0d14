"""Criteria of pruning: how much each weight or kernel of a network counts.

A criterion scores the weights w of a layer, or its kernels w_n; the lowest go first. All look at the same calibration
frames. Of a weight, and of a kernel, with the contribution map C_n of the kernel, the layer's input x_i over all
pixels, the colours f, and the gradient g of the sum of squared errors:

- ``contribution``: Σ|C_n| · |w| / ‖w_n‖₁, and Σ|C_n| over pixels and frames;
- ``map_weight``: Σ|C_n| · |w|, and Σ|C_n| · ‖w_n‖₂;
- ``magnitude``: |w|, and ‖w_n‖₂ (Han et al. 2015, "Learning both weights and connections"; Li et al. 2017);
- ``wanda``: |w| · ‖x_i‖₂, and ‖w_n‖₂ · ‖x_i‖₂ (Sun et al. 2024, "A simple and effective pruning approach for large
  language models", which ranks among the weights of one output; here the budget says among which);
- ``taylor``: |⟨g, w⟩|; ``taylor_squared``: the sum over frames of ⟨g, w⟩² (Molchanov et al. 2019, "Importance
  estimation for neural network pruning", with frames as samples);
- ``gauss_newton``: E_u[⟨∂(u·f)/∂w, w⟩²], u = ±1 for each pixel and colour: what `xinc.effects` estimates;
- ``random``: uniform in [0, 1).

Of a linear layer each weight is a kernel, and the two are the same. Of weights that differ between frames, as those of
a COIN++ with scales, |w| is the root of the mean over the calibration frames of |w|².
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from xinc.canvas.dissect import dissect
from xinc.canvas.reductions import neuron_statistics
from xinc.interventions.effects import Passes, inner
from xinc.models.base import INR
from xinc.runtime.devices import full_precision
from xinc.trace.layers import Layer

Criterion = Literal[
    "contribution", "map_weight", "magnitude", "wanda", "taylor", "taylor_squared", "gauss_newton", "random"
]
Unit = Literal["kernel", "weight"]
CRITERIA: tuple[str, ...] = get_args(Criterion)
UNITS: tuple[str, ...] = get_args(Unit)

#: Those that need the frames to which the network was fitted.
SUPERVISED = frozenset({"taylor", "taylor_squared"})
#: Those whose scale differs from layer to layer, which counts when layers are compared: they become shares of a layer.
RELATIVE = frozenset({"contribution", "map_weight"})
#: Those that score again what is left as they did before.
FIXED = frozenset({"magnitude", "random"})


@dataclass(frozen=True)
class Calibration:
    """On what one network is scored.

    Attributes
    ----------
    model : it, or the bundle that it is in.
    frames : of calibration; of a bundle, the one that the network represents.
    target : (frame, 3, y, x) in [0, 1], those frames; None where no criterion asks for them.
    probes, seed : of random numbers.
    """

    model: INR
    frames: Sequence[int]
    target: np.ndarray | None = None
    probes: int = 8
    seed: int = 0

    def of(self, model: INR, seed: int = 0) -> Calibration:
        """The same for another state of the network, and another seed, which adds to its own."""
        return replace(self, model=model, seed=self.seed + seed)

    def layers(self) -> tuple[Layer, ...]:
        """Of the network, in its order, with weights of the first frame."""
        return self.model.trace(self.frames[0]).layers

    def weights(self) -> dict[str, Tensor]:
        """By layer, in network order."""
        return {layer.name: layer.arrays()["weight"] for layer in self.layers()}

    def sizes(self, unit: str) -> dict[str, np.ndarray]:
        """|w| of every weight, or ‖w_n‖₂ of every kernel, by layer, float64; over frames as the module says."""
        if "weight" not in self.model.varying:
            return {name: _size(weight, unit) for name, weight in self.weights().items()}
        squares: dict[str, Any] = {}
        for frame in self.frames:
            for layer in self.model.trace(frame).layers:
                own = np.square(_size(layer.arrays()["weight"], unit))
                squares[layer.name] = squares.get(layer.name, 0) + own / len(self.frames)
        return {name: np.sqrt(square) for name, square in squares.items()}

    @cached_property
    def totals(self) -> dict[str, np.ndarray]:
        """Σ_p |C_n(p)| over the frames, (C_out, C_in) of every layer; of the network as it is when first asked for."""
        canvas = dissect(self.model, list(self.frames), granularity="kernel")
        found = {}
        for layer in self.layers():
            total = neuron_statistics(canvas[layer.name])["total"].sum("frame").values
            shape = layer.reads().shape
            numbers = torch.arange(len(total)).view(shape)
            order = layer.neuron_sums("kernel", {"weight": numbers}).numpy()  # of neurons, as kernels lie in the weight
            found[layer.name] = np.empty_like(total)
            found[layer.name][order] = total
            found[layer.name] = found[layer.name].reshape(shape)
        return found


def scores(data: Calibration, criterion: str, unit: str) -> dict[str, np.ndarray]:
    """How much every unit counts, by layer: float64, (C_out, C_in) of kernels, of the weights' shape of weights."""
    if criterion == "random":
        generator = np.random.default_rng(data.seed)
        shapes = {name: w.shape if unit == "weight" else w.shape[:2] for name, w in data.weights().items()}
        return {name: generator.random(tuple(shape)) for name, shape in shapes.items()}
    with full_precision(), torch.no_grad():
        return _SCORES[criterion](data, unit)


def _magnitude(data: Calibration, unit: str) -> dict[str, np.ndarray]:
    return data.sizes(unit)


def _wanda(data: Calibration, unit: str) -> dict[str, np.ndarray]:
    squares: dict[str, np.ndarray] = {}
    for frame in data.frames:
        trace = data.model.trace(frame)
        for layer, v in zip(trace.layers, trace.inputs().values(), strict=True):
            squares[layer.name] = squares.get(layer.name, 0) + layer.energies(v).cpu().numpy()
    found, sizes = {}, data.sizes(unit)
    for layer in data.layers():
        size = sizes[layer.name]
        found[layer.name] = size * _spread(np.sqrt(squares[layer.name])[layer.reads()], size)
    return found


def _contribution(data: Calibration, unit: str) -> dict[str, np.ndarray]:
    found, sizes = {}, data.sizes("weight")
    for name, total in data.totals.items():
        size = sizes[name]
        if unit == "weight":
            whole = size.reshape(*total.shape, -1).sum(-1)
            total = size * _spread(np.divide(total, whole, out=np.zeros_like(total), where=whole > 0), size)
        found[name] = total
    return found


def _map_weight(data: Calibration, unit: str) -> dict[str, np.ndarray]:
    sizes = data.sizes(unit)
    return {
        name: (size := sizes[name]) * (total if size.ndim == 2 else _spread(total, size))
        for name, total in data.totals.items()
    }


def _taylor(data: Calibration, unit: str) -> dict[str, np.ndarray]:
    return {name: abs(np.sum(products, axis=0)) for name, products in _errors(data, unit).items()}


def _taylor_squared(data: Calibration, unit: str) -> dict[str, np.ndarray]:
    return {name: np.square(products).sum(0) for name, products in _errors(data, unit).items()}


def _gauss_newton(data: Calibration, unit: str) -> dict[str, np.ndarray]:
    found: dict[str, Any] = {}
    generator = torch.Generator().manual_seed(int(data.seed))
    for frame in data.frames:
        passes = Passes(data.model, data.model.trace(frame))
        for _ in range(data.probes):
            signs = torch.randint(0, 2, passes.colours.shape, generator=generator) * 2.0 - 1
            for name, product in _products(passes, signs.to(passes.colours.device), unit).items():
                found[name] = found.get(name, 0) + product**2 / data.probes
    return found


_SCORES: Mapping[str, Callable[[Calibration, str], dict[str, np.ndarray]]] = {
    "contribution": _contribution,
    "map_weight": _map_weight,
    "magnitude": _magnitude,
    "wanda": _wanda,
    "taylor": _taylor,
    "taylor_squared": _taylor_squared,
    "gauss_newton": _gauss_newton,
}


def _size(weight: Tensor, unit: str) -> np.ndarray:
    """|w| of every weight, or ‖w_n‖₂ of every kernel, float64."""
    size = weight.abs().double().cpu()
    return (size.flatten(2).norm(dim=2) if unit == "kernel" and size.ndim > 2 else size).numpy()


def _spread(of_kernels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A number of each kernel (C_out, C_in), to be multiplied with weights."""
    return of_kernels.reshape(*of_kernels.shape, *[1] * (weights.ndim - 2))


def _errors(data: Calibration, unit: str) -> dict[str, np.ndarray]:
    """⟨g, w⟩ of every unit and frame, (frame, …), g the gradient of the frame's sum of squared errors."""
    assert data.target is not None
    found: dict[str, list[np.ndarray]] = {}
    for frame, target in zip(data.frames, data.target, strict=True):
        passes = Passes(data.model, data.model.trace(frame))
        error = passes.colours.detach() - torch.as_tensor(target, device=passes.colours.device)
        for name, product in _products(passes, 2 * error, unit).items():
            found.setdefault(name, []).append(product)
    return {name: np.stack(products) for name, products in found.items()}


def _products(passes: Passes, towards: Tensor, unit: str) -> dict[str, np.ndarray]:
    """⟨∂(towards · colours)/∂w, w⟩ of every weight, or kernel, by layer, float64."""
    gradients = torch.autograd.grad(
        passes.colours,
        [layer.weight for layer in passes.layers],
        towards,
        True,
        allow_unused=True,
        materialize_grads=True,
    )
    found = {}
    for layer, gradient in zip(passes.layers, gradients, strict=True):
        product = inner(gradient, layer.weight.detach()).cpu()
        found[layer.name] = (product.flatten(2).sum(2) if unit == "kernel" and product.ndim > 2 else product).numpy()
    return found
