"""Trainings that end before their last epoch, and several at once."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from tests.helpers.trainings import SMALL, make, same, targets, training, weights
from xinc.errors import InputError
from xinc.training.learner import Learner
from xinc.training.loop import fit, fit_together


def without_times(row):
    return {key: value for key, value in row.items() if not key.endswith("seconds")}


@pytest.mark.parametrize("name", sorted(SMALL))
def test_target_psnr_stops_early_on_the_same_way(name):
    """The history is the first rows of the undisturbed one: neither weights nor learning rate know of the target."""
    whole = fit(make(name), targets(), training(epochs=60))
    target = whole.rows[0]["psnr"] + 0.6 * (whole.rows[-1]["psnr"] - whole.rows[0]["psnr"])
    model = make(name)
    found = fit(model, targets(), training(epochs=60, target_psnr=target))
    assert 1 < len(found.rows) < 60
    for row, expected in zip(found.rows, whole.rows, strict=False):
        assert without_times(row) == without_times(expected)
    worst = min(found.psnr) if model.per_frame else sum(found.psnr) / 3
    assert worst >= target
    assert found.outcome()["stopped"] == model.outcome["stopped"] == "target_psnr"
    assert found.outcome()["epochs"] == len(found.rows)


def test_a_network_of_one_frame_that_lacks_the_target_goes_on():
    """Frame 2 is noise, which no network of this size learns: the others have the target long before the end."""
    hard = targets()
    hard[2] = torch.rand(hard[2].shape, generator=torch.Generator().manual_seed(0))
    found = fit(make("ffn"), hard, training(epochs=200, target_psnr=14))
    assert max(found.psnr) > 14 > min(found.psnr)
    assert (found.stopped, len(found.rows)) == ("epochs", 200)


def test_a_target_out_of_reach_changes_nothing():
    free, aiming = make("nerv"), make("nerv")
    assert fit(free, targets(), training()).stopped == "epochs"
    assert fit(aiming, targets(), training(target_psnr=90)).stopped == "epochs"
    assert same(free, aiming)


def test_what_was_measured_while_training_is_not_enough(monkeypatch):
    """An epoch in which batches had the target, but after which the network has not."""
    monkeypatch.setattr(Learner, "_measured", lambda self: [0.0, 0.0, 0.0])
    assert fit(make("nerv"), targets(), training(target_psnr=1)).stopped == "epochs"


@pytest.mark.parametrize("name", ["ffn", "nerv"])
def test_time_budget(name):
    model = make(name)
    found = fit(model, targets(), training(epochs=100_000, time_budget=0.2))
    assert found.stopped == model.outcome["stopped"] == "time_budget"
    assert found.rows[-1]["seconds"] + 0.05 >= 0.2
    assert 1 <= len(found.rows) < 100_000
    assert found.rows[-1]["learning_rate"] == pytest.approx(
        training(epochs=100_000).learning_rate
        * (len(found.rows) * (2 if name == "nerv" else 1))
        / (10_000 * (2 if name == "nerv" else 1)),
        rel=1e-6,
    )
    assert len(found.psnr) == 3


def test_a_budget_that_is_spent_at_once_leaves_one_epoch():
    found = fit(make("nerv"), targets(), training(time_budget=1e-9))
    assert (len(found.rows), found.stopped) == (1, "time_budget")


def test_min_psnr_is_asked_of_what_a_budget_leaves():
    with pytest.raises(InputError, match="below min_psnr 80"):
        fit(make("nerv"), targets(), training(time_budget=1e-9, min_psnr=80))


@pytest.mark.parametrize("values", [{"time_budget": 0}, {"checkpoint_minutes": 0}, {"precision": "half"}])
def test_settings_that_make_no_sense(values):
    with pytest.raises(ValidationError):
        training(**values)


def test_several_networks_together_are_what_they_are_alone():
    """Other architectures, seeds, frames and videos; bit for bit on a CPU."""
    settings = training(epochs=6)
    makers = [
        (lambda: make("nerv", seed=0), targets()),
        (lambda: make("nerv", seed=1), targets()),
        (lambda: make("nerv", frames=[0, 1], seed=1), 1 - targets([0, 1])),
        (lambda: make("ffn", frames=[3, 1]), targets([3, 1])),
    ]
    models = [build() for build, _ in makers]
    together = fit_together(models, [data for _, data in makers], settings)
    for model, history, (build, data) in zip(models, together, makers, strict=True):
        alone = build()
        expected = fit(alone, data, settings)
        assert same(model, alone)
        assert history.psnr == expected.psnr
        assert [row["loss"] for row in history.rows] == [row["loss"] for row in expected.rows]


def test_one_of_everything_per_network():
    with pytest.raises(InputError, match="2 networks were given with 1 targets, 2 labels and 2 checkpoints"):
        fit_together([make("nerv"), make("nerv")], [targets()], training())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_bfloat16_learns_about_as_well(name):
    full = fit(make(name), targets(), training(epochs=60))
    half = fit(make(name), targets(), training(epochs=60, precision="bfloat16"))
    assert half.rows[-1]["loss"] != full.rows[-1]["loss"]
    assert sum(half.psnr) / 3 > sum(full.psnr) / 3 - 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
@pytest.mark.parametrize("name", sorted(SMALL))
def test_recorded_steps_do_what_steps_do(name, monkeypatch):
    """CUDA graphs against the same steps launched one by one, and several networks against each alone."""
    settings = training(epochs=12, device="cuda")
    recorded, plain = make(name), make(name)
    history = fit(recorded, targets(), settings)
    with monkeypatch.context() as patch:
        patch.setattr("xinc.training.steps.FrameSteps.recordable", property(lambda self: False, lambda self, v: None))
        patch.setattr("xinc.training.steps.PixelSteps.recordable", False)
        expected = fit(plain, targets(), settings)
    assert history.rows[-1]["loss"] == pytest.approx(expected.rows[-1]["loss"], rel=1e-3)
    for a, b in zip(weights(recorded), weights(plain), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    models = [make(name, seed=seed) for seed in (0, 1)]
    together = fit_together(models, [targets(), targets()], settings)
    assert together[0].rows[-1]["loss"] == pytest.approx(history.rows[-1]["loss"], rel=1e-3)
    on_cpu = fit(make(name), targets(), training(epochs=12))
    assert history.rows[-1]["loss"] == pytest.approx(on_cpu.rows[-1]["loss"], rel=2e-2)
