"""Variances of all neurons over the regions of each grouping, and their null."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.annotated import annotated_attributes, annotated_of
from xinc.analyses.few import few_of
from xinc.analyses.grouping.null import Null, joint_standings, sampled_maps
from xinc.analyses.grouping.numbers import GROUPINGS, RATE
from xinc.analyses.grouping.variances import variances
from xinc.analyses.subject import Subject
from xinc.frames import FrameChoice, select_frames
from xinc.runtime.freed import give_freed_memory_back
from xinc.statistics.label_shifts import Shifts, spacing_for
from xinc.statistics.nan_reductions import mean_over_frames, nan_median
from xinc.statistics.shifts import drawn_shifts

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.grouping import Grouping

_PER_NEURON = ("grouping", "frame", "neuron")


def compute(settings: Grouping.Settings, subject: Subject) -> xr.Dataset:
    """Variances of all neurons, and for sampled ones where they lie among those of shifted label maps.

    ``variance`` is the quantity of the paper's figure 4, ``std`` its root, which claims compare.

    One pass over the layer's maps a frame (`xinc.canvas.reductions.region_sums`), and one inverse Fourier transform of
    the frame for each sampled neuron and region: for 64 x 128 pixels and 100 regions about 12 ms a neuron. Memory: the
    sums, a block of maps, and the sampled neurons' maps of one frame. Of a table look-up `few_of` its neurons are
    looked at.
    """
    layers = {name: few_of(data, settings.seed) for name, data in subject.canvas.items()}
    frames = frames_of(subject, settings.frames)
    regions = subject.regions.sel(frame=frames)
    labels = {g: regions[g].transpose("frame", "y", "x").values for g in GROUPINGS if g in regions}
    pixels = labels["grid"][0].size
    give_freed_memory_back()  # what was there before: the spectra of all regions come now
    spacing = _spacing(settings, labels["grid"][0].shape)
    shifts = {g: [Shifts(label, spacing) for label in stack] for g, stack in labels.items()}
    null = Null(shifts, drawn_shifts(pixels // spacing**2, _shifts(settings, pixels), settings.seed))
    counts = {g: np.array([len(one.areas) for one in each]) for g, each in shifts.items()}
    found = [_layer(settings, name, data, frames, labels, null, counts) for name, data in layers.items()]
    parts = [part for part, _ in found]
    joined = xr.concat(parts, xr.Variable("layer", list(layers)), join="outer", fill_value={"significant": False})
    joined = joined.assign(joint_standings(joined, [statistics for _, statistics in found], list(labels)))
    joined["regions"] = (("grouping", "frame"), np.stack(list(counts.values())))
    joined.attrs = {"shifts": _shifts(settings, pixels), "false_discovery_rate": RATE}
    joined.attrs |= annotated_attributes(subject.video, _held(subject))
    return _describe(joined)


def frames_of(subject: Subject, wanted: FrameChoice) -> list[int]:
    """Frames to look at; a number of them is spread over those with masks, if there are any."""
    held = _held(subject)
    if isinstance(wanted, int):
        held = annotated_of(subject.video, held) or held
    return select_frames(held, wanted)


def _spacing(settings: Grouping.Settings, shape: tuple[int, int]) -> int:
    """Of the shifts among which those of the null are drawn."""
    return 1 if settings.shifts == "all" else spacing_for(shape, settings.shifts)


def _shifts(settings: Grouping.Settings, pixels: int) -> int:
    """How many shifts the null is made of; the labels as they are do not count."""
    wanted = settings.shifts
    return pixels - 1 if wanted == "all" else min(wanted, pixels - 1)


def _layer(
    settings: Grouping.Settings,
    name: str,
    data: xr.Dataset,
    frames: list[int],
    labels: dict[str, np.ndarray],
    null: Null,
    counts: dict[str, np.ndarray],
) -> tuple[xr.Dataset, dict[str, np.ndarray]]:
    """The result of one layer, without ``layer``, and its statistics (grouping, 1 + shifts), means over frames."""
    variance, same_count, total = variances(data, labels, counts, frames)
    generator = np.random.default_rng([settings.seed, *name.encode()])
    constant = (total > 0) & (np.nan_to_num(variance) == 0).all(0)
    live = np.flatnonzero(((total > 0) & ~constant).any(0))
    drawn = np.sort(generator.choice(live, min(settings.neurons, len(live)), replace=False))
    give_freed_memory_back()  # the sums of all neurons over regions
    standings = [null.standings(at, sampled_maps(data, frame, drawn)) for at, frame in enumerate(frames)]
    found, statistics = zip(*standings, strict=True)
    size = settings.neurons - len(drawn)
    variables: dict[str, Any] = {
        "variance": (_PER_NEURON, variance),
        "std": (_PER_NEURON, np.sqrt(variance)),
        "same_count_variance": (_PER_NEURON, same_count),
        "over_same_count": (("grouping", "frame"), _median_ratio(variance, same_count)),
        "neurons": ((), data.sizes["neuron"]),
        "dead": (("frame",), (total == 0).sum(1)),
        "constant": (("frame",), constant.sum(1)),
        "sampled_neuron": (("sample",), np.pad(data["neuron"].values[drawn], (0, size), constant_values=-1)),
    }
    for key, one in found[0].items():
        values = np.stack([each[key] for each in found], axis=1)
        if one.ndim == 2:
            empty = False if one.dtype == bool else np.nan
            values = np.pad(values, ((0, 0), (0, 0), (0, size)), constant_values=empty)
        variables[key] = (("grouping", "frame", "sample")[: values.ndim], values)
    coordinates = {"grouping": list(labels), "frame": frames, "neuron": data["neuron"].values}
    means = {key: mean_over_frames(each[key] for each in statistics) for key in statistics[0]}
    return xr.Dataset(variables, coordinates), means


def _median_ratio(variance: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Median over the neurons (…, neuron) of the ratio of deviations; NaN where no neuron has one."""
    ratio = np.sqrt(variance / np.where(other > 0, other, np.nan))
    return np.apply_along_axis(nan_median, -1, ratio)


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each grouping, layer and frame."""
    quartiles = _quantiles(result["std"], [0.25, 0.5, 0.75])
    names = ("std_lower_quartile", "std_median", "std_upper_quartile")
    tidy = xr.Dataset({name: quartiles.isel(quantile=at, drop=True) for at, name in enumerate(names)})
    tidy["variance_median"] = result["variance"].median("neuron")
    tidy["same_count_variance_median"] = result["same_count_variance"].median("neuron")
    tidy["over_same_count"] = result["over_same_count"]
    for name in ("neurons", "dead", "constant", "regions", "median_z", "share_significant", "layer_p_value"):
        tidy[name] = result[name]
    tidy["over_grid_p_value"] = result["over_grid_p_value"]
    return tidy.to_dataframe(dim_order=["grouping", "layer", "frame"]).reset_index()


def _quantiles(values: xr.DataArray, of: list[float]) -> xr.DataArray:
    """Quantiles over neurons; NaN, and no warning, where all are dead."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice")
        return values.quantile(of, "neuron")


def _held(subject: Subject) -> list[int]:
    """Frames of the canvas."""
    return [int(f) for f in next(iter(subject.canvas.values()))["frame"].values]


def _describe(result: xr.Dataset) -> xr.Dataset:
    null = "over toroidal shifts of the label map"
    names = {
        "variance": "variance over regions of the normalised delta of contribution",
        "std": "standard deviation over regions of the normalised delta of contribution",
        "same_count_variance": "variance over a grid of as many near-equal rectangles as the grouping has regions",
        "over_same_count": "median over neurons of deviation / that over a grid of as many rectangles",
        "neurons": "neurons of the layer that are looked at",
        "dead": "of these, those that contribute nothing to the frame",
        "constant": "those that contribute the same to all pixels of the frame, but not nothing",
        "regions": "regions that are not empty",
        "sampled_neuron": "neuron drawn for the null; -1: the layer has no more live ones",
        "z": f"variance minus its mean, in standard deviations, {null}",
        "percentile": f"share of the variances {null} that are below the observed one",
        "p_value": f"share of the variances {null} that reach the observed one, which counts too",
        "significant": "whether Benjamini and Hochberg's procedure over the layer's sampled neurons rejects the null",
        "median_z": "median of z over the sampled neurons",
        "share_significant": "share of the sampled neurons, but those dead or constant, that are significant",
        "layer_p_value": f"p-value of the median of z {null}",
        "over_grid_p_value": f"p-value {null} of the median over sampled neurons of deviation / that over the grid",
        "median_z_null": f"how the mean over frames of median_z stands {null}",
        "over_grid": "median over the sampled neurons of deviation / that over the grid, mean over frames",
        "over_grid_null": f"how over_grid stands {null}",
        "over_grid_shifted": f"that median, first as it is, then {null}, the same shifts in all networks of a video",
        "top": "share of the sampled neurons' top quarter above the highest of the grid, mean over frames",
        "top_null": f"how top stands {null}",
        "progress": "median_z of colours in the last layer minus that in the first, mean over frames",
        "progress_null": f"how that difference stands {null}, the same for both layers",
    }
    for name, text in names.items():
        result[name].attrs = {"long_name": text, "units": "percent" if name == "percentile" else "1"}
    result["variance"].attrs["description"] = "NaN of dead neurons, and past the last neuron of a layer"
    return result
