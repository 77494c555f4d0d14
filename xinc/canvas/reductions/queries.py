"""Quantities that one pass over a layer's maps can accumulate, and the results made from them.

`xinc.canvas.reductions` asks one thing a pass, `xinc.canvas.reductions.summary` as many as do not depend on each other.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xinc.canvas.reductions.execute import Reduction
from xinc.canvas.reductions.kernels import COARSE_BITS, FINE_BITS
from xinc.errors import InputError
from xinc.trace.windows import Window

#: Bins that `Quantiles` resolves at a time; each takes 2 MB in every piece of a layer.
_BINS_A_PASS = 8


def map_shape(layer: xr.Dataset) -> tuple[int, int]:
    """Height and width of the maps of a layer."""
    return layer.sizes["y"], layer.sizes["x"]


def _pixels(layer: xr.Dataset) -> int:
    return layer.sizes["y"] * layer.sizes["x"]


def magnitudes(layer: xr.Dataset) -> Reduction:
    """Sum over neurons of |C|: (P,) float64."""
    return Reduction("add_magnitudes", (((_pixels(layer),), np.float64),), per_pixel=True)


def statistics(layer: xr.Dataset) -> Reduction:
    """Total, and in the form of `extremes` minimum and maximum, of |C| of each neuron."""
    rows = (layer.sizes["neuron"],)
    return Reduction("statistics", ((rows, np.float64), (rows, np.int32), (rows, np.int32)), per_neuron=True)


def extremes(below: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minimum and maximum float32 of |C| of each neuron, from the accumulators of `statistics`."""
    return (np.int32(0x7FFFFFFF) - below).view(np.float32), high.view(np.float32)


def change(layer: xr.Dataset) -> Reduction:
    """Sum over neurons of ||C| − |C'||: (P,) float64, of two frames' maps."""
    return Reduction("add_fluctuation", (((_pixels(layer),), np.float64),), per_pixel=True, maps=2)


def histogram() -> Reduction:
    """Number (bins,) int64 and sum (bins,) float64 of magnitudes by the leading bits."""
    coarse = (2**COARSE_BITS,)
    return Reduction("histogram", ((coarse, np.int64), (coarse, np.float64)))


def pixels_over(layer: xr.Dataset, total: np.ndarray, share: float | None) -> Reduction:
    """Pixels at which each neuron exceeds a share (default 1 / neurons) of the total (P,): (N,) int64."""
    count = layer.sizes["neuron"]
    # Divided, not multiplied by 1 / count: where all neurons contribute alike, none exceeds its share.
    limit = float32_below(total / count if share is None else total * share)
    return Reduction("count_pixels_over", (((count,), np.int64),), images=(limit,), per_neuron=True)


def neurons_over(layer: xr.Dataset, thresholds: np.ndarray) -> Reduction:
    """Neurons that exceed each threshold (T,) at each pixel: (T, P) int32."""
    limits = float32_below(thresholds)
    accumulators = (((len(limits), _pixels(layer)), np.int32),)
    return Reduction("count_neurons_over", accumulators, (limits,), per_pixel=True)


def float32_below(values: Any) -> np.ndarray:
    """The largest float32 not above each value: a float32 exceeds the value exactly if it exceeds this."""
    values = np.atleast_1d(np.asarray(values, np.float64))
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


class Regions:
    """Sums over the regions of several label maps at once.

    One pass over the maps serves all. Label maps that are the same are summed over once.

    Parameters
    ----------
    layer : a layer of a canvas.
    labels : by name, integer label maps (y, x), or one a frame; pixels with a negative label belong to no region.
    frames : number of frames.

    Attributes
    ----------
    known : by name, the labels that occur in any frame, ascending.

    Raises
    ------
    InputError : a label map is not of the canvas's size, or not of whole numbers.
    """

    def __init__(self, layer: xr.Dataset, labels: Mapping[str, np.ndarray | xr.DataArray], frames: int) -> None:
        self._neurons = layer.sizes["neuron"]
        self._stacks = {name: _label_stack(name, values, layer, frames) for name, values in labels.items()}
        self.known = {name: np.unique(stack[stack >= 0]) for name, stack in self._stacks.items()}
        alike: dict[bytes, list[str]] = {}
        for name, stack in self._stacks.items():
            alike.setdefault(stack.tobytes(), []).append(name)
        self._alike = list(alike.values())

    def window(self, frame: int) -> Window | None:
        """The smallest window (y0, y1, x0, x1) that holds every region of the frame at a position; None without any."""
        inside = functools.reduce(np.logical_or, (stack[frame] >= 0 for stack in self._stacks.values()))
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        return (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1) if len(rows) else None

    def at(self, frame: int, window: Window | None = None) -> list[Reduction]:
        """What to ask for the frame at a position, in the order that `sums` takes the answers.

        With a window it is what to ask of that window.
        """
        place = ... if window is None else (slice(*window[:2]), slice(*window[2:]))
        return [
            Reduction(
                "region_sums",
                (((self._neurons, len(self.known[names[0]])), np.float64),),
                images=(_positions(self._stacks[names[0]][frame][place], self.known[names[0]]),),
                per_neuron=True,
            )
            for names in self._alike
        ]

    def sums(self, found: Sequence[Sequence[np.ndarray]]) -> dict[str, np.ndarray]:
        """By name, in the order of the label maps, the sums (N, regions) over the known regions, of what `at` asked."""
        of_each = {name: sums for names, (sums,) in zip(self._alike, found, strict=True) for name in names}
        return {name: of_each[name] for name in self._stacks}


def _positions(labels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Flat, the positions of labels among the known ones, int32; -1 of negative ones."""
    at = np.searchsorted(known, labels.ravel())
    return np.where(labels.ravel() >= 0, at, -1).astype(np.int32)


def _label_stack(name: str, values: np.ndarray | xr.DataArray, layer: xr.Dataset, frames: int) -> np.ndarray:
    array = np.asarray(values)
    shape = map_shape(layer)
    if array.dtype.kind not in "iub" and not (array.dtype.kind == "f" and bool((array == np.trunc(array)).all())):
        raise InputError(
            f"Label map '{name}' is of type {array.dtype}, not of whole numbers: expected an integer for each pixel, "
            "negative where it belongs to no region."
        )
    if array.shape[-2:] != shape or array.ndim not in (2, 3) or (array.ndim == 3 and len(array) != frames):
        raise InputError(
            f"Label map '{name}' has shape {array.shape}; expected {shape}, or {frames} such maps, one a frame."
        )
    return np.broadcast_to(array, (frames, *shape)).astype(np.int64)


class Quantiles:
    """Area quantiles of |C|, exactly, without sorting.

    Magnitudes are counted by the bits of their float32 pattern, which order like the magnitudes. `histogram` has told
    the bin in which each quantile lies; `refinements` resolve those bins to single values; `values` finds them there.

    Parameters
    ----------
    counts, areas : the accumulators of `histogram`.
    percents : of the total area, each in [0, 100].
    """

    def __init__(self, counts: np.ndarray, areas: np.ndarray, percents: Sequence[float]) -> None:
        self._cumulated = np.cumsum(areas)
        self._goals = np.asarray(percents, np.float64) / 100 * self._cumulated[-1]
        self._bins = np.empty(0, np.int64)
        #: False where every contribution is 0, or one is not finite: there are no quantiles then.
        self.exist = bool(0 < self._cumulated[-1] < np.inf)
        if self.exist:
            # Neither 0 % nor the rounding of the sums may lead to where nothing is.
            occupied = np.flatnonzero(counts)
            self._bins = np.clip(np.searchsorted(self._cumulated, self._goals), occupied[0], occupied[-1])

    def refinements(self) -> Iterator[Reduction]:
        """What to ask next, few bins a pass, to bound memory; each gives counts (bins, 2^FINE_BITS) int64."""
        wanted = np.unique(self._bins)
        for start in range(0, len(wanted), _BINS_A_PASS):
            group = wanted[start : start + _BINS_A_PASS]
            yield Reduction("refine", (((len(group), 2**FINE_BITS), np.int64),), (group,))

    def values(self, counts: Sequence[np.ndarray]) -> np.ndarray:
        """The quantiles (percents,) float32 from what the refinements gave; NaN where there are none."""
        if not self.exist:
            return np.full(len(self._goals), np.nan, np.float32)
        rows = dict(zip(np.unique(self._bins), np.concatenate(counts), strict=True))
        before = np.where(self._bins > 0, self._cumulated[self._bins - 1], 0.0)
        found = [
            _resolve(b, start, rows[b], goal) for b, start, goal in zip(self._bins, before, self._goals, strict=True)
        ]
        return np.array(found, np.float32)


def _resolve(coarse: np.integer, before: float, counts: np.ndarray, goal: float) -> np.float32:
    """The value within a bin at which the area reaches its goal, from how often each value of the bin occurs."""
    patterns = np.flatnonzero(counts).astype(np.uint32)
    values = (patterns + (np.uint32(int(coarse)) << np.uint32(FINE_BITS))).view(np.float32)
    reached = before + np.cumsum(values.astype(np.float64) * counts[patterns])
    return np.float32(values[min(int(np.searchsorted(reached, goal)), len(values) - 1)])
