"""What reductions gain by sharing passes: every reduction of a frame in four passes over its maps.

The public functions expand a frame's maps nine times, and those of the frame before once, since each makes passes of
its own. Here what needs no earlier result goes together, then what needs the sum over neurons or the histogram, then
what needs the quantiles, and the comparison with the frame before: five expansions.
The kernels are the library's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xinc.canvas.kernels import COARSE_BITS, FINE_BITS
from xinc.canvas.streaming import Reduction, reduce_frames


def everything_together(
    layer: Any, frame: int, labels: dict[str, np.ndarray], percents: Sequence[float] = (10, 50)
) -> dict[str, Any]:
    """Every reduction of a layer and frame (not the first of the canvas), as `benchmarks.tasks.everything`."""
    known = layer["frame"].values.tolist()
    shape, count = (layer.sizes["y"], layer.sizes["x"]), layer.sizes["neuron"]
    pixels, rows, coarse = shape[0] * shape[1], (count,), (2, 2**COARSE_BITS)
    # Regions in which neither label map changes; those of each are unions of them.
    members, joint = np.unique(np.stack([m.ravel() for m in labels.values()], axis=1), axis=0, return_inverse=True)
    per_pixel = ((pixels,), np.float64)
    first = [
        Reduction("add_magnitudes", (per_pixel,)),
        Reduction("statistics", ((rows, np.float64), (rows, np.int32), (rows, np.int32)), per_neuron=True),
        Reduction(
            "region_sums", (((count, len(members)), np.float64),), (joint.ravel().astype(np.int32),), per_neuron=True
        ),
        Reduction("histogram", ((coarse, np.int64), (coarse, np.float64))),
    ]
    (total,), (sums, low, high), (regions,), (counts, areas) = reduce_frames(layer, [frame], first)

    cumulated, occupied = np.cumsum(areas.sum(0)), np.flatnonzero(counts.sum(0))
    goals = np.asarray(percents) / 100 * cumulated[-1]
    bins = np.clip(np.searchsorted(cumulated, goals), occupied[0], occupied[-1])
    limit = _float32_below(total / count)
    second = [
        Reduction("count_pixels_over", ((rows, np.int64),), (limit,), per_neuron=True),
        Reduction("refine", (((len(percents), 2**FINE_BITS), np.int64),), (bins,)),
    ]
    (represented,), (inner,) = reduce_frames(layer, [frame], second)

    before = np.where(bins > 0, cumulated[bins - 1], 0.0)
    quantiles = np.array([_resolve(*one) for one in zip(bins, before, inner, goals, strict=True)], np.float32)
    third = Reduction("count_neurons_over", (((len(percents), pixels), np.int32),), (quantiles,))
    ((over,),) = reduce_frames(layer, [frame], [third])
    earlier = known[known.index(frame) - 1]
    ((change,),) = reduce_frames(layer, [frame, earlier], [Reduction("add_fluctuation", (per_pixel,))])
    belongs = [members[:, k, None] == np.unique(values)[None] for k, values in enumerate(labels.values())]
    return {
        "sum_abs": total.reshape(shape),
        "statistics": {"total": sums, "minimum": low.view(np.float32), "maximum": high.view(np.float32)},
        "regions": {name: regions @ part.astype(np.float64) for name, part in zip(labels, belongs, strict=True)},
        "pixels_over_share": represented,
        "area_quantiles": quantiles,
        "neurons_over": over.reshape(-1, *shape),
        "fluctuation": change.reshape(shape),
    }


def _float32_below(values: np.ndarray) -> np.ndarray:
    """The largest float32 not above each value: exceeding the one is exceeding the other."""
    near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)


def _resolve(coarse: int, before: float, counts: np.ndarray, goal: float) -> np.float32:
    """The value within a bin at which the area reaches its goal, from how often each value of the bin occurs."""
    patterns = np.flatnonzero(counts).astype(np.uint32)
    values = (patterns + (np.uint32(coarse) << np.uint32(FINE_BITS))).view(np.float32)
    reached = before + np.cumsum(values.astype(np.float64) * counts[patterns])
    return np.float32(values[min(int(np.searchsorted(reached, goal)), len(values) - 1)])
