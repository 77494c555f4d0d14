"""Heatmaps of structure: what Σ_n |C_n| is where nothing is learned."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from xinc.canvas.iid import expected_sum_abs, iid_layers
from xinc.trace.layers import layer_type

#: Maps of each layer that are drawn.
_DRAWN = 1000


def structure_of(layers: Mapping[str, xr.Dataset], heat: xr.DataArray) -> xr.DataArray:
    """The expected heatmap of an i.i.d. network (`xinc.canvas.iid.iid_layers`), relative to its mean: (layer, y, x).

    1 everywhere of layers that treat all pixels alike, as those of networks of coordinates do, and of those without a
    record, whose structure is not known.
    """
    records = {name: layer.attrs.get("xinc", {}) for name, layer in layers.items()}
    flat = xr.ones_like(heat.isel(layer=0, frame=0, drop=True))
    mixing = {name: layers[name] for name, one in records.items() if one and (layer_type(one["layer_type"]).mixes)}
    found = dict.fromkeys(layers, flat)
    for name, layer in iid_layers(mixing, maps=_DRAWN).items():
        values = expected_sum_abs(layer)
        found[name] = flat.copy(data=values / values.mean())
    return xr.concat(found.values(), dim=xr.Variable("layer", list(found)))
