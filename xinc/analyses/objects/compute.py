"""Shares of the neurons' contributions that objects get, and the numbers of these shares, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.annotated import annotated_attributes, annotated_of
from xinc.analyses.few import few_of
from xinc.analyses.objects.instances import instances_of, look
from xinc.analyses.objects.numbers import (
    category_ratio,
    constancy_standing,
    distances,
    evenness,
    fluctuation_of,
    rank_correlation,
)
from xinc.analyses.subject import Subject
from xinc.canvas.reductions import region_sums
from xinc.frames import select_frames
from xinc.statistics.nan_reductions import nan_mean
from xinc.statistics.standing import NULL

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.objects import Objects

_PER_PAIR = ("instance", "other")
_NUMBERS = {
    "category_ratio": "distance of shares within a category / between categories",
    "constancy": "standard deviation of shares between instances / that over time, median over neurons",
    "evenness": "entropy of the shares of a frame's instances / its highest possible value, median over neurons",
    "motion_correlation": "rank correlation over instances of displacement with relative change of shares",
    "intensity_correlation": "rank correlation over instances of intensity with mean share",
}
_NULLS = {
    "category_null": "how the ratio stands among relabellings of the instances, p for one as small",
    "constancy_null": "how the constancy stands among orders of the instances drawn for every frame",
    "motion_null": "how the correlation with displacement stands among permutations of the instances",
    "intensity_null": "how the correlation with intensity stands among permutations of the instances",
}


def compute(settings: Objects.Settings, subject: Subject) -> xr.Dataset:
    """Shares of sampled neurons, and numbers of all neurons.

    One pass over a layer's maps for each frame (`xinc.canvas.reductions.region_sums`); memory: a number for each
    neuron, frame and instance of a layer, and a block of maps. Of a table look-up `few_of` its neurons are looked at.
    """
    layers = {name: few_of(data, settings.seed) for name, data in subject.canvas.items()}
    instances = instances_of(subject)
    if instances is None:
        return _without_masks(layers)
    held = [int(f) for f in next(iter(layers.values()))["frame"].values]
    attributes = annotated_attributes(subject.video, held)
    labelled = instances["label"]
    annotated = [f for f in annotated_of(subject.video, held) if bool((labelled.sel(frame=f) >= 0).any())]
    if not annotated:
        return _without_masks(layers).assign_attrs(attributes)
    frames = select_frames(annotated, settings.frames, "the annotated part of the canvas")
    instances = instances.sel(frame=frames)
    video = subject.video["frames"].sel(frame=frames).transpose("frame", "y", "x", "channel").values
    seen = look(instances["label"].values, instances.sizes["region"], video)
    parts = [_layer(settings, name, data, frames, instances, seen) for name, data in layers.items()]
    result = xr.concat(parts, xr.Variable("layer", list(layers)), data_vars="all")
    for name in ("category", "isthing"):
        result[name] = ("instance", instances[name].values)
    for name in ("area", "displacement", "intensity"):
        result[name] = (("frame", "instance"), seen[name])
    return _describe(result.assign_attrs(attributes))


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each layer; none of them measured where the video has no masks."""
    chosen = result[["neurons", *(name for name in _NUMBERS if name in result)]]
    for name in _NULLS:
        if name in result:
            chosen[name.replace("_null", "_p_value")] = result[name].sel(null="p_value", drop=True)
    return chosen.drop_vars("null", errors="ignore").to_dataframe().reset_index()


def _without_masks(layers: dict[str, xr.Dataset]) -> xr.Dataset:
    counts = [data.sizes["neuron"] for data in layers.values()]
    result = xr.Dataset({"neurons": ("layer", counts)}, {"layer": list(layers)}, {"masks": "none"})
    result["neurons"].attrs = {"long_name": "neurons of the layer that are looked at", "units": "1"}
    return result


def _layer(
    settings: Objects.Settings,
    name: str,
    data: xr.Dataset,
    frames: list[int],
    instances: xr.Dataset,
    seen: dict[str, np.ndarray],
) -> xr.Dataset:
    """The result of one layer, without the dimension ``layer``."""
    means = _means(data, frames, instances["label"].values, seen["area"])
    shared = bool(data.attrs.get("xinc", {}).get("shared_weights", True))
    shares = _shares(means, over_frames=shared)
    live = np.flatnonzero(~np.isnan(shares).all((0, 2)))
    generator = np.random.default_rng([settings.seed, *name.encode()])
    drawn = np.sort(generator.choice(live, min(settings.neurons, len(live)), replace=False))
    pad = settings.neurons - len(drawn)
    distance = distances(shares)
    categories = instances["category"].values.tolist()
    ratio, grouped = category_ratio(distance, categories)
    steady, reordered = constancy_standing(shares, generator) if shared else (np.nan, np.full(len(NULL), np.nan))
    fluctuation = fluctuation_of(shares) if shared else np.full(shares.shape[2], np.nan)
    motion = nan_mean(seen["displacement"], 0)
    mean_share = nan_mean(nan_mean(shares, 1), 0)
    variables: dict[str, Any] = {
        "share": (("frame", "sample", "instance"), np.pad(
            shares[:, drawn], ((0, 0), (0, pad), (0, 0)), constant_values=np.nan)),
        "sampled_neuron": (("sample",), np.pad(data["neuron"].values[drawn], (0, pad), constant_values=-1)),
        "neurons": ((), data.sizes["neuron"]),
        "dead": (("frame",), (np.isnan(shares).all(2)).sum(1)),
        "shared_weights": ((), shared),
        "mean_share": (("instance",), mean_share),
        "distance": (_PER_PAIR, distance),
        "category_ratio": ((), ratio),
        "category_null": (("null",), grouped),
        "fluctuation": (("instance",), fluctuation),
        "constancy": ((), steady),
        "constancy_null": (("null",), reordered),
        "evenness": ((), evenness(shares)),
    }  # fmt: skip
    for key, a, b in (("motion", motion, fluctuation), ("intensity", nan_mean(seen["intensity"], 0), mean_share)):
        correlation, standing = rank_correlation(a, b)
        variables |= {f"{key}_correlation": ((), correlation), f"{key}_null": (("null",), standing)}
    names = instances["name"].values
    return xr.Dataset(variables, {"frame": frames, "instance": names, "other": names, "null": list(NULL)})


def _means(data: xr.Dataset, frames: list[int], labels: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Mean |C| of every neuron over the pixels of every instance, (frame, neuron, instance); NaN where it is absent."""
    sums = region_sums(data, {"instances": labels}, frames)["instances"]
    every = sums.reindex(region=np.arange(area.shape[1]), fill_value=0).values
    out: np.ndarray = every / np.where(area > 0, area, np.nan)[:, None]
    return out


def _shares(means: np.ndarray, over_frames: bool) -> np.ndarray:
    """Means divided by their sum over instances and, where frames share a network, over frames; NaN of dead neurons."""
    total = np.nansum(means, axis=(0, 2) if over_frames else 2, keepdims=True)
    out: np.ndarray = means / np.where(total > 0, total, np.nan)
    return out


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "share": "share of the neuron's mean contributions to all instances",
        "sampled_neuron": "neuron drawn for the figure; -1: the layer has no more live ones",
        "neurons": "neurons of the layer that are looked at",
        "dead": "neurons that contribute nothing to any instance of the frame",
        "shared_weights": "whether all frames share one network",
        "mean_share": "mean over neurons and frames of the share",
        "distance": "mean over neurons and frames of the difference of the shares of two instances",
        "fluctuation": "mean change of the share from frame to frame, relative to the mean share",
        "category": "category of the instance",
        "isthing": "whether the instance is a thing, and not stuff",
        "area": "pixels of the instance",
        "displacement": "displacement of the instance's centroid since the annotated frame before",
        "intensity": "mean intensity of the instance",
    }
    for name, text in (names | _NUMBERS | _NULLS).items():
        result[name].attrs = {"long_name": text, "units": {"area": "pixel", "displacement": "pixel"}.get(name, "1")}
    result["share"].attrs["description"] = "NaN where the instance is absent, and past the last sampled neuron"
    return result
