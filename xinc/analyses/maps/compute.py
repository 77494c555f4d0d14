"""Maps of neurons drawn at random from each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xinc.analyses.subject import Subject
from xinc.frames import select_frames

if TYPE_CHECKING:
    from xinc.analyses.maps import Maps


def compute(settings: Maps.Settings, subject: Subject) -> xr.Dataset:
    layers = subject.canvas
    first = next(iter(layers.values()))
    frames = select_frames(first["frame"].values.tolist(), settings.frames)
    drawn = {name: _draw(name, data, settings) for name, data in layers.items()}
    maps = [_maps(data, drawn[name], frames, settings.neurons) for name, data in layers.items()]
    source = subject.video["frames"].sel(frame=frames)
    result = xr.Dataset(
        {
            "contribution": xr.concat(maps, dim=xr.Variable("layer", list(layers))),
            "source": source.astype("float32").assign_attrs(long_name="source frame", units="1"),
        }
    )
    result["contribution"].attrs = {
        "long_name": "magnitude of contribution |C|",
        "units": "1",
        "description": "NaN where a layer has fewer neurons than are shown",
    }
    dead = (result["contribution"].sum(("frame", "y", "x")) == 0) & result["contribution"].notnull().any(
        ("frame", "y", "x")
    )
    result["dead"] = dead.assign_attrs(long_name="neuron contributes nothing to any frame shown", units="1")
    return result


def _draw(name: str, data: xr.Dataset, settings: Maps.Settings) -> np.ndarray:
    """Positions of the neurons to show, ascending; a layer's draw does not depend on the other layers."""
    total = data.sizes["neuron"]
    generator = np.random.default_rng([settings.seed, *name.encode()])
    return np.sort(generator.choice(total, min(settings.neurons, total), replace=False))


def _maps(data: xr.Dataset, drawn: np.ndarray, frames: list[int], wanted: int) -> xr.DataArray:
    """|C| (frame, sample, y, x) of the drawn neurons, padded with NaN to the number wanted."""
    chosen = data["contribution"].isel(neuron=drawn)
    maps = abs(xr.concat([chosen.sel(frame=f).load() for f in frames], dim="frame", join="override"))
    labels = {name: ("sample", maps[name].values) for name in ("neuron", "in_channel", "out_channel")}
    plain = maps.transpose("frame", "neuron", "y", "x").drop_vars([*labels, "phase_y", "phase_x"], errors="ignore")
    plain = plain.rename(neuron="sample").assign_coords(sample=np.arange(len(drawn)), frame=frames)
    plain = plain.reindex(sample=np.arange(wanted))
    for label, (_, values) in labels.items():
        padded = np.full(wanted, -1, np.int32)
        padded[: len(values)] = values
        plain = plain.assign_coords({label: ("sample", padded)})
    return plain
