"""Maps of the strongest neurons of each layer, or of some drawn at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from xinc.analyses.subject import Subject
from xinc.canvas.reductions import neuron_statistics
from xinc.frames import select_frames

if TYPE_CHECKING:
    from xinc.analyses.maps import Maps


def compute(settings: Maps.Settings, subject: Subject) -> xr.Dataset:
    layers = subject.canvas
    first = next(iter(layers.values()))
    frames = select_frames(first["frame"].values.tolist(), settings.frames)
    totals = {name: _totals(data, frames[0]) for name, data in layers.items()}
    drawn = {name: _chosen(name, totals[name], settings) for name in layers}
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
    shares = [_shares(totals[name], drawn[name], settings.neurons) for name in layers]
    result["share"] = (
        ("layer", "sample"),
        np.stack(shares),
        {
            "long_name": "share of the layer's total |C|",
            "units": "1",
            "description": f"over frame {frames[0]}; 0 where the layer contributes nothing",
        },
    )
    dead = (result["contribution"].sum(("frame", "y", "x")) == 0) & result["contribution"].notnull().any(
        ("frame", "y", "x")
    )
    result["dead"] = dead.assign_attrs(long_name="neuron contributes nothing to any frame shown", units="1")
    return result


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each neuron shown."""
    frame = result[["share", "dead"]].to_dataframe().reset_index()
    columns = ["layer", "sample", "neuron", "in_channel", "out_channel", "share", "dead"]
    return frame.loc[frame["neuron"] >= 0, columns].reset_index(drop=True)


def _totals(data: xr.Dataset, frame: int) -> np.ndarray:
    """Σ|C| over the pixels of a frame, of each neuron."""
    return np.asarray(neuron_statistics(data, [frame])["total"].isel(frame=0).values, float)


def _chosen(name: str, totals: np.ndarray, settings: Maps.Settings) -> np.ndarray:
    """Positions of the neurons to show: the strongest first, or drawn, which does not depend on the other layers."""
    wanted = min(settings.neurons, len(totals))
    if settings.choice == "strongest":
        return np.argsort(-totals, kind="stable")[:wanted]
    generator = np.random.default_rng([settings.seed, *name.encode()])
    return np.sort(generator.choice(len(totals), wanted, replace=False))


def _shares(totals: np.ndarray, chosen: np.ndarray, wanted: int) -> np.ndarray:
    """Of the chosen neurons, padded with NaN to the number wanted."""
    shares = np.full(wanted, np.nan)
    shares[: len(chosen)] = totals[chosen] / (totals.sum() or 1.0)
    return shares


def _maps(data: xr.Dataset, drawn: np.ndarray, frames: list[int], wanted: int) -> xr.DataArray:
    """|C| (frame, sample, y, x) of the chosen neurons, padded with NaN to the number wanted."""
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
