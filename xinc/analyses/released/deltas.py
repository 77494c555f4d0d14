"""Variances of deltas over all variants of the groupings, and shares of "other", from the same sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xinc.analyses.released.numbers import DEFINITIONS, SIGNS
from xinc.canvas.reductions import region_sums
from xinc.statistics.nan_reductions import nan_median
from xinc.statistics.region_deltas import areas_of, relative_deltas, variance_over_regions


def deltas_and_shares(
    data: xr.Dataset, labels: Mapping[str, np.ndarray], rest: int | None, frames: Sequence[int]
) -> dict[str, Any]:
    """Variances of all neurons over the regions of label maps (frame, y, x), and their shares of "other".

    Parameters
    ----------
    labels : by name; ``instances`` is taken in both ways, see `with_union`. The label map ``whole`` has one region.
    rest : label of the pixels that masks leave out, None where they leave out none.
    frames : of the canvas, one for each of the label maps.

    Returns
    -------
    ``regions``, names; ``variance`` (regions, delta, frame, neuron), signed and absolute; ``dead`` (frame,); and of
    the frames with masks, NaN of others, ``other_share`` and ``objects_share`` (definition, frame), see `shares`.
    """
    sums = region_sums(data, labels, frames)
    total = sums.pop("whole").values[..., 0]
    pixels = labels["whole"][0].size
    found = {
        name: (one.transpose("frame", "neuron", "region").values, areas_of(labels[name], one["region"].values))
        for name, one in sums.items()
    }
    parts: dict[str, Any] = {"dead": (total == 0).sum(1)}
    nothing = np.full((len(DEFINITIONS), len(frames)), np.nan)
    parts |= {"other_share": nothing, "objects_share": nothing}
    if "instances" in sums:
        is_rest = sums["instances"]["region"].values == (-1 if rest is None else rest)
        found["instances_union"] = with_union(*found["instances"], is_rest)
        parts |= shares(*found["instances"], is_rest, total)
    variances = []
    for own, areas in found.values():
        signed = relative_deltas(own, areas, total, pixels)
        variances.append([variance_over_regions(signed), variance_over_regions(absolute(signed))])
    assert len(variances[0]) == len(SIGNS)
    return parts | {"regions": list(found), "variance": np.array(variances)}


def absolute(deltas: np.ndarray) -> np.ndarray:
    """|(actual − expected) / expected|.

    Restates ``get_instance_contribs``, ``get_rgb_cluster_contribs`` and ``get_gabor_cluster_contribs`` of
    HNeRV/analysis/what_do_neurons_care_about.ipynb (cells 5, 8 and 9) and of the notebook of the same name in
    image_inr/analysis, which take the magnitude of these deltas. ``get_gridcell_contribs`` (cell 6) keeps the sign, as
    the paper's equation (section 4.2) does for all groupings. ``compute_variance_of_deltas`` (cell 12) takes the
    variance of either, ddof 1.
    """
    return abs(deltas)


def with_union(sums: np.ndarray, areas: np.ndarray, is_rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums (frame, neuron, region) and areas (frame, region) of the objects, and of their union as a region "other".

    Restates ``add_other_annotation`` of HNeRV/analysis/analysis_utils.py and image_inr/analysis/analysis_utils.py: the
    masks of all segments are joined, and the mask of "other" is where this union is, not where it is not. So "other"
    overlaps all objects, and the background is in no region. The comment in it and the paper (figure 4, "objects and
    background") speak of the pixels without objects.
    """
    objects, their_areas = sums[..., ~is_rest], areas[..., ~is_rest]
    union, area = objects.sum(-1, keepdims=True), their_areas.sum(-1, keepdims=True)
    return np.concatenate([objects, union], axis=-1), np.concatenate([their_areas, area], axis=-1)


def shares(sums: np.ndarray, areas: np.ndarray, is_rest: np.ndarray, total: np.ndarray) -> dict[str, np.ndarray]:
    """Medians over live neurons of what "other" and the objects get, (definition, frame): of the paper, as released.

    ``other_share`` is the share of the neuron's total that lies in "other": the background, or the union of objects.
    ``objects_share`` is what is left to all objects together in figure 8, where means over the pixels of each region,
    "other" among them, are divided by their sum: ``get_instance_contribs`` and ``get_video_normalized_contribs`` of
    HNeRV/analysis/objects_and_motion.ipynb (cells 4 and 7), here for each frame on its own. 1 without background.
    """
    masked = areas.sum(1) > 0
    objects, area = sums[..., ~is_rest], areas[..., ~is_rest]
    means = np.where(area[:, None] > 0, objects / np.maximum(area, 1)[:, None], 0).sum(-1)
    rest, union = sums[..., is_rest].sum(-1), objects.sum(-1)
    others = {"written": (rest, areas[..., is_rest].sum(1)), "released": (union, area.sum(1))}
    live = np.where(masked[:, None] & (total > 0), total, np.nan)
    found: dict[str, list[list[float]]] = {"other_share": [], "objects_share": []}
    for definition in DEFINITIONS:
        contributed, pixels = others[definition]
        mean = contributed / np.maximum(pixels, 1)[:, None]
        found["other_share"].append([nan_median(one) for one in contributed / live])
        whole = np.where(masked[:, None] & (means + mean > 0), means + mean, np.nan)
        found["objects_share"].append([nan_median(one) for one in means / whole])
    return {name: np.array(values) for name, values in found.items()}
