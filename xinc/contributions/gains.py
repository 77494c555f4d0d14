"""Gains: how strongly the colours answer to a channel of a layer, by which gained maps weight responses.

The paper's maps leave the weights of later layers out. The gain puts them back: with f the colours (3, H, W) and z_j(q)
the pre-activation of channel j at position q,

    G_j(q) = Σ_p,c (∂f_c(p) / ∂z_j(q))² = E_u[(∂(u·f) / ∂z_j(q))²],     u = ±1 at every pixel and colour,

the latter by Hutchinson's probes: one backward pass each, for all channels of all layers. An input feature of a linear
layer feeds all of its channels; its gain is that of the feature itself, ∂(u·f) / ∂v_i(q). Of complex channels half
the square of the magnitude is taken, its mean over phases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import torch
from torch import Tensor

from xinc.contributions.neurons import check_granularity
from xinc.errors import InputError
from xinc.runtime import task
from xinc.trace.layers import BaseTrace, Point


def gains(
    trace: BaseTrace,
    colours: Callable[[Tensor], Tensor],
    layers: Collection[str],
    granularity: str | None = None,
    probes: int = 32,
    seed: tuple[int, ...] = (0,),
) -> dict[str, Tensor]:
    """Estimated gains of some layers of one frame.

    Parameters
    ----------
    trace : of the frame.
    colours : from the last layer's response (3, H, W) to colours, `xinc.models.base.INR.colours_of`.
    layers : names of layers.
    granularity : what a neuron is, see `xinc.dissect`.
    probes : how many backward passes; a gain's relative standard error is at most sqrt(2 / probes).
    seed : of the probes.

    Returns
    -------
    By layer, (C, h, w) at the layer's own resolution: of its output channels before PixelShuffle; of its input channels
    if a neuron is an input feature.
    """
    points, response = trace.tracked(_points(trace, layers, granularity))
    with torch.enable_grad():
        found = colours(response)
    generator = np.random.default_rng(seed)
    sums = [torch.zeros_like(point.detach().abs()) for point in points.values()]
    for _ in range(probes):
        task.check()
        signs = torch.from_numpy(generator.integers(0, 2, found.shape, np.int8)).to(found) * 2 - 1
        slopes = torch.autograd.grad(found, [*points.values()], signs, True, allow_unused=True, materialize_grads=True)
        for total, slope in zip(sums, slopes, strict=True):
            total += slope.abs().square()
    # Of what is complex, a change of size |Δ| and any phase changes u·f by Re(conj(g) Δ): |g|² |Δ|² / 2 on average.
    halves = [2 if point.is_complex() else 1 for point in points.values()]
    return {name: total / (probes * half) for name, total, half in zip(points, sums, halves, strict=True)}


def _points(trace: BaseTrace, layers: Collection[str], granularity: str | None) -> dict[str, Point]:
    """By layer, what its gain is taken of."""
    found: dict[str, Point] = {}
    for layer in trace.layers:
        if layer.name in layers:
            by_input = check_granularity(granularity, layer.layer_type, layer.name) == "input"
            found[layer.name] = "input" if by_input else "preactivation"
    return found


def check_probes(probes: object) -> int:
    """A number of probes; `InputError` for anything but a positive integer."""
    if isinstance(probes, bool) or not isinstance(probes, int) or probes < 1:
        raise InputError(f"probes is {probes!r}; expected a positive integer, e.g. 32.")
    return probes
