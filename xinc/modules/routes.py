"""Routes of a program's values to its output, and the activations that they pass through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from torch import Tensor, fx

from xinc.modules.flow import AFFINE, CONVOLUTIONS, POINTWISE, SAME, TRANSPOSED, UPSAMPLING, Blocked, Flow
from xinc.modules.fragments import ends, function
from xinc.modules.operators import convolution_stage, placed, transposed_stride, upsampling_stage
from xinc.modules.program import operation, where
from xinc.modules.recognition import recognise
from xinc.trace.route import Route, Stage, Step, Sum, joined

#: An activation as `xinc.trace.activations` says it, of what multiple, and the value after it.
Known: TypeAlias = tuple[str, float, fx.Node]


class Routes:
    """Routes of the values of a program, from each to the output.

    Parameters
    ----------
    flow : of the output.
    output : that.
    constants : values that do not depend on inputs, of all nodes that have one.

    Attributes
    ----------
    beyond : values that follow the last layers: what makes colours of their responses is on no contribution's way.
    """

    def __init__(self, flow: Flow, output: fx.Node, constants: Mapping[fx.Node, Tensor]) -> None:
        self.flow, self.program, self.output, self.constants = flow, flow.program, output, constants
        self.beyond: set[fx.Node] = set()
        self._activations: dict[tuple[fx.Node, fx.Node | None], Known | None] = {}
        self._order = {node: at for at, node in enumerate(self.program.nodes)}
        self._passed: dict[fx.Node, frozenset[fx.Node]] = {}

    def carried(self, node: fx.Node) -> list[fx.Node]:
        """The operations through which a value is followed."""
        return [user for user in node.users if node in self.flow.carries.get(user, ())]

    def joins(self, user: fx.Node, came: fx.Node) -> bool:
        """Whether an operation adds another value that is followed, as a residual connection."""
        return any(one is not came and one in self.program.varying for one in self.flow.carries[user])

    def alone(self, node: fx.Node) -> set[fx.Node]:
        """Values made of the same value as this one, each of them element by element of it alone."""
        while operation(node) in POINTWISE | AFFINE | SAME:
            varying = [one for one in node.all_input_nodes if one in self.program.varying]
            if len(varying) != 1:
                break
            node = varying[0]
        found = {node}
        for one in self.program.nodes[self.program.nodes.index(node) + 1 :]:
            varying = [of for of in one.all_input_nodes if of in self.program.varying]
            if operation(one) in POINTWISE | AFFINE | SAME and varying and all(of in found for of in varying):
                found.add(one)
        return found

    def activation(self, start: fx.Node, via: fx.Node | None = None) -> Known | None:
        """The activation that a value passes through, of what multiple, and the value after it; None for none.

        Of several that it may be, the one that most operations make: a Gaussian rather than a square. With ``via``, on
        the way through this operation, others beside it.
        """
        if (start, via) not in self._activations:
            found = None
            for end in ends(self.program, start, via):
                if end not in self.flow.layouts:
                    continue
                known = recognise(function(self.program, start, end, self.constants))
                if known is not None and known[0] != "identity":
                    found = *known, end
            self._activations[start, via] = found
        return self._activations[start, via]

    def route(self, node: fx.Node) -> Route:
        """From a value to the output; `Blocked` where a route cannot say what becomes of it."""
        return joined(self._until(node, self.output))

    def _until(self, node: fx.Node, stop: fx.Node) -> Route:
        """From a value to one that all its ways go through, step by step."""
        steps: list[Step] = []
        while node is not stop:
            ways = self._ways(node)
            if len(ways) == 1:
                [(own, node)] = ways
                steps += own
            else:
                meeting = self._meeting([end for _, end in ways])
                steps.append(Sum(tuple(joined((*own, *self._until(end, meeting))) for own, end in ways)))
                node = meeting
        return tuple(steps)

    def _ways(self, node: fx.Node) -> list[tuple[Route, fx.Node]]:
        """The ways on from a value: what becomes of a contribution, and the value after it."""
        known = self.activation(node)
        if known is not None:
            return [self._activated(known)]
        ways = [self._way(user, node) for user in self.carried(node)]
        if not ways:
            raise Blocked(self.flow.why_not(node))
        return ways

    def _way(self, user: fx.Node, node: fx.Node) -> tuple[Route, fx.Node]:
        known = self.activation(node, user) if operation(user) in POINTWISE else None
        return self._activated(known) if known else (self.step(user, node), result_of(user))

    def _activated(self, known: Known) -> tuple[Route, fx.Node]:
        name, factor, end = known
        if end in self.beyond:
            return (), end
        if factor != 1:
            raise Blocked(f"a contribution passes through '{name}' of a multiple of itself, after its own layer")
        return (Stage(activation=name),), end

    def _meeting(self, nodes: list[fx.Node]) -> fx.Node:
        """The first value that all ways from several go through."""
        common = frozenset.intersection(*(self._through(node) for node in nodes))
        return min(common, key=self._order.__getitem__)

    def _through(self, node: fx.Node) -> frozenset[fx.Node]:
        """The values that every way from one to the output goes through, itself included."""
        left = [node]
        while left:
            one = left[-1]
            ends = [] if one is self.output else [end for _, end in self._ways(one)]
            missing = [end for end in ends if end not in self._passed]
            if missing:
                left += missing
                continue
            common = frozenset.intersection(*(self._passed[end] for end in ends)) if ends else frozenset()
            self._passed[left.pop()] = common | {one}
        return self._passed[node]

    def step(self, user: fx.Node, came: fx.Node) -> Route:
        """What an operation does to a contribution that comes from one of its inputs."""
        name = operation(user)
        if user in self.beyond and name in POINTWISE | AFFINE:
            return ()  # it makes colours of the last response
        if name in POINTWISE:
            raise Blocked(
                f"{where(user)} is part of an activation that xinc does not know: register it "
                "(entry point xinc.activations)"
            )
        twice = name == "mul" and user.args[0] is user.args[1]
        if twice or (name == "div" and user.args[1] is came):
            raise Blocked(
                f"{where(user)} is part of no activation that xinc knows: it {'squares' if twice else 'divides by'} it"
            )
        if name in ("mul", "div"):
            gates = [one for one in user.all_input_nodes if one is not came and one in self.program.varying]
            if gates and set(gates) <= self.alone(came):
                raise Blocked(
                    f"{where(user)} is part of an activation that xinc does not know, a response times a function of "
                    "itself: register it (entry point xinc.activations)"
                )
        subtracted = (name == "sub" and user.args[1] is came) or (name == "rsub" and user.args[0] is came)
        factors = (
            user.args if name in ("mul", "div") else [user.kwargs.get("alpha") if user.args[1:2] == (came,) else 1]
        )
        if name == "neg" or subtracted or any(isinstance(one, int | float) and one < 0 for one in factors):
            raise Blocked(f"{where(user)} turns its sign on the way, which a route cannot say")
        if name in ("pad", "constant_pad_nd") and not _taken_up(user):
            raise Blocked(f"{where(user)} moves or enlarges the image, and no convolution takes that up")
        if name in CONVOLUTIONS:
            return (convolution_stage(user, came),)
        if name in TRANSPOSED:
            return (Stage(upscale=transposed_stride(user)),)
        if name == "pixel_shuffle":
            return (Stage(upscale=int(user.args[1])),)  # type: ignore[arg-type]
        if name in UPSAMPLING:
            return (upsampling_stage(user),)
        if name == "avg_pool2d":
            raise Blocked(f"{where(user)} takes means of pixels, which a route has for convolutions only")
        return ()


def _taken_up(pad: fx.Node) -> bool:
    """Whether a padding is that of the convolutions that follow it."""
    return all(operation(one) in CONVOLUTIONS and placed(one, pad).x is not pad for one in pad.users)


def result_of(user: fx.Node) -> fx.Node:
    """The value that an operation makes: of a normalisation that returns statistics as well, the first."""
    if isinstance(user.meta.get("val"), Tensor):
        return user
    return next(one for one in user.users if operation(one) == "getitem" and one.args[1] == 0)
