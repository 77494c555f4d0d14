"""Neurons as vectors of what they contribute to each Gabor region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.few import few_of
from xinc.analyses.subject import Subject
from xinc.canvas.reductions import neuron_statistics, region_sums

if TYPE_CHECKING:
    from xinc.analyses.clusters import Clusters


def vectors_of(settings: Clusters.Settings, subject: Subject, seed: int, layer: str, frame: int) -> dict[str, Any]:
    """Vectors (neuron, region) of one network's neurons, of those that have one and are drawn."""
    labels = subject.regions["gabor"].sel(frame=frame).transpose("y", "x").values
    generator = np.random.default_rng([settings.seed, seed, *layer.encode()])
    return region_vectors(subject.canvas[layer], labels, frame, settings.max_neurons, generator)


def region_vectors(
    data: xr.Dataset, labels: np.ndarray, frame: int, most: int, generator: np.random.Generator
) -> dict[str, Any]:
    """Means of the maps, each scaled to [0, 1], over the regions of a label map (y, x), of at most ``most`` neurons."""
    every, data = data["neuron"].values, few_of(data)
    sums = region_sums(data, {"gabor": labels}, [frame])["gabor"].isel(frame=0)
    regions = sums["region"].values
    areas = np.array([(labels == region).sum() for region in regions])
    statistics = neuron_statistics(data, [frame]).isel(frame=0)
    low, high = (statistics[name].values.astype(np.float64)[:, None] for name in ("minimum", "maximum"))
    # A millionth of the maximum is the rounding of float32.
    varied = (high - low > 1e-6 * high)[:, 0]
    dead = statistics["total"].values == 0
    usable = np.flatnonzero(varied)
    if len(usable) > most:
        usable = np.sort(generator.choice(usable, most, replace=False))
    means = sums.transpose("neuron", "region").values[usable] / areas
    return {
        "regions": regions,
        "vectors": np.clip((means - low[usable]) / (high - low)[usable], 0, 1),
        "chosen": np.searchsorted(every, data["neuron"].values[usable]) if len(every) > len(dead) else usable,
        "dead": int(dead.sum()),
        "constant": int((~varied & ~dead).sum()),
    }


def over_regions(vectors: np.ndarray, own: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Vectors over all regions; NaN in those that the frame does not have."""
    wide = np.full((len(vectors), len(regions)), np.nan, np.float32)
    wide[:, np.searchsorted(regions, own)] = vectors
    return wide
