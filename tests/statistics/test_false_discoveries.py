"""P-values of many tests: SciPy's correction, and the procedure word for word."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from xinc.statistics.false_discoveries import false_discovery_rates, significant


def test_benjamini_and_hochberg() -> None:
    p = np.array([0.04, np.nan, 0.001, 0.5, 0.02])
    assert significant(p, 0.05).tolist() == [False, False, True, False, True]
    assert not significant(np.array([0.3, np.nan]), 0.05).any()
    assert not significant(np.array([]), 0.05).any()
    assert significant(np.array([0.04, 0.05]), 0.05).all()


def test_correction_for_the_number_of_tests() -> None:
    found = false_discovery_rates(np.array([0.01, np.nan, 0.04, 0.03, 0.9]))
    np.testing.assert_allclose(found, [0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.9])
    assert false_discovery_rates(np.array([])).size == 0


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.sampled_from([0.01, 0.05, 0.2]))
def test_against_scipy_and_the_procedure(reached: list[int], rate: float) -> None:
    """Ties of p-values, and p-values on the very line of the procedure, are among the cases."""
    p = np.array(reached) / 20
    np.testing.assert_allclose(false_discovery_rates(p), false_discovery_control(p), rtol=1e-12)
    line = round(100 * rate) * np.arange(1, len(p) + 1)
    passed = [k for k, one in enumerate(np.sort(reached)) if 100 * one * len(p) <= 20 * line[k]]
    most = np.sort(p)[passed[-1]] if passed else 0
    np.testing.assert_array_equal(significant(p, rate), p <= most)
