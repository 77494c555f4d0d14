"""Planted faults are named, networks without one are not blamed, and every gain is that of the changed network."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import xinc
from tests.helpers.ablated import NETWORKS, network, scale
from xinc.errors import InputError
from xinc.interventions.explanation import FACTORS, STANDS_OUT, _blocks
from xinc.models.base import INR
from xinc.models.storage import build

#: PSNR of networks here, and the standard deviation of what they do not represent.
DECIBELS = 42.0
NOISE = 10 ** (-DECIBELS / 20)


def image_of(model: INR, frame: int, noise: float = NOISE) -> np.ndarray:
    """The frame (y, x, 3) that a network represents, but for white noise that no neuron is to blame for."""
    image = model.reconstruct(frame).permute(1, 2, 0).numpy()
    return image + np.random.default_rng(frame).normal(0, noise, image.shape).astype(np.float32)


def larger(name: str) -> INR:
    """A network with more pixels, and all its colours in [0, 1]."""
    architecture, settings, (height, width) = NETWORKS[name]
    settings = settings | {"output_activation": "sigmoid"}
    return build(architecture, settings, (3 * height, 3 * width), [0, 2], 3, seed=1).eval()


def psnr(image: np.ndarray, target: np.ndarray, mask: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(np.clip(image, 0, 1).astype(float) - target)[mask].mean()))


@pytest.mark.parametrize(
    "name", ["nerv", *(pytest.param(name, marks=pytest.mark.slow) for name in ("hnerv", "ffn", "siren"))]
)
def test_planted_faults_are_named(name: str) -> None:
    model = larger(name)
    goal, other = image_of(model, 2), image_of(model, 0)
    found: list[bool] = []
    # A SIREN's first layer takes coordinates: a factor of one of them moves the whole picture, which is no small step.
    for layer in model.layer_names()[name == "siren" :]:
        lost = xinc.ablate(model, layer, frames=[2], maps=False)["squared_effect"].isel(frame=0)
        for at, factor in enumerate((3.0, -1.0)):
            number = int(np.argsort(-lost.values)[at])
            faulty = copy.deepcopy(model)
            scale(faulty, layer, factor, int(lost["in_channel"][number]), int(lost["out_channel"][number]))
            if psnr(faulty.reconstruct(2).permute(1, 2, 0).numpy(), goal, np.ones(goal.shape, bool)) > DECIBELS - 0.2:
                continue  # nothing is wrong
            result = xinc.explain_error(faulty, 2, goal, elsewhere=None if model.per_frame else {0: other}, probes=8)
            place = int(result["place"][0])
            named = (str(result["layer"][place].values), int(result["number"][place])) == (layer, number)
            found.append(named and bool(result["stands_out"][0]))
            if found[-1]:
                assert result.attrs["verdict"].startswith(f"{layer}, neuron {number} (")
                assert " stands out; " in result.attrs["verdict"]
    assert len(found) >= 4
    assert np.mean(found) >= 0.8


@pytest.mark.parametrize("name", ["nerv", "hnerv", "ffn", "siren"])
def test_nobody_is_to_blame_for_noise(name: str) -> None:
    model = larger(name)
    for frame in (0, 2):
        result = xinc.explain_error(model, frame, image_of(model, frame), probes=8)
        assert not result["stands_out"].any()
        assert result.attrs["verdict"].startswith("No neuron stands out here: ")
        assert float(result["p_value"]) > 0.02
        assert float(result["psnr"]) == pytest.approx(DECIBELS, abs=0.5)


@pytest.mark.parametrize("name", ["nerv", "ffn"])
def test_gains_are_those_of_the_network_with_other_weights(name: str) -> None:
    model = network(name)
    generator = np.random.default_rng(0)
    goals = {frame: generator.random((*model.resolution, 3)).astype(np.float32) for frame in (0, 2)}
    mask = np.zeros(model.resolution, bool)
    mask[1:5, 2:8] = True
    elsewhere = None if model.per_frame else {0: goals[0]}
    result = xinc.explain_error(model, 2, goals[2], mask, elsewhere, probes=4, candidates=5)
    assert result.sizes["candidate"] == 5
    for at, place in enumerate(result["place"].values):
        one = result.isel(candidate=at)
        where = (str(result["layer"].values[place]), result["in_channel"][place], result["out_channel"][place])

        def gain(factor: float, frame: int, area: np.ndarray, where: Any = where) -> float:
            other = copy.deepcopy(model)
            scale(other, where[0], factor, int(where[1]), int(where[2]))
            images = [net.reconstruct(frame).permute(1, 2, 0).numpy() for net in (other, model)]
            return psnr(images[0], goals[frame], area) - psnr(images[1], goals[frame], area)

        gains = {factor: (gain(factor, 2, mask), gain(factor, 2, ~mask)) for factor in FACTORS}
        assert float(one["gain_without"]) == pytest.approx(gains[0.0][0], abs=1e-5)
        assert float(one["rest_without"]) == pytest.approx(gains[0.0][1], abs=1e-5)
        free = {factor: both for factor, both in gains.items() if both[0] > 0 and both[1] >= 0} or gains
        assert float(one["factor"]) == max(free, key=lambda factor: free[factor][0])
        assert float(one["gain"]) == pytest.approx(gains[float(one["factor"])][0], abs=1e-5)
        assert float(one["rest"]) == pytest.approx(gains[float(one["factor"])][1], abs=1e-5)
        if np.isfinite(one["elsewhere"]):
            expected = gain(float(one["factor"]), 0, np.ones_like(mask))
            assert float(one["elsewhere"]) == pytest.approx(expected, abs=1e-5)
        costs = one["rest"] < 0 or one["elsewhere"] < 0 or one["gain"] <= 0
        most = np.nanmax([one["gain"], one["rest"], one["elsewhere"]])
        assert not (bool(one["stands_out"]) and costs)
        assert not (bool(one["stands_out"]) and most < STANDS_OUT)
    assert bool(np.isfinite(result["elsewhere"]).any()) == (not model.per_frame)


def test_what_suits_one_frame_at_the_cost_of_others_is_no_fault() -> None:
    """Frame 2 is that of a network with another kernel: it fits only there, and only a look elsewhere tells."""
    model = larger("nerv")
    other = copy.deepcopy(model)
    scale(other, "head", -1.0, 1, 0)
    goal, elsewhere = image_of(other, 2), {0: image_of(model, 0)}
    here = xinc.explain_error(model, 2, goal, probes=4, candidates=4)
    assert bool(here["stands_out"][0])
    everywhere = xinc.explain_error(model, 2, goal, elsewhere=elsewhere, probes=4, candidates=4)
    assert not everywhere["stands_out"].any()
    place = int(here["place"][0])
    assert (int(here["in_channel"][place]), int(here["out_channel"][place])) == (1, 0)
    assert float(everywhere["elsewhere"][everywhere["place"].values.tolist().index(place)]) < 0


def linear(frames: list[int]) -> INR:
    """A network whose colours are linear in the weights of its last layer."""
    settings = {"fourier_features": 4, "hidden_width": 6, "layers": 2, "output_activation": "identity"}
    return build("ffn", settings, (8, 12), frames, 3, seed=2).eval()


def test_estimates_of_a_linear_layer_are_exact() -> None:
    """⟨g, w⟩ = 2 Σ r·Δ, so that ΔSSE = Σ effect² − ⟨g, w⟩, and the cosine is that of r and Δ."""
    model = linear([1])
    goal = np.random.default_rng(3).random((8, 12, 3)).astype(np.float32)
    result = xinc.explain_error(model, 1, goal, probes=500, granularity="kernel")
    last = np.flatnonzero(result["layer"].values == model.layer_names()[-1])
    exact = xinc.ablate(model, model.layer_names()[-1], frames=[1], target=goal[None], granularity="kernel")
    exact = exact.isel(frame=0).transpose("neuron", "channel", "y", "x")
    residual = model.reconstruct(1).numpy() - goal.transpose(2, 0, 1)
    inner = (exact["change"].values * residual).sum((1, 2, 3))
    np.testing.assert_allclose(result["alignment"][last], 2 * inner, rtol=1e-3, atol=1e-4)
    effect = np.sqrt(exact["squared_effect"].values)
    apart = abs(result["error_change"][last] - exact["error_change"].values) / result["error_change_error"][last]
    assert float(apart.max()) < 6
    cosine = inner / np.where(effect > 0, effect, 1) / np.linalg.norm(residual)
    np.testing.assert_allclose(result["cosine"][last], cosine, rtol=0.2, atol=0.01)


def test_estimates_are_those_of_effects() -> None:
    model = network("nerv")
    goal = np.random.default_rng(0).random((16, 24, 3)).astype(np.float32)
    result = xinc.explain_error(model, 2, goal, probes=4, seed=7)
    effects = xinc.effects(model, [2], target=goal[None], probes=4, seed=7).isel(frame=0, region=0)
    np.testing.assert_allclose(result["alignment"], effects["alignment"], rtol=1e-3, atol=1e-4)
    for mine, theirs in (("error_change", "error_change"), ("error_change_error", "squared_effect_error")):
        np.testing.assert_allclose(result[mine], effects[theirs], rtol=1e-3, atol=1e-4)
    assert result["layer"].values.tolist() == effects["layer"].values.tolist()


def test_the_null_by_its_definition() -> None:
    """With one block there is one sign, which changes no absolute value: everything is as likely as what was seen."""
    model = network("ffn")
    goal = np.random.default_rng(0).random((6, 9, 3)).astype(np.float32)
    one = np.zeros((6, 9), bool)
    one[3, 4] = True
    result = xinc.explain_error(model, 0, goal, one, probes=4)
    assert float(result["p_value"]) == 1
    assert float(result["null_cosine"]) == pytest.approx(float(result["largest_cosine"]))
    assert float(result["largest_cosine"]) == pytest.approx(float(abs(result["cosine"]).max()))


def test_blocks_are_parts_of_the_region() -> None:
    mask = np.random.default_rng(0).random((13, 22)) < 0.3
    mask[:3] = mask[:, :2] = False
    blocks = _blocks(mask)
    assert 10 < len(blocks) <= 16
    np.testing.assert_array_equal(sum(blocks), mask.astype(np.float32))
    assert len(_blocks(np.ones((8, 8), bool))) == 16
    assert {int(block.sum()) for block in _blocks(np.ones((8, 8), bool))} == {4}


@pytest.mark.parametrize("name", ["nerv", "ffn", "siren"])
def test_nothing_to_explain(name: str) -> None:
    model = network(name)
    with torch.no_grad():
        for layer in model.layer_names():
            scale(model, layer, 0.0)  # a flat picture, and neurons that do nothing
    flat = model.reconstruct(2).permute(1, 2, 0).clamp(0, 1).numpy()
    result = xinc.explain_error(model, 2, flat, probes=2)
    assert result.attrs["verdict"] == "There is no error to explain."
    assert float(result["psnr"]) == 200
    assert not result["stands_out"].any()
    assert all(np.isfinite(result[key]).all() for key in result.data_vars if key != "elsewhere")
    other = xinc.explain_error(model, 2, np.zeros_like(flat) if flat.max() > 0.1 else np.ones_like(flat), probes=2)
    assert other.attrs["verdict"] == "No neuron stands out here: none of the 12 likeliest gains anything."


def test_it_is_the_same_again() -> None:
    model = network("nerv")
    goal = np.random.default_rng(0).random((16, 24, 3)).astype(np.float32)
    first, again, other = (xinc.explain_error(model, 0, goal, probes=4, seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(first, again)
    assert not np.array_equal(first["error_change"], other["error_change"])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"frame": 1}, "Frame 1 is not represented by this nerv"),
        ({"target": np.zeros((4, 4, 3))}, r"The target has shape \(1, 4, 4, 3\); expected \(1, 16, 24, 3\)"),
        ({"region": np.zeros((16, 24), bool)}, "The region has no pixels"),
        ({"region": np.ones((4, 4), bool)}, r"Region 'region' is of type bool and shape \(4, 4\)"),
        ({"elsewhere": {1: np.zeros((16, 24, 3))}}, "Frame 1 is not represented by this nerv"),
        ({"probes": 1}, "probes is 1; expected an integer of at least 2"),
        ({"candidates": 0}, "candidates is 0; expected an integer of at least 1"),
        ({"granularity": "input"}, "Granularity 'input' is not defined"),
        ({"model": torch.nn.Linear(2, 3)}, "was given without its inputs"),
    ],
)
def test_what_makes_no_sense(asked: dict[str, Any], message: str) -> None:
    usual = {"model": network("nerv"), "frame": 2, "target": np.zeros((16, 24, 3))}
    with pytest.raises(InputError, match=message):
        xinc.explain_error(**(usual | asked))
