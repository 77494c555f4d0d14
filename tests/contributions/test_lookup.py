"""Compiled maps of table look-ups against their definition."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.grids import lookups
from xinc.contributions.expansion import expander, few_values
from xinc.contributions.kernels.lookup import LookupExpansion
from xinc.contributions.maps import LayerMaps
from xinc.contributions.neurons import layer_neurons
from xinc.trace.route import Stage


@given(lookups(), st.booleans(), st.data())
def test_maps_are_those_of_the_definition(made: Any, gained: bool, data: st.DataObject) -> None:
    """Of any neurons and window, gained or not; and the few values are those that are not zero."""
    layer, v = (made[0].mapped(torch.Tensor.float), made[1].float())
    maps = LayerMaps(layer, layer_neurons(layer), ())
    if gained:
        maps = replace(maps, gain=torch.rand(layer.channels[1], *v.shape[1:]))
    select = np.array(data.draw(st.lists(st.integers(0, len(maps.neurons) - 1), min_size=1, max_size=9)))
    y0, x0 = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 3))
    window = (y0, data.draw(st.integers(y0 + 1, 3)), x0, data.draw(st.integers(x0 + 1, 4)))
    expand = expander(maps, v)
    assert isinstance(expand, LookupExpansion)
    expected = maps.expand(v, torch.from_numpy(select), window).numpy()
    found = expand(select, window)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    starts, pixels, values = few_values(expand)(select, window)
    again = np.zeros((len(select), expected[0].size), np.float32)
    again[np.repeat(np.arange(len(select)), np.diff(starts)), pixels] = values
    np.testing.assert_array_equal(again.reshape(found.shape), found)
    assert all((np.diff(pixels[a:b]) > 0).all() for a, b in itertools.pairwise(starts))


@given(lookups())
def test_with_layers_after_it_maps_are_those_of_the_definition(made: Any) -> None:
    """As a grid's that convolutions follow."""
    layer, v = (made[0].mapped(torch.Tensor.float), made[1].float())
    maps = LayerMaps(layer, layer_neurons(layer), (Stage(3, 2, "gelu"),))
    expand = expander(maps, v)
    assert few_values(expand) is None
    height, width = maps.resolution((3, 4))
    found = expand(np.arange(len(maps.neurons)), (0, height, 0, width), None)
    np.testing.assert_allclose(found, maps.expand(v).numpy(), rtol=1e-5, atol=1e-6)
