"""Compiled maps of convolutions of any padding and groups, and what goes by PyTorch in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.geometries import convolutions
from xinc.contributions.expansion import expander
from xinc.contributions.kernels.convolution import Expansion
from xinc.contributions.maps import LayerMaps
from xinc.contributions.neurons import layer_neurons
from xinc.trace.layers import Convolution
from xinc.trace.route import Route, Stage, Sum

STAGES: tuple[Route, ...] = (
    (),
    (Stage(3), Sum(((), (Stage(3, 1, "relu"),)))),
    (Stage(1, 2, "relu", "bilinear"),),
)


def everything(maps: LayerMaps) -> np.ndarray:
    return np.arange(len(maps.neurons))


@given(convolutions(compiled=True), st.data())
def test_compiled_maps_of_any_padding_and_groups(drawn: Any, data: st.DataObject) -> None:
    """Square kernels, even ones too: whatever lies beyond the edges, in any groups, with the paper's stages behind."""
    layer, v = drawn
    later = (Stage(data.draw(st.sampled_from([1, 3])), data.draw(st.integers(1, 2)), "gelu"), Stage(3))
    single = layer.mapped(lambda values: values.float())
    maps = LayerMaps(single, layer_neurons(single), later[: data.draw(st.integers(0, 2))])
    assert Expansion.takes(maps)
    height, width = maps.resolution(v.shape[-2:])
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    exact = LayerMaps(layer, maps.neurons, maps.later).expand(v)
    if data.draw(st.booleans()):
        gain = torch.rand(layer.channels[1], *layer.response_size(v.shape[-2:]))
        maps = replace(maps, gain=gain)
        exact = LayerMaps(layer, maps.neurons, maps.later, gain=gain.double()).expand(v)
    found = expander(maps, v.float())(everything(maps), (y0, height, x0, width), None)
    np.testing.assert_allclose(found, exact[:, y0:, x0:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("how", [{"stride": 2}, {"dilation": 2}, {"groups": 1, "padding": "valid"}])
@pytest.mark.parametrize("route", STAGES)
def test_what_compiled_code_does_not_know_goes_by_pytorch(how: Any, route: Route) -> None:
    layer = Convolution("block1", torch.ones(2, 2, 3, 3), torch.zeros(2), "gelu", **how)
    maps, v = LayerMaps(layer, layer_neurons(layer), route), torch.rand(2, 8, 8)
    assert Expansion.takes(maps) == ("padding" in how and route == ())
    height, width = maps.resolution((8, 8))
    whole = expander(maps, v)(everything(maps), (0, height, 0, width), None)
    np.testing.assert_allclose(whole, maps.expand(v), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(expander(maps, v)(everything(maps), (1, 3, 0, 2), None), whole[:, 1:3, :2], rtol=1e-6)
