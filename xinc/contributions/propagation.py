"""Propagation of a source response to the output resolution (paper sections 3.2.2 and 3.2.3).

    z = Z(source)                                              zero-insertion on the neuron's PixelShuffle phase
    for each later block b:  z = φ_b(upsample_{r_b}(box_{k_b}(z)))
    C = box_{k_head}(z)

The head is a later layer with r = 1 and φ the identity, so one rule serves all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from xinc.trace.activations import ACTIVATIONS

if TYPE_CHECKING:
    from xinc.contributions.maps import Stage


def insert_zeros(source: Tensor, phase: Tensor, upscale: int) -> Tensor:
    """Z: the value of source pixel (y, x) goes to (r·y + p//r, r·x + p%r), zeros elsewhere.

    Parameters
    ----------
    source : (n, h, w).
    phase : (n,) int64, sub-pixel p of each map.
    upscale : r.

    Returns
    -------
    (n, r·h, r·w).
    """
    if upscale == 1:
        return source
    n, h, w = source.shape
    out = source.new_zeros(n, h, upscale, w, upscale)
    rows = torch.arange(n, device=source.device)
    out[rows, :, phase // upscale, :, phase % upscale] = source
    return out.view(n, h * upscale, w * upscale)


def box(z: Tensor, kernel_size: int) -> Tensor:
    """The k×k mean of (n, h, w) with zero padding, divided by k² everywhere (section 3.2.3)."""
    return z if kernel_size == 1 else F.avg_pool2d(z, kernel_size, stride=1, padding=kernel_size // 2)


def upsample(z: Tensor, factor: int) -> Tensor:
    """Nearest-neighbour upsampling of (n, h, w)."""
    return z if factor == 1 else z.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)


def propagate(source: Tensor, phase: Tensor, upscale: int, later: Sequence[Stage]) -> Tensor:
    """Contribution maps of neurons at output resolution.

    Parameters
    ----------
    source : (n, h, w) source responses, their block's activation applied.
    phase : (n,) int64 PixelShuffle phase of each neuron.
    upscale : PixelShuffle factor of the neurons' own layer.
    later : the layers that follow, in order.

    Returns
    -------
    (n, H, W). Upsampling commutes with an activation, which is therefore applied before it, at the lower resolution.
    """
    z = insert_zeros(source, phase, upscale)
    for stage in later:
        z = upsample(ACTIVATIONS[stage.activation](box(z, stage.kernel_size)), stage.upscale)
    return z
