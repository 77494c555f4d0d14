"""Streaming reductions of contribution maps: what analyses need, without a dense layer in memory.

Each function equals the one-line xarray expression in its docstring, whatever the layout of the canvas; ``C`` in it is
``layer["contribution"].sel(frame=frames)``. Maps are expanded a cache-sized block at a time, reduced there by compiled
code, and forgotten; blocks are shared out to PyTorch's number of threads, in pieces that do not depend on that number,
so that results do not either. Sums are accumulated in float64 over at most a few thousand float32 terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
import xarray as xr

from xinc.canvas import kernels
from xinc.canvas.lazy import BLOCK_BYTES, expanded_maps
from xinc.errors import InputError

#: Into how many pieces the neurons of a layer are shared out; each has accumulators of its own.
_PIECES = 8

S = TypeVar("S")

#: From numbers of neurons and a buffer (n, H, W) to their maps of one frame.
_Maps = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Reduction(Protocol):
    """A reduction of one frame's maps, declared as start, update and merge, and so independent of blocks."""

    def start(self, pixels: int) -> Any:
        """An empty accumulator."""

    def update(self, state: Any, maps: np.ndarray, neurons: np.ndarray) -> None:
        """Add a block (n, P) of maps, that of these neurons, to an accumulator."""

    def merge(self, states: list[Any]) -> Any:
        """One result from the accumulators of all pieces, in order."""


class _Sum:
    """A reduction whose accumulators are arrays of one shape that add up."""

    def __init__(self, shape: Callable[[int], tuple[int, ...]], dtype: Any, update: Callable[..., None]) -> None:
        self._shape, self._dtype, self._update = shape, dtype, update

    def start(self, pixels: int) -> np.ndarray:
        return np.zeros(self._shape(pixels), self._dtype)

    def update(self, state: np.ndarray, maps: np.ndarray, neurons: np.ndarray) -> None:
        self._update(maps, state)

    def merge(self, states: list[np.ndarray]) -> np.ndarray:
        return np.sum(states, axis=0)


class _PerNeuron:
    """A reduction with one row of results per neuron, in one array that all pieces share."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, update: Callable[[np.ndarray, np.ndarray], None]) -> None:
        self._result, self._update = np.zeros(shape, dtype), update

    def start(self, pixels: int) -> None:
        return None

    def update(self, state: None, maps: np.ndarray, neurons: np.ndarray) -> None:
        self._update(maps, self._result[neurons[0] : neurons[-1] + 1])

    def merge(self, states: list[None]) -> np.ndarray:
        return self._result


def _frame_maps(layer: xr.Dataset, frame: int) -> _Maps:
    """How to get blocks of one frame's maps: straight from what expands them if possible, through xarray if not."""
    variable = layer["contribution"].variable
    position = int(np.flatnonzero(layer["frame"].values == frame)[0])
    source = expanded_maps(variable)
    if source is not None:
        expand = source.at(position)
        window = (0, source.shape[2], 0, source.shape[3])
        return lambda neurons, buffer: expand(neurons, window, buffer)

    def read(neurons: np.ndarray, buffer: np.ndarray) -> np.ndarray:
        buffer[...] = variable.isel(frame=position, neuron=slice(neurons[0], neurons[-1] + 1)).values
        return buffer

    return read


def reduce_frame(layer: xr.Dataset, frame: int, reductions: Sequence[Reduction]) -> list[Any]:
    """Run reductions over all maps of one frame, together, in one pass.

    Parameters
    ----------
    layer : a layer of a canvas.
    frame : label of the frame.
    reductions : what to compute.

    Returns
    -------
    What each reduction's ``merge`` gives.
    """
    sizes = layer["contribution"].sizes
    count, height, width = sizes["neuron"], sizes["y"], sizes["x"]
    maps_of = _frame_maps(layer, frame)
    size = max(1, BLOCK_BYTES // (4 * height * width))
    bounds = np.linspace(0, count, min(_PIECES, count) + 1).astype(int)

    def piece(first: int, last: int) -> list[Any]:
        states = [reduction.start(height * width) for reduction in reductions]
        buffer = np.empty((size, height, width), np.float32)
        for start in range(first, last, size):
            neurons = np.arange(start, min(start + size, last))
            block = maps_of(neurons, buffer[: len(neurons)]).reshape(len(neurons), -1)
            for reduction, state in zip(reductions, states, strict=True):
                reduction.update(state, block, neurons)
        return states

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        states = list(pool.map(piece, bounds[:-1], bounds[1:]))
    return [r.merge([s[k] for s in states]) for k, r in enumerate(reductions)]


def _labelled(layer: xr.Dataset, frames: Sequence[int], values: Any, dims: Sequence[str], name: str, text: str) -> Any:
    """Values with their dimensions, the coordinates of the layer, and a description."""
    known = {d: layer[d].values for d in ("neuron", "y", "x") if d in dims}
    coordinates = {"frame": list(frames)} | known
    return xr.DataArray(np.stack(values), coordinates, ("frame", *dims), name, {"long_name": text, "units": "1"})


def _frames(layer: xr.Dataset, frames: Sequence[int] | None) -> list[int]:
    known = layer["frame"].values.tolist()
    chosen = known if frames is None else [int(f) for f in frames]
    missing = sorted(set(chosen) - set(known))
    if missing:
        raise InputError(f"Frames {missing} were asked for, but the canvas holds frames {known}; choose among those.")
    return chosen


def _shape(layer: xr.Dataset) -> tuple[int, int]:
    return layer.sizes["y"], layer.sizes["x"]


def sum_abs(layer: xr.Dataset, frames: Sequence[int] | None = None) -> xr.DataArray:
    """Sum over neurons of |C|: ``abs(C).sum("neuron")``.

    Parameters
    ----------
    layer : a layer of a canvas.
    frames : labels of the frames (default: all), here and below.

    Returns
    -------
    (frame, y, x) float64.
    """
    chosen = _frames(layer, frames)
    found = [reduce_frame(layer, f, [_sum_abs()])[0].reshape(_shape(layer)) for f in chosen]
    return _labelled(layer, chosen, found, ("y", "x"), "sum_abs", "sum over neurons of the magnitude of contribution")


def _sum_abs() -> Reduction:
    return _Sum(lambda pixels: (pixels,), np.float64, kernels.add_magnitudes)


def neuron_statistics(layer: xr.Dataset, frames: Sequence[int] | None = None) -> xr.Dataset:
    """Total, minimum, maximum of each neuron: ``abs(C).sum(["y", "x"])``, ``.min(["y", "x"])``, ``.max(["y", "x"])``.

    Returns
    -------
    Dataset with ``total`` (float64), ``minimum`` and ``maximum`` (float32), each (frame, neuron). A dead neuron has
    total 0.
    """
    chosen = _frames(layer, frames)
    found: dict[str, list[np.ndarray]] = {"total": [], "minimum": [], "maximum": []}
    for frame in chosen:
        total, low, high = reduce_frame(layer, frame, [_Statistics(layer.sizes["neuron"])])[0]
        for name, values in {"total": total, "minimum": low, "maximum": high}.items():
            found[name].append(values)
    text = "{} over pixels of the magnitude of contribution"
    return xr.Dataset({n: _labelled(layer, chosen, v, ("neuron",), n, text.format(n)) for n, v in found.items()})


class _Statistics:
    def __init__(self, neurons: int) -> None:
        self._total = np.zeros(neurons)
        self._low, self._high = np.zeros(neurons, np.uint32), np.zeros(neurons, np.uint32)

    def start(self, pixels: int) -> None:
        return None

    def update(self, state: None, maps: np.ndarray, neurons: np.ndarray) -> None:
        part = slice(neurons[0], neurons[-1] + 1)
        kernels.statistics(maps, maps.view(np.uint32), self._total[part], self._low[part], self._high[part])

    def merge(self, states: list[None]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._total, self._low.view(np.float32), self._high.view(np.float32)


def region_sums(
    layer: xr.Dataset, labels: Mapping[str, np.ndarray | xr.DataArray], frames: Sequence[int] | None = None
) -> dict[str, xr.DataArray]:
    """Per neuron, the sum of |C| over each region of label maps: ``abs(C).groupby(labels).sum()``, all maps at once.

    Parameters
    ----------
    labels : by name, integer label maps (y, x), or (frame, y, x) in the order of ``frames``; pixels with a negative
        label belong to no region.

    Returns
    -------
    By name, (frame, neuron, region) float64; the coordinate ``region`` holds the labels, ascending, that occur in any
    frame. A region absent from a frame has sum 0 there.

    Raises
    ------
    InputError : a label map is not of the canvas's size.
    """
    chosen = _frames(layer, frames)
    stacks = {name: _label_stack(name, values, layer, len(chosen)) for name, values in labels.items()}
    regions = {name: np.unique(stack[stack >= 0]) for name, stack in stacks.items()}
    found: dict[str, list[np.ndarray]] = {name: [] for name in stacks}
    for at, frame in enumerate(chosen):
        joint, members = _joint({name: stack[at] for name, stack in stacks.items()})
        sums = reduce_frame(layer, frame, [_regions(layer.sizes["neuron"], joint, len(members))])[0]
        for k, (name, known) in enumerate(regions.items()):
            # What a pixel of a joint region belongs to in this label map; the sums of those add up.
            belongs = (members[:, k, None] == known[None]).astype(np.float64)
            found[name].append(sums @ belongs)
    text = "sum of the magnitude of contribution over a region"
    return {
        name: _labelled(layer, chosen, values, ("neuron", "region"), name, text).assign_coords(region=regions[name])
        for name, values in found.items()
    }


def _label_stack(name: str, values: np.ndarray | xr.DataArray, layer: xr.Dataset, frames: int) -> np.ndarray:
    array = np.asarray(values)
    if array.shape[-2:] != _shape(layer) or array.ndim not in (2, 3) or (array.ndim == 3 and len(array) != frames):
        raise InputError(
            f"Label map '{name}' has shape {array.shape}; expected {_shape(layer)}, or {frames} such maps, one a frame."
        )
    return np.broadcast_to(array, (frames, *_shape(layer))).astype(np.int64)


def _joint(maps: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Regions in which no label map changes: their number at each pixel (P,) int32, and their labels (regions, maps).

    One walk over these serves all label maps, since every region of each is a union of them.
    """
    stacked = np.stack([labels.ravel() for labels in maps.values()], axis=1)
    members, joint = np.unique(stacked, axis=0, return_inverse=True)
    return joint.ravel().astype(np.int32), members


def _regions(neurons: int, joint: np.ndarray, count: int) -> Reduction:
    def update(maps: np.ndarray, sums: np.ndarray) -> None:
        kernels.region_sums(maps, joint, sums)

    return _PerNeuron((neurons, count), np.float64, update)


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
    chosen = _frames(layer, frames)
    part = 1 / layer.sizes["neuron"] if share is None else share
    found = []
    for frame in chosen:
        total = reduce_frame(layer, frame, [_sum_abs()])[0]
        found.append(reduce_frame(layer, frame, [_pixels_over(layer.sizes["neuron"], total * part)])[0])
    text = f"pixels where the neuron's share of contribution exceeds {part:.3g}"
    return _labelled(layer, chosen, found, ("neuron",), "pixels_over_share", text)


def _pixels_over(neurons: int, threshold: np.ndarray) -> Reduction:
    limit = _float32_below(threshold)

    def update(maps: np.ndarray, count: np.ndarray) -> None:
        kernels.count_pixels_over(maps, limit, count)

    return _PerNeuron((neurons,), np.int64, update)


def _float32_below(values: Any) -> np.ndarray:
    """The largest float32 not above each value: a float32 exceeds the value exactly if it exceeds this."""
    values = np.atleast_1d(np.asarray(values, np.float64))
    near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


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
    chosen = _frames(layer, frames)
    limits = np.broadcast_to(np.asarray(thresholds, np.float64), (len(chosen), np.shape(thresholds)[-1]))
    found = [reduce_frame(layer, f, [_neurons_over(limits[at])])[0] for at, f in enumerate(chosen)]
    shaped = [counts.reshape(-1, *_shape(layer)) for counts in found]
    return _labelled(
        layer, chosen, shaped, ("threshold", "y", "x"), "neurons_over", "neurons whose contribution exceeds a threshold"
    )


def _neurons_over(thresholds: np.ndarray) -> Reduction:
    limit = _float32_below(thresholds)
    return _Sum(
        lambda pixels: (len(limit), pixels), np.int32, lambda maps, n: kernels.count_neurons_over(maps, limit, n)
    )


def area_quantiles(
    layer: xr.Dataset, percents: Sequence[float] = (10, 50), frames: Sequence[int] | None = None
) -> xr.DataArray:
    """The value of |C| left of which x % of the total area lies (section 4.4), exactly, without sorting, in two passes.

    With ``a = np.sort(abs(C).values.ravel())`` of a frame and ``area = np.cumsum(a, dtype=float)`` it is
    ``a[np.searchsorted(area, x / 100 * area[-1])]``. Magnitudes are counted by the bits of their float32 pattern, which
    order like the magnitudes: a first pass finds the bin in which the quantile lies, a second resolves that bin to
    single values. The only error is the rounding of the float64 sums.

    Returns
    -------
    (frame, percent) float32; NaN where every contribution of a frame is 0.
    """
    chosen = _frames(layer, frames)
    found = []
    for frame in chosen:
        _, area = reduce_frame(layer, frame, [_Histogram()])[0]
        bins, before = _coarse_bins(area, percents)
        fine = reduce_frame(layer, frame, [_refine(bins)])[0]
        found.append(_resolve(bins, before, fine, float(area.sum()), percents))
    result = _labelled(layer, chosen, found, ("percent",), "area_quantiles", "area quantile of |contribution|")
    return result.assign_coords(percent=list(percents))


class _Histogram:
    """Number and sum of magnitudes by the leading bits of their pattern."""

    def start(self, pixels: int) -> tuple[np.ndarray, np.ndarray]:
        size = (2, 2**kernels.COARSE_BITS)
        return np.zeros(size, np.int64), np.zeros(size)

    def update(self, state: tuple[np.ndarray, np.ndarray], maps: np.ndarray, neurons: np.ndarray) -> None:
        kernels.histogram(maps, maps.view(np.uint32), *state)

    def merge(self, states: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        return sum(c.sum(0) for c, _ in states), sum(a.sum(0) for _, a in states)


def _coarse_bins(area: np.ndarray, percents: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """The bin in which each quantile lies, and the area before it."""
    cumulated = np.cumsum(area)
    goals = np.asarray(percents, np.float64) / 100 * cumulated[-1]
    # Rounding of the sums must not lead beyond the last bin that holds anything.
    last = int(np.flatnonzero(area)[-1]) if area.any() else 0
    bins = np.minimum(np.searchsorted(cumulated, goals), last)
    return bins, cumulated[bins] - area[bins]


def _refine(bins: np.ndarray) -> Reduction:
    return _Sum(
        lambda pixels: (len(bins), 2**kernels.FINE_BITS),
        np.int64,
        lambda maps, count: kernels.refine(maps.view(np.uint32), bins, count),
    )


def _resolve(
    bins: np.ndarray, before: np.ndarray, fine: np.ndarray, total: float, percents: Sequence[float]
) -> np.ndarray:
    """The value within each quantile's bin, from how often each value of the bin occurs."""
    found = np.full(len(bins), np.nan, np.float32)
    if total == 0:
        return found
    for t, (bin_, start, counts) in enumerate(zip(bins, before, fine, strict=True)):
        patterns = np.flatnonzero(counts).astype(np.uint32)
        values = (patterns + (np.uint32(bin_) << np.uint32(kernels.FINE_BITS))).view(np.float32)
        reached = start + np.cumsum(values.astype(np.float64) * counts[patterns])
        at = min(int(np.searchsorted(reached, percents[t] / 100 * total)), len(values) - 1)
        found[t] = values[at]
    return found


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
    InputError : the first frame of the canvas is asked for, or a frame that is not there.
    """
    known = layer["frame"].values.tolist()
    chosen = _frames(layer, known[1:] if frames is None else frames)
    if known[0] in chosen:
        raise InputError(f"Frame {known[0]} is the first of the canvas: there is none before it to compare with.")
    found = []
    for frame in chosen:
        earlier = _Fluctuation(_frame_maps(layer, known[known.index(frame) - 1]), _shape(layer))
        found.append(reduce_frame(layer, frame, [earlier])[0].reshape(_shape(layer)))
    return _labelled(
        layer, chosen, found, ("y", "x"), "fluctuation", "sum over neurons of the change of |contribution|"
    )


class _Fluctuation:
    def __init__(self, before: _Maps, shape: tuple[int, int]) -> None:
        self._before, self._size = before, shape

    def start(self, pixels: int) -> np.ndarray:
        return np.zeros(pixels)

    def update(self, state: np.ndarray, maps: np.ndarray, neurons: np.ndarray) -> None:
        earlier = self._before(neurons, np.empty((len(neurons), *self._size), np.float32))
        kernels.add_fluctuation(maps, earlier.reshape(len(neurons), -1), state)

    def merge(self, states: list[np.ndarray]) -> np.ndarray:
        return np.sum(states, axis=0)


def neuron_blocks(layer: xr.Dataset, frame: int, memory_mb: float = 128.0) -> Iterator[xr.DataArray]:
    """The maps (neuron, y, x) of one frame, a block of consecutive neurons of ``memory_mb`` MB at a time, in memory."""
    maps = layer["contribution"].sel(frame=frame)
    size = max(1, int(memory_mb * 1e6 / (maps.sizes["y"] * maps.sizes["x"] * 4)))
    for start in range(0, maps.sizes["neuron"], size):
        yield maps.isel(neuron=slice(start, start + size)).load()
