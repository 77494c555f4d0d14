"""Reductions that leave out NaN: NumPy's own, without its warnings."""

from __future__ import annotations

import warnings

import numpy as np

from xinc.statistics.nan_reductions import mean_over_frames, nan_mean, nan_median, nan_variance


def test_against_numpy() -> None:
    values = np.random.default_rng(0).random((6, 4, 5))
    values[values < 0.4] = np.nan
    values[0, 0], values[1, 1, 1:], values[1, 1, 0] = np.nan, np.nan, 0.5
    found = nan_mean(values, (1, 2)), nan_mean(values, 2), nan_variance(values, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.nanmean(values, (1, 2)), np.nanmean(values, 2), np.nanvar(values, -1, ddof=1)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-12)
    assert nan_median(values) == np.nanmedian(values)
    assert np.isnan(nan_median(values[0, 0]))
    assert np.isnan([found[1][0, 0], found[2][0, 0], found[2][1, 1]]).all()


def test_means_over_frames_leave_out_what_is_not_known() -> None:
    found = mean_over_frames([np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])])
    np.testing.assert_array_equal(found, [2, 5, np.nan])
