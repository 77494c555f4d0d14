"""A gallery of maps for each layer, and the video with maps beside it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from xinc.plotting import animation, layout, style
from xinc.plotting.drawn import Figures

if TYPE_CHECKING:
    from xinc.analyses.maps import Maps


def plot(analysis: Maps, result: xr.Dataset) -> Figures:
    return Figures({str(one): partial(_gallery, analysis, result.sel(layer=one)) for one in result["layer"].values})


def _gallery(analysis: Maps, result: xr.Dataset) -> Figure:
    layer, common = str(result["layer"].values), analysis.settings.scale == "common"
    maps = result["contribution"].isel(frame=0)
    peaks = _peaks(result)[0]
    highs = _highs(peaks, common)
    every = _present(result)
    # Of the strongest, those that contribute nothing tell nothing but that there are no others.
    alive = [k for k in every if peaks[k]] if analysis.settings.choice == "strongest" else every
    present = alive or every[:1]
    columns = layout.columns(len(present) + 1, 1.6, aspect=maps.sizes["y"] / maps.sizes["x"])
    rows = -(-(len(present) + 1) // columns)
    frame = int(result["frame"].values[0])
    dead = sum(not peaks[k] for k in present)
    how_many = f"{dead} of the {len(present)} shown dead" if dead else ""
    if len(alive) < len(every):
        how_many = "all others dead" if alive else "all dead"
    figure, axes = layout.image_grid(
        rows, columns, maps.sizes["y"] / maps.sizes["x"], analysis.question, 0.45 if common else 0.3 * rows,
        about=layout.about(result.attrs, layer, f"|C| in frame {frame}", how_many)
        + layout.quoted(result.attrs, layer),
    )  # fmt: skip
    layout.show(axes.flat[0], result["source"].isel(frame=0).transpose("y", "x", "channel").values, "source")
    for axis, k in zip(axes.flat[1:], present, strict=False):
        one = result.isel(sample=k)
        title = _title(one, peaks[k], maps.isel(sample=k))
        image = layout.show(axis, maps.isel(sample=k).values, title, style.magnitude(), vmin=0, vmax=highs[k])
        if not common:
            layout.bar_below(figure, axis, image, "")
    if common:
        layout.bar_of_all(figure, axes, image, "|C|, one scale for all")
    return figure


def animate(analysis: Maps, result: xr.Dataset) -> dict[str, list[np.ndarray]]:
    if result.sizes["frame"] < 2:
        return {}
    layers = result["layer"].values
    return {str(layer): _film(result.sel(layer=layer), str(layer), analysis.settings) for layer in layers}


def _film(result: xr.Dataset, layer: str, settings: Maps.Settings) -> list[np.ndarray]:
    """The source video with maps beside it, for every frame."""
    present = _present(result)[: settings.animated]
    maps = result["contribution"].isel(sample=present).transpose("sample", "frame", "y", "x").values
    common = settings.scale == "common"
    peaks = _peaks(result)[:, present]
    source = result["source"].transpose("frame", "y", "x", "channel").values
    note = layout.quoted(result.attrs, layer).strip()
    names = [f"{layer}, {_name(result.isel(sample=k))}" for k in present]
    film = []
    for at, frame in enumerate(result["frame"].values.tolist()):
        panels, titles = [(np.clip(source[at], 0, 1) * 255).round().astype(np.uint8)], [f"source, frame {frame}"]
        for place, (name, high) in enumerate(zip(names, _highs(peaks[at], common), strict=True)):
            panels.append(style.colour(maps[place, at], high=high))
            titles.append(f"{name}{'' if peaks[at, place] else ', dead'}")
        film.append(animation.film_picture(panels, titles, settings.zoom, note))
    return film


def _present(result: xr.Dataset) -> list[int]:
    """Places of the neurons that there are: a layer may have fewer than are shown."""
    return np.flatnonzero(result["neuron"].values >= 0).tolist()


def _peaks(result: xr.Dataset) -> np.ndarray:
    """The maxima of maps, (frame, sample): of all frames where these share one network."""
    peaks = result["contribution"].max(("y", "x")).transpose("frame", "sample").fillna(0)
    if bool(result.attrs.get("shared_weights", True)):
        peaks = peaks.max("frame").broadcast_like(peaks).transpose("frame", "sample")
    return np.asarray(peaks.values, float)


def _highs(peaks: np.ndarray, common: bool) -> np.ndarray:
    """The ends of the scales (sample,) of a frame's maps, from their maxima."""
    highs = np.full_like(peaks, peaks.max()) if common else peaks
    return np.where(highs > 0, highs, 1.0)


def _title(neuron: xr.Dataset, peak: float, shown: xr.DataArray) -> str:
    """A neuron, its share of the layer, and whether there is nothing, or nothing but one value, in its map."""
    if not peak:
        return f"{_name(neuron)} (dead)"
    low, high = float(shown.min()), float(shown.max())
    remark = " (dead here)" if not high else " (constant)" if low == high else ""
    return f"{_name(neuron)}, {_percent(float(neuron['share']))} %{remark}"


def _name(neuron: xr.Dataset) -> str:
    """``n 52 (1→4)``: number, and the channels that a kernel connects."""
    i, j = int(neuron["in_channel"]), int(neuron["out_channel"])
    edge = f" ({i}→{j})" if i >= 0 and j >= 0 else ""
    return f"n {int(neuron['neuron'])}{edge}"


def _percent(share: float) -> str:
    """Two digits, as in ``0.24`` or ``6.4``; ``100`` without an exponent."""
    return f"{100 * share:.0f}" if share >= 0.1 else f"{100 * share:.2g}"
