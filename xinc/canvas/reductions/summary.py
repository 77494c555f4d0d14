"""Every reduction of a layer's frames at once: maps are expanded four times a frame, not ten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xinc.canvas.reductions import choose_frames, labelled, of_layer, progress_of, queries
from xinc.canvas.reductions.execute import reduce_frames
from xinc.errors import InputError
from xinc.runtime.progress import Progress


@of_layer
def summarise(
    layer: xr.Dataset,
    labels: Mapping[str, np.ndarray | xr.DataArray] | None = None,
    frames: Sequence[int] | None = None,
    percents: Sequence[float] = (10, 50),
    share: float | None = None,
) -> xr.Dataset:
    """All reductions of a layer at once: the numbers of the functions of `xinc.canvas.reductions`, in fewer passes.

    The first pass computes everything that needs no earlier result, and compares each frame with the one before; the
    next, what needs the sum over neurons or the histogram; the last, what needs the quantiles.

    Parameters
    ----------
    layer : a layer of a canvas: a node of the tree, a dataset, or its maps ``layer["contribution"]``.
    labels : by name, integer label maps (y, x), or (frame, y, x) in the order of ``frames``; pixels with a negative
        label belong to no region.
    frames : labels of the frames (default: all).
    percents : of the total area, for `area_quantiles`, whose values are the thresholds of ``neurons_over``.
    share : see `pixels_over_share`.

    Returns
    -------
    Dataset with ``sum_abs`` (frame, y, x), ``total``, ``minimum``, ``maximum`` and ``pixels_over_share`` (frame,
    neuron), ``area_quantiles`` (frame, percent), ``neurons_over`` (frame, percent, y, x), ``fluctuation`` (frame, y,
    x), NaN for the canvas's first frame, and for each label map ``<name>_sums`` (frame, neuron, <name>).

    Raises
    ------
    InputError : not a layer, a frame that it lacks, a label map of another size, or one with the name of a dimension.

    Examples
    --------
    >>> import xinc
    >>> layer = xinc.open_canvas("results/bunny/nerv/seed0/canvas.zarr")["block2"]  # doctest: +SKIP
    >>> xinc.summarise(layer, frames=[8])  # doctest: +SKIP
    """
    chosen = choose_frames(layer, frames)
    if labels is not None and not isinstance(labels, Mapping):
        raise InputError(
            f"The label maps are an object of type {type(labels).__qualname__}: expected them by name, e.g. "
            "{'objects': labels}."
        )
    for name in {*layer["contribution"].dims, *layer["contribution"].coords, "percent", *_TEXT} & set(labels or {}):
        raise InputError(f"A label map is called '{name}', which is a name in the summary: give it another one.")
    regions = queries.Regions(layer, labels or {}, len(chosen))
    found: dict[str, list[np.ndarray]] = {}
    with progress_of(layer, chosen, "summary", 3) as progress:
        for at, frame in enumerate(chosen):
            for name, value in _of_frame(layer, frame, at, regions, percents, share, progress).items():
                found.setdefault(name, []).append(value)
    dims = {name: ("neuron", name.removesuffix("_sums")) for name in found if name.endswith("_sums")} | {
        "sum_abs": ("y", "x"),
        "fluctuation": ("y", "x"),
        "area_quantiles": ("percent",),
        "neurons_over": ("percent", "y", "x"),
    }
    variables = {
        name: labelled(layer, chosen, values, dims.get(name, ("neuron",)), name, _TEXT.get(name, _TEXT["sums"]))
        for name, values in found.items()
    }
    return xr.Dataset(variables).assign_coords({"percent": list(percents)} | regions.known)


_TEXT = {
    "sum_abs": "sum over neurons of the magnitude of contribution",
    "fluctuation": "sum over neurons of the change of |contribution| from the frame before",
    "total": "sum over pixels of the magnitude of contribution",
    "minimum": "minimum over pixels of the magnitude of contribution",
    "maximum": "maximum over pixels of the magnitude of contribution",
    "pixels_over_share": "pixels where the neuron's share of contribution exceeds the share asked for",
    "area_quantiles": "area quantile of |contribution|",
    "neurons_over": "neurons whose contribution exceeds the area quantile",
    "sums": "sum of the magnitude of contribution over a region",
}


def _of_frame(
    layer: xr.Dataset,
    frame: int,
    at: int,
    regions: queries.Regions,
    percents: Sequence[float],
    share: float | None,
    progress: Progress,
) -> dict[str, Any]:
    """By variable, the values of one frame, the ``at``-th of those chosen."""
    known, shape = layer["frame"].values.tolist(), queries.map_shape(layer)
    position = known.index(frame)
    asked = {
        "magnitudes": queries.magnitudes(layer),
        "statistics": queries.statistics(layer),
        "histogram": queries.histogram(),
    }
    if position:
        asked["change"] = queries.change(layer)
    side_by_side = [frame, known[position - 1]] if position else [frame]
    answers = reduce_frames(layer, side_by_side, [*asked.values(), *regions.at(at)], progress=progress)
    got = dict(zip(asked, answers, strict=False))
    (total,), (sums, *ends), (counts, areas) = got["magnitudes"], got["statistics"], got["histogram"]
    minimum, maximum = queries.extremes(*ends)
    found = {
        "sum_abs": total.reshape(shape),
        "total": sums,
        "minimum": minimum,
        "maximum": maximum,
        "fluctuation": got["change"][0].reshape(shape) if position else np.full(shape, np.nan),
    }
    found |= {f"{name}_sums": values for name, values in regions.sums(answers[len(asked) :]).items()}

    quantiles = queries.Quantiles(counts, areas, percents)
    refinements = list(quantiles.refinements())
    progress.total += max(0, len(refinements) - 1) * layer.sizes["neuron"]
    second = [queries.pixels_over(layer, total, share), *refinements[:1]]
    (represented,), *inner = reduce_frames(layer, [frame], second, progress=progress)
    inner += [reduce_frames(layer, [frame], [one], progress=progress)[0] for one in refinements[1:]]
    values = quantiles.values([one[0] for one in inner])
    ((over,),) = reduce_frames(layer, [frame], [queries.neurons_over(layer, values)], progress=progress)
    return found | {
        "pixels_over_share": represented,
        "area_quantiles": values,
        "neurons_over": over.reshape(-1, *shape),
    }
