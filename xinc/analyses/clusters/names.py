"""Names beside points of a layout, where they hide the least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Points of print: the ring of a marked neuron, its name, and how far from it the name may stand.
RING, NAME, _GAPS = 4.0, 6.0, (2.5, 6.0, 11.0, 18.0, 27.0, 38.0, 52.0, 70.0, 90.0)


def name_offsets(places: np.ndarray, named: Sequence[int], letters: Sequence[int], size: np.ndarray) -> np.ndarray:
    """Where to write names beside points, all in points of print: offsets (name, 2) of their middles.

    Each name in turn takes the place, of some around its point, that overlaps the fewest names and lines to them,
    hides the fewest points, marked ones above all, and is the nearest. None leaves the panel.

    Parameters
    ----------
    places : of all points, (point, 2), from the lower left of the panel.
    named : which of them have names.
    letters : of each name.
    size : of the panel, (2,).
    """
    angles = np.arange(16) * np.pi / 8
    ways = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings = places[list(named)]
    boxes, lines, offsets = np.empty((0, 2, 2)), np.empty((0, 2)), []
    for at, count in zip(rings, letters, strict=True):
        half = np.array([0.37 * NAME * count, 0.5 * NAME]) + 0.5
        reach = np.concatenate([(half + gap) * ways for gap in _GAPS])
        middles = np.clip(at + reach, half + 1, size - half - 1)
        overlapping = (abs(middles[:, None] - boxes[:, 0]) < half + boxes[:, 1]).all(-1).sum(1)
        own = at + np.linspace(0, 1, 8)[:, None] * (middles - at)[:, None]
        crossing = _hidden(middles, half, lines)
        for box in boxes:
            crossing += (abs(own - box[0]) < box[1]).all(-1).any(1)
        hidden = _hidden(middles, half + 1, places) + 5 * _hidden(middles, half + 0.5 * RING, rings)
        cost = 1000 * overlapping + 20 * crossing + 2 * hidden + np.hypot(*(middles - at).T).round() / 4
        best = int(cost.argmin())
        boxes = np.concatenate([boxes, [[middles[best], half]]])
        lines = np.concatenate([lines, own[best]])
        offsets.append(middles[best] - at)
    return np.array(offsets).reshape(-1, 2)


def _hidden(middles: np.ndarray, half: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How many places lie in each box."""
    return np.asarray((abs(middles[:, None] - places) < half).all(-1).sum(1))
