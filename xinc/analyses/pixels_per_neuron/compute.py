"""Pixels of each neuron, their sorted curves, and the neurons that contribute nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xinc.analyses.pixels_per_neuron.idle import IDLE, idle_neurons
from xinc.analyses.pixels_per_neuron.thresholds import ALMOST_NOTHING, DRAWN
from xinc.analyses.subject import Subject
from xinc.canvas.iid import iid_layers
from xinc.canvas.reductions import neuron_statistics, pixels_over_share
from xinc.frames import select_frames

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.pixels_per_neuron import PixelsPerNeuron


def compute(settings: PixelsPerNeuron.Settings, subject: Subject) -> xr.Dataset:
    """Two passes over the maps of each frame, a look at the neurons that represent no pixel, and an i.i.d. network.

    1 s for 18,352 neurons of 64 × 128 pixels on one core; a number for each neuron is kept.
    """
    layers = subject.canvas
    names = xr.Variable("layer", list(layers))
    first = next(iter(layers.values()))
    frames = select_frames(first["frame"].values.tolist(), settings.frames)
    area = first.sizes["y"] * first.sizes["x"]
    counts = [pixels_over_share(data, frames, settings.share) for data in layers.values()]
    everyone = np.arange(max(count.sizes["neuron"] for count in counts))
    dead = [_dead(data, count) for data, count in zip(layers.values(), counts, strict=True)]
    idle = [idle_neurons(subject, name, one) for name, one in zip(layers, dead, strict=True)]
    result = xr.Dataset(
        {
            "curve": xr.concat([_resampled(count, settings.points) * (100 / area) for count in counts], names),
            "curve_pixels": xr.concat([_resampled(count, settings.points) for count in counts], names),
            "pixels": xr.concat([count.reindex(neuron=everyone) for count in counts], names),
            "neurons": (names.dims, [count.sizes["neuron"] for count in counts]),
            "share": (names.dims, [settings.share or 1 / count.sizes["neuron"] for count in counts]),
            "dead": xr.concat([one.sum("neuron") for one in dead], names),
            **xr.concat(idle, names).data_vars,
            **_of_chance(layers, settings).data_vars,
        },
        {"layer": names},
        {"pixels_of_a_frame": area},
    )
    result["without_pixels"] = (result["pixels"] == 0).sum("neuron")
    little = result["pixels"] * (100 / area) < ALMOST_NOTHING
    result["almost_none"] = little.sum("neuron") / result["neurons"]
    result["median"] = result["pixels"].median("neuron") * (100 / area)
    return _describe(result)


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row a layer and frame."""
    columns = ["neurons", "share", "dead", *IDLE, "without_pixels", "almost_none", "median"]
    columns += ["null_almost_none", "null_median"]
    return result[columns].to_dataframe(dim_order=["layer", "frame"]).reset_index()


def _of_chance(layers: Mapping[str, xr.Dataset], settings: PixelsPerNeuron.Settings) -> xr.Dataset:
    """The same of an i.i.d. network, means over its draws; NaN of layers made by hand, whose structure is not known."""
    found = {}
    for name, layer in iid_layers(layers, maps=DRAWN).items():
        of_frame = layer.sizes["y"] * layer.sizes["x"]
        counts = pixels_over_share(layer, share=settings.share) * (100 / of_frame)
        found[name] = xr.Dataset(
            {
                "null_curve": _resampled(counts, settings.points).mean("frame"),
                "null_median": counts.median("neuron").mean("frame"),
                "null_almost_none": (counts < ALMOST_NOTHING).mean(),
            }
        )
    nothing = xr.DataArray(np.full(settings.points, np.nan), dims="position")
    unknown = xr.Dataset({"null_curve": nothing, "null_median": np.nan, "null_almost_none": np.nan})
    return xr.concat([found.get(name, unknown) for name in layers], xr.Variable("layer", list(layers)), join="outer")


def _resampled(counts: xr.DataArray, points: int) -> xr.DataArray:
    """Counts (frame, neuron) sorted and resampled to (frame, position), position in percent of the neurons."""
    ascending = np.sort(counts.transpose("frame", "neuron").values, axis=1)
    to = np.linspace(0, 1, points)
    at = np.linspace(0, 1, ascending.shape[1])
    curves = np.stack([np.interp(to, at, curve) for curve in ascending])
    return xr.DataArray(curves, {"frame": counts["frame"], "position": 100 * to}, ("frame", "position"))


def _dead(data: xr.Dataset, counts: xr.DataArray) -> xr.DataArray:
    """Which neurons (frame, neuron) have Σ|C| = 0, found among those that represent no pixel."""
    dead = xr.zeros_like(counts, bool)
    suspects = np.flatnonzero((counts == 0).any("frame"))
    if len(suspects):
        total = neuron_statistics(data.isel(neuron=suspects), counts["frame"].values.tolist())["total"]
        dead[{"neuron": suspects}] = total.transpose(*dead.dims) == 0
    return dead


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "curve": ("pixels that a neuron represents, sorted and resampled", "%"),
        "curve_pixels": ("pixels that a neuron represents, sorted and resampled", "pixel"),
        "pixels": ("pixels that a neuron represents, NaN beyond the layer's last neuron", "pixel"),
        "neurons": ("neurons of the layer", "1"),
        "share": ("share of a pixel's contribution above which a neuron represents it", "1"),
        "dead": ("neurons without contribution: Σ|C| = 0", "1"),
        **{name: (text, "1") for name, text in IDLE.items()},
        "without_pixels": ("neurons that represent no pixel, dead ones among them", "1"),
        "almost_none": (f"share of the neurons that represent less than {ALMOST_NOTHING:g} % of the pixels", "1"),
        "median": ("pixels that the median neuron represents", "%"),
        "null_curve": ("the curve of an i.i.d. network of the same structure", "%"),
        "null_median": ("pixels that its median neuron represents", "%"),
        "null_almost_none": (f"share of its neurons that represent less than {ALMOST_NOTHING:g} % of the pixels", "1"),
        "position": ("neurons, sorted by the pixels that they represent", "%"),
    }
    for name, (text, units) in names.items():
        result[name].attrs = {"long_name": text, "units": units}
    return result
