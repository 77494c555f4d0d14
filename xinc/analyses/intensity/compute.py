"""Heatmaps beside intensity and edges, their correlations, and how these stand among shifted frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xinc.analyses.annotated import annotated_of
from xinc.analyses.intensity.attention import PEOPLE, numbers_of_shifts
from xinc.analyses.intensity.numbers import BELOW, DESCRIPTIONS, NUMBERS
from xinc.analyses.intensity.structure import structure_of
from xinc.analyses.subject import Subject
from xinc.canvas.reductions import sum_abs
from xinc.frames import select_frames
from xinc.statistics.images import correlation, edges_of, intensity_of, mid_grey_distance_of
from xinc.statistics.nan_reductions import mean_over_frames
from xinc.statistics.ranks import average_ranks
from xinc.statistics.scaling import minmax
from xinc.statistics.standing import NULL, labelled, standing_of

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.intensity import Intensity


def compute(settings: Intensity.Settings, subject: Subject) -> xr.Dataset:
    layers = subject.canvas
    first = next(iter(layers.values()))
    frames = select_frames(first["frame"].values.tolist(), settings.frames)
    source = subject.video["frames"].sel(frame=frames).transpose("frame", "y", "x", "channel").load()
    heat = xr.concat(
        [sum_abs(data, frames) for data in layers.values()],
        dim=xr.Variable("layer", list(layers)),
    )
    pixels = {d: heat[d] for d in ("frame", "y", "x")}
    structure = structure_of(layers, heat)
    result = xr.Dataset(
        {
            "heatmap": minmax(heat),
            "structure": minmax(structure),
            "divided": minmax(xr.where(structure > 0, heat / structure, 0.0).transpose(*heat.dims)),
            "intensity": minmax(intensity_of(source).assign_coords(pixels)),
            "edges": edges_of(source, settings.edges).assign_coords(pixels),
            "mid_grey_distance": minmax(mid_grey_distance_of(source).assign_coords(pixels)),
            "source": xr.DataArray(source.values, {"frame": heat["frame"]}, ("frame", "y", "x", "channel")),
        },
        attrs={"edge_filter": settings.edges},
    )
    result["difference"] = result["heatmap"] - result["intensity"]
    names, others = ("heatmap", "divided"), ("intensity", "edges", "mid_grey_distance", "structure")
    images = {name: result[name] for name in (*names, *others)}
    # Of the i.i.d. network's heatmap few values differ by more than rounding: the others are ties.
    ranks = {name: _ranks(image.round(4) if name == "structure" else image) for name, image in images.items()}
    for measure, of in (("pearson", images), ("spearman", ranks)):
        for prefix, name in zip(("", "divided_"), names, strict=True):
            result[prefix + measure] = xr.concat(
                [correlation(of[name], of[other]) for other in others], dim=xr.Variable("with", list(others))
            )
    bright = intensity_of(source).values
    return _describe(result.assign(_attention(heat, bright, result["edges"].values, _people(subject.video, frames))))


def table(result: xr.Dataset) -> pd.DataFrame:
    """Correlations, a row a layer, frame and image."""
    return result[["pearson", "spearman", "divided_pearson", "divided_spearman"]].to_dataframe().reset_index()


def _attention(
    heat: xr.DataArray, intensity: np.ndarray, edges: np.ndarray, people: list[np.ndarray | None]
) -> dict[str, xr.DataArray]:
    """The numbers `NUMBERS` of every layer and frame, and how their means over frames stand among all shifts."""
    values = heat.transpose("layer", "frame", "y", "x").values
    numbers = np.full((len(NUMBERS), *values.shape[:2]), np.nan)
    standings = np.full((len(NUMBERS), len(values), len(NULL)), np.nan)
    for layer, maps in enumerate(values):
        shifted = [
            numbers_of_shifts(one.astype(np.float64), *of_frame)
            for one, *of_frame in zip(maps, intensity, edges, people, strict=True)
        ]
        numbers[:, layer] = np.stack([one[:, 0] for one in shifted], axis=1)
        mean = mean_over_frames(shifted)
        standings[:, layer] = [standing_of(own, below=name in BELOW) for name, own in zip(NUMBERS, mean, strict=True)]
    coords = {"number": list(NUMBERS), "layer": heat["layer"].values}
    return {
        "attention": xr.DataArray(numbers, coords | {"frame": heat["frame"].values}, ("number", "layer", "frame")),
        "attention_null": labelled(standings, ("number", "layer")).assign_coords(coords),
    }


def _people(video: xr.Dataset, frames: list[int]) -> list[np.ndarray | None]:
    """Where people are, (y, x) bool a frame; None where it has no masks, or the video nobody."""
    if "instances" not in video:
        return [None] * len(frames)
    is_one = np.array([str(name).lower() in PEOPLE for name in video["category"].values], bool)
    known = annotated_of(video, frames) if is_one.any() else []
    ids = video["segment_id"].values[is_one]
    masks = video["instances"].transpose("frame", "y", "x")
    return [np.isin(masks.sel(frame=f).values, ids) if f in known else None for f in frames]


def _ranks(values: xr.DataArray) -> xr.DataArray:
    """Ranks over the pixels of each image, ties averaged."""
    flat = values.transpose(..., "y", "x")
    ranks = average_ranks(flat.values.reshape(*flat.shape[:-2], -1))
    return flat.copy(data=ranks.reshape(flat.shape))


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "heatmap": "sum over neurons of |C|, min-max normalised",
        "intensity": "sum over colour channels, min-max normalised",
        "edges": "edge magnitude of the grey frame",
        "mid_grey_distance": "sum over colour channels of |colour − 1/2|, min-max normalised",
        "source": "source frame",
        "difference": "heatmap minus intensity",
        "structure": "heatmap of an i.i.d. network of the same structure, min-max normalised",
        "divided": "heatmap divided by that of an i.i.d. network of the same structure, min-max normalised",
        "pearson": "Pearson correlation of the heatmap over pixels",
        "spearman": "Spearman correlation of the heatmap over pixels",
        "divided_pearson": "Pearson correlation of the divided heatmap over pixels",
        "divided_spearman": "Spearman correlation of the divided heatmap over pixels",
        "attention": "numbers of the heatmap: " + "; ".join(f"{name}: {text}" for name, text in DESCRIPTIONS.items()),
        "attention_null": "how the means over frames of these numbers stand among all toroidal shifts of the frame",
    }
    for name, text in names.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    return result
