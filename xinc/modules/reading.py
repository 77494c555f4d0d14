"""Reading of a program: its layers, what becomes of their responses, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, fx

from xinc.modules.flow import (
    AFFINE,
    CONVOLUTIONS,
    MOVES,
    NORMS,
    OPERATORS,
    RESHAPES,
    SAME,
    TRANSPOSED,
    UPSAMPLING,
    Blocked,
    Flow,
    data_of,
)
from xinc.modules.operators import transposed_stride
from xinc.modules.program import Program, module_of, operation, shape_of, where
from xinc.modules.routes import Routes, result_of
from xinc.modules.sites import Site


@dataclass(frozen=True)
class Reading:
    """What a program is made of.

    Attributes
    ----------
    flow : which of its values reach the output.
    sites : its layers, in order.
    skipped : names of other modules with linear operations, and why they are no layers.
    mixes : whether any of the layers, or what follows them, takes pixels together.
    """

    flow: Flow
    sites: tuple[Site, ...]
    skipped: dict[str, str]
    mixes: bool


def read(flow: Flow, output: fx.Node, constants: dict[fx.Node, Tensor]) -> Reading:
    """Find the layers of a program and their routes.

    Parameters
    ----------
    flow : of its output.
    output : that.
    constants : values that do not depend on inputs, of all nodes that have one.
    """
    reader = _Reader(flow, output, constants)
    sites: list[Site] = []
    skipped: dict[str, str] = {}
    for name, node in reversed(list(_named(flow.program))):
        try:
            sites.insert(0, reader.site(name, node))
        except Blocked as reason:
            skipped[name] = str(reason)
    return Reading(flow, tuple(sites), skipped, reader.mixes)


def _named(program: Program) -> Iterator[tuple[str, fx.Node]]:
    """Linear operations by the name of their module; of a module with several, the second is ``name@2``."""
    seen: dict[str, int] = {}
    for node in program.nodes:
        if operation(node) in OPERATORS or (operation(node) in ("bmm", "conv3d", "einsum", "baddbmm", "convolution")):
            name = _name(program, node)
            seen[name] = seen.get(name, 0) + 1
            yield (name if seen[name] == 1 else f"{name}@{seen[name]}"), node


def _name(program: Program, node: fx.Node) -> str:
    """Of the module that an operation is from; or of the one whose weights it takes, where that has none itself."""
    name = module_of(node).split("@")[0]
    owners = {program.owner(one) for one in node.all_input_nodes} - {None}
    weights = sorted(owner for owner in owners if owner is not None)
    if weights and name not in weights and weights[0].startswith(f"{name}." if name else ""):
        name = weights[0]
    return name or operation(node)


def _mixes(flow: Flow) -> bool:
    """Whether anything on the way to the output takes pixels together, or makes several of one."""
    for node in flow.carries:
        name = operation(node)
        kernel = shape_of(node.args[1])[2:] if name in CONVOLUTIONS | TRANSPOSED else ()  # type: ignore[arg-type]
        if name in UPSAMPLING | {"pixel_shuffle", "avg_pool2d"} or any(side > 1 for side in kernel):
            return True
    return False


class _Reader:
    def __init__(self, flow: Flow, output: fx.Node, constants: dict[fx.Node, Tensor]) -> None:
        self.flow, self.program, self.output, self.constants = flow, flow.program, output, constants
        self.mixes = _mixes(flow)
        self.routes = Routes(flow, output, constants)

    def site(self, name: str, node: fx.Node) -> Site:
        layouts = self.flow.layouts
        reason = self.flow.why_not(node)
        if reason:
            raise Blocked(reason)
        if node not in self.flow.carries:
            raise Blocked(next(self.flow.blocked[one] for one in node.all_input_nodes if one in self.flow.blocked))
        x, weight, bias = data_of(node, layouts[node])
        if weight in self.program.varying or bias in self.program.varying:
            raise Blocked(f"{where(node)} has weights that depend on the inputs")
        response, folded = self._folded(node)
        inside = folded * transposed_stride(node)
        following = self.program.after(node) - {node}
        last = not any(operation(one) in OPERATORS for one in following)
        self.routes.beyond |= following if last else set()
        after, shuffled = self._shuffled(response)
        found = self.routes.activation(after) or self.routes.activation(self._onward(after))
        activation, factor, end = found or ("identity", 1.0, after)
        if shuffled == 1:
            end, shuffled = self._shuffled(end)
        self._check_shuffled_once(end)
        if inside > 1 and shuffled > 1:
            raise Blocked(
                "two PixelShuffles, or transposed convolutions, follow each other without a layer between them"
            )
        if not self.mixes:
            self._check_alone(end)
        # Where pixels know nothing of each other, a response is at its place already (paper section 3.1).
        route = self.routes.route(end) if self.mixes else ()
        return Site(
            name, node, x, weight, bias, response, inside, inside * shuffled, activation, factor, last, end, route
        )

    def _onward(self, node: fx.Node) -> fx.Node:
        """The value behind what is nothing on the way of a contribution: norms, gates, axes in another order."""
        scaled = False  # by a norm or a gate: then what constants scale is not its size any more
        while len(ways := self.routes.carried(node)) == 1:
            [user] = ways
            name = operation(user)
            if name in AFFINE and not self.routes.joins(user, node):
                self.routes.step(user, node)
                scaled |= any(one is not node and one in self.program.varying for one in user.all_input_nodes)
                if not scaled:
                    break
            elif name in NORMS:
                scaled = True
            elif name not in SAME | RESHAPES | MOVES | {"cat", "channel_shuffle"}:
                break
            node = result_of(user)
        return node

    def _check_alone(self, node: fx.Node) -> None:
        """`Blocked` where, on all ways, another function follows before anything else: it is of the activation."""
        reasons = [self._function_on(user, node) for user in self.routes.carried(node)]
        if reasons and all(reasons):
            raise Blocked(reasons[0])

    def _function_on(self, user: fx.Node, node: fx.Node) -> str:
        """Why a value is not handed on as it is through one of the operations that use it; empty if it is."""
        name = operation(user)
        if name in OPERATORS:
            return ""
        others = {one for one in user.all_input_nodes if one is not node and one in self.program.varying}
        try:
            self.routes.step(user, node)
            if others and name in AFFINE and others <= self.routes.alone(node):
                raise Blocked(f"{where(user)} is part of an activation that xinc does not know: register it")
            if name not in NORMS and (name == "cat" or not others):
                self._check_alone(result_of(user))
        except Blocked as reason:
            return str(reason)
        return ""

    def _check_shuffled_once(self, node: fx.Node) -> None:
        """`Blocked` where a PixelShuffle follows before the next layer: it would place channels, not what it finds."""
        seen, left = {node}, [node]
        while left:
            one = left.pop()
            for user in one.users:
                if one not in self.flow.carries.get(user, ()) or operation(user) in OPERATORS:
                    continue
                if operation(user) == "pixel_shuffle":
                    raise Blocked(f"{where(user)} follows behind other operations, so that its channels have no place")
                result = result_of(user)
                if result not in seen:
                    seen.add(result)
                    left.append(result)

    def _folded(self, node: fx.Node) -> tuple[fx.Node, int]:
        """The last value that constants make of a response, channel by channel, and r of a PixelShuffle before it."""
        here, response, factor, inside = node, node, 1, 1
        while len(here.users) == 1:
            [user] = here.users
            name = operation(user)
            if user not in self.flow.layouts or here not in self.flow.carries.get(user, ()):
                break
            if name == "pixel_shuffle" and factor == 1:
                factor = int(user.args[1])  # type: ignore[arg-type]
            elif name in AFFINE or _is_fixed_norm(user):
                others = [one for one in user.all_input_nodes if one is not here]
                if name in ("mul", "div") and user.args[0] is user.args[1]:
                    break
                if not all(self._uniform(one, here, node) for one in others):
                    break
                if name == "div" and user.args[0] is not here:
                    break
                user = result_of(user)
                response, inside = user, factor
            elif name not in SAME:
                break
            here = user
        return response, inside

    def _uniform(self, node: fx.Node, beside: fx.Node, operator: fx.Node) -> bool:
        """Whether a value is the same at all pixels of one that it is combined with, and not made of the response."""
        if node in self.program.after(operator):
            return False
        layout, own = self.flow.layouts[beside], shape_of(node)
        padded = (1,) * (len(layout.axes) - len(own)) + own
        return all(size == 1 for size, axis in zip(padded, layout.axes, strict=True) if axis in ("y", "x", "p")) or (
            len(own) == 1 and operation(next(iter(beside.users))) in NORMS
        )

    def _shuffled(self, node: fx.Node) -> tuple[fx.Node, int]:
        """The value after a PixelShuffle that is all that becomes of a value, and its factor; else itself, and 1."""
        if len(node.users) == 1:
            [user] = node.users
            if operation(user) == "pixel_shuffle" and user in self.flow.carries:
                return user, int(user.args[1])  # type: ignore[arg-type]
        return node, 1


def _is_fixed_norm(node: fx.Node) -> bool:
    """Whether an operation is a norm with the statistics of training, which are constants."""
    name = operation(node)
    return name == "_native_batch_norm_legit_no_training" or (
        name in ("batch_norm", "instance_norm") and not node.args[5]
    )
