"""One frame of a module: the inputs that its layers get in a run, and the rest of its program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx

from xinc.modules.captured import Captured
from xinc.modules.operators import LayerAt
from xinc.trace.layers import BaseTrace, Layer, Respond, in_double
from xinc.trace.route import Route

#: By how much a layer's response may differ from the recorded one, of the largest.
RESPONSE_TOLERANCE = 1e-5


@dataclass(frozen=True)
class RecordedTrace(BaseTrace):
    """One frame of a module: its layers with the inputs that they get in a run, and the rest of its program.

    Attributes
    ----------
    captured : the program.
    given : values of parameters and inputs.
    layers : its own, or others of the same names in their place.
    places : where they are in the program.
    """

    captured: Captured
    given: Mapping[fx.Node, Any]
    layers: tuple[Layer, ...]
    places: tuple[LayerAt, ...]

    @classmethod
    def of(cls, captured: Captured, start: Mapping[fx.Node, Any]) -> RecordedTrace:
        """Of a program with these parameters and inputs."""
        given = {node: one.detach() if isinstance(one, Tensor) else one for node, one in start.items()}
        places = captured.layers_of(given)
        return cls(captured, given, tuple(at.layer for at in places), places)

    def run(self, respond: Respond) -> Tensor:
        instead = {
            at.response: Instead([at.x], _responding(respond, at, layer))
            for at, layer in zip(self.places, self.layers, strict=True)
        }
        return self._image(self._values([self.captured.output], instead))

    def _values(
        self, wanted: Iterable[fx.Node], instead: Mapping[fx.Node, Instead] | None = None
    ) -> dict[fx.Node, Any]:
        return self.captured.program.run(self.given, wanted, instead)

    def _image(self, values: Mapping[fx.Node, Any]) -> Tensor:
        return self.captured.layout.image(values[self.captured.output])

    @property
    def _own(self) -> bool:
        return all(at.layer is layer for at, layer in zip(self.places, self.layers, strict=True))

    def output(self) -> Tensor:
        return self._image(self._values([self.captured.output])) if self._own else super().output()

    def route(self, name: str) -> Route:
        return self.captured.routes[self.position(name)]

    def inputs(self) -> dict[str, Tensor]:
        if not self._own:
            return super().inputs()
        values = self._values([at.x for at in self.places])
        return {at.layer.name: at.input(values[at.x]) for at in self.places}

    def input_of(self, name: str) -> Tensor:
        if not self._own:
            return super().input_of(name)
        at = self.places[self.position(name)]
        return at.input(self._values([at.x])[at.x])

    def output_from(self, name: str, responses: Tensor) -> Tensor:
        if not self._own:
            return super().output_from(name, responses)
        at, program = self.places[self.position(name)], self.captured.program
        after = program.after(at.response)
        beside = self._values({one for node in after for one in node.all_input_nodes if one not in after})
        return torch.stack(
            [self._image(program.run({**beside, at.response: at.value(z)}, [self.captured.output])) for z in responses]
        )

    def responses(self) -> dict[str, Tensor]:
        """The recorded pre-activation (C_out, h, w) of every layer."""
        values = self._values([at.response for at in self.places])
        return {at.layer.name: at.image(values[at.response]) for at in self.places}

    @torch.no_grad()
    def differences(self) -> dict[str, str]:
        """By layer, in words by how much its response to its recorded input is not the recorded one; empty if it is.

        Layers that see one pixel at a time are compared at some thousand pixels.
        """
        inputs: dict[str, Tensor] = {}
        recorded: dict[str, Tensor] = {}
        see: dict[fx.Node, list[Callable[[Any], None]]] = {}
        for at in self.places:
            see.setdefault(at.x, []).append(_keeping(inputs, at.layer, at.input))
            see.setdefault(at.response, []).append(_keeping(recorded, at.layer, at.image))
        self.captured.program.run(self.given, [self.captured.output], see={node: _all(of) for node, of in see.items()})
        return {
            at.layer.name: _difference(at.layer, inputs[at.layer.name], recorded[at.layer.name]) for at in self.places
        }

    def double(self) -> RecordedTrace:
        exact = {
            node: value.double() if isinstance(value, Tensor) and value.is_floating_point() else value
            for node, value in self.given.items()
        }
        layers = tuple(layer.mapped(in_double) for layer in self.layers)
        return replace(self, given=exact, layers=layers)


#: Pixels at which a layer that sees one at a time is compared with what was recorded.
_PIXELS = 4096


def _keeping(found: dict[str, Tensor], layer: Layer, image: Callable[[Tensor], Tensor]) -> Callable[[Any], None]:
    """What puts a value that passes by into ``found``, as an image; of a layer of single pixels, some of them."""

    def keep(value: Any) -> None:
        whole = image(value)
        if not layer.mixes:
            pixels = whole.shape[-2] * whole.shape[-1]
            whole = whole.flatten(1)[:, :: max(1, pixels // _PIXELS)][:, None]
        found[layer.name] = whole.clone()

    return keep


def _all(of: Sequence[Callable[[Any], None]]) -> Callable[[Any], None]:
    def each(value: Any) -> None:
        for one in of:
            one(value)

    return each


def _difference(layer: Layer, v: Tensor, recorded: Tensor) -> str:
    """In words, by how much a layer's response to an input is not the recorded one; empty if it is."""
    own = layer.preactivation(v)
    if own.shape != recorded.shape:
        return f"its response is {tuple(own.shape)}, that recorded {tuple(recorded.shape)}"
    allowed = RESPONSE_TOLERANCE * max(float(recorded.abs().max()), 1e-6)
    apart = float((own - recorded).abs().max())
    if not apart <= allowed:  # rounding of long sums: how much of it there is, is seen in float64
        exact = layer.mapped(lambda values: values.double()).preactivation(v.double())
        allowed = max(allowed, 10 * float((own - exact).abs().max()))
    if apart <= allowed:
        return ""
    return f"its response differs from that recorded by up to {apart:.3g}; rounding allows {allowed:.2g}"


class Instead:
    """How a value of a program is made in the place of its operation.

    Parameters
    ----------
    used : the values that it takes.
    make : from a function that gives values of nodes, the value.
    """

    def __init__(self, used: Sequence[fx.Node], make: Callable[[Callable[[fx.Node], Any]], Any]) -> None:
        self.used, self._make = tuple(used), make

    def __call__(self, value: Callable[[fx.Node], Any]) -> Any:
        return self._make(value)


def _responding(respond: Respond, at: LayerAt, layer: Layer) -> Callable[[Callable[[fx.Node], Any]], Any]:
    return lambda value: at.value(respond(layer, at.input(value(at.x))))
