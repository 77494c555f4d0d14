"""Which values of a program reach its output pixel by pixel, and how they lie.

From the output backwards: an operation is followed where every pixel of its output is made of pixels at the same place
of its inputs, or around it. A factor that is an activation, or the same at all pixels, is a gate: what it multiplies is
followed, it is not. Where an operation does something else, all that comes before it is blocked, and the reason kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import fx

from xinc.modules.layouts import CHANNEL, COLUMN, ONE, PIXEL, ROW, Layout, before_reshape, of_shape
from xinc.modules.program import Program, operation, shape_of, where

#: Operations that hand their first argument on.
SAME = {
    "alias", "clone", "contiguous", "detach", "detach_", "dropout", "feature_dropout", "lift_fresh", "lift_fresh_copy",
    "native_dropout", "to", "_to_copy", "type_as",
}  # fmt: skip
RESHAPES = {"flatten", "reshape", "squeeze", "unflatten", "unsqueeze", "view", "_unsafe_view"}
AFFINE = {"add", "sub", "rsub", "mul", "div", "neg"}
#: Normalisations: of a contribution on its way, nothing (`xinc.trace.route`).
NORMS = {
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "native_group_norm", "native_layer_norm", "rms_norm",
    "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
}  # fmt: skip
CONVOLUTIONS = {"conv1d", "conv2d"}
TRANSPOSED = {"conv_transpose1d", "conv_transpose2d"}
PRODUCTS = {"addmm", "matmul", "mm", "linear"}
OPERATORS = CONVOLUTIONS | TRANSPOSED | PRODUCTS
UPSAMPLING = {
    "upsample_nearest1d", "upsample_nearest2d", "_upsample_nearest_exact1d", "_upsample_nearest_exact2d",
    "upsample_linear1d", "upsample_bilinear2d",
}  # fmt: skip
#: Functions of one number, applied everywhere.
POINTWISE = {
    "abs", "celu", "clamp", "clamp_max", "clamp_min", "cos", "elu", "erf", "exp", "expm1", "gelu", "hardsigmoid",
    "hardswish", "hardtanh", "leaky_relu", "log", "log1p", "log_sigmoid", "mish", "pow", "reciprocal", "relu", "relu6",
    "rsqrt", "selu", "sigmoid", "sign", "silu", "sin", "sinc", "sinh", "softplus", "softsign", "sqrt", "square", "tan",
    "tanh", "threshold", "where", "prelu", "_prelu_kernel", "special_erf", "special_expm1", "rrelu",
}  # fmt: skip

_WHY = {
    "scaled_dot_product_attention": "it is attention, which mixes all positions",
    "bmm": "it multiplies responses with each other, as attention does, which mixes positions",
    "softmax": "it divides by a sum over other responses",
    "_softmax": "it divides by a sum over other responses",
    "max_pool2d": "it takes the largest of several pixels",
    "max_pool2d_with_indices": "it takes the largest of several pixels",
    "grid_sample": "it takes pixels from places that it computes",
    "grid_sampler": "it takes pixels from places that it computes",
    "einsum": "give it as a linear layer or a product of matrices, whose roles are known",
    "fft_fftn": "it mixes all positions",
    "native_dropout": "it is random, in evaluation mode as well: give it training=self.training",
}
#: Operations that order axes anew.
MOVES = {"permute", "transpose", "t", "numpy_T", "swapaxes"}


class Blocked(Exception):
    """An operation that cannot be followed, in words."""


@dataclass
class Flow:
    """The values that reach the output.

    Attributes
    ----------
    layouts : of every value that reaches the output.
    carries : by operation, the inputs through which it is followed.
    blocked : by value, why it is not followed to the output, be it on one of several ways.
    factors : by value that reaches the output as a gate or a weight only, where.
    """

    program: Program
    layouts: dict[fx.Node, Layout] = field(default_factory=dict)
    carries: dict[fx.Node, tuple[fx.Node, ...]] = field(default_factory=dict)
    blocked: dict[fx.Node, str] = field(default_factory=dict)
    factors: dict[fx.Node, str] = field(default_factory=dict)

    def why_not(self, node: fx.Node) -> str:
        """Why a value does not reach the output, or not on all ways; empty if it does."""
        if node in self.blocked:
            return self.blocked[node]
        if node in self.layouts:
            return ""
        return self.factors.get(node, "its output does not reach the output of the whole")


def flow(program: Program, output: fx.Node, layout: Layout) -> Flow:
    """Follow a program's output, of this layout, to where it is from."""
    found = Flow(program, {output: layout})
    for node in reversed(program.nodes):
        if node.op == "placeholder":
            continue
        if node in found.blocked:
            said = _WHY.get(operation(node))
            for one in node.all_input_nodes:
                found.blocked[one] = _cannot(node, said) if said else found.blocked.get(one, found.blocked[node])
        if node in found.layouts:
            try:
                steps = list(_before(program, node, found.layouts[node]))
            except Blocked as reason:
                for one in node.all_input_nodes:
                    found.blocked.setdefault(one, _cannot(node, str(reason)))
                continue
            found.carries[node] = tuple(one for one, _ in steps)
            for one, own in steps:
                found.layouts.setdefault(one, own)
            for one in node.all_input_nodes:
                if one in found.carries[node]:
                    continue
                added = operation(node) in ("add", "sub", "rsub") and not _centred(node, found.layouts[node])
                if added and one.op == "call_function":
                    found.blocked.setdefault(one, _cannot(node, "it adds the same at many pixels"))
                else:
                    found.factors.setdefault(
                        one, f"it reaches the output only as a factor or a weight in {where(node)}"
                    )
        elif node in found.factors:
            for one in node.all_input_nodes:
                found.factors.setdefault(one, found.factors[node])
    return found


def _cannot(node: fx.Node, reason: str) -> str:
    return f"{where(node)} cannot be followed: {reason}"


def data_of(node: fx.Node, layout: Layout) -> tuple[fx.Node, Any, fx.Node | None]:
    """Of a linear operator, its input, its weights and its bias; `Blocked` where it has no such roles.

    Parameters
    ----------
    node : an operation of `OPERATORS`.
    layout : of its output.
    """
    name = operation(node)
    if name in ("matmul", "mm"):
        left, right = node.args[:2]
        if layout.axes[-1] in (CHANNEL, ONE) and _is_matrix(right):
            return left, right, None  # type: ignore[return-value]
        if layout.axes[-2] in (CHANNEL, ONE) and _is_matrix(left):
            return right, left, None  # type: ignore[return-value]
        raise Blocked(_WHY["bmm"])
    if name == "addmm" and (node.kwargs.get("beta", 1) != 1 or node.kwargs.get("alpha", 1) != 1):
        raise Blocked("it has factors alpha or beta")
    if name == "addmm":
        return node.args[1], node.args[2], node.args[0]  # type: ignore[return-value]
    bias = node.args[2] if len(node.args) > 2 else node.kwargs.get("bias")
    return node.args[0], node.args[1], bias  # type: ignore[return-value]


def _is_matrix(node: Any) -> bool:
    """Whether a value is a matrix, whatever axes of size 1 there are before."""
    return math.prod(shape_of(node)[:-2]) == 1 and len(shape_of(node)) >= 2


def _before(program: Program, node: fx.Node, layout: Layout) -> Iterator[tuple[fx.Node, Layout]]:
    """The inputs through which an operation is followed, and how they lie."""
    name = operation(node)
    first = node.args[0] if node.args else None
    if name in OPERATORS:
        yield _into_operator(program, node, layout)
    elif name in ("dropout", "feature_dropout") and node.args[2]:
        raise Blocked(_WHY["native_dropout"])
    elif (name in SAME and not node.meta["val"].is_floating_point()) or node.kwargs.get("rounding_mode"):
        raise Blocked("it rounds to whole numbers")
    elif name in SAME or name in NORMS or name == "channel_shuffle" or (name == "getitem" and _is_norm(first)):
        yield first, Layout(layout.axes, layout.grid)  # type: ignore[misc]
    elif name in RESHAPES:
        before = before_reshape(layout, shape_of(node), shape_of(first))  # type: ignore[arg-type]
        if before is None:
            raise Blocked("it rearranges channels into pixels, so that what comes before has no place in the image")
        yield first, before  # type: ignore[misc]
    elif name in MOVES:
        yield first, _before_permutation(node, layout)  # type: ignore[misc]
    elif name in ("pixel_shuffle", *UPSAMPLING, "avg_pool2d", "pad", "constant_pad_nd"):
        inner = shape_of(first)  # type: ignore[arg-type]
        expected = (ROW, COLUMN) if len(inner) > 3 or name == "pixel_shuffle" else (COLUMN,)
        if not all(axis in (own, ONE) for axis, own in zip(layout.axes[-len(expected) :], expected, strict=True)):
            raise Blocked("it does not run over rows and columns of the image")
        grid = (inner[-2], inner[-1]) if len(expected) == 2 else (1, inner[-1])
        axes = [*([ONE] * (len(inner) - len(expected) - 1)), CHANNEL, *expected]
        yield first, of_shape(inner, axes, grid)  # type: ignore[misc]
    elif name == "cat":
        parts: Any = node.args[0]
        at = int(node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)) % len(layout.axes)  # type: ignore[arg-type]
        if layout.axes[at] not in (CHANNEL, ONE):
            raise Blocked("it joins pixels")
        for one in parts:
            axes = [CHANNEL if k == at else axis for k, axis in enumerate(layout.axes)]
            yield one, of_shape(shape_of(one), axes, layout.grid)
    elif name in AFFINE or name in POINTWISE:
        yield from _into_pointwise(program, node, layout)
    else:
        raise Blocked(_WHY.get(name, "xinc does not know what becomes of a contribution in it"))


def _into_operator(program: Program, node: fx.Node, layout: Layout) -> tuple[fx.Node, Layout]:
    name = operation(node)
    x, weight, _ = data_of(node, layout)
    shape = shape_of(x)
    if name in PRODUCTS:
        axes = list(layout.axes)
        at = len(axes) - 1 if weight is not node.args[0] else len(axes) - 2
        if axes[at] not in (CHANNEL, ONE):
            raise Blocked("it mixes positions: the axis that it sums over is not that of channels")
        axes[at] = CHANNEL
        return x, of_shape(shape, axes[len(axes) - len(shape) :], layout.grid)
    flat = name.endswith("1d")
    expected = [ONE, CHANNEL, COLUMN] if flat else [ONE, CHANNEL, ROW, COLUMN]
    one_pixel = flat and shape_of(weight)[-1] == 1 and layout.fits((ONE, CHANNEL, PIXEL))
    if one_pixel:
        return x, of_shape(shape, (ONE, CHANNEL, PIXEL), layout.grid)
    if len(shape) == len(expected) - 1:
        raise Blocked("it takes an image without a batch: give inputs (1, C, H, W)")
    if len(shape) != len(expected) or not layout.fits(expected):
        raise Blocked("it does not run over the rows and columns of one frame")
    return x, of_shape(shape, expected, (1, shape[-1]) if flat else (shape[-2], shape[-1]))


def _before_permutation(node: fx.Node, layout: Layout) -> Layout:
    count = len(layout.axes)
    name = operation(node)
    order = list(range(count))
    if name == "permute":
        order = [int(at) % count for at in node.args[1]]  # type: ignore[union-attr, arg-type]
    elif name in ("transpose", "swapaxes"):
        a, b = (int(at) % count for at in node.args[1:3])  # type: ignore[arg-type]
        order[a], order[b] = b, a
    else:
        order.reverse()
    axes = [""] * count
    for at, came in enumerate(order):
        axes[came] = layout.axes[at]
    return Layout(tuple(axes), layout.grid)


def _into_pointwise(program: Program, node: fx.Node, layout: Layout) -> Iterator[tuple[fx.Node, Layout]]:
    shape = shape_of(node)
    inputs = [one for one in dict.fromkeys(node.all_input_nodes) if _spans(one, shape, layout)]
    if len(inputs) > 1 and operation(node) in ("mul", "div"):
        varying = [one for one in inputs if one in program.varying]
        plain = [one for one in varying if not _activated(one)]
        wide = [one for one in varying if _channels(one, shape, layout) > 1]
        if len(varying) == 1:
            inputs = varying
        elif len(wide) == 1 and (operation(node) == "mul" or wide[0] is node.args[0]):
            inputs = wide  # what is the same for all channels, as the deviation that a norm divides by, is the gate
        elif len(plain) == 1 and (operation(node) == "mul" or plain[0] is node.args[0]):
            inputs = plain
        else:
            raise Blocked("it multiplies two responses, and which of them is a gate is not clear")
    elif _centred(node, layout):
        inputs = inputs[:1]
    elif len(inputs) > 1 and operation(node) not in ("add", "sub", "rsub"):
        raise Blocked("it chooses between responses")
    for one in inputs:
        own = shape_of(one)
        axes = layout.axes[len(layout.axes) - len(own) :]
        yield one, of_shape(own, axes, layout.grid)


def _channels(node: fx.Node, shape: tuple[int, ...], layout: Layout) -> int:
    """How many channels a value has that goes into a result of this shape; 1 where it is the same for all."""
    padded = (1,) * (len(shape) - len(shape_of(node))) + shape_of(node)
    return padded[layout.axes.index(CHANNEL)] if CHANNEL in layout.axes else 1


def _centred(node: fx.Node, layout: Layout) -> bool:
    """Whether an operation takes from a value its mean over channels at every pixel, as a norm written out."""
    if operation(node) != "sub" or not isinstance(node.args[1], fx.Node):
        return False
    value, mean = node.args[:2]
    if operation(mean) == "getitem" and mean.args[1] == 1:  # type: ignore[arg-type, union-attr]
        mean = mean.args[0]  # type: ignore[union-attr]  # of torch.var_mean
    of = operation(mean) in ("mean", "var_mean") and mean.args[0] is value  # type: ignore[arg-type, union-attr]
    own = node.args[1]
    return of and _spans(own, shape_of(node), layout) and _channels(own, shape_of(node), layout) == 1


def _spans(node: fx.Node, shape: tuple[int, ...], layout: Layout) -> bool:
    """Whether a value has all the pixels of the result that it goes into, rather than being the same everywhere."""
    if not hasattr(node.meta.get("val"), "shape"):
        return False
    own = shape_of(node)
    padded = (1,) * (len(shape) - len(own)) + own
    pixels = [at for at, axis in enumerate(layout.axes) if axis in (ROW, COLUMN, PIXEL)]
    if not pixels:  # one pixel only
        return math.prod(own) > 1 or len(own) == len(shape)
    return all(padded[at] == shape[at] for at in pixels)


def _activated(node: fx.Node) -> bool:
    """Whether a value comes out of an activation, scaled and shifted perhaps."""
    while True:
        name = operation(node)
        if name in POINTWISE:
            return True
        spatial = [one for one in node.all_input_nodes if hasattr(one.meta.get("val"), "shape")]
        if (name in SAME | RESHAPES | NORMS | {"permute", "transpose", *UPSAMPLING} and spatial) or (
            name in AFFINE and len(spatial) == 1
        ):
            node = spatial[0]
        else:
            return False


def _is_norm(node: Any) -> bool:
    return isinstance(node, fx.Node) and operation(node) in NORMS
