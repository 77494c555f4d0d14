"""Modules that cannot be captured: a chain of layers that the user names, recorded by forward hooks.

What lies between two of them is measured: PixelShuffle by the sizes, an activation by the values that go in and come
out. Where the values are those of no activation, as with a skip connection, the network is refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils import _pytree as tree

from xinc.errors import InputError, nearest
from xinc.models.base import OUTPUT_ACTIVATIONS
from xinc.modules.base import FromModule
from xinc.modules.given import Given
from xinc.modules.layouts import of_output
from xinc.modules.program import as_evaluated
from xinc.modules.recognition import between
from xinc.runtime.devices import full_precision
from xinc.trace.layers import Convolution, Layer, Linear, Trace
from xinc.trace.windows import Kernel


class HookedNetwork(FromModule):
    """A module whose named layers are a chain. See `xinc.modules.front.network`.

    Parameters
    ----------
    module : the module.
    given : its inputs, by frame.
    names : of layers in it (`torch.nn.Linear`, `torch.nn.Conv2d`), first to last.
    resolution : (height, width) of its output; None for that of its output's last axes.
    """

    def __init__(
        self, module: nn.Module, given: Given, names: Sequence[str], resolution: tuple[int, int] | None = None
    ) -> None:
        super().__init__(module, given)
        self._names, self._wanted = tuple(names), resolution
        self._parts = {name: _part(module, name) for name in self._names}
        self._activation = "identity"
        self.resolution = resolution or (0, 0)
        image, _ = self._recorded(self.frames[0])
        self._channels, self.resolution = len(image), (int(image.shape[-2]), int(image.shape[-1]))
        self.trace(self.frames[0])

    @property
    def channels(self) -> int:
        return self._channels

    def layer_names(self) -> list[str]:
        return list(self._names)

    @property
    def output_activation(self) -> str:
        return self._activation

    def _recorded(self, frame: int) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
        """The image (C, H, W) of a frame, and what goes into each named layer and comes out of it."""
        found: dict[str, tuple[Tensor, Tensor]] = {}
        args, kwargs = self.given.at(frame)
        with _hooks(self._parts, found), as_evaluated(self.module):
            result = self.module(*args, **kwargs)
        image = next((one for one in tree.tree_leaves(result) if isinstance(one, Tensor)), None)
        layouts = [] if image is None else of_output(tuple(image.shape), self._wanted)
        if image is None or not layouts:
            raise InputError(f"The output of this {self.name} is no image: give resolution=(height, width).")
        missing = [name for name in self._names if name not in found]
        if missing:
            raise InputError(f"The layer '{missing[0]}' of this {self.name} does not run: leave it out.")
        if tuple(found) != self._names:
            raise InputError(
                f"The layers of this {self.name} run in the order {', '.join(found)}, not {', '.join(self._names)}: "
                "name them as they run."
            )
        return layouts[-1].image(image), found

    def forward(self, frames: Tensor) -> Tensor:
        return torch.stack([self._recorded(int(frame))[0] for frame in frames])

    @full_precision()
    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> Trace:
        if resolution is not None and resolution != self.resolution:
            raise InputError(f"This {self.name} was given inputs for another resolution: give others.")
        with torch.no_grad():
            image, recorded = self._recorded(self.check_frame(frame))
            pixels = [_pixels(values, self._parts[name], self.resolution) for name, values in recorded.items()]
            layers, goals = [], [v for v, _ in pixels[1:]]
            for at, (name, (_, z)) in enumerate(zip(self._names, pixels, strict=True)):
                last = at == len(pixels) - 1
                layers.append(self._layer(name, z, image if last else goals[at], last))
        return Trace(pixels[0][0], tuple(layers))

    def _layer(self, name: str, z: Tensor, goal: Tensor, last: bool) -> Layer:
        """A layer with what makes ``goal``, the next layer's input or the image, of its response ``z``."""
        upscale = goal.shape[-1] // z.shape[-1] or 1
        shuffled = F.pixel_shuffle(z, upscale) if upscale > 1 and z.shape[0] % upscale**2 == 0 else z
        where = "the module's output" if last else "the input of the next layer"
        if shuffled.shape != goal.shape:
            raise InputError(
                f"Between layer '{name}' of this {self.name} and {where} there is more than PixelShuffle: its response "
                f"is of shape {tuple(z.shape)}, what follows of {tuple(goal.shape)}; only chains of layers can be "
                "recorded by hooks."
            )
        known: dict[str, Any] | None = {one: OUTPUT_ACTIVATIONS[one] for one in OUTPUT_ACTIVATIONS} if last else None
        activation = between(shuffled, goal, known)
        if activation is None:
            raise InputError(
                f"What makes {where} of the response of layer '{name}' of this {self.name} is no activation that xinc "
                "knows, or its values do not tell which (as where none is negative): name all layers, first to last; "
                "skip connections and others between them can only be followed where the module can be captured."
            )
        said, factor = activation
        if last:
            self._activation, said, factor = said, "identity", 1.0
        return _as_layer(name, self._parts[name], said, factor, upscale)


def _part(module: nn.Module, name: str) -> nn.Module:
    known = {key: part for key, part in module.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)}
    if name not in known:
        raise InputError(
            f"There is no layer '{name}' to record in this {type(module).__name__}: a torch.nn.Linear or "
            f"torch.nn.Conv2d was expected, {nearest(name, known)}."
        )
    return known[name]


@contextlib.contextmanager
def _hooks(parts: dict[str, nn.Module], found: dict[str, tuple[Tensor, Tensor]]) -> Iterator[None]:
    def recorder(name: str) -> Any:
        def record(_: nn.Module, args: tuple[Tensor, ...], result: Tensor) -> None:
            if name in found:
                raise InputError(f"The layer '{name}' runs more than once: what it does cannot be recorded by hooks.")
            found[name] = (args[0].detach().clone(), result.detach().clone())  # what follows may change it in place

        return record

    handles = [part.register_forward_hook(recorder(name)) for name, part in parts.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _pixels(values: tuple[Tensor, Tensor], part: nn.Module, resolution: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Input (C_in, h, w) and response (C_out, h, w) of a part."""
    v, z = values
    if isinstance(part, nn.Conv2d):
        return v.reshape(-1, *v.shape[-2:]), z.reshape(-1, *z.shape[-2:])
    if v[..., 0].numel() != resolution[0] * resolution[1]:
        raise InputError(
            f"A linear layer gets {v[..., 0].numel()} rows, not one for each of {resolution[0]}x{resolution[1]} "
            "pixels: name only layers of pixels."
        )
    return tuple(one.reshape(-1, one.shape[-1]).T.reshape(-1, *resolution) for one in (v, z))  # type: ignore[return-value]


def _as_layer(name: str, part: nn.Module, activation: str, factor: float, upscale: int) -> Layer:
    assert isinstance(part, nn.Linear | nn.Conv2d)
    weight = part.weight.detach() * factor
    bias = weight.new_zeros(len(weight)) if part.bias is None else part.bias.detach() * factor
    if isinstance(part, nn.Linear):
        return Linear(name, weight, bias, activation)
    stride, dilation = (int(part.stride[0]), int(part.stride[1])), (int(part.dilation[0]), int(part.dilation[1]))
    kernel = Kernel((weight.shape[-2], weight.shape[-1]), stride, dilation)
    margins: tuple[int, int, int, int] | None = None
    if part.padding != "same":
        rows, columns = (0, 0) if part.padding == "valid" else (int(part.padding[0]), int(part.padding[1]))
        margins = (rows, rows, columns, columns)
        margins = None if margins == kernel.around else margins
    return Convolution(
        name, weight, bias, activation, upscale, part.groups, stride, dilation,
        part.padding_mode, margins,
    )  # fmt: skip
