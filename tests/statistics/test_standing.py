"""P-values: ties, what is not known, several frames."""

from __future__ import annotations

import numpy as np
import pytest

from xinc.statistics.standing import at_least, combined, labelled, percentile_and_p_value, standing_of

RNG = np.random.default_rng(0)


def test_standing() -> None:
    values = np.array([3.0, 1, 2, 3, 5])
    p, mean, edge = standing_of(values)
    assert (p, mean) == (3 / 5, 11 / 4)
    assert edge == np.quantile(values, 0.95)
    p, _, edge = standing_of(values, below=True)
    assert (p, edge) == (4 / 5, pytest.approx(np.quantile(values, 0.05)))
    assert np.isnan(standing_of(np.array([np.nan, 1, 2]))).all()
    assert np.isnan(standing_of(np.array([1.0]))).all()
    # What is not known of chance does not count.
    assert standing_of(np.array([3.0, np.nan, 1]))[0] == 1 / 2
    assert at_least(np.array([1.0, 1 - 1e-12])) == 1


def test_p_values_of_several_frames_are_combined_so_that_they_stay_valid() -> None:
    assert combined(np.array([0.03])) == 0.03
    assert combined(np.array([0.02, 0.04, np.nan])) == pytest.approx(0.06)
    assert combined(np.array([0.9, 0.7])) == 1
    assert np.isnan(combined(np.array([np.nan])))
    # Frames that say the same, or the opposite: the share of combined p-values up to 0.05 is not above 0.05.
    p = RNG.random(200_000)
    for other in (p, 1 - p, RNG.random(len(p))):
        assert np.mean(np.minimum(1, p + other) <= 0.05) <= 0.0505


def test_labels() -> None:
    assert labelled(np.zeros((2, 3)), ("layer",))["null"].values.tolist() == ["p_value", "mean", "edge"]


def test_ties_count_against_the_observed() -> None:
    percentile, p = percentile_and_p_value(np.array([1.0, np.nan]), np.array([[1.0, 0.5, 2.0], [1.0, 1.0, 1.0]]))
    assert p[0] == 0.75
    assert percentile[0] == pytest.approx(100 / 3)
    assert np.isnan([percentile[1], p[1]]).all()
