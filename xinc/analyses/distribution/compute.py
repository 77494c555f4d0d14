"""Sorted contributions of a layer, and measures of their inequality."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xinc.analyses.distribution.sorted_magnitudes import Sorted
from xinc.analyses.subject import Subject
from xinc.canvas.reductions import magnitude_histogram
from xinc.frames import select_frames

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.distribution import Distribution


def compute(settings: Distribution.Settings, subject: Subject) -> xr.Dataset:
    layers = subject.canvas
    first = next(iter(layers.values()))
    frames = select_frames(first["frame"].values.tolist(), settings.frames)
    found = [_measures(magnitude_histogram(data, frames), settings) for data in layers.values()]
    return _describe(xr.concat(found, xr.Variable("layer", list(layers))))


def _measures(histogram: xr.Dataset, settings: Distribution.Settings) -> xr.Dataset:
    """The measures of a layer."""
    frames = [_measures_of_frame(histogram.sel(frame=f), settings) for f in histogram["frame"].values]
    return xr.concat(frames, histogram["frame"].variable).assign(maximum=histogram["maximum"])


def _measures_of_frame(histogram: xr.Dataset, settings: Distribution.Settings) -> xr.Dataset:
    sorted_ = Sorted(histogram)
    percents = sorted(set(settings.percents))
    shares = np.linspace(0, 1, settings.points)
    tau = sorted_.area_quantile(np.array(percents) / 100)
    gini, gini_error = sorted_.gini()
    below, below_error = sorted_.share_below(np.array([sorted_.mean]))
    rank, rank_error = sorted_.share_below(tau)
    return xr.Dataset(
        {
            "curve": ("position", sorted_.value(shares)),
            "mean": ((), sorted_.mean),
            "tau": ("percent", tau),
            "rank": ("percent", 100 * rank),
            "rank_error": ("percent", 100 * rank_error),
            "gini": ((), gini),
            "gini_error": ((), gini_error),
            "below_mean": ((), below[0]),
            "below_mean_error": ((), below_error[0]),
        },
        {"position": 100 * shares, "percent": percents},
    )


def table(result: xr.Dataset) -> pd.DataFrame:
    """Measures and thresholds, a row a layer and frame."""
    columns = ["maximum", "mean", "gini", "gini_error", "below_mean", "below_mean_error"]
    frame = result[columns].to_dataframe(dim_order=["layer", "frame"])
    tau = result["tau"].transpose("layer", "frame", "percent").to_series().unstack("percent")
    tau.columns = [f"tau{percent:g}" for percent in tau.columns]
    return frame.join(tau).reset_index()


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "curve": ("|C| of all neurons and pixels, sorted", "1"),
        "maximum": ("largest |C| of the layer", "1"),
        "mean": ("mean |C| of the layer", "1"),
        "tau": ("value of |C| left of which this percentage of the total contribution lies", "1"),
        "rank": ("share of the contributions below the threshold", "%"),
        "rank_error": ("largest error of the share below the threshold", "%"),
        "gini": ("Gini coefficient of |C|", "1"),
        "gini_error": ("by how much the Gini coefficient may be too low", "1"),
        "below_mean": ("share of the contributions below their mean", "1"),
        "below_mean_error": ("largest error of the share below the mean", "1"),
        "position": ("contributions, sorted", "%"),
        "percent": ("part of the total contribution below the threshold", "%"),
    }
    for name, (text, units) in names.items():
        result[name].attrs = {"long_name": text, "units": units}
    return result
