"""Two maps under all toroidal shifts: brute force."""

from __future__ import annotations

import numpy as np

from xinc.statistics.shifts import all_shifts, drawn_shifts, means_of_shifts

RNG = np.random.default_rng(0)
SHAPE = (5, 6)
SHIFTS = [(dy, dx) for dy in range(5) for dx in range(6)]


def rolled(values: np.ndarray) -> list[np.ndarray]:
    return [np.roll(values, shift, (0, 1)) for shift in SHIFTS]


def test_sums_and_means_under_every_shift() -> None:
    a, b = RNG.random(SHAPE), RNG.random(SHAPE)
    np.testing.assert_allclose(all_shifts(a, b).ravel(), [(a * other).sum() for other in rolled(b)])
    area = b > 0.7
    np.testing.assert_allclose(means_of_shifts(a, area), [a[other].mean() for other in rolled(area)])
    assert np.isnan(means_of_shifts(a, b > 2)).all()


def test_drawn_shifts_begin_with_none_and_are_the_same_everywhere() -> None:
    found = drawn_shifts(100, 20)
    assert found[0] == 0
    assert len(set(found.tolist())) == 21
    np.testing.assert_array_equal(found, drawn_shifts(100, 20))
    assert drawn_shifts(8, 20).tolist() == list(range(8))
