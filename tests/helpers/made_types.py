"""Networks made by hand: neurons of known types."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from tests.helpers.made import made_of

SIZE = (8, 12)
#: Three regions, of 24, 24 and 48 pixels, and labels that are not consecutive.
LABELS = np.repeat([0, 0, 4, 4, 7, 7, 7, 7], 12).reshape(SIZE)


def with_regions(labels: np.ndarray, **layers: np.ndarray) -> Any:
    """A subject with these maps (frame, neuron, y, x) and Gabor regions (frame, y, x)."""
    subject = made_of(**layers)
    subject.__dict__["regions"] = xr.Dataset({"gabor": (("frame", "y", "x"), labels)}, {"frame": range(len(labels))})
    return subject


def networks(*maps: np.ndarray) -> dict[int, Any]:
    """One network a seed, of the same layer with these maps (neuron, y, x)."""
    return {seed: with_regions(LABELS[None], layer=own[None]) for seed, own in enumerate(maps)}


def types(kinds: Any, seed: int) -> np.ndarray:
    """Maps (neuron, y, x): a neuron of kind k contributes to region k of `LABELS`, and hardly elsewhere."""
    region = np.array([0, 4, 7])[np.asarray(kinds)][:, None, None]
    return (region == LABELS) + 0.2 * np.random.default_rng(seed).random((len(region), *SIZE))
