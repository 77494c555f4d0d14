"""Linear operations of a program as layers of xinc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from xinc.modules.flow import CONVOLUTIONS, TRANSPOSED, Blocked
from xinc.modules.fragments import beside, function
from xinc.modules.layouts import CHANNEL, Layout
from xinc.modules.program import Program, operation, shape_of, where
from xinc.modules.sites import Site
from xinc.trace.layers import Convolution, Layer, Linear
from xinc.trace.route import Stage
from xinc.trace.windows import Kernel

#: Modes of padding, as ATen and as `xinc.trace.windows` have them.
_MODES = {"constant": "zeros", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


@dataclass(frozen=True)
class Placed:
    """Where a convolution of a program places its kernels, and what it reads.

    Attributes
    ----------
    x : the value that it reads, before padding.
    options : ``stride``, ``dilation``, ``padding`` and ``margins`` of `xinc.trace.windows.Kernel`.
    groups : of channels.
    """

    x: fx.Node
    options: dict[str, Any]
    groups: int


def placed(node: fx.Node, x: fx.Node) -> Placed:
    """Where a convolution, which reads ``x``, places its kernels, a padding before it included."""
    flat = operation(node).endswith("1d")
    given = _named(node, ("stride", "padding", "dilation", "groups"))
    kernel = _sides(node)
    stride, dilation = (_pair(given.get(name, 1), flat, 1) for name in ("stride", "dilation"))
    padding = given.get("padding", 0)
    if padding == "same":
        margins: tuple[int, int, int, int] | None = None
    else:
        rows, columns = _pair(0 if padding == "valid" else padding, flat, 0)
        margins = (rows, rows, columns, columns)
    mode = "zeros"
    if margins == (0, 0, 0, 0) and operation(x) in ("pad", "constant_pad_nd"):
        found = _padding(x)
        if found is not None:
            mode, margins = found
            x = x.args[0]  # type: ignore[assignment]
    if margins == Kernel(kernel, stride, dilation).around:
        margins = None
    if margins == (0, 0, 0, 0):
        mode, margins = "valid", None
    options = {"stride": stride, "dilation": dilation, "padding": mode, "margins": margins}
    return Placed(x, options, int(given.get("groups", 1)))


def _padding(node: fx.Node) -> tuple[str, tuple[int, int, int, int]] | None:
    """Mode and (top, bottom, left, right) of a padding; None where it adds other numbers than 0."""
    sides = [int(one) for one in node.args[1]]  # type: ignore[union-attr, arg-type]
    left, right, top, bottom = (sides + [0] * 4)[:4]
    mode, value = "constant", 0.0
    if operation(node) == "constant_pad_nd":
        value = float(node.args[2]) if len(node.args) > 2 else 0.0  # type: ignore[arg-type]
    else:
        further = _named(node, ("pad", "mode", "value"), 1)
        mode, value = str(further.get("mode", "constant")), float(further.get("value") or 0.0)
    if (mode == "constant" and value != 0) or len(sides) > 4 or min(sides) < 0:
        return None
    return _MODES[mode], (top, bottom, left, right)


def transposed_stride(node: fx.Node) -> int:
    """r of a transposed convolution with kernels r×r at stride r, which do not overlap; 1 of any other operation."""
    if operation(node) not in TRANSPOSED:
        return 1
    flat = operation(node).endswith("1d")
    given = _named(node, ("stride", "padding", "output_padding", "groups", "dilation"))
    kernel, stride = _sides(node), _pair(given.get("stride", 1), flat, 1)
    cut = any(_pair(given.get(name, 0), flat, 0) != (0, 0) for name in ("padding", "output_padding"))
    if kernel != stride or cut or int(given.get("groups", 1)) != 1 or stride[0] != stride[1]:
        raise Blocked(
            f"{where(node)} is a transposed convolution with kernels of {_times(kernel)} at stride {_times(stride)}"
            f"{', cut at the edges' if cut else ''}: only kernels as large as the stride, side by side and without "
            "groups, can be followed"
        )
    return stride[0]


def convolution_stage(node: fx.Node, x: fx.Node) -> Stage:
    """What a later convolution does to a contribution: the mean over its kernel."""
    return Stage(_sides(node), **placed(node, x).options)


def upsampling_stage(node: fx.Node) -> Stage:
    """What an upsampling does to a contribution: the same."""
    name = operation(node)
    before, after = shape_of(node.args[0]), shape_of(node)  # type: ignore[arg-type]
    if any(large % small for small, large in zip(before[2:], after[2:], strict=True)):
        raise Blocked(
            f"{where(node)} upsamples {_times(before[2:])} to {_times(after[2:])}: only whole factors can be followed"
        )
    factors = [large // small for small, large in zip(before[2:], after[2:], strict=True)]
    rows, columns = [1, *factors][-2:]  # a curve has one row
    if "linear" not in name:
        return Stage(upscale=(rows, columns))
    corners = _named(node, ("output_size", "align_corners"), 1).get("align_corners", False)
    return Stage(upscale=(rows, columns), interpolation="bilinear", align_corners=bool(corners))


@dataclass(frozen=True)
class LayerAt:
    """A layer of a program, and where its input and its response lie.

    Attributes
    ----------
    layer : as it is.
    x, x_layout : the value that holds its input.
    response, layout : the value that is its response.
    shuffled : r where the value of the response lies at r times the pixels, PixelShuffle done; otherwise 1.
    factor : by which the layer's response is more than the value, as the frequency of FINER.
    """

    layer: Layer
    x: fx.Node
    x_layout: Layout
    response: fx.Node
    layout: Layout
    shuffled: int
    factor: float

    def input(self, value: Tensor) -> Tensor:
        """(C_in, h, w) of its input's value."""
        return self.x_layout.image(value)

    def image(self, value: Tensor) -> Tensor:
        """(C_out, h, w) of its response's value."""
        image = self.layout.image(value)
        image = F.pixel_unshuffle(image, self.shuffled) if self.shuffled > 1 else image
        return image if self.factor == 1 else image * self.factor

    def value(self, image: Tensor) -> Tensor:
        """The inverse of `image`."""
        image = image if self.factor == 1 else image / self.factor
        return self.layout.value(F.pixel_shuffle(image, self.shuffled) if self.shuffled > 1 else image)


def sources(program: Program, site: Site) -> set[fx.Node]:
    """The values of which a layer's weights are made."""
    bias = set() if site.bias is None else {site.bias}
    return {site.weight, *bias, *beside(program, site.operator, site.response)}


def layer_at(
    site: Site, program: Program, layouts: Mapping[fx.Node, Layout], values: Mapping[fx.Node, Any], mixes: bool
) -> LayerAt:
    """A site as a layer.

    Parameters
    ----------
    site : where it is in the program.
    program, layouts : of the module.
    values : of its `sources`.
    mixes : whether the network takes pixels together.
    """
    node = site.operator
    name, layout = operation(node), layouts[node]
    weight = values[site.weight].detach()
    bias = None if site.bias is None else values[site.bias].detach()
    x, options, groups, transposed = site.x, {}, 1, transposed_stride(node)
    if name in ("matmul", "mm", "addmm"):
        weight = weight.reshape(weight.shape[-2:])
        weight = weight if site.weight is node.args[0] else weight.T
    elif name in CONVOLUTIONS:
        own = placed(node, site.x)
        x, options, groups = own.x, own.options, own.groups
    elif name in TRANSPOSED:
        weight, bias = _side_by_side(weight, bias, transposed)
    if weight.ndim == 3:
        weight = weight[:, :, None]
    if bias is None:
        bias = weight.new_zeros(len(weight))
    factor, shift = _folded(site, program, layout, layouts[site.response], values)
    frequency = 1.0
    if factor is not None and shift is not None:
        if not mixes and float(factor[0]) and bool((factor == factor[0]).all()):
            # One of the whole layer, as a sine's frequency: rounded where the module rounds.
            frequency = float(factor[0])
            factor, shift = torch.ones_like(factor), shift / frequency
        bias = (bias.double() * factor + shift).to(weight.dtype)
        if not bool((factor == 1).all()):  # or it is the parameter itself, which can be pruned
            weight = (weight.double() * factor.view(-1, *[1] * (weight.ndim - 1))).to(weight.dtype)
    layer: Layer
    if mixes:
        weight = weight if weight.ndim == 4 else weight[:, :, None, None]
        layer = Convolution(site.name, weight, bias, site.activation, site.upscale, groups, **options)
    else:
        layer = Linear(site.name, weight.flatten(1), bias, site.activation, frequency)
    return LayerAt(layer, x, layouts[x], site.response, layouts[site.response], site.shuffled, site.factor)


def _side_by_side(weight: Tensor, bias: Tensor | None, r: int) -> tuple[Tensor, Tensor | None]:
    """A transposed convolution (C_in, C_out, r, r) as one of 1×1 (C_out · r², C_in, 1, 1), before PixelShuffle."""
    rows = r if weight.shape[-2:] == (r, r) else 1
    found = weight.reshape(weight.shape[0], -1, rows, r).permute(1, 2, 3, 0).reshape(-1, weight.shape[0], 1, 1)
    return found, None if bias is None else bias.repeat_interleave(rows * r)


def _folded(
    site: Site, program: Program, layout: Layout, response: Layout, values: Mapping[fx.Node, Any]
) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """Factor and shift (C_out,) float64 that constants give an operator's response, channel by channel."""
    if site.response is site.operator and site.factor == 1:
        return None, None
    shape = shape_of(site.operator)
    channels = shape[layout.axes.index(CHANNEL)] if CHANNEL in layout.axes else 1
    of = function(program, site.operator, site.response, values)
    r = site.shuffled if transposed_stride(site.operator) == 1 else 1
    before, after = replace(layout, grid=(1, 1)), replace(response, grid=(r, r))

    def shuffled(value: Tensor) -> Tensor:
        image = after.image(value)
        return (F.pixel_unshuffle(image, r) if r > 1 else image)[:, 0, 0]

    device = values[site.weight].device
    constants = (torch.full((channels, 1, 1), value, device=device) for value in (0.0, 1.0))
    zero, one = (shuffled(of(before.value(constant))) for constant in constants)
    if transposed_stride(site.operator) > 1:
        zero, one = (values.repeat_interleave(site.shuffled**2) for values in (zero, one))
    return (one - zero) * site.factor, zero * site.factor


def _named(node: fx.Node, names: tuple[str, ...], skip: int = 3) -> dict[str, Any]:
    """Arguments of an operation by name, those from position ``skip`` on having these names."""
    found = dict(zip(names, node.args[skip:], strict=False))
    return found | {name: value for name, value in node.kwargs.items() if name in names}


def _sides(node: fx.Node) -> tuple[int, int]:
    """Rows and columns of a convolution's kernels."""
    sides = shape_of(node.args[1])[2:]  # type: ignore[arg-type]
    return (1, sides[0]) if len(sides) == 1 else (sides[0], sides[1])


def _pair(value: Any, flat: bool, default: int) -> tuple[int, int]:
    values = [int(one) for one in (value if isinstance(value, list | tuple) else [value])]
    if flat:
        return default, values[0]
    return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])


def _times(sides: Any) -> str:
    return "x".join(str(side) for side in sides)
