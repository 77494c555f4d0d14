"""What reductions gain by sharing passes: every reduction of a frame in three passes over its maps.

The public functions make nine expansions of a frame's maps, one or two each. Here what needs no earlier result goes
together, then what needs the sum over neurons or the histogram, then what needs the quantiles; with the frame before,
whose maps the first pass needs too, that is four. It is made of the library's own internal reductions, so it shows what
is possible, and breaks when they change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xinc.canvas import reductions as r


def everything_together(
    layer: Any, frame: int, labels: dict[str, np.ndarray], percents: Sequence[float] = (10, 50)
) -> dict[str, Any]:
    """Every reduction of a layer and frame (not the first of the canvas), as `benchmarks.tasks.everything`."""
    known = layer["frame"].values.tolist()
    shape, count = (layer.sizes["y"], layer.sizes["x"]), layer.sizes["neuron"]
    joint, members = r._joint(labels)
    before = r._Fluctuation(r._frame_maps(layer, known[known.index(frame) - 1]), shape)
    first = [r._sum_abs(), r._Statistics(count), r._regions(count, joint, len(members)), r._Histogram(), before]
    total, statistics, sums, (_, area), change = r.reduce_frame(layer, frame, first)
    bins, start = r._coarse_bins(area, percents)
    second = [r._pixels_over(count, total / count), r._refine(bins)]
    pixels, fine = r.reduce_frame(layer, frame, second)
    quantiles = r._resolve(bins, start, fine, float(area.sum()), percents)
    (over,) = r.reduce_frame(layer, frame, [r._neurons_over(quantiles.astype(np.float64))])
    regions = {
        name: sums @ (members[:, k, None] == np.unique(values)[None]).astype(np.float64)
        for k, (name, values) in enumerate(labels.items())
    }
    return {
        "sum_abs": total.reshape(shape),
        "statistics": dict(zip(("total", "minimum", "maximum"), statistics, strict=True)),
        "regions": regions,
        "pixels_over_share": pixels,
        "area_quantiles": quantiles,
        "neurons_over": over.reshape(-1, *shape),
        "fluctuation": change.reshape(shape),
    }
