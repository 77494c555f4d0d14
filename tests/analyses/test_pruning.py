"""Curves are those of `xinc.prune`; the recommendation and the claims say what the numbers say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import xinc
from tests.helpers.judged import HOLDS, UNMEASURED, judged
from tests.helpers.made_prunings import pruned
from tests.helpers.subjects import Make
from xinc.analyses.making import make_analysis
from xinc.analyses.pruning.verdicts import recommendation, verdicts
from xinc.analyses.subject import Subject
from xinc.interventions.coding import quantised, size_of
from xinc.models.base import INR
from xinc.training.settings import TrainingSettings

SETTINGS = {"frames": [0, 2], "evaluated": [1, 3], "shares": [0.2], "share": 0.4, "rescore": 0.2, "draws": 2}
SETTINGS |= {
    "criteria": ["magnitude", "taylor_squared"],
    "finetune_epochs": 2,
    "learning_rate": 1e-2,
    "threads": 1,
    "probes": 2,
}


@pytest.fixture(scope="module")
def nerv(subjects: Make) -> tuple[Subject, xr.Dataset]:
    subject = subjects("nerv")
    return subject, make_analysis("pruning", SETTINGS).compute(subject)


def psnr(model: INR, subject: Subject, frames: list[int]) -> float:
    video = subject.video["frames"].transpose("frame", "channel", "y", "x").values
    mse = [np.square(model.reconstruct(f).clamp(0, 1).double().numpy() - video[f]).mean() for f in frames]
    return float(np.mean(-10 * np.log10(mse)))


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_the_recommendation_names_the_best_and_its_ties() -> None:
    text = recommendation(pruned(kernel_after_contribution=3, kernel_after_wanda=2.5, weight_after_gauss_newton=0.4))
    kernels, weights = text.split("Weights, ")
    assert kernels.startswith(
        "Kernels, 30% removed: contribution, the same share of every layer: 20.0 dB, 33.0 trained"
    )
    assert "Within 1 dB of it: wanda." in kernels
    assert "(magnitude 20.0 dB, 30.0 trained on; magnitude with contribution's budgets 20.0 dB; random" in kernels
    assert weights.startswith("30% removed: gauss_newton")
    assert "Within 1 dB of it: contribution, map_weight, magnitude, wanda, taylor, taylor_squared, random." in weights
    assert "No other is within 1 dB" in recommendation(pruned(kernel_after_contribution=3))


def test_of_linear_layers_nothing_is_said_about_kernels() -> None:
    weights_only = pruned().sel(unit=["weight"])
    assert judged("contribution_prunes_kernels_tuned", weights_only, "all") == UNMEASURED
    assert judged("contribution_prunes_kernels", weights_only, "all") == UNMEASURED
    without = pruned(weight_before_map_weight=3).drop_sel(criterion="wanda")
    assert judged("contribution_beats_activation", without, "all") == UNMEASURED
    assert judged("contribution_prunes_weights", without, "all") == HOLDS
