"""Traces of networks that are not chains: steps between their layers, and sums of branches.

A network gives its steps once: training goes through them with its modules, a whole batch at a time (`walk`), and a
trace of one frame with its layers. The routes of contributions follow from the same steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from xinc.errors import InputError
from xinc.trace.layers import BaseTrace, Layer, Respond
from xinc.trace.route import Route, Step, Sum, joined

if TYPE_CHECKING:
    from torch import Tensor

#: From the name of a dissected layer and its input (n, C_in, h, w) to its output, PixelShuffle and activation done.
Apply: TypeAlias = "Callable[[str, Tensor], Tensor]"


@dataclass(frozen=True)
class Dissected:
    """A layer.

    Attributes
    ----------
    name : of the layer.
    """

    name: str


@dataclass(frozen=True)
class Fixed:
    """What is not dissected: a norm, a modulation, an upsampling.

    Attributes
    ----------
    function : of (n, C, h, w), differentiable.
    route : what it does to a contribution on its way to the output; nothing, but for upsampling.
    """

    function: Callable[[Tensor], Tensor]
    route: Route = ()


@dataclass(frozen=True)
class Added:
    """A branch that is added: x + steps(x), a residual connection; or x + steps(source).

    Attributes
    ----------
    steps : of the branch.
    source : what enters the branch in the place of x, (n, C, h, w).
    """

    steps: Steps
    source: Tensor | None = None

    def enters(self, x: Tensor) -> Tensor:
        """What the branch gets."""
        return x if self.source is None else self.source


Steps: TypeAlias = "tuple[Dissected | Fixed | Added, ...]"


def walk(steps: Steps, x: Tensor, apply: Apply) -> Tensor:
    """(n, C, h, w) through all steps, layers being computed by ``apply``."""
    for step in steps:
        if isinstance(step, Dissected):
            x = apply(step.name, x)
        elif isinstance(step, Fixed):
            x = step.function(x)
        else:
            x = x + walk(step.steps, step.enters(x), apply)
    return x


@dataclass(frozen=True)
class StepsTrace(BaseTrace):
    """One frame of a network of steps.

    Attributes
    ----------
    input : (C, h, w), what the first step gets.
    layers : those of the steps, from first to last.
    steps : of tensors (1, C, h, w). The last is the last layer, whose response is the output.
    """

    input: Tensor
    layers: tuple[Layer, ...]
    steps: Steps

    def __post_init__(self) -> None:
        names, own = [layer.name for layer in self.layers], list(_names(self.steps))
        if names != own:
            raise InputError(
                f"The layers of this trace are {', '.join(names)}, those of its steps {', '.join(own)}: both must have "
                "the same names in the same order."
            )

    def run(self, respond: Respond) -> Tensor:
        return walk(self.steps, self.input[None], self._apply(respond))[0]

    def _apply(self, respond: Respond) -> Apply:
        layers = {layer.name: layer for layer in self.layers}
        return lambda name, x: layers[name].activated(respond(layers[name], x[0]))[None]

    def route(self, name: str) -> Route:
        found = self._onward(self.steps, name)
        if found is None:
            raise KeyError(name)
        return joined(found)

    def _onward(self, steps: Steps, name: str) -> Route | None:
        """From the output of a layer to the end of these steps; None where it is not one of them."""
        for at, step in enumerate(steps):
            inside = self._onward(step.steps, name) if isinstance(step, Added) else None
            if step == Dissected(name):
                inside = ()
            if inside is not None:
                return (*inside, *self._passed(steps[at + 1 :]))
        return None

    def _passed(self, steps: Steps) -> Route:
        """What all steps do to a contribution that enters them."""
        found: list[Step] = []
        for step in steps:
            if isinstance(step, Dissected):
                found += self.layers[self.position(step.name)].stages()
            elif isinstance(step, Fixed):
                found += step.route
            elif step.source is None:
                found.append(Sum(((), joined(self._passed(step.steps)))))
        return tuple(found)

    def output_from(self, name: str, responses: Tensor) -> Tensor:
        import torch

        beside: list[Tensor] = []  # what the branches around the layer are added to, the outer first

        def enter(steps: Steps, x: Tensor) -> None:
            for step in steps:
                if step == Dissected(name):
                    return
                if isinstance(step, Added) and name in _names(step.steps):
                    beside.append(x)
                    return enter(step.steps, step.enters(x))
                x = walk((step,), x, apply)
            return None

        def leave(steps: Steps, out: Tensor, level: int = 0) -> Tensor:
            at = next(at for at, step in enumerate(steps) if name in _names((step,)))
            step = steps[at]
            if isinstance(step, Added):
                out = beside[level] + leave(step.steps, out, level + 1)
            return walk(steps[at + 1 :], out, apply)

        apply = self._apply(lambda layer, v: layer.preactivation(v))
        enter(self.steps, self.input[None])
        layer = self.layers[self.position(name)]
        return torch.cat([leave(self.steps, layer.activated(z)[None]) for z in responses])

    def double(self) -> StepsTrace:
        layers = tuple(layer.mapped(lambda array: array.double()) for layer in self.layers)
        return replace(self, input=self.input.double(), layers=layers, steps=_double(self.steps))


def _names(steps: Steps) -> list[str]:
    """The layers among steps, branches included."""
    found: list[str] = []
    for step in steps:
        if isinstance(step, Dissected):
            found.append(step.name)
        elif isinstance(step, Added):
            found += _names(step.steps)
    return found


def _double(steps: Steps) -> Steps:
    return tuple(
        Added(_double(step.steps), None if step.source is None else step.source.double())
        if isinstance(step, Added)
        else step
        for step in steps
    )
