"""The optimisation loop: its schedule, what it reaches, that it repeats, and how it fails."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.trainings import OF_VIDEOS, RESOLUTION, SMALL, make, targets, training
from xinc.errors import InputError
from xinc.training.loop import final_psnr, fit, learning_rate, psnr


@given(st.integers(1, 200), st.floats(0, 0.99), st.floats(1e-5, 1))
def test_learning_rate(steps, warmup, peak):
    settings = training(warmup=warmup, learning_rate=peak)
    rates = [learning_rate(step, steps, settings) for step in range(steps)]
    warm = warmup * steps
    for step, rate in enumerate(rates):
        if step < warm:
            assert rate == pytest.approx(peak * (step + 1) / math.ceil(warm))
        else:
            phase = (step - warm) / max(steps - warm, 1)
            assert rate == pytest.approx(peak * math.cos(math.pi / 2 * phase) ** 2)
    assert 0 < max(rates) <= peak * (1 + 1e-12)
    rising = math.ceil(warm)
    assert rates[:rising] == sorted(rates[:rising])
    assert rates[rising:] == sorted(rates[rising:], reverse=True)


def test_learning_rate_by_hand():
    settings = training(warmup=0.2, learning_rate=1.0)
    found = [learning_rate(step, 10, settings) for step in range(10)]
    assert found[:4] == pytest.approx([0.5, 1.0, 1.0, 0.5 * (1 + math.cos(math.pi / 8))])
    assert learning_rate(10, 10, settings) == pytest.approx(0, abs=1e-12)


def test_psnr_by_hand():
    assert psnr(torch.tensor([1.0, 0.1, 1e-4])).tolist() == pytest.approx([0, 10, 40])
    assert math.isfinite(psnr(torch.tensor(0.0)))


@pytest.mark.parametrize("name", sorted(SMALL))
def test_training_learns(name):
    model = make(name)
    before = final_psnr(model, targets())
    history = fit(model, targets(), training(epochs=60))
    assert history.rows[-1]["loss"] < 0.3 * history.rows[0]["loss"]
    assert all(after > start + 3 for after, start in zip(history.psnr, before, strict=True))
    assert not model.training


@pytest.mark.parametrize("name", sorted(SMALL))
def test_outcome_is_the_finished_networks_psnr(name):
    model = make(name)
    history = fit(model, targets(), training())
    assert len(history.psnr) == 3
    for frame, target, found in zip(model.frames, targets(), history.psnr, strict=True):
        with torch.no_grad():
            image = model(torch.tensor([frame]))[0].clamp(0, 1)
        assert found == pytest.approx(-10 * math.log10(float(((image - target) ** 2).mean())), abs=1e-3)
    outcome = history.outcome()
    assert outcome["psnr"] == history.psnr
    assert outcome["mean_psnr"] == pytest.approx(sum(history.psnr) / 3)
    assert outcome["epochs"] == 8
    assert outcome["seconds"] == history.rows[-1]["seconds"] >= 0


def test_colours_are_clamped_in_the_outcome():
    model = make("ffn", frames=[0])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.biases[-1].fill_(5.0)
    assert final_psnr(model, torch.ones(1, 3, *RESOLUTION))[0] > 100


@pytest.mark.parametrize("name", sorted(SMALL))
def test_history_has_a_row_an_epoch(name):
    settings = training(epochs=5, batch_size=2, warmup=0.5)
    history = fit(make(name), targets(), settings)
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4, 5]
    assert list(history.rows[0]) == ["epoch", "learning_rate", "loss", "psnr", "seconds", "cpu_seconds"]
    per_epoch = 2 if name in OF_VIDEOS else 1
    expected = [learning_rate((n + 1) * per_epoch - 1, 5 * per_epoch, settings) for n in range(5)]
    assert [row["learning_rate"] for row in history.rows] == expected
    seconds = [row["seconds"] for row in history.rows]
    assert seconds == sorted(seconds)


def test_first_row_describes_the_initial_network():
    """With one step an epoch, epoch 1's figures are those before the first update."""
    model = make("ffn")
    with torch.no_grad():
        mse = ((model(torch.tensor(model.frames)) - targets()) ** 2).mean(dim=(1, 2, 3))
    row = fit(model, targets(), training(epochs=1)).rows[0]
    assert row["loss"] == pytest.approx(float(mse.mean()), rel=1e-5)
    assert row["psnr"] == pytest.approx(float((-10 * torch.log10(mse)).mean()), rel=1e-5)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_same_seed_same_bits(name):
    def run(seed):
        model = make(name, seed=seed)
        history = fit(model, targets(), training())
        return {key: tensor.clone() for key, tensor in model.state_dict().items()}, history

    torch.manual_seed(1)
    weights, history = run(3)
    torch.manual_seed(2)
    again, repeated = run(3)
    other, different = run(4)
    assert all(torch.equal(weights[key], again[key]) for key in weights)
    assert history.psnr == repeated.psnr
    assert [row["loss"] for row in history.rows] == [row["loss"] for row in repeated.rows]
    assert not all(torch.equal(weights[key], other[key]) for key in weights)
    assert history.psnr != different.psnr


def test_order_of_frames_follows_from_the_seed():
    """The same initial weights in another order of frames."""
    first, second = make("nerv"), make("nerv")
    second.seed = 1
    fit(first, targets(), training(batch_size=1))
    fit(second, targets(), training(batch_size=1))
    assert not torch.equal(first.head.weight, second.head.weight)


@pytest.mark.parametrize("name", ["ffn", "siren"])
def test_a_frame_trained_alone_equals_the_same_frame_in_company(name):
    company, alone = make(name, frames=[0, 1, 2]), make(name, frames=[1])
    together = fit(company, targets(), training(epochs=20))
    single = fit(alone, targets()[1:2], training(epochs=20))
    for a, b in zip(company.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(a[1], b[0], rtol=1e-4, atol=1e-5)
    assert together.psnr[1] == pytest.approx(single.psnr[0], abs=1e-3)


def test_order_of_frames_is_that_of_the_targets():
    """Frames 3 and 1, in this order."""
    model = make("ffn", frames=[3, 1])
    fit(model, targets([3, 1]), training(epochs=100))
    straight = float(((model.reconstruct(3) - targets([3])[0]) ** 2).mean())
    crossed = float(((model.reconstruct(3) - targets([1])[0]) ** 2).mean())
    assert straight < crossed


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_loss_that_is_no_number_names_what_to_change(name):
    broken = targets()
    broken[1] = math.nan
    with pytest.raises(
        InputError, match=r"clip seed 7: the loss became nan in epoch 1: lower learning_rate \(now 0\.01"
    ):
        fit(make(name), broken, training(), "clip seed 7")


def test_a_learning_rate_that_explodes():
    with pytest.raises(InputError, match=r"the loss became (inf|nan) in epoch \d+: lower learning_rate \(now 1e\+30"):
        fit(make("ffn"), targets(), training(epochs=50, learning_rate=1e30))


@pytest.mark.parametrize(("name", "what"), [("ffn", "the PSNR of frame 2"), ("nerv", "the mean PSNR")])
def test_min_psnr(name, what):
    hard = targets()
    hard[2] = torch.rand(3, *RESOLUTION, generator=torch.Generator().manual_seed(0))
    message = f"Training of {name} ended with {what} at .* dB, below min_psnr 99: raise epochs \\(now 30\\)"
    with pytest.raises(InputError, match=message):
        fit(make(name), hard, training(epochs=30, min_psnr=99))
    assert fit(make(name), hard, training(min_psnr=-20)).psnr


def test_threads_are_restored():
    before = torch.get_num_threads()
    fit(make("ffn"), targets(), training(epochs=1, threads=before + 1))
    assert torch.get_num_threads() == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_no_gpu():
    with pytest.raises(InputError, match="device is 'cuda' but PyTorch finds no CUDA GPU"):
        fit(make("ffn"), targets(), training(device="cuda"))
