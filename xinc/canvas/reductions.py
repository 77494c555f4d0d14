"""Streaming reductions of contribution maps: what analyses need, without a dense layer in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

#: Memory for one block of maps, in MB.
BLOCK_MB = 128.0


def neuron_blocks(layer: xr.Dataset, frame: int, memory_mb: float = BLOCK_MB) -> Iterator[xr.DataArray]:
    """The maps (neuron, y, x) of one frame, a block of consecutive neurons at a time, in memory.

    Parameters
    ----------
    layer : a layer of a canvas.
    frame : frame index (a label of the ``frame`` coordinate).
    memory_mb : size of a block in MB.
    """
    maps = layer["contribution"].sel(frame=frame)
    size = max(1, int(memory_mb * 1e6 / (maps.sizes["y"] * maps.sizes["x"] * 4)))
    for start in range(0, maps.sizes["neuron"], size):
        yield maps.isel(neuron=slice(start, start + size)).load()


def sum_abs(layer: xr.Dataset, frames: Sequence[int], memory_mb: float = BLOCK_MB) -> xr.DataArray:
    """Sum over neurons of |C|: ``abs(layer.contribution.sel(frame=frames)).sum("neuron")``.

    Returns
    -------
    (frame, y, x) float64.
    """
    contribution = layer["contribution"]
    shape = (len(frames), contribution.sizes["y"], contribution.sizes["x"])
    total = np.zeros(shape)
    for at, frame in enumerate(frames):
        for block in neuron_blocks(layer, frame, memory_mb):
            total[at] += np.abs(block.values).sum(axis=0, dtype=np.float64)
    return xr.DataArray(
        total,
        dims=("frame", "y", "x"),
        coords={"frame": list(frames), "y": contribution["y"].values, "x": contribution["x"].values},
        name="sum_abs",
        attrs={"long_name": "sum over neurons of the magnitude of contribution", "units": "1"},
    )
