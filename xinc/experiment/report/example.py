"""A picture of a canvas: a frame, and the map of one neuron of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xinc.analyses.results import open_result
from xinc.experiment.report.pictures import Encoded, enlarged
from xinc.plotting import style

#: Layers that are shown at most, and pixels of the width of each picture.
_LAYERS, _WIDTH = 4, 320


@dataclass(frozen=True)
class Map:
    """The map of a neuron: its layer, what it is called, and the picture."""

    layer: str
    neuron: str
    picture: Encoded


@dataclass(frozen=True)
class Example:
    """A frame of a video, and of the network that represents it one neuron of each layer."""

    video: str
    model: str
    frame: int
    source: Encoded
    maps: tuple[Map, ...]


def example_of(results: Sequence[Path]) -> Example | None:
    """Of the results of ``maps``, of a network for all frames rather than one, of many layers; None without a result.

    Of each layer it takes the neuron that contributes most to the frame, of those that the result has.
    """
    if not results:
        return None
    opened = [open_result(path) for path in results]
    result = min(opened, key=_rank)
    at = result.sizes["frame"] // 2
    shown = result.isel(frame=at)
    layers = np.unique(np.linspace(0, result.sizes["layer"] - 1, _LAYERS).round().astype(int))
    source = (np.clip(shown["source"].transpose("y", "x", "channel").values, 0, 1) * 255).round().astype(np.uint8)
    return Example(
        video=str(result.attrs["video"]),
        model=str(result.attrs["model"]),
        frame=int(result["frame"].values[at]),
        source=enlarged(source, _WIDTH),
        maps=tuple(_strongest(shown.isel(layer=layer)) for layer in layers),
    )


def _rank(result: xr.Dataset) -> tuple[Any, ...]:
    of = (result.attrs["video"], result.attrs["model"], int(result.attrs["seed"]))
    return (not result.attrs.get("shared_weights", True), -result.sizes["layer"], of)


def _strongest(shown: xr.Dataset) -> Map:
    """Of maps (sample, y, x), NaN where there are fewer, the one with the largest sum."""
    maps = shown["contribution"]
    totals = maps.sum(("y", "x")).where(maps.notnull().any(("y", "x")), -1)
    one = maps.isel(sample=int(totals.argmax("sample"))).transpose("y", "x")
    i, j = int(one["in_channel"]), int(one["out_channel"])
    neuron = f"kernel {i}→{j}" if i >= 0 and j >= 0 else f"neuron {int(one['neuron'])}"
    return Map(
        str(one["layer"].values), neuron, enlarged(style.colour(one.values, high=float(one.max()) or 1.0), _WIDTH)
    )
