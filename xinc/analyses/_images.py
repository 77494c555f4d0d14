"""What analyses compare contributions with: the intensity and the edges of frames, and the correlation over pixels."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

EdgeFilter = Literal["sobel", "scharr"]

#: ITU-R BT.709 luma, as in scikit-image's rgb2gray.
GREY = (0.2125, 0.7154, 0.0721)


def intensity_of(frames: xr.DataArray) -> xr.DataArray:
    """Sum over the colour channels: (frame, y, x, channel) -> (frame, y, x) float64."""
    return frames.reset_coords(drop=True).sum("channel", dtype=np.float64).transpose("frame", "y", "x")


def edges_of(frames: xr.DataArray, edge_filter: EdgeFilter = "sobel") -> xr.DataArray:
    """Edge magnitude of the grey frames: (frame, y, x, channel) -> (frame, y, x) float64."""
    from skimage import filters

    apply = {"sobel": filters.sobel, "scharr": filters.scharr}[edge_filter]
    colours = frames.reset_coords(drop=True).transpose("frame", "y", "x", "channel")
    edges = np.stack([apply(frame @ np.asarray(GREY)) for frame in colours.values.astype(np.float64)])
    return colours.isel(channel=0, drop=True).copy(data=edges)


def correlation(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """Pearson correlation over pixels (y, x); NaN where either is constant."""
    other = b.broadcast_like(a)
    varies = [values.max(("y", "x")) > values.min(("y", "x")) for values in (a, other)]
    return xr.corr(a, other, dim=("y", "x")).where(varies[0] & varies[1])
