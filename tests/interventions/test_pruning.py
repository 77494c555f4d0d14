"""Pruning by every criterion, against brute force on small networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import xinc
from tests.helpers.ablated import NETWORKS, network
from xinc.errors import InputError
from xinc.interventions.coding import size_of
from xinc.interventions.criteria import CRITERIA, Calibration, scores
from xinc.interventions.places import places
from xinc.interventions.pruning import choose, left, steps_to
from xinc.models._pruned import masks_of
from xinc.models.base import INR
from xinc.models.storage import save_model
from xinc.trace.layers import Trace
from xinc.training.settings import TrainingSettings


def target_of(model: INR) -> np.ndarray:
    found: np.ndarray = np.random.default_rng(0).random((len(model.frames), *model.resolution, 3)).astype(np.float32)
    return found


def layer_weights(model: INR, frame: int = 2) -> dict[str, Tensor]:
    return {layer.name: layer.weight for layer in model.trace(frame).layers}


def data_of(model: INR, frame: int = 2, **others: Any) -> Calibration:
    """On one frame, whose target is the second of `target_of`."""
    goal = target_of(model)[1].transpose(2, 0, 1)[None]
    return Calibration(model, [frame], goal, **others)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_found_where_they_are(name: str) -> None:
    model = network(name)
    for frame in model.frames:
        layers = layer_weights(model, frame)
        found = places(model, frame)
        assert [one.layer for one in found] == model.layer_names()
        for one in found:
            own = one.of(model.get_parameter(one.parameter))
            assert own.data_ptr() == layers[one.layer].data_ptr()
            assert torch.equal(torch.view_as_complex(own) if one.pairs else own, layers[one.layer])


def test_weights_that_are_no_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("nerv")
    trace = type(model).trace

    def made(self: INR, frame: int) -> Trace:
        found = trace(self, frame)
        return Trace(found.input, tuple(replace(layer, weight=2 * layer.weight / 2) for layer in found.layers))

    monkeypatch.setattr(type(model), "trace", made)
    with pytest.raises(InputError, match="The weights of layer 'block1' of this nerv are not a parameter of it"):
        xinc.prune(model, 0.5, "magnitude")


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["kernel", "weight"])
@pytest.mark.parametrize("name", ["nerv", "hnerv", "ffn", "siren"])
def test_nothing_and_everything(name: str, unit: Any) -> None:
    model = network(name)
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    for budget in ("layer", "global"):
        nothing = xinc.prune(model, 0, unit=unit, budget=budget)  # type: ignore[arg-type]
        assert size_of(nothing).removed == 0
        everything = xinc.prune(model, 1, unit=unit, budget=budget)  # type: ignore[arg-type]
        for frame in model.frames:
            assert torch.equal(nothing.reconstruct(frame), model.reconstruct(frame))
            assert not any(bool(weight.any()) for weight in layer_weights(everything, frame).values())
    assert all(torch.equal(model.state_dict()[key], tensor) for key, tensor in state.items())
    assert masks_of(model) == {}


def test_masks_by_hand() -> None:
    found = [{"a": np.array([[4.0, 1.0], [2.0, 3.0]]), "b": np.array([[30.0, 10.0, 20.0, 40.0]])}]
    before = [{"a": np.ones((2, 2), bool), "b": np.ones((1, 4), bool)}]

    def kept(share: float, whole: bool, by: str = "magnitude", was: Any = before) -> list[Any]:
        [one] = choose(found, was, {"a": share, "b": share}, whole, by)
        return [one["a"].astype(int).tolist(), one["b"].astype(int).tolist()]

    assert kept(0.5, False) == [[[1, 0], [0, 1]], [[1, 0, 0, 1]]]
    assert kept(0.5, True) == [[[0, 0], [0, 0]], [[1, 1, 1, 1]]]
    # Contributions as shares of the layer's total: .4 .1 .2 .3 of either.
    assert kept(0.5, True, "contribution") == [[[1, 0], [0, 1]], [[1, 0, 0, 1]]]
    assert kept(0.25, False) == [[[1, 0], [1, 1]], [[1, 0, 1, 1]]]
    [one] = choose(found, before, {"b": 0.75}, False, "magnitude")
    assert one["a"].all()
    assert one["b"].tolist() == [[False, False, False, True]]
    # What was removed counts, whatever its score, and no less is removed than was.
    was = [{"a": np.array([[False, True], [True, True]]), "b": np.ones((1, 4), bool)}]
    assert kept(0.25, False, was=was) == [[[0, 1], [1, 1]], [[1, 0, 1, 1]]]
    assert kept(0.0, False, was=was) == [[[0, 1], [1, 1]], [[1, 1, 1, 1]]]
    assert kept(0.375, True, was=was) == [[[0, 0], [0, 1]], [[1, 1, 1, 1]]]
    # And it takes no part in its layer's total.
    was[0]["a"][0, 0] = False
    assert kept(0.25, True, "contribution", was) == [[[0, 1], [1, 1]], [[1, 0, 1, 1]]]


@pytest.mark.parametrize("name", ["nerv of three blocks", "ffn"])
def test_budgets_by_brute_force(name: str) -> None:
    model = network(name)
    for share in (0.1, 0.37, 0.8):
        by_layer = xinc.prune(model, share, "magnitude", "weight", "layer")
        together = xinc.prune(model, share, "magnitude", "weight", "global")
        for frame in model.frames:
            every = {key: weight.abs().flatten().numpy() for key, weight in layer_weights(model, frame).items()}
            for key, weight in layer_weights(by_layer, frame).items():
                count = int(share * weight.numel() + 0.5)
                expected = set(np.argsort(every[key])[:count].tolist())
                assert set((weight.flatten() == 0).nonzero()[:, 0].tolist()) == expected
            flat = np.concatenate(list(every.values()))
            found = np.concatenate([w.flatten().numpy() for w in layer_weights(together, frame).values()])
            assert set(np.flatnonzero(found == 0)) == set(np.argsort(flat)[: int(share * flat.size + 0.5)])


@pytest.mark.parametrize("name", ["nerv", "siren"])
def test_scores_by_brute_force(name: str) -> None:
    model = network(name)
    data, frame = data_of(model), 2
    weights, inputs = layer_weights(model), model.trace(frame).inputs()
    canvas = xinc.dissect(model, [frame], granularity="kernel")
    target = torch.as_tensor(target_of(model)[1]).permute(2, 0, 1)
    # Gradients of the network itself, not of its trace.
    error = (model(torch.tensor([frame]))[0] - target).square().sum()
    own = {one.layer: one for one in places(model, frame)}
    of_parameters = torch.autograd.grad(error, [model.get_parameter(one.parameter) for one in own.values()])
    gradients = {key: one.of(g) for (key, one), g in zip(own.items(), of_parameters, strict=True)}
    for key, w in weights.items():
        total = abs(canvas[key]["contribution"].values[0]).sum((1, 2)).reshape(w.shape[1], w.shape[0]).T
        taps = w.reshape(*w.shape[:2], -1).double().numpy()
        norm = inputs[key].double().flatten(1).norm(dim=1).numpy()
        product = (gradients[key] * w).double().reshape(taps.shape).numpy()
        expected = {
            "contribution": (total, total[..., None] * abs(taps) / abs(taps).sum(2, keepdims=True)),
            "map_weight": (total * np.linalg.norm(taps, axis=2), total[..., None] * abs(taps)),
            "magnitude": (np.linalg.norm(taps, axis=2), abs(taps)),
            "wanda": (np.linalg.norm(taps, axis=2) * norm, abs(taps) * norm[:, None]),
            "taylor": (abs(product.sum(2)), abs(product)),
            "taylor_squared": (product.sum(2) ** 2, product**2),
        }
        for criterion, (kernels, single) in expected.items():
            for unit, values in (("kernel", kernels), ("weight", single)):
                found = scores(data, criterion, unit)[key]
                assert found.shape == (w.shape[:2] if unit == "kernel" else w.shape)
                rough = 1e-3 * values.max() if "taylor" in criterion else 1e-9
                np.testing.assert_allclose(found.ravel(), values.ravel(), rtol=1e-4, atol=rough)


def test_gauss_newton_is_the_expectation() -> None:
    model = network("siren")
    found = scores(data_of(model, probes=400), "gauss_newton", "weight")
    own = {one.layer: one for one in places(model, 2)}
    shown = model(torch.tensor([2]))[0].flatten()
    squares: dict[str, Any] = dict.fromkeys(own, 0)
    for value in shown:
        parts = torch.autograd.grad(
            value, [model.get_parameter(one.parameter) for one in own.values()], retain_graph=True
        )
        for (key, one), g in zip(own.items(), parts, strict=True):
            squares[key] += (one.of(g) * one.of(model.get_parameter(one.parameter))).detach().double().numpy() ** 2
    for key, exact in squares.items():
        assert np.corrcoef(np.log(exact.ravel()), np.log(found[key].ravel()))[0, 1] > 0.995
        assert found[key].sum() == pytest.approx(exact.sum(), rel=0.1)


def test_frames_count_alike() -> None:
    """Of several frames, totals and squares add up."""
    model = network("nerv")
    goal = target_of(model).transpose(0, 3, 1, 2)
    both = Calibration(model, [0, 2], goal)
    alone = [Calibration(model, [0], goal[:1]), Calibration(model, [2], goal[1:])]
    for criterion, power in (("contribution", 1), ("wanda", 2), ("taylor_squared", 1)):
        for key, values in scores(both, criterion, "kernel").items():
            parts = sum(scores(one, criterion, "kernel")[key] ** power for one in alone)
            np.testing.assert_allclose(values**power, parts, rtol=1e-5)


def test_budgets_of_layers_by_name() -> None:
    model = network("nerv")
    found = xinc.prune(model, {"block2": 0.5, "head": 1.0}, "wanda")
    [kept] = left(found, "kernel")
    assert kept["block1"].all()
    assert kept["block2"].mean() == 0.5
    assert not kept["head"].any()


@pytest.mark.parametrize("criterion", ["contribution", "taylor_squared", "random"])
def test_in_steps(criterion: Any) -> None:
    model, named = network("nerv"), {"criterion": criterion, "unit": "weight", "target": target_of(network("nerv"))}
    stepwise = xinc.prune(model, 0.4, rescore=0.2, **named)
    twice = xinc.prune(xinc.prune(model, 0.2, **named), 0.4, **named)
    for key, mask in masks_of(stepwise).items():
        assert torch.equal(mask, masks_of(twice)[key])
    assert steps_to(0.4, None) == [0.4]
    np.testing.assert_allclose(steps_to(0.45, 0.1), [0.1, 0.2, 0.3, 0.4, 0.45])
    np.testing.assert_allclose(steps_to(0.3, 0.1), [0.1, 0.2, 0.3])
    assert steps_to(0.0, 0.1) == [0.0]


def test_random_prunings_are_those_of_their_seed() -> None:
    model = network("ffn")
    one, same, other = (masks_of(xinc.prune(model, 0.5, "random", seed=seed)) for seed in (1, 1, 2))
    assert all(torch.equal(mask, same[key]) for key, mask in one.items())
    assert not all(torch.equal(mask, other[key]) for key, mask in one.items())
    assert not torch.equal(one["weights.0"][0], one["weights.0"][1])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nerv", "hnerv", "ffn", "siren"])
def test_a_pruned_network_is_one_like_any_other(name: str, tmp_path: Path) -> None:
    model = network(name)
    training = TrainingSettings(learning_rate=1e-2, threads=1)
    target = target_of(model)
    bare = xinc.prune(model, 0.3, "wanda", budget="layer")
    found = xinc.prune(model, 0.3, "wanda", budget="layer", target=target, finetune_epochs=3, training=training)
    goal = torch.as_tensor(target).permute(0, 3, 1, 2)
    before, after = (
        sum(float((one.reconstruct(f) - g).square().mean()) for f, g in zip(one.frames, goal, strict=True))
        for one in (bare, found)
    )
    assert after < before
    save_model(found, tmp_path / "model.pt")
    loaded = xinc.load_model(tmp_path / "model.pt")
    for key, mask in masks_of(loaded).items():
        assert torch.equal(mask, masks_of(bare)[key])
        assert not bool(loaded.get_parameter(key)[~mask].any())
    assert loaded.description()["pruning"][0]["finetune_epochs"] == 3
    layer = model.layer_names()[-1]
    lost = xinc.ablate(loaded, layer, frames=[2], granularity="kernel", maps=False)
    kept = left(loaded, "kernel")[-1][layer]
    assert ((lost["squared_effect"].values[0] > 0) == kept.T.ravel()).all()
    assert xinc.dissect(loaded)[layer]["contribution"].sizes["frame"] == 2


@pytest.mark.parametrize("criterion", CRITERIA)
def test_shares_are_met(criterion: Any) -> None:
    model = network("nerv")
    target = target_of(model)
    for unit in ("kernel", "weight"):
        [kept] = left(xinc.prune(model, 0.3, criterion, unit, target=target), unit)  # type: ignore[arg-type]
        every = np.concatenate([one.ravel() for one in kept.values()])
        assert (~every).sum() == int(0.3 * every.size + 0.5)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"share": 1.5}, "share is 1.5; expected a number from 0 to 1: the part that is removed"),
        ({"share": True}, "share is True; expected a number"),
        ({"share": float("nan")}, "share is nan; expected a number"),
        ({"share": {"head": -1}}, "share of 'head' is -1; expected a number from 0 to 1"),
        ({"share": {"heat": 0.1}}, "Unknown layer 'heat' of this nerv: did you mean 'head'"),
        ({"criterion": "wander"}, "criterion is 'wander': did you mean 'wanda'"),
        ({"unit": "neuron"}, "unit is 'neuron': expected"),
        ({"budget": "local"}, "budget is 'local': "),
        ({"rescore": 0}, "rescore is 0; expected a share of more than 0, up to 1, or None"),
        ({"finetune_epochs": -1}, "finetune_epochs is -1; expected an integer of at least 0"),
        ({"finetune_epochs": 2}, "Fine-tuning needs a target"),
        ({"criterion": "taylor"}, "The criterion 'taylor' needs a target: give the frames of the video"),
        ({"probes": 0}, "probes is 0; expected an integer of at least 1"),
        ({"frames": [1]}, "Frame 1 is not represented by this nerv"),
        ({"frames": 0}, "a list of frame indices was expected"),
        ({"target": np.zeros((1, 4, 4, 3))}, r"The target has shape \(1, 4, 4, 3\); expected \(2, 16, 24, 3\)"),
        ({"model": network("ffn"), "frames": [0]}, "each network of this ffn represents one frame, on which it is"),
    ],
)
def test_what_is_wrong(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        xinc.prune(**({"model": network("nerv"), "share": 0.5} | asked))
