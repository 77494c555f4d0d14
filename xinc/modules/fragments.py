"""Functions of one number inside a program: what several operations make of a value, element by element.

An activation may be written in many ways, ``F.silu(z)`` or ``z * torch.sigmoid(z)``. All operations that make something
of a value alone, element by element, are found together, and what they are is measured, see
`xinc.trace.activations.recognise`: no way of writing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, fx

from xinc.modules.flow import AFFINE, POINTWISE, SAME
from xinc.modules.program import Program, operation, shape_of


def ends(program: Program, start: fx.Node, via: fx.Node | None = None) -> Iterator[fx.Node]:
    """Values that are a function of ``start`` alone, element by element, and through which all that uses it goes.

    In order: of ``z * sigmoid(z)``, the product and not the sigmoid, which is not all that becomes of z. With ``via``,
    one of the operations that use it, only what goes through that.
    """
    made: dict[fx.Node, set[fx.Node]] = {start: set()}  # by value, what it is made of, from ``start`` on
    for node in program.nodes[program.nodes.index(start) + 1 :]:
        if operation(node) not in POINTWISE | AFFINE | SAME:
            continue
        inputs = node.all_input_nodes
        if via is not None and start in inputs and node is not via:
            continue
        inside = [one for one in inputs if one in made]
        if not inside or not all(one in made or _number(program, one) for one in inputs):
            continue
        if any(shape_of(one) != shape_of(node) for one in inside):
            continue
        made[node] = set().union(*(made[one] for one in inside), inside)
        used = [user for one in made[node] if via is None or one is not start for user in one.users]
        if all(user is node or user in made[node] for user in used):
            yield node


def function(
    program: Program, start: fx.Node, end: fx.Node, given: Mapping[fx.Node, Any]
) -> Callable[[Tensor], Tensor]:
    """What ``end`` is of ``start``, in float64; ``given`` has the values of `beside`."""
    exact = {
        node: value.double() if value.is_floating_point() else value
        for node, value in given.items()
        if node in beside(program, start, end)
    }

    def of(values: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = program.run({**exact, start: values.double()}, [end])[end]
        return found

    return of


def beside(program: Program, start: fx.Node, end: fx.Node) -> set[fx.Node]:
    """What else it takes to make ``end`` of ``start``: values that do not depend on it."""
    made, found, wanted = program.after(start), set(), {end}
    for node in reversed(program.nodes):
        if node in wanted and node in made and node is not start:
            wanted |= set(node.all_input_nodes)
            found |= {one for one in node.all_input_nodes if one not in made}
    return found


def _number(program: Program, node: fx.Node) -> bool:
    """Whether a value is a single number, whatever the inputs."""
    value = node.meta.get("val")
    return node not in program.varying and isinstance(value, Tensor) and value.numel() == 1
