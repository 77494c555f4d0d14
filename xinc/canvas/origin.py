"""Where a layer of a canvas is from: the network that was dissected, or the place where it was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from xinc.canvas.lazy import ExpandedMaps
from xinc.storage.locations import Location, locate

if TYPE_CHECKING:
    from xinc.models.base import INR


def place_of(layer: xr.Dataset) -> Location | None:
    """Where a layer was opened; None of one that was not."""
    found = layer["contribution"].encoding.get("source")
    return None if found is None else locate(found)


def dissected(layer: xr.Dataset) -> INR | None:
    """The network of which `xinc.dissect` made a layer, whole or in part; None of one in memory or on disk."""
    data: Any = layer["contribution"].variable._data
    while not isinstance(data, ExpandedMaps):
        if not hasattr(data, "array"):
            return None
        data = data.array
    model: INR | None = getattr(getattr(data.layer_at, "traces", None), "model", None)
    return model
