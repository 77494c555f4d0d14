"""Attention beside intensity: numbers of one heatmap under every shift of the picture (section 4.3).

All take the heatmap Σ_n |C_n| (y, x) as it is, not scaled. Its level relative to the frame's mean says how much of it
an area gets for its size; that of the intensity, how much an area would get if contribution were intensity.
"""

from __future__ import annotations

import numpy as np

from xinc.statistics.scaling import standard
from xinc.statistics.shifts import correlations_of_shifts, means_of_shifts

#: Part of the pixels that counts as dark, and as edges: the darkest tenth, and the tenth of the strongest edges.
PART = 0.1
#: Categories of instances that are people.
PEOPLE = frozenset({"person", "people", "pedestrian", "rider", "man", "woman", "child", "player"})


def numbers_of_shifts(
    heat: np.ndarray, intensity: np.ndarray, edges: np.ndarray, people: np.ndarray | None = None
) -> np.ndarray:
    """The numbers of a heatmap under every toroidal shift of the picture against it, the first of which is none.

    Parameters
    ----------
    heat, intensity, edges : (y, x), not negative.
    people : (y, x) bool, or None where the frame has no masks.

    Returns
    -------
    (number, y · x), in the order of `xinc.analyses.intensity.numbers.NUMBERS`: the correlations with intensity and
    edges; the partial correlation with the edges, intensity held constant; the heatmap's level in the darkest tenth of
    the pixels, and that less the level of the intensity there; the standard deviation of the heatmap over the strongest
    edges, relative to that over the frame; and the mean on people of what a line through the intensity leaves of the
    heatmap, in its standard deviations. NaN where there is no such thing.
    """
    with_intensity, with_edges = correlations_of_shifts(heat, intensity, edges)
    between = correlations_of_shifts(intensity, edges)[0, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        partial = (with_edges - with_intensity * between) / np.sqrt((1 - with_intensity**2) * (1 - between**2))
    dark = strongest(-intensity)
    level = _level(heat, dark)
    nothing = np.full(heat.size, np.nan)
    on_people = nothing if people is None else _beyond_intensity(heat, intensity, people)
    return np.stack(
        [
            with_intensity,
            with_edges,
            partial,
            level,
            level - _level(intensity, dark)[0],
            _spread(heat, strongest(edges)) if edges.max() > edges.min() else nothing,
            on_people,
        ]
    )


def strongest(values: np.ndarray) -> np.ndarray:
    """The part `PART` of the pixels with the highest values, ties included: (y, x) bool; none where all are equal."""
    found: np.ndarray = (values >= np.quantile(values, 1 - PART)) & (values > values.min())
    return found


def _level(values: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Mean over an area, under every shift of it, relative to that over the frame, (y · x,)."""
    mean = float(values.mean(dtype=np.float64))
    return means_of_shifts(values, area) / (mean if mean > 0 else np.nan)


def _beyond_intensity(heat: np.ndarray, intensity: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Mean over an area, under every shift of it, of the residual of a line through the intensity, (y · x,)."""
    a, b = standard(heat), standard(intensity)
    left = None if a is None or b is None else standard(a - (a * b).mean() * b)
    if left is None or not area.any() or area.all():
        return np.full(heat.size, np.nan)
    low = float(left.min())
    out: np.ndarray = means_of_shifts(left - low, area) + low
    return out


def _spread(values: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Standard deviation over an area, under every shift of it, relative to that over the frame, (y · x,)."""
    centred = values - values.mean(dtype=np.float64)
    whole = float(centred.std())
    if not whole > 1e-9 * float(abs(values).max() or 1.0):
        return np.full(values.size, np.nan)
    square = means_of_shifts(centred**2, area)
    # Of what may be negative: shifted to be so nowhere, and back.
    low = float(centred.min())
    mean = means_of_shifts(centred - low, area) + low
    out: np.ndarray = np.sqrt(np.maximum(square - mean**2, 0)) / whole
    return out
