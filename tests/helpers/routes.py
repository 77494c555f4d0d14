"""Random routes, and what they are in modules of PyTorch: uniform weights in the place of every later convolution's."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor, nn

from xinc.trace.activations import respond
from xinc.trace.route import Route, Stage, Step, Sum
from xinc.trace.windows import pair

SMOOTH = ["identity", "gelu", "tanh", "sigmoid", "softplus"]


@st.composite
def stages(draw: Any, keeps_size: bool = False) -> Stage:
    """Any stage; or one that maps of its output have the size of those of its input."""
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    how: dict[str, Any] = {"dilation": dilation, "padding": padding}
    if not keeps_size:
        how |= {"stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))}
        if draw(st.booleans()):
            how |= (
                {"margins": draw(st.tuples(*[st.integers(0, 2)] * 4))} if draw(st.booleans()) else {"padding": "valid"}
            )
        how |= {"upscale": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), "align_corners": draw(st.booleans())}
        how |= {"interpolation": draw(st.sampled_from(["nearest", "bilinear"]))}
    return Stage(size, activation=draw(st.sampled_from(SMOOTH)), **how)


@st.composite
def routes(draw: Any, keeps_size: bool = False, deep: int = 1) -> Route:
    """A few stages, and sums of branches that keep the size."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(0, 3))):
        if deep and draw(st.booleans()):
            steps.append(Sum(tuple(draw(routes(True, deep - 1)) for _ in range(draw(st.integers(1, 3))))))
        else:
            steps.append(draw(stages(keeps_size)))
    return tuple(steps)


def in_torch(route: Route, z: Tensor) -> Tensor:
    """Maps (n, h, w) at the end of a route, by modules."""
    for step in route:
        if isinstance(step, Sum):
            z = sum((in_torch(branch, z) for branch in step.routes), torch.zeros(()))
            continue
        z = respond(step.activation, mean(step, z))
        if step.interpolation == "bilinear":
            z = F.interpolate(z[None], None, pair(step.upscale), "bilinear", step.align_corners)[0]
        else:
            z = F.interpolate(z[None], scale_factor=pair(step.upscale))[0]
    return z


def mean(stage: Stage, z: Tensor) -> Tensor:
    """A convolution whose weights are all the same."""
    size, dilation = pair(stage.kernel_size), pair(stage.dilation)
    top, bottom, left, right = margins(stage.padding, stage.margins, size, dilation)
    mode = "constant" if stage.padding in ("zeros", "valid") else stage.padding
    z = F.pad(z, (left, right, top, bottom), mode)
    one = nn.Conv2d(1, 1, size, stage.stride, 0, dilation, bias=False, dtype=z.dtype)
    nn.init.constant_(one.weight, 1 / math.prod(size))
    with torch.no_grad():
        found: Tensor = one(z[:, None])[:, 0]
    return found


def margins(padding: str, given: Any, size: Any, dilation: tuple[int, int]) -> tuple[int, int, int, int]:
    """As PyTorch has padding="same" if none are given: the odd one at the end."""
    if padding == "valid":
        return 0, 0, 0, 0
    if given is not None:
        top, bottom, left, right = given
        return top, bottom, left, right
    rows, columns = (d * (k - 1) for k, d in zip(size, dilation, strict=True))
    return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2
