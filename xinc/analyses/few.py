"""Fewer neurons of layers that have very many."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xinc.trace.layers import layer_type

#: Of a table look-up so many neurons are looked at where a number for each region and neuron would be kept.
MOST = 2**15


def few_of(layer: xr.Dataset, seed: int = 0, most: int = MOST) -> xr.Dataset:
    """A layer as it is; of a table look-up with more, ``most`` of its neurons, drawn at random, in their order.

    Two layers of one size have the same ones.
    """
    kind = layer.attrs.get("xinc", {}).get("layer_type", "Linear")
    count = layer.sizes["neuron"]
    if count <= most or not layer_type(kind).sparse:
        return layer
    drawn = np.random.default_rng(seed).choice(count, most, replace=False)
    return layer.isel(neuron=np.sort(drawn))
