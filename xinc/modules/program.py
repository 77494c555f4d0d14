"""A module as a program: its operations in order, captured by `torch.export`, and run value by value."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export.graph_signature import InputKind

from xinc.errors import InputError


class CannotCapture(InputError):
    """A module whose operations cannot be captured."""


class Program:
    """What a module does with inputs of some shapes, as functional operations of ATen in order.

    Parameters
    ----------
    module : in evaluation mode; its parameters are used, not copied.
    args, kwargs : inputs of the shapes in question.

    Attributes
    ----------
    nodes : the operations, in order; what they make is called by the node.
    results : the tensors that the module returns.

    Raises
    ------
    CannotCapture : the module cannot be captured, as where it decides by values, or needs inputs that were not given.
    """

    def __init__(self, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        exported = _export(module, args, kwargs)
        graph = exported.graph
        self._module = module
        self._targets: dict[str, str] = {}
        self._inputs: list[str] = []
        self._held: dict[str, Any] = {**exported.state_dict, **exported.constants}
        for spec in exported.graph_signature.input_specs:
            name = str(getattr(spec.arg, "name", ""))
            if spec.kind is InputKind.USER_INPUT:
                self._inputs.append(name)
            else:
                self._targets[name] = str(spec.target)
        self.nodes = [node for node in graph.nodes if node.op in ("call_function", "placeholder")]
        self.placeholders = {node.name: node for node in self.nodes if node.op == "placeholder"}
        [output] = [node for node in graph.nodes if node.op == "output"]
        made = len(exported.graph_signature.output_specs) - len(exported.graph_signature.user_outputs)
        self.results = [node for node in output.args[0][made:] if isinstance(node, fx.Node) and _is_tensor(node)]
        self._flatten = exported._get_flat_args_with_check  # checks structure and order of keyword arguments
        self.varying = self._varying()
        #: Of its parameters.
        self.dtype = next((one.dtype for one in module.parameters() if one.is_floating_point()), torch.float32)

    def _varying(self) -> set[fx.Node]:
        """What depends on the inputs; all else is made of parameters alone."""
        found = {self.placeholders[name] for name in self._inputs if name in self.placeholders}
        for node in self.nodes:
            if any(one in found for one in node.all_input_nodes):
                found.add(node)
        return found

    def owner(self, node: fx.Node) -> str | None:
        """Name of the module that a value is the parameter ``weight`` of, converted perhaps, if it is one."""
        while operation(node) in ("to", "_to_copy") and node not in self.varying:
            node = node.args[0]  # type: ignore[assignment]
        target = self._targets.get(node.name, "") if node.op == "placeholder" else ""
        return target.removesuffix(".weight") if target.endswith(".weight") else None

    def start(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[fx.Node, Any]:
        """Values of all that is given: parameters, buffers, constants and inputs."""
        flat, _ = self._flatten(tuple(args), dict(kwargs))
        module = self._module
        # As they are now: moving a module to another device puts others in the place of its buffers.
        held = self._held | dict(module.named_parameters(remove_duplicate=False))
        held |= dict(module.named_buffers(remove_duplicate=False))
        values: dict[fx.Node, Any] = {self.placeholders[name]: held[target] for name, target in self._targets.items()}
        for name, value in zip(self._inputs, flat, strict=True):
            if name in self.placeholders:
                values[self.placeholders[name]] = value
        return values

    def run(
        self,
        given: Mapping[fx.Node, Any],
        wanted: Iterable[fx.Node],
        instead: Mapping[fx.Node, Callable[[Callable[[fx.Node], Any]], Any]] | None = None,
        see: Mapping[fx.Node, Callable[[Any], None]] | None = None,
    ) -> dict[fx.Node, Any]:
        """Values of the nodes ``wanted``, from those ``given``; what is not needed any more is let go.

        Parameters
        ----------
        given : values of nodes that are not computed.
        wanted : nodes whose values are returned.
        instead : how the value of a node is computed in the place of its operation, from the values of others.
        see : what is called with values that pass by, given ones included, and need not be kept.
        """
        wanted, instead, see = set(wanted), instead or {}, see or {}
        needed = self._needed(wanted | set(see), set(given), instead)
        last = {one: node for node in self.nodes if node in needed for one in _used(node, instead)}
        values, kept = dict(given), {}

        for node in see:
            if node in given:
                see[node](given[node])

        def value(node: fx.Node) -> Any:
            return values[node]

        for node in self.nodes:
            if node in needed:
                if node in instead:
                    values[node] = instead[node](value)
                else:
                    args, kwargs = fx.node.map_arg((node.args, node.kwargs), value)
                    values[node] = node.target(*args, **kwargs)
                if node in see:
                    see[node](values[node])
                for one in _used(node, instead):
                    if last[one] is node and one not in wanted:
                        values.pop(one, None)
        for node in wanted:
            kept[node] = values[node]
        return kept

    def _needed(self, wanted: set[fx.Node], given: set[fx.Node], instead: Mapping[fx.Node, Any]) -> set[fx.Node]:
        """Nodes that have to be computed for those wanted."""
        needed = {node for node in wanted if node not in given}
        for node in reversed(self.nodes):
            if node in needed:
                needed |= {one for one in _used(node, instead) if one not in given}
        return needed

    def after(self, start: fx.Node) -> set[fx.Node]:
        """All nodes that depend on a node, itself included."""
        found = {start}
        for node in self.nodes:
            if any(one in found for one in node.all_input_nodes):
                found.add(node)
        return found


def _used(node: fx.Node, instead: Mapping[fx.Node, Any]) -> list[fx.Node]:
    used = getattr(instead.get(node), "used", None)
    return list(node.all_input_nodes) if used is None else list(used)


def operation(node: fx.Node) -> str:
    """What a node does, e.g. ``"conv2d"``: ATen's name of it, without overloads."""
    if node.op != "call_function":
        return node.op
    schema = getattr(node.target, "_schema", None)
    return schema.name.split("::")[-1] if schema is not None else getattr(node.target, "__name__", str(node.target))


def module_of(node: fx.Node) -> str:
    """Name of the module that a node is from, as in `torch.nn.Module.named_modules`; empty for the whole."""
    stack = node.meta.get("nn_module_stack") or {}
    return str(list(stack.values())[-1][0]) if stack else ""


def where(node: fx.Node) -> str:
    """A node in words: its operation, and the module that it is from."""
    name = module_of(node)
    return f"operation '{operation(node)}' of {f'module {name!r}' if name else 'the module itself'}"


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """Shape of the tensor that a node makes."""
    return tuple(int(side) for side in node.meta["val"].shape)


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), Tensor)


def _export(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    with torch.no_grad(), warnings.catch_warnings(), as_evaluated(module), _silence():
        warnings.simplefilter("ignore")
        try:
            exported = torch.export.export(module, tuple(args), dict(kwargs), strict=False)
            # Operations in place become others that make new values; none is taken apart.
            return exported.run_decompositions({})
        except Exception as error:  # whatever the code of others raises
            raise CannotCapture(_reason(module, error)) from error


def flat_parameters(module: nn.Module) -> str:
    """What to say of a module whose weights are one vector, as tiny-cuda-nn's; empty of any other."""
    flat = next((name for name, one in module.named_parameters() if name.endswith("params") and one.ndim == 1), "")
    if not flat:
        return ""
    return (
        f"its weights are one vector '{flat}', as tiny-cuda-nn keeps them, and only its configuration says which "
        "layers they are; give the same network as modules of PyTorch"
    )


def _reason(module: nn.Module, error: Exception) -> str:
    name = type(module).__name__
    if flat_parameters(module):
        return f"The module {name} cannot be captured: {flat_parameters(module)}."
    said = " ".join(str(error).split())
    if "data-dependent" in said or "Could not guard" in said:
        return (
            f"The module {name} cannot be captured: it decides by values of tensors (an `if`, `.item()`), so that its "
            "operations are not the same for all inputs; compute that decision before, or name layers, e.g. "
            "layers=['net.0', 'net.2'], to record them by hooks."
        )
    return f"The module {name} cannot be captured with these inputs: {said[:300].rstrip('.')}."


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """PyTorch says nothing on the terminal inside the block: what matters is in the error that it raises."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def as_evaluated(module: nn.Module) -> Iterator[None]:
    """A module in evaluation mode inside the block; after it, each of its parts is as it was.

    Attributes that its `forward` sets are taken back: while it is captured they are tensors without values.
    """
    before = [
        (part, {name: dict(one) if type(one) is dict else one for name, one in part.__dict__.items()})
        for part in module.modules()
    ]
    module.eval()
    try:
        yield
    finally:
        for part, attributes in before:
            part.__dict__.clear()
            part.__dict__.update(attributes)
