"""Neurons without input and without effect, against ablation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import xinc
from tests.helpers.ablated import NETWORKS, network
from xinc.interventions.idle import _thinned, without_effect, without_input
from xinc.models.storage import build


@pytest.mark.parametrize("name", NETWORKS)
def test_most_networks_have_no_idle_neurons(name: str) -> None:
    model = network(name)
    trace = model.trace(2)
    for layer in model.layer_names():
        granularity = "kernel" if model.name in ("nerv", "hnerv") else "input"
        expected = xinc.ablate(model, layer, frames=[2], maps=False)["absolute_effect"].values[0] == 0
        found = without_effect(model, trace, layer, granularity, np.arange(len(expected)))
        np.testing.assert_array_equal(found, expected)


@given(st.integers(0, 1000))
def test_an_effect_on_a_few_pixels_is_found(seed: int) -> None:
    """Features that are positive at few pixels, or none: those looked at first do not decide."""
    model: Any = build("ffn", {"fourier_features": 2, "hidden_width": 12, "sigma": 2}, (48, 48), [0], 1, seed)
    v = model.trace(0).input_of("layer2").flatten(1)
    with torch.no_grad():
        model.biases[0][0] -= v.quantile(0.9995, 1)  # ReLU: of 2304 pixels one or two are left, or none
        model.biases[0][0, :3] -= 10
    trace = model.trace(0)
    assert _thinned(trace).input.shape[1:] == (16, 16)  # type: ignore[union-attr]
    expected = xinc.ablate(model, "layer2", maps=False)["absolute_effect"].values[0] == 0
    found = without_effect(model, trace, "layer2", "input", np.arange(12))
    np.testing.assert_array_equal(found, expected)
    assert found[:3].all()
    silent = without_input(trace.input_of("layer2"), np.arange(12))
    assert found[silent].all()


def test_without_input_by_hand() -> None:
    v = torch.zeros(3, 2, 2)
    v[1, 0, 1] = -1
    assert without_input(v, np.array([0, 1, 2, 1, -1])).tolist() == [True, False, True, False, False]
    assert without_input(v * 0, np.array([-1])).tolist() == [True]
