"""Traces: an implicit neural representation as plain data, and the forward pass through it.

A network describes itself as a `Trace`: the tensor that enters its first dissected layer and the layers that follow.
Everything that computes contributions works on this description alone, so that an architecture built of known layer
types needs no attribution code of its own. What is not a chain of layers is another `BaseTrace`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from xinc.runtime.devices import full_precision
from xinc.trace.convolution import Convolution
from xinc.trace.layer import LAYER_TYPES, Array, Layer, layer_type
from xinc.trace.linear import ComplexLinear, Linear
from xinc.trace.lookup import Lookup
from xinc.trace.route import Route

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "LAYER_TYPES",
    "Array",
    "BaseTrace",
    "ComplexLinear",
    "Convolution",
    "Layer",
    "Linear",
    "Lookup",
    "Trace",
    "layer_type",
]

#: Where a gradient is taken: at a layer's input, or at its pre-activation.
Point = Literal["input", "preactivation"]


#: From a layer and its input (C_in, h, w) to its pre-activation (C_out, h, w).
Respond: TypeAlias = "Callable[[Layer, Tensor], Tensor]"


class BaseTrace(ABC):
    """One frame of a network: its dissected layers, what enters each, and the way from each to the output.

    A subclass is a dataclass with the field `layers`; it says how the network is computed from them (`run`), and what
    happens to a contribution (`route`). All else follows, and may be overridden where there is a faster way.

    Attributes
    ----------
    layers : from first to last; the last one's response is the output.
    """

    layers: tuple[Layer, ...]

    @abstractmethod
    def run(self, respond: Respond) -> Tensor:
        """The network's last response (C, H, W), before the output activation.

        Every dissected layer's pre-activation is what ``respond`` gives for it and its input, once for each layer and
        in their order. Nothing else in the network may have gradients.
        """

    @abstractmethod
    def route(self, name: str) -> Route:
        """What happens to a contribution from the output of the layer called ``name``, PixelShuffle done, onwards."""

    def position(self, name: str) -> int:
        """Index of the layer called ``name``."""
        return [layer.name for layer in self.layers].index(name)

    @property
    def chain(self) -> Trace | None:
        """Itself where it is a chain of layers through which changes and windows can be carried, otherwise None."""
        return None

    @full_precision()
    def output(self) -> Tensor:
        """(C, H, W), the network's last response, before the output activation."""
        return self.run(lambda layer, v: layer.preactivation(v))

    @full_precision()
    def inputs(self) -> dict[str, Tensor]:
        """The input tensor (C_in, h, w) of every layer, by layer name."""
        found = {}

        def respond(layer: Layer, v: Tensor) -> Tensor:
            found[layer.name] = v
            return layer.preactivation(v)

        self.run(respond)
        return found

    def input_of(self, name: str) -> Tensor:
        """The input tensor (C_in, h, w) of the layer called ``name``."""
        return self.inputs()[name]

    def with_layers(self, layers: Sequence[Layer]) -> BaseTrace:
        """The same network with these layers, of the same names, in the place of its own.

        Its `output` is differentiable in their weights; whatever enters the network has no gradients.
        """
        changed: Any = self
        found: BaseTrace = replace(changed, layers=tuple(layers))
        return found

    @full_precision()
    def output_from(self, name: str, responses: Tensor) -> Tensor:
        """Outputs (n, C, H, W) with each of ``responses`` (n, C_out, h, w) as the pre-activation of a layer."""
        import torch

        before: dict[str, Tensor] = {}  # pre-activations of earlier layers, which are always the same
        earlier = {layer.name for layer in self.layers[: self.position(name)]}

        def output(z: Tensor) -> Tensor:
            def respond(layer: Layer, v: Tensor) -> Tensor:
                if layer.name == name:
                    return z
                if layer.name not in earlier:
                    return layer.preactivation(v)
                if layer.name not in before:
                    before[layer.name] = layer.preactivation(v)
                return before[layer.name]

            return self.run(respond)

        return torch.stack([output(z) for z in responses])

    @full_precision()
    def tracked(self, points: Mapping[str, Point]) -> tuple[dict[str, Tensor], Tensor]:
        """Tensors (C, h, w) inside of some layers, by name, with gradients; and the output, a function of them all."""
        import torch

        found: dict[str, Tensor] = {}

        def respond(layer: Layer, v: Tensor) -> Tensor:
            point = points.get(layer.name)
            if point == "input":
                v = found[layer.name] = _track(v)
            z = layer.preactivation(v)
            if point == "preactivation":
                z = found[layer.name] = _track(z)
            return z

        with torch.enable_grad():
            output = self.run(respond)
        return found, output

    def at(self, pixels: Array) -> BaseTrace | None:
        """The same at some pixels alone, given by row-major numbers (h, w); None where pixels know of each other."""
        return None

    def double(self) -> BaseTrace:
        """The same trace in float64, its layers and all tensors among its fields, for checks of exactness."""
        import torch

        whole: Any = self
        values = {one.name: getattr(self, one.name) for one in fields(whole)}
        tensors = {name: value.double() for name, value in values.items() if isinstance(value, torch.Tensor)}
        layers = tuple(layer.mapped(in_double) for layer in self.layers)
        found: BaseTrace = replace(whole, layers=layers, **tensors)
        return found


@dataclass(frozen=True)
class Trace(BaseTrace):
    """One frame of a network that is a chain of layers: the input of the first dissected one, and all from there on.

    Attributes
    ----------
    input : (C_in of the first layer, h, w).
    layers : from first to last. The last one's activation is ``identity``: what maps its response to colours (a
        tanh or sigmoid) belongs to the network, `xinc.models.base.INR.output_activation`, not to the layer.
    """

    input: Tensor
    layers: tuple[Layer, ...]

    def run(self, respond: Respond) -> Tensor:
        v = self.input
        for layer in self.layers:
            v = layer.activated(respond(layer, v))
        return v

    def route(self, name: str) -> Route:
        return tuple(step for layer in self.layers[self.position(name) + 1 :] for step in layer.stages())

    @property
    def chain(self) -> Trace | None:
        last = self.layers[-1]
        return self if last.upscale == 1 and last.activation == "identity" else None

    def input_of(self, name: str) -> Tensor:
        """The input tensor (C_in, h, w) of the layer called ``name``; the layers after it are not computed."""
        v = self.input
        for layer in self.layers[: self.position(name)]:
            v = layer.forward(v)
        return v

    def with_layers(self, layers: Sequence[Layer]) -> Trace:
        return Trace(self.input.detach(), tuple(layers))

    @full_precision()
    def output_from(self, name: str, responses: Tensor) -> Tensor:
        import torch

        at, found = self.position(name), []
        for z in responses:
            rest = Trace(self.layers[at].activated(z), self.layers[at + 1 :])
            found.append(rest.output())
        return torch.stack(found)

    def at(self, pixels: Array) -> Trace | None:
        if any(layer.mixes for layer in self.layers):
            return None
        return Trace(self.input.flatten(1)[:, pixels], self.layers)


def in_double(values: Tensor) -> Tensor:
    """The same in float64, or complex128."""
    import torch

    return values.to(torch.complex128) if values.is_complex() else values.double()


def _track(values: Tensor) -> Tensor:
    """The same, with gradients: a new leaf where nothing before it has any, otherwise a view.

    Never the tensor itself, which another layer may read as well: its gradient would be that of both ways.
    """
    return values.view_as(values) if values.requires_grad else values.detach().requires_grad_()
