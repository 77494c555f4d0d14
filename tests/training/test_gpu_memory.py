"""Trainings for which the memory of a GPU is too small, which the CPU plays here."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.small_gpu import MESSAGE, SmallGPU
from tests.helpers.trainings import make, same, targets, training, weights
from xinc.models.hnerv import network
from xinc.models.storage import build
from xinc.runtime.gpu_memory import GPUMemoryError
from xinc.training.graphs import Recorded
from xinc.training.learner import Learner
from xinc.training.loop import fit
from xinc.training.steps import FrameSteps, PixelSteps
from xinc.training.tiles import TiledSteps

#: Steps of each network on a GPU, in how many parts it takes them there at most, and what 4400 bytes hold of them.
STEPS = {"ffn": (PixelSteps, 96, 24), "siren": (PixelSteps, 96, 24), "nerv": (FrameSteps, 3, 1)}


@pytest.fixture(autouse=True)
def _as_on_a_gpu(monkeypatch):
    """Coordinate networks take all pixels together, not a tile at a time."""
    monkeypatch.setattr(TiledSteps, "serves", staticmethod(lambda model: False))


def full(*_, **__):
    raise torch.OutOfMemoryError(MESSAGE)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_step_in_parts(name, monkeypatch):
    """Bit for bit what the same parts give where there is room, and the undisturbed training up to rounding."""
    settings, (kind, count, size) = training(batch_size=3), STEPS[name]
    whole, expected, found = make(name), make(name), make(name)
    undisturbed = fit(whole, targets(), settings)
    with monkeypatch.context() as patch:
        SmallGPU(4400).only_in(patch, kind, "gradients")
        with pytest.warns(UserWarning, match="The GPU") as said:
            history = fit(found, targets(), settings)
    assert [str(w.message) for w in said] == [
        f"The GPU's memory does not hold {count} {kind.parts} at a time: blocks of {size} now."
    ]
    monkeypatch.setattr(kind, "at_once", size)
    fit(expected, targets(), settings)
    assert same(found, expected)
    assert not same(found, whole)
    assert history.rows[-1]["loss"] == pytest.approx(undisturbed.rows[-1]["loss"], rel=1e-4)
    for a, b in zip(weights(found), weights(whole), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("where", ["model.to", "targets", "step"])
def test_what_cannot_be_divided_is_one_sentence(where, monkeypatch):
    model = make("nerv")
    if where == "model.to":
        monkeypatch.setattr(type(model), "to", full)
    elif where == "targets":
        monkeypatch.setattr(FrameSteps, "__init__", full)
    else:
        SmallGPU(100).only_in(monkeypatch, FrameSteps, "gradients")
    with pytest.raises(GPUMemoryError) as told:
        fit(model, targets(), training(batch_size=3), "nerv seed 0")
    sentence = str(told.value)
    assert sentence.startswith("nerv seed 0: training ")
    assert " parameters on 3 frames of 8x12 does not fit into the memory of the GPU (" in sentence
    assert "2.15 GB more asked for): end what else uses it" in sentence
    assert sentence.endswith("or set device: cpu.")


def test_recording_a_step_that_fails_changes_nothing():
    """Memory runs out after one of the steps that warm it up: weights and optimiser are those of before."""
    model = make("nerv")
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    calls = []

    def step(batch):
        calls.append(len(batch))
        if len(calls) == 3:
            full()
        optimiser.zero_grad()
        model(batch).sum().backward()
        optimiser.step()
        return batch.float()

    step(torch.arange(2))
    before, moments = weights(model), [s["exp_avg"].clone() for s in optimiser.state.values()]
    with pytest.raises(torch.OutOfMemoryError):
        Recorded(step, optimiser, torch.zeros(()))(torch.arange(3), 0.1)
    assert calls == [2, 3, 3]
    assert all(torch.equal(a, b) for a, b in zip(weights(model), before, strict=True))
    assert all(torch.equal(s["exp_avg"], m) for s, m in zip(optimiser.state.values(), moments, strict=True))


@pytest.mark.parametrize("name", sorted(STEPS))
def test_an_optimiser_allocated_beforehand_changes_nothing(name, monkeypatch):
    expected, found = make(name), make(name)
    fit(expected, targets(), training())
    plain = Learner._batches
    monkeypatch.setattr(
        Learner, "_batches", lambda self: (self.history.rows or self._pending or self._allocate(), plain(self))[1]
    )
    fit(found, targets(), training())
    assert same(found, expected)


def test_graphs_of_larger_parts_are_forgotten(monkeypatch):
    """A recorded step holds the memory of its own, and would be the one that failed."""
    learner = Learner(make("nerv"), targets(), training(batch_size=3), "nerv", torch.device("cpu"))
    learner._record = Recorded(learner._step, learner.optimiser, torch.zeros(()))
    learner._record.graphs[2] = "recorded when there was room"
    tried = []

    def advance(batch, rate):
        tried.append((min(learner.steps.at_once, len(batch)), list(learner._record.graphs)))
        return full() if len(tried) == 1 else torch.zeros(3)

    monkeypatch.setattr(learner, "_advance", advance)
    with pytest.warns(UserWarning, match="does not hold 3 frames of a step at a time: blocks of 1 now"):
        learner._fitting(torch.arange(3), 0.1)
    assert tried == [(3, [2]), (1, [])]


@pytest.mark.parametrize("most", [4 * 3 * 8 * 12 * 2, 10])
def test_embeddings_in_smaller_blocks(most, monkeypatch):
    """An encoder's table: two frames at a time, or on the CPU."""
    settings = {"strides": [2, 2], "encoder_strides": [2, 2], "fc_dim": 4, "encoder_width": 4, "embed_channels": 4}
    model = build("hnerv", settings, (8, 12), range(3), 3)
    images = torch.rand(3, 3, 8, 12)
    model.fill_embeddings(images)
    expected = model.embeddings.clone()
    model.embeddings.zero_()
    gpu = SmallGPU(most)
    gpu.only_in(monkeypatch, network.Encoder, "forward")
    gpu.spare_the_cpu(monkeypatch, network)
    what = "a frame in the encoder: computed on the CPU" if most == 10 else "4 frames in the encoder at a time: blocks"
    with pytest.warns(UserWarning, match=f"The GPU's memory does not hold {what}"):
        model.fill_embeddings(images)
    torch.testing.assert_close(model.embeddings, expected)
