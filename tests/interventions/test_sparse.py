"""Neurons of tables: ablation at the few pixels that read them, effects and pruning."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import xinc
from tests.helpers.tiny import tiny
from xinc.interventions.ablation import Ablation
from xinc.interventions.criteria import CRITERIA
from xinc.interventions.idle import without_effect
from xinc.models.base import INR


@pytest.fixture(scope="module")
def model() -> INR:
    return tiny("hashgrid")


def without(model: INR, number: int) -> np.ndarray:
    """Frame 2 of a copy with zero in the place of a number of its tables."""
    other = copy.deepcopy(model)
    other.tables.data[1, number] = 0  # type: ignore[index, operator, union-attr]
    return np.asarray(other.reconstruct(2))


def test_it_equals_the_network_with_zeros_in_its_tables(model: INR) -> None:
    found = xinc.ablate(model, "grid", frames=[2])
    whole = np.asarray(model.reconstruct(2))
    assert found.sizes["neuron"] == 64
    for n in range(64):
        np.testing.assert_allclose(found["change"][0, n], whole - without(model, n), rtol=0, atol=1e-6)
    assert float(found["effect"].max()) > 0.01


def test_it_equals_what_is_carried_through_whole_frames(model: INR, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = xinc.ablate(model, "grid", frames=[0])
    monkeypatch.setattr(Ablation, "_at_few_pixels", None)
    one = Ablation(model, model.trace(0), "grid")
    one._few = False
    change, (y0, y1, x0, x1) = one.change(np.arange(64))
    np.testing.assert_allclose(expected["change"][0, :, :, y0:y1, x0:x1], change.numpy(), rtol=0, atol=1e-6)
    mean = xinc.ablate(model, "grid", frames=[0], mode="mean")
    assert float(abs(mean["change"] - expected["change"]).max()) > 1e-3


def test_estimates_are_of_the_exact_effects(model: INR) -> None:
    """As far as the ReLU behind them lets through what it let through before."""
    exact = xinc.ablate(model, "grid", frames=[0], maps=False)["squared_effect"][0]
    found = xinc.effects(model, frames=[0], probes=200).isel(frame=0, region=0)
    own = found.isel(neuron=found["layer"].values == "grid")
    assert np.corrcoef(own["squared_effect"], exact)[0, 1] > 0.9
    assert list(own["in_channel"].values[:4]) == [0, 0, 1, 1]
    assert list(own["out_channel"].values[:4]) == [0, 1, 0, 1]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_pruning(model: INR, criterion: str) -> None:
    """A third of the numbers of the tables, by each criterion."""
    target = np.zeros((2, 6, 9, 3), np.float32)
    pruned = xinc.prune(model, {"grid": 1 / 3}, criterion, target=target, probes=2)  # type: ignore[arg-type]
    zeros = (pruned.tables == 0).sum(1)  # type: ignore[operator, union-attr]
    assert zeros.tolist() == [21, 21]
    assert pruned.weights[0].all()  # type: ignore[index, operator]


def test_numbers_without_effect_are_those_that_are_zero_or_not_read(
    model: INR, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by ablation, which is not asked about them."""
    other = copy.deepcopy(model)
    other.tables.data[1, [3, 17]] = 0  # type: ignore[index, operator, union-attr]
    expected = xinc.ablate(other, "grid", frames=[2], maps=False)["absolute_effect"].values[0] == 0
    trace = other.trace(2)
    np.testing.assert_array_equal(without_effect(other, trace, "grid", "kernel", np.arange(64)), expected)
    assert expected[[3, 17]].all()
    monkeypatch.setattr(Ablation, "change", None)
    assert without_effect(other, trace, "grid", "kernel", np.array([3, 17])).tolist() == [True, True]
