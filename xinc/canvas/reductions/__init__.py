"""Streaming reductions of contribution maps, without a dense layer in memory.

Each function equals the one-line xarray expression in its docstring, whatever the layout of the canvas; ``C`` in it is
``layer["contribution"].sel(frame=frames)``. Maps are expanded a block at a time, reduced and forgotten, on a GPU where
there is one and maps have to be expanded, otherwise by compiled code on several CPU threads, with results that do not
depend on their number (`xinc.canvas.reductions.execute`). Sums are accumulated in float64, over runs of at most 64
pixels, or a few hundred neurons, in float32; what compares with a threshold compares exactly, except that the total
behind a share is such a sum. All of them heed the `xinc.Task` around them: they tell it how far they are, and can be
stopped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import numpy as np
import xarray as xr

from xinc.canvas.layer import as_layer
from xinc.canvas.reductions import queries
from xinc.canvas.reductions.execute import Reduction, reduce_frames
from xinc.canvas.reductions.kernels import COARSE_BITS, FINE_BITS
from xinc.errors import InputError
from xinc.frames import frame_list, ranges
from xinc.runtime.progress import Progress

P = ParamSpec("P")
R = TypeVar("R")


def of_layer(reduce: Callable[Concatenate[xr.Dataset, P], R]) -> Callable[Concatenate[Any, P], R]:
    """A function of a layer's dataset, made one of whatever a layer is read as; see `xinc.canvas.layer.as_layer`."""

    @functools.wraps(reduce)
    def reduced(layer: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        return reduce(as_layer(layer), *args, **kwargs)

    return cast(Callable[Concatenate[Any, P], R], reduced)  # mypy holds that the argument has no name then


def labelled(layer: xr.Dataset, frames: Sequence[int], values: Any, dims: Sequence[str], name: str, text: str) -> Any:
    """Values with their dimensions, the coordinates of the layer, and a description."""
    known = {d: layer[d].values for d in ("neuron", "y", "x") if d in dims}
    coordinates = {"frame": list(frames)} | known
    return xr.DataArray(np.stack(values), coordinates, ("frame", *dims), name, {"long_name": text, "units": "1"})


def choose_frames(layer: xr.Dataset, frames: Sequence[int] | None) -> list[int]:
    known = layer["frame"].values.tolist()
    chosen = known if frames is None else frame_list(frames)
    if not chosen:
        raise InputError("No frames were asked for: give at least one, or leave frames out for all.")
    missing = sorted(set(chosen) - set(known))
    if missing:
        raise InputError(
            f"Frames {ranges(missing)} were asked for, but the canvas holds frames {ranges(known)}; choose among those."
        )
    return chosen


def progress_of(layer: xr.Dataset, frames: Sequence[int], text: str, passes: int = 1) -> Progress:
    """Progress of some passes over the maps of each frame, counted in maps; shown where it takes seconds."""
    return Progress(passes * len(frames) * layer.sizes["neuron"], f"{text}, maps", brief=2.0)


def _reduce(layer: xr.Dataset, frame: int, reduction: Reduction, progress: Progress) -> list[np.ndarray]:
    return reduce_frames(layer, [frame], [reduction], progress=progress)[0]


@of_layer
def sum_abs(layer: xr.Dataset, frames: Sequence[int] | None = None) -> xr.DataArray:
    """Sum over neurons of |C|: ``abs(C).sum("neuron")``.

    Parameters
    ----------
    layer : a layer of a canvas, here and below: a node of the tree, a dataset, or its maps ``layer["contribution"]``.
    frames : labels of the frames (default: all), here and below.

    Returns
    -------
    (frame, y, x) float64.
    """
    chosen = choose_frames(layer, frames)
    with progress_of(layer, chosen, "sum over neurons") as progress:
        found = [_sum_abs(layer, frame, progress).reshape(queries.map_shape(layer)) for frame in chosen]
    return labelled(layer, chosen, found, ("y", "x"), "sum_abs", "sum over neurons of the magnitude of contribution")


def _sum_abs(layer: xr.Dataset, frame: int, progress: Progress) -> np.ndarray:
    return _reduce(layer, frame, queries.magnitudes(layer), progress)[0]


@of_layer
def neuron_statistics(layer: xr.Dataset, frames: Sequence[int] | None = None) -> xr.Dataset:
    """Total, minimum, maximum of each neuron: ``abs(C).sum(["y", "x"])``, ``.min(["y", "x"])``, ``.max(["y", "x"])``.

    Returns
    -------
    Dataset with ``total`` (float64), ``minimum`` and ``maximum`` (float32), each (frame, neuron). A dead neuron has
    total 0.
    """
    chosen = choose_frames(layer, frames)
    found: dict[str, list[np.ndarray]] = {"total": [], "minimum": [], "maximum": []}
    with progress_of(layer, chosen, "statistics of neurons") as progress:
        for frame in chosen:
            total, *ends = _reduce(layer, frame, queries.statistics(layer), progress)
            for name, values in zip(found, (total, *queries.extremes(*ends)), strict=True):
                found[name].append(values)
    text = "{} over pixels of the magnitude of contribution"
    return xr.Dataset({n: labelled(layer, chosen, v, ("neuron",), n, text.format(n)) for n, v in found.items()})


@of_layer
def region_sums(
    layer: xr.Dataset, labels: Mapping[str, np.ndarray | xr.DataArray], frames: Sequence[int] | None = None
) -> dict[str, xr.DataArray]:
    """Per neuron, the sum of |C| over each region of label maps: ``abs(C).groupby(labels).sum()``, all maps at once.

    Parameters
    ----------
    labels : by name, integer label maps (y, x), or (frame, y, x) in the order of ``frames``; pixels with a negative
        label belong to no region.

    Maps are expanded on the smallest window that holds the regions, so that a small box costs little.

    Returns
    -------
    By name, (frame, neuron, region) float64; the coordinate ``region`` holds the labels, ascending, that occur in any
    frame. A region absent from a frame has sum 0 there.

    Raises
    ------
    InputError : a label map is not of the canvas's size.
    """
    chosen = choose_frames(layer, frames)
    if not labels:
        return {}
    regions = queries.Regions(layer, labels, len(chosen))
    found: dict[str, list[np.ndarray]] = {name: [] for name in labels}
    with progress_of(layer, chosen, "sums over regions") as progress:
        for at, frame in enumerate(chosen):
            for name, sums in _region_sums(layer, frame, at, regions, progress).items():
                found[name].append(sums)
    text = "sum of the magnitude of contribution over a region"
    return {
        name: labelled(layer, chosen, values, ("neuron", "region"), name, text).assign_coords(
            region=regions.known[name]
        )
        for name, values in found.items()
    }


def _region_sums(
    layer: xr.Dataset, frame: int, at: int, regions: queries.Regions, progress: Progress
) -> dict[str, np.ndarray]:
    """By label map, the sums of one frame, the ``at``-th of those chosen; only the regions' window is expanded."""
    window = regions.window(at)
    if window is None:
        return {name: np.zeros((layer.sizes["neuron"], len(known))) for name, known in regions.known.items()}
    return regions.sums(reduce_frames(layer, [frame], regions.at(at, window), window, progress))


@of_layer
def pixels_over_share(
    layer: xr.Dataset, frames: Sequence[int] | None = None, share: float | None = None
) -> xr.DataArray:
    """Pixels that a neuron represents: ``(abs(C) / abs(C).sum("neuron") > share).sum(["y", "x"])``, two passes.

    Parameters
    ----------
    share : share of the pixel's total over all neurons (default: 1 / number of neurons, section 4.4). Where the total
        is 0, no neuron represents the pixel.

    Returns
    -------
    (frame, neuron) int64.
    """
    chosen = choose_frames(layer, frames)
    with progress_of(layer, chosen, "pixels over a share", 2) as progress:
        found = [
            _reduce(layer, frame, queries.pixels_over(layer, _sum_abs(layer, frame, progress), share), progress)[0]
            for frame in chosen
        ]
    count = layer.sizes["neuron"]
    text = f"pixels where the neuron's share of contribution exceeds {1 / count if share is None else share:.3g}"
    return labelled(layer, chosen, found, ("neuron",), "pixels_over_share", text)


@of_layer
def neurons_over(
    layer: xr.Dataset, thresholds: Sequence[float] | xr.DataArray, frames: Sequence[int] | None = None
) -> xr.DataArray:
    """Neurons that exceed a threshold at a pixel: ``(abs(C) > threshold).sum("neuron")`` for each threshold.

    Parameters
    ----------
    thresholds : (threshold,), or (frame, threshold) in the order of ``frames``, as `area_quantiles` gives them.

    Returns
    -------
    (frame, threshold, y, x) int32.
    """
    chosen = choose_frames(layer, frames)
    values = np.asarray(thresholds, np.float64)
    if values.ndim not in (1, 2) or (values.ndim == 2 and len(values) != len(chosen)):
        raise InputError(
            f"Thresholds have shape {values.shape}; expected a list of numbers, or {len(chosen)} of them, one a frame."
        )
    limits = np.broadcast_to(values, (len(chosen), values.shape[-1]))
    shape = queries.map_shape(layer)
    with progress_of(layer, chosen, "neurons over thresholds") as progress:
        shaped = [
            _reduce(layer, frame, queries.neurons_over(layer, limits[at]), progress)[0].reshape(-1, *shape)
            for at, frame in enumerate(chosen)
        ]
    return labelled(
        layer, chosen, shaped, ("threshold", "y", "x"), "neurons_over", "neurons whose contribution exceeds a threshold"
    )


@of_layer
def area_quantiles(
    layer: xr.Dataset, percents: Sequence[float] = (10, 50), frames: Sequence[int] | None = None
) -> xr.DataArray:
    """The value of |C| below which x % of the total area lies (section 4.4), exact, without sorting, in two passes.

    With ``a = np.sort(abs(C).values.ravel())`` of a frame and ``area = np.cumsum(a, dtype=float)`` it is
    ``a[np.searchsorted(area, x / 100 * area[-1])]``. Magnitudes are counted by the bits of their float32 pattern, which
    order like the magnitudes: a first pass finds the bin in which the quantile lies, a second resolves that bin to
    single values. The only error is the rounding of the float64 sums.

    Returns
    -------
    (frame, percent) float32; NaN where every contribution of a frame is 0, or one is not finite.
    """
    chosen = choose_frames(layer, frames)
    found = []
    with progress_of(layer, chosen, "area quantiles", 2) as progress:
        for frame in chosen:
            counts, areas = _reduce(layer, frame, queries.histogram(), progress)
            quantiles = queries.Quantiles(counts, areas, percents)
            refinements = list(quantiles.refinements())
            progress.total += (len(refinements) - 1) * layer.sizes["neuron"]
            found.append(quantiles.values([_reduce(layer, frame, one, progress)[0] for one in refinements]))
    result = labelled(layer, chosen, found, ("percent",), "area_quantiles", "area quantile of |contribution|")
    return result.assign_coords(percent=list(percents))


@of_layer
def fluctuation(layer: xr.Dataset, frames: Sequence[int] | None = None) -> xr.DataArray:
    """Change from the frame before: ``abs(abs(C[f]) - abs(C[f - 1])).sum("neuron")`` (section 4.5).

    Parameters
    ----------
    frames : labels of frames (default: all but the first); the one before each, in the canvas's order, is used too.

    Returns
    -------
    (frame, y, x) float64.

    Raises
    ------
    InputError : the first frame of the canvas is asked for, or a frame that it lacks.
    """
    known = layer["frame"].values.tolist()
    chosen = choose_frames(layer, known if frames is None else frames)
    if frames is None and len(known) > 1:
        chosen = known[1:]
    if known[0] in chosen:
        raise InputError(f"Frame {known[0]} is the first of the canvas: there is none before it to compare with.")
    shape, change = queries.map_shape(layer), [queries.change(layer)]
    with progress_of(layer, chosen, "fluctuation") as progress:
        pairs = [[frame, known[known.index(frame) - 1]] for frame in chosen]
        found = [reduce_frames(layer, pair, change, progress=progress)[0][0].reshape(shape) for pair in pairs]
    return labelled(layer, chosen, found, ("y", "x"), "fluctuation", "sum over neurons of the change of |contribution|")


@of_layer
def neuron_blocks(layer: xr.Dataset, frame: int, memory_mb: float = 128.0) -> Iterator[xr.DataArray]:
    """The maps (neuron, y, x) of one frame, a block of consecutive neurons of ``memory_mb`` MB at a time, in memory."""
    maps = layer["contribution"].sel(frame=frame)
    size = max(1, int(memory_mb * 1e6 / (maps.sizes["y"] * maps.sizes["x"] * 4)))
    for start in range(0, maps.sizes["neuron"], size):
        yield maps.isel(neuron=slice(start, start + size)).load()


@of_layer
def magnitude_histogram(layer: xr.Dataset, frames: Sequence[int] | None = None) -> xr.Dataset:
    """Histogram of magnitudes: ``np.histogram(abs(C), [*lower, inf])`` for each frame, in one pass.

    Bins are those of the leading bits of the float32 pattern, 32 to each power of two: a bin is at most 1/32 of its
    lower bound wide. The first holds zeros and denormal numbers, those from infinity on what is not finite.

    Returns
    -------
    Dataset with ``count`` (frame, bin) int64, the sum ``area`` (frame, bin) float64 of the magnitudes in each bin,
    ``maximum`` (frame) float32, and the coordinates ``lower`` and ``upper`` (bin) float64, its bounds.
    """
    chosen = choose_frames(layer, frames)
    found: dict[str, list[Any]] = {"count": [], "area": [], "maximum": []}
    asked = [queries.histogram(), queries.statistics(layer)]
    with progress_of(layer, chosen, "histogram") as progress:
        for frame in chosen:
            (counts, areas), (_, _, high) = reduce_frames(layer, [frame], asked, progress=progress)
            found["count"].append(counts)
            found["area"].append(areas)
            found["maximum"].append(high.view(np.float32).max())
    text = {"count": "number of magnitudes in the bin", "area": "sum of the magnitudes in the bin"}
    result = {n: labelled(layer, chosen, found[n], ("bin",), n, text[n]) for n in text}
    maximum = labelled(layer, chosen, found["maximum"], (), "maximum", "largest magnitude of contribution")
    patterns = np.arange(2**COARSE_BITS + 1, dtype=np.uint32) << np.uint32(FINE_BITS)
    edges = np.minimum(patterns, np.uint32(0x7F800000)).view(np.float32).astype(np.float64)
    return xr.Dataset(result | {"maximum": maximum}, {"lower": ("bin", edges[:-1]), "upper": ("bin", edges[1:])})
