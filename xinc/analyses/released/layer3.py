"""Density of the FFN's layer 3, counted from layer 2's contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from xinc.analyses.released.numbers import DEFINITIONS
from xinc.canvas.reductions import area_quantiles, neurons_over

#: Percentages of the total contribution below the thresholds of figure 7.
PERCENTS = (10, 50)


def layer3_variation(layers: Mapping[str, xr.Dataset], frames: Sequence[int]) -> np.ndarray:
    """Coefficient of variation of layer 3's density over pixels, (definition, frame, percent); NaN without the layers.

    Restates ``plot_neurons_per_pixel_heatmap`` of image_inr/analysis/representation_is_distributed.ipynb (cell 8): the
    neurons that layer 3's density counts are those of layer 2 whose |C| exceeds layer 3's threshold, divided by the
    number of layer 3's. As written, both are of layer 3.
    """
    if not {"layer2", "layer3"} <= layers.keys():
        return np.full((len(DEFINITIONS), len(frames), len(PERCENTS)), np.nan)
    tau = area_quantiles(layers["layer3"], PERCENTS, frames)
    counted = {"written": layers["layer3"], "released": layers["layer2"]}
    found = []
    for definition in DEFINITIONS:
        # By the number of layer 3's neurons in both, which cancels in a coefficient of variation.
        density = neurons_over(counted[definition], tau, frames) / layers["layer3"].sizes["neuron"]
        mean = density.mean(("y", "x"))
        variation = density.std(("y", "x")) / mean.where(mean > 0)
        found.append(variation.transpose("frame", "threshold").where(tau.notnull().values).values)
    return np.stack(found)
