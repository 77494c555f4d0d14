"""Canvases of sparse maps: factored alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xinc
from tests.helpers.tiny import tiny
from xinc.errors import InputError


def test_a_stored_grid_is_the_dissected_one(write: Any) -> None:
    model = tiny("hashgrid")
    stored, own = xinc.open_canvas(write(model, "auto")), xinc.dissect(model)
    assert stored["grid"].attrs["xinc"]["layout"] == "factored"
    assert stored["grid"].attrs["xinc"]["layer_type"] == "Lookup"
    for name in model.layer_names():
        np.testing.assert_allclose(stored[name]["contribution"], own[name]["contribution"], rtol=1e-5, atol=1e-6)
    summed = own["grid"]["contribution"].groupby("out_channel").sum()
    features = model.trace(2).inputs()["layer1"]
    np.testing.assert_allclose(summed.sel(frame=2).transpose("out_channel", "y", "x"), features, atol=1e-6)


def test_dense_maps_are_refused(write: Any, tmp_path: Any) -> None:
    model = tiny("hashgrid")
    message = "The maps of the Lookup layer 'grid' are zeros but for a few pixels each"
    with pytest.raises(InputError, match=message):
        write(model, "dense", ["grid"])
    root = write(model, layers=["grid"])
    with pytest.raises(InputError, match=message):
        xinc.materialise(root, tmp_path / "dense.zarr")
    some = xinc.materialise(root, tmp_path / "some.zarr", neurons=[3, 17])
    own = xinc.open_canvas(root)["grid"]["contribution"].sel(neuron=[3, 17])
    np.testing.assert_array_equal(some["grid"]["contribution"], own)


def test_a_grid_says_what_its_neurons_are(write: Any) -> None:
    """in_channel the entry, out_channel the feature, numbered over all levels."""
    grid = xinc.open_canvas(write(tiny("hashgrid"), layers=["grid"]))["grid"]
    assert grid["in_channel"].values.tolist() == np.repeat(np.arange(32), 2).tolist()
    assert grid["out_channel"].values.tolist() == [*[0, 1] * 16, *[2, 3] * 16]
