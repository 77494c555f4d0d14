"""A torch module as a network that can be dissected."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as tree

from xinc.errors import InputError
from xinc.models.base import TRACE_TOLERANCE, weights_state
from xinc.modules.base import FromModule
from xinc.modules.captured import Captured, read_program
from xinc.modules.flow import SAME
from xinc.modules.given import Given
from xinc.modules.layouts import PIXEL, Layout, of_output
from xinc.modules.program import Program, as_evaluated, flat_parameters, operation, shape_of
from xinc.modules.recorded import RecordedTrace
from xinc.runtime.devices import full_precision
from xinc.runtime.gpu_memory import Room

#: Columns of the inputs among which coordinates are looked for.
_AXES = 4


class ModuleNetwork(FromModule):
    """A module as it is, with inputs for each frame. See `xinc.network`.

    Parameters
    ----------
    module : the module.
    given : its inputs, by frame.
    resolution : (height, width) of its output; None for that of its output's last axes.
    output : which of several outputs: its number.
    """

    def __init__(
        self, module: nn.Module, given: Given, resolution: tuple[int, int] | None = None, output: int | None = None
    ) -> None:
        super().__init__(module, given)
        self._wanted, self._output = resolution, output
        self._dtype = _reference(self).dtype
        #: By frame, the state of the parameters with which it was checked.
        self._checked: dict[int, Any] = {}
        first = self.captured(self.frames[0])
        self.resolution = first.layout.grid
        self.per_frame = first.varies  # type: ignore[misc]
        if not first.sites:
            by_reason: dict[str, list[str]] = {}
            for name, reason in first.skipped.items():
                by_reason.setdefault(reason, []).append(f"'{name}'")
            reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())
            raise InputError(
                f"No layer of this {self.name} can be dissected: "
                f"{reasons or flat_parameters(module) or 'it has no linear operation'}."
            )

    @functools.cached_property
    def _captured(self) -> dict[Any, Captured]:
        return {}

    def _inputs(self, frame: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs of a frame, where the module is; as precise as it, if it was made more or less so than given."""
        own = _reference(self)

        def placed(one: Any) -> Any:
            if not isinstance(one, Tensor):
                return one
            converted = own.dtype != self._dtype and one.dtype == self._dtype
            return one.to(own.device, own.dtype) if converted else one.to(own.device)

        found: tuple[tuple[Any, ...], dict[str, Any]] = tree.tree_map(placed, self.given.at(frame))
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Without programs, which are captured again where they are asked for."""
        return {name: value for name, value in self.__dict__.items() if name != "_captured"}

    def forget(self) -> None:
        """Capture anew where it is next asked for: after weights were changed."""
        self.__dict__.pop("_captured", None)

    def captured(self, frame: int) -> Captured:
        """The program for a frame's inputs; one for all frames whose inputs are alike in shape."""
        args, kwargs = self._inputs(frame)
        key = self.given.signature(args, kwargs)
        if key not in self._captured:
            self._captured[key] = self._capture(args, kwargs)
        return self._captured[key]

    @full_precision()
    def _capture(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Captured:
        program = Program(self.module, args, kwargs)
        output = self._chosen(program.results)
        shape = shape_of(output)
        layouts = of_output(shape, self._wanted)
        if not layouts:
            expected = (
                "an image (C, H, W) of one frame" if self._wanted is None else "{}x{} pixels".format(*self._wanted)
            )
            hint = "resolution=(height, width)" if self._wanted is None else "its resolution, or other inputs"
            raise InputError(
                f"The output of this {self.name} has the shape {'x'.join(map(str, shape)) or 'of a number'}: "
                f"{expected} was expected; give {hint}."
            )
        start = program.start(args, kwargs)
        try:
            found = [_verified(read_program(program, output, layout, start), start) for layout in layouts]
        except RuntimeError as error:  # of PyTorch, which capture without values did not see
            said = " ".join(str(error).split())[:300].rstrip(".")
            raise InputError(f"This {self.name} does not run with these inputs: {said}.") from error
        chosen = next((one for one in found if one.sites), found[0])
        for node in program.placeholders.values():
            if node in program.varying and node in chosen.flow.layouts:
                _check_order(chosen.flow.layouts[node], start[node], self.name)
        return chosen

    def _chosen(self, results: Sequence[fx.Node]) -> fx.Node:
        if self._output is not None:
            if not 0 <= self._output < len(results):
                raise InputError(
                    f"output is {self._output}: this {self.name} returns {len(results)} tensors, from 0 on."
                )
            return results[self._output]
        if not results:
            raise InputError(f"This {self.name} returns no tensor: an image, or colours of pixels, were expected.")
        fitting = {
            at: of_output(shape_of(node), self._wanted) for at, node in enumerate(results) if not _is_given(node)
        }
        fitting = {at: layouts for at, layouts in fitting.items() if layouts}
        if len({results[at] for at in fitting}) > 1:
            coloured = [
                at
                for at, [layout, *_] in fitting.items()
                if math.prod(shape_of(results[at])) == 3 * math.prod(layout.grid)
            ]
            if len(coloured) != 1:
                listed = ", ".join(f"{at}: {'x'.join(map(str, shape_of(results[at])))}" for at in fitting)
                raise InputError(
                    f"This {self.name} returns several tensors that may be the image ({listed}): say which, e.g. "
                    f"output={next(iter(fitting))}."
                )
            return results[coloured[0]]
        return results[next(iter(fitting), 0)]

    @property
    def skipped(self) -> dict[str, str]:
        """Why other linear operations of the first frame's program are no layers, by the name of their module."""
        return self.captured(self.frames[0]).skipped

    @property
    def channels(self) -> int:
        first = self.captured(self.frames[0])
        return math.prod(shape_of(first.output)) // math.prod(self.resolution)

    @property
    def head_activation(self) -> str:
        found = self.captured(self.frames[0]).activation
        return found if found in ("tanh", "sigmoid") else "identity"

    def layer_names(self) -> list[str]:
        return [site.name for site in self.captured(self.frames[0]).sites]

    def forward(self, frames: Tensor) -> Tensor:
        """Images (n, C, H, W) of frames (n,), of the module in evaluation mode."""
        images = []
        for frame in frames:
            args, kwargs = self._inputs(int(frame))
            captured = self.captured(int(frame))
            with as_evaluated(self.module):
                leaves = tree.tree_leaves(self.module(*args, **kwargs))
            results = [value for value in leaves if isinstance(value, Tensor)]
            images.append(captured.layout.image(results[captured.program.results.index(captured.output)]))
        return torch.stack(images)

    @full_precision()
    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> RecordedTrace:
        if resolution is not None and resolution != self.resolution:
            raise InputError(
                f"This {self.name} was given inputs for {self.resolution[0]}x{self.resolution[1]} pixels: give others "
                "for another resolution."
            )
        args, kwargs = self._inputs(self.check_frame(frame))
        captured = self.captured(frame)
        return RecordedTrace.of(captured, captured.program.start(args, kwargs))

    @torch.no_grad()
    def check_trace(self, frame: int | None = None, room: Room | None = None) -> None:
        """Raise `InputError` where what was recorded of a frame is not what the module does.

        Its program's output is the module's, and every layer's response is the recorded one.
        """
        chosen = self.frames[-1] if frame is None else self.check_frame(frame)
        state = weights_state(self)
        if self._checked.get(chosen) == state:
            return
        with as_evaluated(self.module), full_precision():
            expected = self(torch.tensor([chosen]))[0]
            trace = self.trace(chosen)
            found = trace.output()
            wrong = {name: reason for name, reason in trace.differences().items() if reason}
        unknown = int((~torch.isfinite(expected)).sum())
        if unknown:
            raise InputError(
                f"This {self.name} makes {unknown} of {expected.numel()} values of frame {chosen} that are not finite: "
                "give a module whose weights and output are finite."
            )
        apart = float((found - expected).abs().max())
        if not apart <= TRACE_TOLERANCE * max(float(expected.abs().max()), 1e-6):
            raise InputError(
                f"This {self.name} does something else for frame {chosen} than when it was captured: its output "
                f"differs by up to {apart:.3g} from that of its recorded operations; is it random, or has it a state?"
            )
        for name, reason in wrong.items():
            raise InputError(f"Layer '{name}' of this {self.name}, frame {chosen}: {reason}.")
        self._checked[chosen] = state


def _reference(module: nn.Module) -> Tensor:
    """A tensor of a module that says where it is, and how precise."""
    return next((one for one in (*module.parameters(), *module.buffers()) if one.is_floating_point()), torch.zeros(0))


def _is_given(node: fx.Node) -> bool:
    """Whether a value is an input handed on."""
    while operation(node) in SAME:
        node = node.args[0]  # type: ignore[assignment]
    return node.op == "placeholder"


def _check_order(layout: Layout, value: Tensor, name: str) -> None:
    """`InputError` where coordinates are those of a grid, but not of this one, row by row.

    It is seen in two of their columns that together have every pair of values once.
    """
    height, width = layout.grid
    if PIXEL not in layout.axes or not value.is_floating_point() or min(height, width) == 1:
        return
    image = layout.image(value.detach()).cpu()
    found = [one.unique(return_inverse=True) for one in image[:_AXES].flatten(1)]
    for (a, i), (b, j) in itertools.combinations(found, 2):
        if min(len(a), len(b)) == 1 or len(a) * len(b) != height * width:
            continue
        if len((i * len(b) + j).unique()) != height * width:
            continue
        i, j = (one.view(height, width) for one in (i, j))
        rows, columns = (
            (bool((one == one[:, :1]).all()) for one in (i, j)),
            (bool((one == one[:1]).all()) for one in (i, j)),
        )
        if sorted(zip(rows, columns, strict=True)) == [(False, True), (True, False)]:
            return
        raise InputError(
            f"The inputs of this {name} are the points of a grid of {len(a)}x{len(b)}, but not row by row of one of "
            f"{height}x{width} (height x width) as resolution says: give resolution=(height, width) of their grid, and "
            "each row of pixels after the other."
        )


def _verified(captured: Captured, start: Mapping[fx.Node, Any]) -> Captured:
    """The same without layers whose response is not the recorded one: one that is not understood is refused."""
    wrong = {name: reason for name, reason in RecordedTrace.of(captured, start).differences().items() if reason}
    kept = [site for site in captured.sites if site.name not in wrong]
    routes = tuple(site.route for site in kept)
    return replace(captured, sites=tuple(kept), routes=routes, skipped=captured.skipped | wrong)
