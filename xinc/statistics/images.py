"""Intensity and edges of frames, and the correlation of images over their pixels."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from xinc.statistics.luma import luma

EdgeFilter = Literal["sobel", "scharr"]


def intensity_of(frames: xr.DataArray) -> xr.DataArray:
    """Sum over the colour channels: (frame, y, x, channel) -> (frame, y, x) float64."""
    return frames.reset_coords(drop=True).sum("channel", dtype=np.float64).transpose("frame", "y", "x")


def mid_grey_distance_of(frames: xr.DataArray) -> xr.DataArray:
    """Sum over the colour channels of |colour − ½|: (frame, y, x, channel) -> (frame, y, x) float64."""
    return intensity_of(abs(frames.astype(np.float64) - 0.5))


def edges_of(frames: xr.DataArray, edge_filter: EdgeFilter = "sobel") -> xr.DataArray:
    """Edge magnitude of the grey frames: (frame, y, x, channel) -> (frame, y, x) float64."""
    from skimage import filters

    apply = {"sobel": filters.sobel, "scharr": filters.scharr}[edge_filter]
    colours = frames.reset_coords(drop=True).transpose("frame", "y", "x", "channel")
    edges = np.stack([apply(luma(frame)) for frame in colours.values.astype(np.float64)])
    return colours.isel(channel=0, drop=True).copy(data=edges)


def correlation(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """Pearson correlation over pixels (y, x); NaN where either is constant, or somewhere not a number."""
    a, b = xr.align(a, b, join="left", copy=False)
    x, y = (_deviations(one.astype(np.float64)) for one in (a, b))
    return _product(x, y) / np.sqrt(_product(x, x) * _product(y, y))


def _deviations(image: xr.DataArray) -> xr.DataArray:
    """Deviations from the mean over pixels; NaN where all pixels are the same, of which rounding would leave some."""
    low, high, mean = (getattr(image, name)(("y", "x"), skipna=False) for name in ("min", "max", "mean"))
    return image - mean.where(high > low)


def _product(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    return xr.dot(a, b, dim=("y", "x"))
