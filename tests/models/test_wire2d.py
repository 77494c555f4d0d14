"""The two-dimensional form of WIRE: wavelets times windows, each a layer of its own in the trace."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import xinc
from tests.helpers import foreign
from xinc.models.base import INR
from xinc.models.storage import build

SMALL = {"hidden_width": 10, "layers": 3, "omega": 4.0, "first_omega": 6.0, "scale": 2.0}


@pytest.fixture(scope="module")
def model() -> INR:
    return build("wire2d", SMALL, (6, 9), [0, 2], 3, seed=1).eval()


def by_hand(model: Any, at: int = 1) -> np.ndarray:
    """Colours (3, P) of a frame in complex128, as its authors' code computes them."""
    rows, columns = np.meshgrid(np.linspace(-1, 1, 6), np.linspace(-1, 1, 9), indexing="ij")
    x: np.ndarray = np.stack([columns.ravel(), rows.ravel()])
    found: list[np.ndarray] = []
    for k in range(5):
        weight, bias = (one[k][at].detach().double().numpy() for one in (model.weights, model.biases))
        if k > 1:
            weight, bias = (one[..., 0] + 1j * one[..., 1] for one in (weight, bias))
        found.append(weight @ x + bias[:, None])
        if k % 2 == 1:
            u, window = found[-2:]
            x = np.exp(1j * (6.0 if k == 1 else 4.0) * u) * np.exp(-4.0 * (np.abs(u) ** 2 + np.abs(window) ** 2))
    return np.asarray(found[-1].real)


def test_it_is_its_formula_and_so_is_its_trace(model: INR) -> None:
    assert model.layer_names() == ["layer1", "layer1_window", "layer2", "layer2_window", "layer3"]
    with torch.no_grad():
        shown = model(torch.tensor([2]))[0]
    np.testing.assert_allclose(shown.flatten(1), by_hand(model), rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(2).flatten(1), by_hand(model), rtol=0, atol=1e-5)
    width = build("wire2d", {}, (4, 4), [0], 1)
    assert width.parameter_count() == 2 * (2 * 128 + 128) + 4 * 2 * (128 * 128 + 128) + 2 * (128 * 3 + 3) == 133_638


def test_maps_of_the_last_layer_are_complete_and_windows_vanish_with_their_responses(model: INR) -> None:
    maps = xinc.dissect(model, [2], granularity="kernel")
    summed = maps["layer3"]["contribution"].sel(frame=2).load().groupby("out_channel").sum().values
    np.testing.assert_allclose(summed, model.trace(2).output().numpy(), rtol=0, atol=3e-6)
    silent: Any = copy.deepcopy(model)
    with torch.no_grad():
        silent.weights[3][:, :, 1] = 0
        silent.biases[3].zero_()
    found = xinc.dissect(silent, [2], granularity="kernel")["layer2_window"]["contribution"]
    assert float(abs(found.isel(neuron=found["in_channel"].values == 1)).max()) == 0
    assert 0 < float(abs(found).max()) <= 1


@pytest.mark.parametrize("granularity", ["kernel", "input", "output"])
def test_ablation_is_the_network_with_weights_of_zero(model: INR, granularity: str) -> None:
    for k, name in enumerate(model.layer_names()):
        lost = xinc.ablate(model, name, frames=[2], granularity=granularity)
        for n in range(0, lost.sizes["neuron"], 6):
            other: Any = copy.deepcopy(model)
            i, j = int(lost["in_channel"][n]), int(lost["out_channel"][n])
            weight = other.weights[k].data[1]
            if granularity == "output":
                weight[j] = 0
                other.biases[k].data[1][j] = 0
            else:
                weight[slice(None) if j < 0 else j, i] = 0
            expected = (model.reconstruct(2) - other.reconstruct(2)).permute(1, 2, 0)
            found = lost["change"].sel(frame=2).isel(neuron=n).transpose("y", "x", "channel")
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_effects_and_pruning(model: INR) -> None:
    found = xinc.effects(model, [2], probes=50, granularity="kernel")
    exact = xinc.ablate(model, "layer3", frames=[2], granularity="kernel", maps=False)["squared_effect"][0]
    estimate = found["squared_effect"][0, 0, found["layer"].values == "layer3"]
    assert float(estimate.sum() / exact.sum()) == pytest.approx(1, abs=0.3)
    pruned: Any = xinc.prune(model, 0.5, criterion="contribution", budget="layer")
    for weight in pruned.weights:
        assert float((weight == 0).float().mean()) == pytest.approx(0.5, abs=0.06)
    pruned.check_trace()


def test_files_of_its_authors_load(tmp_path: Path) -> None:
    network = foreign.wire(1, windows=True)
    torch.save(network.content, tmp_path / "theirs.pth")
    model: Any = xinc.load_model(tmp_path / "theirs.pth", resolution=[6, 10])
    assert (model.name, model.settings.hidden_width, model.settings.scale) == ("wire2d", 14, 4.0)
    torch.testing.assert_close(model.reconstruct(0), network.image(0), rtol=0, atol=1e-5)
