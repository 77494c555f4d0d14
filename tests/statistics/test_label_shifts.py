"""Label maps under toroidal shifts."""

from __future__ import annotations

import numpy as np
import pytest

from xinc.statistics.label_shifts import Shifts, spacing_for

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("shape", "spacing"), [((12, 20), 4), ((12, 20), 2), ((6, 9), 3)])
def test_wider_shifts_are_some_of_all(shape, spacing):
    labels, magnitude = RNG.integers(-1, 4, shape), RNG.random(shape)
    every = Shifts(labels).variances(magnitude).reshape(shape)
    np.testing.assert_allclose(
        Shifts(labels, spacing).variances(magnitude), every[::spacing, ::spacing].ravel(), rtol=1e-9, atol=1e-12
    )


def test_spacing_leaves_four_times_the_shifts():
    assert spacing_for((128, 256), 8192) == 1, "at the paper's resolution nothing is left out"
    assert spacing_for((640, 1280), 8192) == 5
    assert spacing_for((720, 1280), 8192) == 5
    assert spacing_for((641, 1280), 8192) == 1
    assert spacing_for((2, 2), 1) == 1
