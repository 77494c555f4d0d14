"""An image for each layer."""

from __future__ import annotations

from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from xinc.plotting import layout


def plot(analysis: Any, result: xr.Dataset) -> dict[str, Figure]:
    spread = result["spread"].isel(frame=0)
    aspect = spread.sizes["y"] / spread.sizes["x"]
    about = layout.about(result.attrs)
    figure, axes = layout.image_grid(1, spread.sizes["layer"], aspect, analysis.question, about=about)
    for axis, layer in zip(axes.flat, spread["layer"].values, strict=True):
        layout.show(axis, spread.sel(layer=layer).values, str(layer))
    return {"all": figure}
