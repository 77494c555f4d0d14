"""A gallery of maps for each layer, and the video with maps beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from xinc.plotting import animation, layout, style

if TYPE_CHECKING:
    from xinc.analyses.maps import Maps


def plot(analysis: Maps, result: xr.Dataset) -> dict[str, Figure]:
    layers = result["layer"].values
    return {str(layer): _gallery(result.sel(layer=layer), str(layer), analysis.question) for layer in layers}


def _gallery(result: xr.Dataset, layer: str, question: str) -> Figure:
    maps = result["contribution"].isel(frame=0)
    peaks = _peaks(result)[0]
    present = [k for k in range(maps.sizes["sample"]) if bool(maps.isel(sample=k).notnull().any())]
    columns = 4
    rows = -(-(len(present) + 1) // columns)
    frame = int(result["frame"].values[0])
    dead = sum(not peaks[k] for k in present)
    how_many = f"{dead} of the {len(present)} shown dead" if dead else ""
    figure, axes = layout.image_grid(
        rows, columns, maps.sizes["y"] / maps.sizes["x"], question,
        about=layout.about(result.attrs, layer, f"|C| in frame {frame}", how_many)
        + layout.quoted(result.attrs, layer),
    )  # fmt: skip
    layout.show(axes.flat[0], result["source"].isel(frame=0).transpose("y", "x", "channel").values, "source")
    for axis, k in zip(axes.flat[1:], present, strict=False):
        one = maps.isel(sample=k)
        title = f"{_title(one)}{_scale(one, peaks[k])}"
        layout.show(axis, one.values, title, style.magnitude(), vmin=0, vmax=peaks[k] or 1.0)
    return figure


def animate(analysis: Maps, result: xr.Dataset) -> dict[str, list[np.ndarray]]:
    if result.sizes["frame"] < 2:
        return {}
    layers = result["layer"].values
    return {str(layer): _film(result.sel(layer=layer), str(layer), analysis.settings) for layer in layers}


def _film(result: xr.Dataset, layer: str, settings: Maps.Settings) -> list[np.ndarray]:
    """The source video with maps beside it, for every frame."""
    maps = result["contribution"].isel(sample=slice(settings.animated)).transpose("sample", "frame", "y", "x")
    maps = maps.dropna("sample", how="all")
    peaks = _peaks(result)
    source = result["source"].transpose("frame", "y", "x", "channel").values
    film = []
    for at, frame in enumerate(result["frame"].values.tolist()):
        panels, titles = [(np.clip(source[at], 0, 1) * 255).round().astype(np.uint8)], [f"source, frame {frame}"]
        for k in range(maps.sizes["sample"]):
            one = maps.isel(sample=k, frame=at)
            panels.append(style.colour(one.values, high=peaks[at, k] or 1.0))
            titles.append(f"{layer}, {_title(one)}{'' if peaks[at, k] else ', dead'}")
        film.append(animation.film_picture(panels, titles, settings.zoom))
    return film


def _peaks(result: xr.Dataset) -> np.ndarray:
    """The maximum to which maps are scaled, (frame, sample): of all frames where these share one network."""
    peaks = result["contribution"].max(("y", "x")).transpose("frame", "sample").fillna(0)
    if bool(result.attrs.get("shared_weights", True)):
        peaks = peaks.max("frame").broadcast_like(peaks).transpose("frame", "sample")
    return np.asarray(peaks.values, float)


def _scale(shown: xr.DataArray, peak: float) -> str:
    """What the scale of a map is, and whether there is nothing, or nothing but one value, in it."""
    if not peak:
        return " (dead)"
    low, high = float(shown.min()), float(shown.max())
    return f", max {peak:.2g}" + (" (dead here)" if not high else " (constant)" if low == high else "")


def _title(neuron: xr.DataArray) -> str:
    """``n 52 (1→4)``: number, and the channels that a kernel connects."""
    i, j = int(neuron["in_channel"]), int(neuron["out_channel"])
    edge = f" ({i}→{j})" if i >= 0 and j >= 0 else ""
    return f"n {int(neuron['neuron'])}{edge}"
