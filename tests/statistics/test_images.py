"""Intensity, edges and grey values of frames: scikit-image's."""

from __future__ import annotations

import numpy as np
import xarray as xr
from skimage import color, filters

from xinc.statistics.images import correlation, edges_of, intensity_of
from xinc.statistics.luma import luma


def test_images() -> None:
    frames = xr.DataArray(
        np.random.default_rng(0).random((2, 5, 6, 3)).astype(np.float32),
        {"source_frame": ("frame", [7, 9])},
        ("frame", "y", "x", "channel"),
    )
    assert intensity_of(frames).dims == ("frame", "y", "x")
    assert intensity_of(frames).dtype == np.float64
    grey = frames.values[1].astype(float) @ [0.2125, 0.7154, 0.0721]
    np.testing.assert_allclose(edges_of(frames)[1], filters.sobel(grey))
    np.testing.assert_allclose(edges_of(frames, "scharr")[1], filters.scharr(grey))
    assert not set(edges_of(frames).coords)
    constant = xr.full_like(edges_of(frames), 0.1)
    assert correlation(edges_of(frames), constant).isnull().all()
    np.testing.assert_allclose(correlation(edges_of(frames), -edges_of(frames)), -1)


def test_correlations_are_those_of_xarray() -> None:
    """Of images with more axes than the others have, which stay; NaN where one is constant or not a number."""
    rng = np.random.default_rng(0)
    a = xr.DataArray(rng.random((3, 2, 5, 6)), {"layer": list("abc")}, ("layer", "frame", "y", "x"))
    b = xr.DataArray(rng.random((2, 5, 6)), dims=("frame", "y", "x"))
    found = correlation(a, b)
    assert found.dims == ("layer", "frame")
    xr.testing.assert_allclose(found, xr.corr(a, b.broadcast_like(a), dim=("y", "x")), rtol=1e-12)
    xr.testing.assert_allclose(correlation(a.astype("f4"), b), found, rtol=1e-6)
    far = (100 + a).astype("f2")  # of which products are beyond float16
    np.testing.assert_allclose(correlation(far, far), 1)
    named = [one.assign_coords(frame=frames) for one, frames in ((a, [0, 1]), (b, [1, 2]))]
    assert np.isnan(correlation(*named)).values.tolist() == 3 * [[True, False]], "frame 0 has no other"
    a[0, 1], a[2, 0, 3, 3] = 1 / 3, np.nan
    assert np.isnan(correlation(a, b)).values.tolist() == [[False, True], [False, False], [True, False]]


def test_luma_is_that_of_scikit_image() -> None:
    colours = np.random.default_rng(0).random((5, 6, 3))
    np.testing.assert_allclose(luma(colours), color.rgb2gray(colours), rtol=1e-12)
