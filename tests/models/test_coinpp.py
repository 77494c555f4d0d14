"""COIN++: one SIREN for all frames, modulated by a latent of each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr

import xinc
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.errors import InputError
from xinc.interventions.criteria import CRITERIA, Calibration, scores
from xinc.models.storage import build, save_model
from xinc.training.learner import steps_of
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings
from xinc.training.steps import FrameSteps

SMALL = {"hidden_width": 6, "layers": 4, "latent_dim": 3, "omega": 12.0, "first_omega": 7.0}
KINDS = {
    "shift": {},
    "scale": {"modulate_shift": False, "modulate_scale": True},
    "both": {"modulate_scale": True, "modulation_layers": 3, "modulation_width": 5},
}


def make(kind: str = "shift", frames: tuple[int, ...] = (0, 2, 3), **more: Any) -> Any:
    model = build("coinpp", {**SMALL, **KINDS[kind], **more}, (5, 8), frames, 4, seed=2).eval()
    with torch.no_grad():
        model.latents.mul_(100)  # as after training: frames differ
    return model


def by_hand(model: Any, frame: int) -> np.ndarray:
    """Its authors' forward pass, in float64: sin(ω (scale ⊙ (W x + b) + shift)), scales before shifts, and 1 added."""
    s = model.settings
    found = model.latents[model.frames.index(frame)].double()
    for number, linear in enumerate(model.maps):
        found = linear.weight.double() @ (found.clamp(min=0) if number else found) + linear.bias.double()
    hidden = s.hidden_width * (s.layers - 1)
    scales = found[:hidden] + 1 if s.modulate_scale else torch.ones(hidden)
    shifts = found[-hidden:] if s.modulate_shift else torch.zeros(hidden)
    rows, columns = np.meshgrid(np.arange(5) / 4, np.arange(8) / 7, indexing="ij")
    x = torch.tensor(np.stack([rows.ravel(), columns.ravel()], 1))
    for k in range(s.layers - 1):
        own = slice(k * s.hidden_width, (k + 1) * s.hidden_width)
        u = x @ model.weights[k].double().T + model.biases[k].double()
        x = torch.sin((12.0 if k else 7.0) * (scales[own] * u + shifts[own]))
    x = x @ model.weights[-1].double().T + model.biases[-1].double()
    return x.detach().numpy().T.reshape(3, 5, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_its_formula_and_so_is_its_trace(kind: str) -> None:
    model = make(kind)
    with torch.no_grad():
        images = model(torch.tensor([3, 0]))
    for image, frame in zip(images, (3, 0), strict=True):
        np.testing.assert_allclose(image, by_hand(model, frame), rtol=0, atol=2e-5)
        np.testing.assert_allclose(model.reconstruct(frame), by_hand(model, frame), rtol=0, atol=2e-5)
    assert float((images[0] - images[1]).abs().max()) > 0.01
    finer = model.trace(0, (9, 15))
    torch.testing.assert_close(finer.output()[:, ::2, ::2], model.trace(0).output(), rtol=0, atol=2e-5)


def test_published_size() -> None:
    """Base network, a linear map of 64 numbers to 9·512 shifts, and 64 for each frame."""
    model = build("coinpp", {}, (4, 4), [0, 1], 2)
    base = 2 * 512 + 512 + 8 * (512 * 512 + 512) + 512 * 3 + 3
    assert model.parameter_count() == base + 9 * 512 * (64 + 1) + 2 * 64 == 2_403_843 + 128
    assert make("both").maps[-1].out_features == 2 * 3 * 6


def test_initial_weights() -> None:
    model = build("coinpp", {"hidden_width": 300, "layers": 3, "omega": 20.0}, (4, 4), range(40), 40)
    for at, bound in enumerate([1 / 2, math.sqrt(6 / 300) / 20, math.sqrt(6 / 300) / 20]):
        middle = 0.5 if at == 2 else 0.0
        assert 0.97 * bound < float(model.weights[at].detach().abs().max()) <= bound
        assert float((model.biases[at].detach() - middle).abs().max()) <= bound
    assert float(model.maps[0].weight.detach().abs().max()) == pytest.approx(1 / 8, rel=0.02)
    assert float(model.latents.detach().std()) == pytest.approx(0.01, rel=0.05)
    one = build("coinpp", {"hidden_width": 5, "layers": 3}, (4, 4), [7], 40)
    other = build("coinpp", {"hidden_width": 5, "layers": 3}, (4, 4), [3, 7], 40)
    assert torch.equal(one.latents[0], other.latents[1])
    assert torch.equal(one.weights[1], other.weights[1])


def test_it_must_be_modulated() -> None:
    with pytest.raises(InputError, match="Neither modulate_shift nor modulate_scale"):
        make(modulate_shift=False)


def test_frames_learn_together_what_differs() -> None:
    """Batches of frames; two pictures that only latents can tell apart."""
    model = build("coinpp", {"hidden_width": 16, "layers": 3, "omega": 10.0, "latent_dim": 4}, (5, 8), [0, 1], 2)
    y, x = torch.meshgrid(torch.linspace(0, 1, 5), torch.linspace(0, 1, 8), indexing="ij")
    data = torch.stack([torch.stack([y, x, y * 0 + 0.2]), torch.stack([1 - y, x, y * 0 + 0.8])])
    settings = TrainingSettings(epochs=80, learning_rate=5e-3, threads=1, batch_size=2)
    assert isinstance(steps_of(model, data, settings), FrameSteps)
    history = fit(model, data, settings)
    assert min(history.psnr) > 25


@pytest.mark.parametrize(
    ("kind", "layout"),
    [("both", "factored"), *(pytest.param("shift", x, marks=pytest.mark.slow) for x in ("factored", "dense"))],
)
def test_canvases_keep_what_differs_between_frames(kind: str, layout: str, tmp_path: Path) -> None:
    model = make(kind)
    settings = CanvasSettings(layout=layout, gain=True, granularity="kernel")
    memory = xinc.dissect(model, granularity="kernel")
    for name in model.layer_names():
        write_layer(model, tmp_path / "canvas.zarr" / name, name, settings=settings)
        stored = zarr.open_group(tmp_path / "canvas.zarr" / name)
        assert stored["bias"].shape[0] == len(model.frames)
        assert (stored["weight"].ndim == 3) == (kind == "both")
    found = xinc.open_canvas(tmp_path / "canvas.zarr")
    gained = xinc.open_canvas(tmp_path / "canvas.zarr", gain=True)
    expected = xinc.dissect(model, granularity="kernel", gain=True)
    for name in model.layer_names():
        own = found[name]["contribution"]
        for at in (2, 0, 1):  # in any order
            np.testing.assert_allclose(own[at], memory[name]["contribution"][at], rtol=0, atol=1e-6)
        np.testing.assert_allclose(gained[name]["contribution"], expected[name]["contribution"], rtol=1e-4, atol=1e-6)
        assert found[name].attrs["xinc"]["shared_weights"], "neurons are the same in all frames"
    assert float(abs(memory["layer2"]["contribution"][0] - memory["layer2"]["contribution"][2]).max()) > 0.01


def test_kernels_of_the_last_layer_are_complete() -> None:
    model = make("both")
    maps = xinc.dissect(model, granularity="kernel")["layer4"]["contribution"].sel(frame=2).load()
    expected = model.trace(2).output().numpy()
    np.testing.assert_allclose(maps.groupby("out_channel").sum(), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("kind", ["scale", "both"])
def test_pruning_is_of_the_weights_that_scales_multiply(kind: str, tmp_path: Path) -> None:
    """The same masks in all frames; the images are those of the network with these weights set to zero."""
    model = make(kind)
    pruned = xinc.prune(model, 0.5, criterion="magnitude", budget="layer")
    zeroed = make(kind)
    for number, (own, before, after) in enumerate(zip(zeroed.weights, model.weights, pruned.weights, strict=True)):
        squares = np.zeros(own.shape)
        for frame in model.frames:
            squares += model.trace(frame).layers[number].weight.double().square().numpy()
        lowest = np.argsort(squares.ravel(), kind="stable")[: round(squares.size / 2)]
        with torch.no_grad():
            own.view(-1)[torch.from_numpy(lowest)] = 0
        assert int((after == 0).sum()) == len(lowest)
        assert torch.equal(after[after != 0], before[after != 0])
        assert torch.equal(after, own), f"layer{number + 1}"
    frames = torch.tensor(model.frames)
    assert torch.equal(pruned(frames), zeroed(frames))
    for frame in model.frames:
        np.testing.assert_allclose(pruned.reconstruct(frame), by_hand(zeroed, frame), rtol=0, atol=2e-5)
    save_model(pruned, tmp_path / "model.pt")
    assert torch.equal(xinc.load_model(tmp_path / "model.pt")(frames), zeroed(frames))


@pytest.mark.parametrize("criterion", CRITERIA)
def test_scaled_weights_are_scored_in_all_frames(criterion: str) -> None:
    """Against sums over frames by hand, of the weights that each frame has."""
    model = make("both")
    target = np.random.default_rng(0).random((3, 3, 5, 8), np.float32)
    data = Calibration(model, [0, 3], target[[0, 2]], probes=4, seed=1)
    found = scores(data, criterion, "weight")
    assert [one.shape for one in found.values()] == [tuple(one.shape) for one in model.weights]
    assert all(np.isfinite(one).all() and (one >= 0).all() for one in found.values())
    of_frames = [model.trace(frame) for frame in (0, 3)]
    weights = np.stack([trace.layers[1].weight.double().numpy() for trace in of_frames])
    norms = np.stack([trace.input_of("layer2").double().square().sum((1, 2)).numpy() for trace in of_frames])
    mean = np.sqrt(np.square(weights).mean(0))
    totals = xinc.dissect(model, [0, 3], granularity="kernel")["layer2"]["contribution"].load()
    total = abs(totals).sum(("frame", "y", "x")).values.reshape(6, 6).T
    expected = {"magnitude": mean, "wanda": mean * np.sqrt(norms.sum(0)), "map_weight": mean * total}
    if criterion in expected:
        np.testing.assert_allclose(found["layer2"], expected[criterion], rtol=1e-4)
    if criterion == "taylor":  # the product of gradient and weight is the same for W and for scale ⊙ W
        image = model(torch.tensor([0, 3]))
        error = (image - torch.from_numpy(target[[0, 2]])).square().sum()
        own = model.weights[1]
        product = (torch.autograd.grad(error, own)[0] * own).abs().detach().numpy()
        np.testing.assert_allclose(found["layer2"], product, rtol=1e-3, atol=1e-4)


def test_a_pruned_one_with_scales_trains_on() -> None:
    model = make("both")
    target = np.random.default_rng(0).random((3, 5, 8, 3), np.float32)
    settings = TrainingSettings(epochs=3, learning_rate=1e-3, threads=1)
    pruned = xinc.prune(model, 0.4, "taylor", target=target, finetune_epochs=3, training=settings)
    before = xinc.prune(model, 0.4, "taylor", target=target)
    assert all(torch.equal(a == 0, b == 0) for a, b in zip(pruned.weights, before.weights, strict=True))
    assert not torch.equal(pruned.weights[1], before.weights[1])
