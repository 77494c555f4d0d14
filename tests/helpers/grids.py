"""Table look-ups of any geometry, and coordinates for them."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from xinc.trace.lookup import Axis, Level, Lookup


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    return Axis(
        draw(st.integers(1, 5)),
        draw(st.sampled_from([0.5, 1.0, 3.7])),
        draw(st.sampled_from([0.0, 0.5])),
        draw(st.sampled_from(["linear", "smoothstep", "entry"])),
        draw(st.sampled_from(["next", "clamp", "repeat"])),
    )


@st.composite
def lookups(draw: st.DrawFn) -> tuple[Lookup, Tensor]:
    """A grid of one to three levels over two or three axes, and coordinates (axes, h, w), all in float64."""
    dims = draw(st.integers(2, 3))
    levels = tuple(
        Level(
            tuple(draw(axes()) for _ in range(dims)),
            draw(st.integers(1, 3)),
            draw(st.sampled_from([0, 3, 8])),
            draw(st.booleans()),
        )
        for _ in range(draw(st.integers(1, 3)))
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    count = sum(level.entries * level.features for level in levels)
    weight = torch.randn(count, generator=generator, dtype=torch.float64)
    v = torch.rand(dims, 3, 4, generator=generator, dtype=torch.float64) * draw(st.sampled_from([1.0, 4.0]))
    return Lookup("grid", weight, levels), v
