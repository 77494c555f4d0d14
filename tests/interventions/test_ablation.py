"""Ablation equals the network with the weights set to zero."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

import xinc
from tests.helpers.ablated import NETWORKS, network
from xinc.contributions.neurons import layer_neurons
from xinc.errors import InputError
from xinc.interventions.ablation import Ablation
from xinc.interventions.deltas import support
from xinc.models.base import INR
from xinc.models.storage import build


def weights_of(model: INR, layer: str, frame: int) -> tuple[Tensor, Tensor]:
    """Weight (C_out, C_in, …) and bias of a layer, to be changed in place."""
    if model.name in ("nerv", "hnerv"):
        module = model.head if layer == "head" else model.blocks[int(layer.removeprefix("block")) - 1]
        return module.weight.data, module.bias.data
    k, at = int(layer.removeprefix("layer")) - 1, model.frames.index(frame)
    if model.name == "coinpp":
        return model.weights[k].data, model.biases[k].data
    return model.weights[k].data[at], model.biases[k].data[at]


def without(model: INR, layer: str, i: int, j: int, frame: int) -> Tensor:
    """The frame of a copy of the network in which weights are zero."""
    other = copy.deepcopy(model)
    weight, bias = weights_of(other, layer, frame)
    if j < 0:
        weight[:, i] = 0
    elif i < 0:
        weight[j] = 0
        bias[j] = 0
        if model.name == "coinpp" and layer != model.layer_names()[-1]:  # what shifts the neuron is a part of its bias
            row = (int(layer.removeprefix("layer")) - 1) * model.settings.hidden_width + j
            other.maps[-1].weight.data[row] = 0
            other.maps[-1].bias.data[row] = 0
    else:
        weight[j, i] = 0
    return other.reconstruct(frame)


def cases() -> list[tuple[str, str, str]]:
    found = []
    for name in NETWORKS:
        model = network(name)
        for layer in model.layer_names():
            kinds = ["kernel"] if model.name in ("nerv", "hnerv") else ["kernel", "input", "output"]
            found += [(name, layer, kind) for kind in kinds]
    return found


@pytest.mark.parametrize(("name", "layer", "granularity"), cases())
def test_it_equals_the_network_with_weights_of_zero(name: str, layer: str, granularity: str) -> None:
    model = network(name)
    frame = 2
    found = xinc.ablate(model, layer, frames=[frame], granularity=granularity)
    whole = model.reconstruct(frame)
    neurons = layer_neurons(model.trace(frame).layers[model.layer_names().index(layer)], granularity)
    assert found.sizes["neuron"] == len(neurons)
    for n in range(0, len(neurons), max(1, len(neurons) // 20)):
        lost = whole - without(model, layer, int(neurons.in_channel[n]), int(neurons.out_channel[n]), frame)
        change = found["change"].sel(frame=frame, neuron=n)
        np.testing.assert_allclose(change.transpose("channel", "y", "x"), lost, rtol=0, atol=1e-6)
        np.testing.assert_allclose(found["effect"].sel(frame=frame, neuron=n), lost.norm(dim=0), rtol=0, atol=2e-6)
        assert float(found["squared_effect"].sel(frame=frame, neuron=n)) == pytest.approx(
            float(lost.double().square().sum()), rel=1e-3, abs=1e-9
        )


def test_changes_larger_than_the_memory_for_a_batch_are_computed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a layer of 600 channels at 640×1280 are."""
    model = network("nerv")
    neurons = [0, 2, 5]
    expected = xinc.ablate(model, "block1", neurons, frames=[2])
    monkeypatch.setattr("xinc.interventions.ablation._BYTES", 1.0)
    found = xinc.ablate(model, "block1", neurons, frames=[2])
    xr.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_errors_and_totals_need_no_maps() -> None:
    model = network("nerv")
    target = np.random.default_rng(0).random((2, 16, 24, 3)).astype(np.float32)
    found = xinc.ablate(model, "block1", neurons=[3, 40], frames=[2, 0], target=target, maps=False)
    assert "change" not in found
    assert found["frame"].values.tolist() == [2, 0]
    with_maps = xinc.ablate(model, "block1", neurons=[3, 40], frames=[2, 0])
    for at, frame in enumerate((2, 0)):
        goal = torch.tensor(target[at]).permute(2, 0, 1)
        shown = model.reconstruct(frame)
        for neuron in (3, 40):
            change = torch.tensor(with_maps["change"].sel(frame=frame, neuron=neuron).values)
            expected = (shown - change - goal).double().square().sum() - (shown - goal).double().square().sum()
            assert float(found["error_change"].sel(frame=frame, neuron=neuron)) == pytest.approx(
                float(expected), rel=1e-3, abs=1e-5
            )
    assert float(abs(found["squared_effect"] - (with_maps["effect"] ** 2).sum(("y", "x"))).max()) < 1e-5


@pytest.mark.parametrize("granularity", ["kernel", "input", "output"])
def test_the_mean_in_the_place_of_a_response(granularity: str) -> None:
    """A response that is the same everywhere is its mean: nothing is lost."""
    model = network("ffn")
    with torch.no_grad():
        model.B.zero_()  # all pixels alike
    found = xinc.ablate(model, "layer2", frames=[0], mode="mean", granularity=granularity)
    np.testing.assert_allclose(found["effect"], 0, atol=1e-6)
    usual = network("ffn")
    zero, mean = (
        xinc.ablate(usual, "layer3", frames=[0], mode=mode, granularity="kernel") for mode in ("zero", "mean")
    )
    assert float(mean["squared_effect"].sum()) != pytest.approx(float(zero["squared_effect"].sum()), rel=1e-3)


def test_a_local_response_changes_a_window_only() -> None:
    architecture, settings, _ = NETWORKS["nerv of three blocks"]
    model = build(architecture, settings, (48, 72), [2], 3, seed=1)
    trace = model.trace(2)
    one = Ablation(model, trace, "block2")
    with torch.no_grad():
        one._v[:] = 0
        one._v[1, 2, 3] = 1.0
        one._z[:] = one.layer.preactivation(one._v)
    change, (y0, y1, x0, x1) = one.change(np.arange(len(one.neurons)))
    height, width = one.colours.shape[-2:]
    assert (y1 - y0) * (x1 - x0) < height * width / 2
    assert change.shape[-2:] == (y1 - y0, x1 - x0)


def test_windows() -> None:
    response = torch.zeros(2, 5, 7)
    assert support(response) == (0, 1, 0, 1)
    response[0, 1, 2] = response[1, 3, 6] = 1
    assert support(response) == (1, 4, 2, 7)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"layer": "blok1"}, "Unknown layer 'blok1' of this nerv: did you mean 'block1'"),
        ({"frames": [0.5]}, r"frames is \[0.5\]: a list of frame indices was expected"),
        ({"frames": [True, False]}, "a list of frame indices was expected"),
        ({"frames": 0}, "a list of frame indices was expected, e.g. frames=.0."),
        ({"model": torch.nn.Linear(2, 3)}, "A module .*Linear was given without its inputs"),
        ({"neurons": [999]}, r"Neurons \[999\] of layer 'block1' were asked for; expected integers from 0 to"),
        ({"neurons": [0.5]}, "expected integers from 0 to"),
        ({"frames": [1]}, "Frame 1 is not represented by this nerv"),
        ({"mode": "none"}, "mode is 'none': expected"),
        ({"granularity": "input"}, "Granularity 'input' is not defined for the convolutional layer"),
        ({"target": np.zeros((1, 4, 4, 3))}, r"The target has shape \(1, 4, 4, 3\); expected \(2, 16, 24, 3\)"),
    ],
)
def test_what_is_not_there(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        xinc.ablate(**({"model": network("nerv"), "layer": "block1"} | asked))


def test_networks_in_wrappers_and_other_precisions() -> None:
    model = network("nerv")
    expected = xinc.ablate(model, "head", [0, 3], [2])
    for other in (torch.nn.DataParallel(model), copy.deepcopy(model).double()):
        np.testing.assert_allclose(xinc.ablate(other, "head", [0, 3], [2])["change"], expected["change"], atol=1e-6)
