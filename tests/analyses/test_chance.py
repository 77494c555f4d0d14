"""Nulls: brute force over shifts, standings, and p-values of several frames."""

from __future__ import annotations

import numpy as np
import pytest

from xinc.analyses._attention import NUMBERS, numbers_of_shifts, strongest
from xinc.statistics.chance import (
    all_shifts,
    at_least,
    combined,
    drawn_shifts,
    labelled,
    mean_over_frames,
    means_of_shifts,
    standing_of,
)

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


def test_means_over_frames_leave_out_what_is_not_known() -> None:
    found = mean_over_frames([np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])])
    np.testing.assert_array_equal(found, [2, 5, np.nan])


def test_drawn_shifts_begin_with_none_and_are_the_same_everywhere() -> None:
    found = drawn_shifts(100, 20)
    assert found[0] == 0
    assert len(set(found.tolist())) == 21
    np.testing.assert_array_equal(found, drawn_shifts(100, 20))
    assert drawn_shifts(8, 20).tolist() == list(range(8))


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


def test_numbers_of_attention_against_brute_force() -> None:
    heat, intensity, edges = (RNG.random(SHAPE) for _ in range(3))
    people = np.zeros(SHAPE, bool)
    people[1:3, 2:5] = True
    found = dict(zip(NUMBERS, numbers_of_shifts(heat, intensity, edges, people), strict=True))
    dark, sharp = strongest(-intensity), strongest(edges)
    assert dark.sum() == sharp.sum() == 3

    def r(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    slope, offset = np.polyfit(intensity.ravel(), heat.ravel(), 1)
    left = heat - slope * intensity - offset
    for at, shift in enumerate(SHIFTS):
        i, e, d, s, _ = (np.roll(one, shift, (0, 1)) for one in (intensity, edges, dark, sharp, people))
        assert found["intensity"][at] == pytest.approx(r(heat, i))
        assert found["edges"][at] == pytest.approx(r(heat, e))
        fits = [np.polyval(np.polyfit(i.ravel(), one.ravel(), 1), i.ravel()) for one in (heat, e)]
        assert found["partial_edges"][at] == pytest.approx(r(heat.ravel() - fits[0], e.ravel() - fits[1]))
        assert found["dark"][at] == pytest.approx(heat[d].mean() / heat.mean())
        excess = heat[d].mean() / heat.mean() - intensity[dark].mean() / intensity.mean()
        assert found["dark_excess"][at] == pytest.approx(excess)
        assert found["edge_spread"][at] == pytest.approx(heat[s].std() / heat.std())
        shown = np.roll(people, shift, (0, 1))
        assert found["people"][at] == pytest.approx(left[shown].mean() / left.std())


def test_what_there_is_not_has_no_number() -> None:
    heat, flat = RNG.random(SHAPE), np.full(SHAPE, 0.5)
    found = dict(zip(NUMBERS, numbers_of_shifts(heat, flat, flat * 0), strict=True))
    assert all(np.isnan(values).all() for values in found.values())
    dead = numbers_of_shifts(flat * 0, heat, heat, heat > 0.5)
    assert np.isnan(dead).all()
