"""Heatmaps of all layers, totals of all neurons, reconstructions and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xinc.analyses.subject import Subject
from xinc.canvas.network import as_network
from xinc.canvas.reductions import progress_of, queries
from xinc.canvas.reductions.execute import reduce_frames
from xinc.frames import select_frames
from xinc.models.base import INR

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.overview import Overview

_SAID = {
    "sum_abs": "sum over neurons of |C|",
    "total": "sum over pixels of the neuron's |C|",
    "minimum": "minimum over pixels of the neuron's |C|",
    "maximum": "maximum over pixels of the neuron's |C|",
    "point_layer": "layer of the neuron",
    "point_neuron": "number of the neuron in its layer",
    "reconstruction": "reconstructed frame, clamped to [0, 1]",
    "error": "root of the squared error of clamped colours, mean over channels",
}


def compute(settings: Overview.Settings, subject: Subject) -> xr.Dataset:
    """A pass over the maps of each layer and frame: sums over neurons and statistics of each neuron are made in one."""
    layers, model = subject.canvas, as_network(subject.model)
    first = next(iter(layers.values()))
    frames = select_frames(first["frame"].values.tolist(), settings.frames)
    heat = np.empty((len(layers), len(frames), first.sizes["y"], first.sizes["x"]), np.float32)
    of_neurons: list[tuple[np.ndarray, ...]] = []
    for maps, (name, layer) in zip(heat, layers.items(), strict=True):
        found = []
        with progress_of(layer, frames, f"overview of {name}") as progress:
            for at, frame in enumerate(frames):
                asked = [queries.magnitudes(layer), queries.statistics(layer)]
                (sums,), (total, *ends) = reduce_frames(layer, [frame], asked, progress=progress)
                maps[at] = sums.reshape(queries.map_shape(layer))
                found.append((total, *queries.extremes(*ends)))
        of_neurons.append(tuple(np.stack(values) for values in zip(*found, strict=True)))
    totals = dict(
        zip(
            ("total", "minimum", "maximum"),
            (np.concatenate(each, 1) for each in zip(*of_neurons, strict=True)),
            strict=True,
        )
    )
    images, errors = _reconstructed(model, subject.video["frames"], frames)
    result = xr.Dataset(
        {
            "sum_abs": (("layer", "frame", "y", "x"), heat),
            **{name: (("frame", "point"), values) for name, values in totals.items()},
            "point_layer": (
                "point",
                np.repeat(np.array(list(layers), object), [a.sizes["neuron"] for a in layers.values()]),
            ),
            "point_neuron": ("point", np.concatenate([layer["neuron"].values for layer in layers.values()])),
            "reconstruction": (("frame", "y", "x", "channel"), images),
            "error": (("frame", "y", "x"), errors),
        },
        {"layer": list(layers), "frame": frames, "channel": ["r", "g", "b"]}
        | {axis: first[axis].values for axis in ("y", "x")},
    )
    for name, text in _SAID.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    return result


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row a layer and frame: its neurons, those that contribute nothing, its total, and the frame's error."""
    import pandas as pd

    layers = result["point_layer"].values
    rows = []
    for layer in result["layer"].values:
        total = result["total"].values[:, layers == layer]
        for at, frame in enumerate(result["frame"].values):
            rows.append(
                {
                    "layer": str(layer),
                    "frame": int(frame),
                    "neurons": total.shape[1],
                    "dead": int((total[at] == 0).sum()),
                    "total": float(total[at].sum()),
                    "root_mean_squared_error": float(np.sqrt(np.square(result["error"].values[at]).mean())),
                }
            )
    return pd.DataFrame(rows)


def _reconstructed(model: INR, stored: xr.DataArray, frames: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """(frame, y, x, channel) and (frame, y, x) float32: what the network makes of each frame, and its error."""
    images = np.stack([model.reconstruct(frame).clamp(0, 1).permute(1, 2, 0).cpu().numpy() for frame in frames])
    source = stored.sel(frame=frames).transpose("frame", "y", "x", "channel").values
    errors = np.sqrt(np.square(images.astype(np.float64) - source).mean(-1))
    return images.astype(np.float32), errors.astype(np.float32)
