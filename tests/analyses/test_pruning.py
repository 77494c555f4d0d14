"""Curves are those of `xinc.prune`; the recommendation and the claims say what the numbers say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import xinc
from tests.helpers.judged import FAILS, HOLDS, UNMEASURED, judged
from tests.helpers.subjects import Make
from xinc.analyses.making import make_analysis
from xinc.analyses.pruning.compute import CODINGS
from xinc.analyses.pruning.names import BUDGETS
from xinc.analyses.pruning.verdicts import recommendation, verdicts
from xinc.analyses.subject import Subject
from xinc.interventions.coding import quantised, size_of
from xinc.interventions.criteria import CRITERIA
from xinc.models.base import INR
from xinc.training.settings import TrainingSettings

SETTINGS = {"frames": [0, 2], "evaluated": [1, 3], "shares": [0.2], "share": 0.4, "rescore": 0.2, "draws": 2}
SETTINGS |= {"criteria": ["magnitude", "taylor_squared"], "finetune_epochs": 2, "learning_rate": 1e-2, "threads": 1, "probes": 2}


@pytest.fixture(scope="module")
def nerv(subjects: Make) -> tuple[Subject, xr.Dataset]:
    subject = subjects("nerv")
    return subject, make_analysis("pruning", SETTINGS).compute(subject)


def psnr(model: INR, subject: Subject, frames: list[int]) -> float:
    video = subject.video["frames"].transpose("frame", "channel", "y", "x").values
    mse = [np.square(model.reconstruct(f).clamp(0, 1).double().numpy() - video[f]).mean() for f in frames]
    return float(np.mean(-10 * np.log10(mse)))


@pytest.mark.parametrize(
    ("unit", "criterion"), [("kernel", "contribution"), ("weight", "taylor_squared"), ("kernel", "random")]
)
def test_curves_are_those_of_the_function(nerv: Any, unit: Any, criterion: Any) -> None:
    subject, result = nerv
    target = subject.video["frames"].transpose("frame", "y", "x", "channel").values
    own = result.sel(unit=unit, criterion=criterion)
    variable = own["random"].sel(draw=0) if criterion == "random" else own["psnr"]
    for budget in ("layer", "global", "rescored"):
        named = {"budget": "layer" if budget == "layer" else "global", "rescore": 0.2 if budget == "rescored" else None}
        if criterion == "random":
            named["rescore"] = None
        for share in (0.2, 0.4):
            found = xinc.prune(subject.model, share, criterion, unit, frames=[0, 2], target=target, **named)
            one = variable.sel(budget=budget, share=share)
            assert float(one) == pytest.approx(psnr(found, subject, [1, 3]), abs=1e-5)
            assert int(own["left"].sel(budget=budget, share=share)) == size_of(found).left
        if budget == "layer":
            continue
        tuned = xinc.prune(
            subject.model, 0.4, criterion, unit, frames=[0, 2], target=target, finetune_epochs=2,
            training=TrainingSettings(learning_rate=1e-2, batch_size=1, threads=1), **named,
        )  # fmt: skip
        assert float(own["psnr_tuned"].sel(budget=budget)) == pytest.approx(psnr(tuned, subject, [1, 3]), abs=1e-3)
        assert float(own["psnr_quantised"].sel(budget=budget)) == pytest.approx(
            psnr(quantised(tuned), subject, [1, 3]), abs=0.02
        )
        bits = own["bits"].sel(budget=budget) * 4 * 16 * 32
        size = size_of(tuned)
        np.testing.assert_allclose(bits, [size.dense, size.sparse, size.entropy], rtol=1e-2)


def test_budgets_are_kept_apart_from_ranking(nerv: Any) -> None:
    _, result = nerv
    removed = result["removed"]
    same = removed.sel(budget="layer")
    assert float(abs(same - 0.4).max()) < 0.1  # as far as units can be divided
    spent = removed.sel(budget="contribution")
    np.testing.assert_allclose(spent - spent.sel(criterion="contribution"), 0, atol=1e-12)
    own = removed.sel(budget="global")
    assert float(abs(own - own.sel(criterion="contribution")).max()) > 0.1
    xr.testing.assert_equal(
        result["psnr"].sel(criterion="contribution", budget="contribution", drop=True),
        result["psnr"].sel(criterion="contribution", budget="global", drop=True),
    )
    assert int(result["psnr_tuned"].sel(budget="contribution").notnull().sum()) == 0
    assert result["psnr"].notnull().all()
    assert result["random"].notnull().all()


def test_nothing_is_trained_on(subjects: Make) -> None:
    result = make_analysis("pruning", SETTINGS | {"finetune_epochs": 0}).compute(subjects("ffn"))
    assert result["unit"].values.tolist() == ["weight"]
    assert int(result["psnr_tuned"].notnull().sum()) == 0
    assert "trained on" not in result.attrs["recommendation"]
    assert set(make_analysis("pruning").plot(result)) == {"curves"}
    table = verdicts(result)
    assert table.loc[0, "verdict"] == "best"
    assert table["psnr"].is_monotonic_decreasing


def made(**ahead: float) -> xr.Dataset:
    """A result in which every PSNR is 20 dB before and 30 dB after, but for some kernels' criteria and budgets."""
    dims = {"unit": ["kernel", "weight"], "budget": list(BUDGETS), "criterion": list(CRITERIA), "share": [0.3]}
    shape = [len(values) for values in dims.values()]
    result = xr.Dataset(
        {
            "psnr": (list(dims), np.full(shape, 20.0)),
            "left": (list(dims), np.full(shape, 70)),
            "psnr_tuned": (list(dims)[:3], np.full(shape[:3], 30.0)),
            "psnr_quantised": (list(dims)[:3], np.full(shape[:3], 29.0)),
            "bits": ([*list(dims)[:3], "coding"], np.ones([*shape[:3], len(CODINGS)])),
            "whole": ((), 40.0),
        },
        dims | {"coding": list(CODINGS)},
        {"share": 0.3, "finetune_epochs": 5},
    )
    for name, value in ahead.items():
        unit, when, criterion = name.split("_", 2)
        own = {"unit": unit, "criterion": criterion}
        result["psnr" if when == "before" else "psnr_tuned"].loc[own] += value
    return result


def test_the_recommendation_names_the_best_and_its_ties() -> None:
    text = recommendation(made(kernel_tuned_contribution=3, kernel_tuned_wanda=2.5, weight_tuned_gauss_newton=0.4))
    kernels, weights = text.split("Weights, ")
    assert kernels.startswith("Kernels, 30% removed: contribution, the same share of every layer: 20.0 dB, 33.0 trained")
    assert "Within 1 dB of it: wanda." in kernels
    assert "(magnitude 20.0 dB, 30.0 trained on; magnitude with contribution's budgets 20.0 dB; random" in kernels
    assert weights.startswith("30% removed: gauss_newton")
    assert "Within 1 dB of it: contribution, map_weight, magnitude, wanda, taylor, taylor_squared, random." in weights
    assert "No other is within 1 dB" in recommendation(made(kernel_tuned_contribution=3))


@pytest.mark.parametrize(
    ("claim", "number"),
    [
        ("contribution_ranks_kernels", "kernel_before_contribution"),
        ("contribution_prunes_kernels", "kernel_before_contribution"),
        ("contribution_prunes_weights", "weight_before_map_weight"),
        ("contribution_beats_activation", "weight_before_map_weight"),
    ],
)
def test_what_is_less_than_a_decibel_ahead_is_a_tie(claim: str, number: str) -> None:
    assert judged(claim, made(**{number: 1.1}), "all") == HOLDS
    assert judged(claim, made(**{number: 0.9}), "all") == FAILS
    assert judged(claim, made(), "all") == FAILS


def test_claims_of_what_is_trained_on() -> None:
    claim = "contribution_prunes_kernels_tuned"
    assert judged(claim, made(kernel_tuned_magnitude=0.9), "all") == HOLDS
    assert judged(claim, made(kernel_tuned_magnitude=1.1), "all") == FAILS
    weights_only = made().sel(unit=["weight"])
    assert judged(claim, weights_only, "all") == UNMEASURED
    assert judged("contribution_prunes_kernels", weights_only, "all") == UNMEASURED
