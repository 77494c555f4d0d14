"""Ranks: SciPy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from xinc.statistics.ranks import average_ranks


@given(st.integers(0, 9), st.integers(1, 3), st.integers(0, 99))
def test_ranks_are_scipys(count, rows, seed):
    values = np.random.default_rng(seed).integers(-2, 3, (rows, count)).astype(float)
    np.testing.assert_array_equal(average_ranks(values), rankdata(values, axis=-1))
    np.testing.assert_array_equal(average_ranks(values[0]), rankdata(values[0]))
