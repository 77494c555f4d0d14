"""The network that a layer of a canvas is of, where it is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr
from xarray.core import indexing

from xinc.canvas.lazy import ExpandedMaps
from xinc.storage.locations import Location, locate

if TYPE_CHECKING:
    from xinc.models.base import INR


def origin_of(layer: xr.Dataset) -> INR | Location | None:
    """The network of a dissected layer; where a layer was opened from; None where neither is known any more.

    Arithmetic loses it; selecting frames and neurons does not.
    """
    data: Any = layer["contribution"].variable._data
    while not isinstance(data, ExpandedMaps):
        if not isinstance(data, indexing.ExplicitlyIndexed) or not hasattr(data, "array"):
            place = layer.encoding.get("xinc_place")
            return None if place is None else locate(place)
        data = data.array
    origin: INR | Location | None = getattr(data.layer_at, "origin", None)
    return origin
