"""Coordinate networks of other papers: their published sizes, closed forms and initial weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from xinc import dissect
from xinc.models import architectures
from xinc.models.mlp.network import pixel_coordinates
from xinc.models.storage import build
from xinc.training.loop import final_psnr, fit, learning_rate
from xinc.training.settings import TrainingSettings

#: As FINER's code has them for images, instantiated there.
PARAMETERS = {"finer": 198_915, "gauss": 198_915, "pemlp": 209_155}


def make(name: str, **settings: Any) -> Any:
    return build(name, {"hidden_width": 7, "layers": 3, **settings}, (5, 8), [0], 1)


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_sizes(name: str) -> None:
    model = build(name, {}, (4, 4), [0], 1)
    assert model.parameter_count() == PARAMETERS[name]
    assert model.layer_names() == [f"layer{k}" for k in range(1, 6)]
    siren = build("siren", {"hidden_width": 256, "coordinates": "stretched"}, (4, 4), [0], 1)
    assert siren.parameter_count() == 198_915
    assert model.output_activation == "centred", "its authors fit colours from -1 to 1"
    grid = model.grid((3, 5)).view(3, 5, 2)
    assert (grid[0, 0].tolist(), grid[2, 4].tolist(), grid[0, 4].tolist()) == ([-1, -1], [1, 1], [-1, 1])


def by_hand(model: Any, hidden: Any) -> torch.Tensor:
    """Colours (3, H, W) of frame 0, in float64, layer by layer."""
    x = model.encode(pixel_coordinates(model.resolution, coordinates="stretched")).double()
    last = len(model.weights) - 1
    for k, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
        u = x @ weight[0].double().T + bias[0].double()
        x = u if k == last else hidden(u, k)
    return (x / 2 + 0.5).T.reshape(3, *model.resolution)


FORMULAS = {
    "finer": ({"omega": 20.0, "first_omega": 11.0}, lambda u, k: torch.sin((20, 11)[k == 0] * (u.abs() + 1) * u)),
    "gauss": ({"scale": 4.0}, lambda u, _: torch.exp(-((4 * u) ** 2))),
    "pemlp": ({"frequencies": 4}, lambda u, _: u.clamp(min=0)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_networks_are_their_formulas(name: str) -> None:
    settings, hidden = FORMULAS[name]
    model = make(name, layers=4, **settings)
    with torch.no_grad():
        torch.testing.assert_close(model.reconstruct(0).double(), by_hand(model, hidden), rtol=0, atol=1e-5)
        torch.testing.assert_close(model(torch.tensor([0]))[0], model.reconstruct(0), rtol=0, atol=1e-5)


def test_positional_encoding_is_in_its_order() -> None:
    model = make("pemlp", frequencies=3)
    x = torch.tensor([[0.3, -0.8]])
    expected = [0.3, -0.8]
    for k in range(3):
        expected += [wave(2**k * value) for wave in (math.sin, math.cos) for value in (0.3, -0.8)]
    np.testing.assert_allclose(model.encode(x)[0], expected, rtol=1e-6)
    assert model.widths() == [14, 7, 7, 3]
    assert make("pemlp", frequencies=0).widths()[0] == 2


def test_initial_weights_have_their_bounds() -> None:
    """Uniform draws: the largest lies at the bound, and the variance is a third of its square."""

    def bounds(found: torch.Tensor, bound: float) -> None:
        drawn = found.detach()
        assert 0.97 * bound < float(drawn.abs().max()) <= bound
        assert float(drawn.var()) == pytest.approx(bound**2 / 3, rel=0.15)

    for settings, first in (({}, 1 / math.sqrt(2)), ({"first_bias_scale": 5.0}, 5.0)):
        finer = make("finer", hidden_width=400, omega=20.0, **settings)
        bounds(finer.weights[0], 1 / 2)
        bounds(finer.biases[0], first)
        bounds(finer.weights[1], math.sqrt(6 / 400) / 20)
        bounds(finer.biases[1], 1 / math.sqrt(400))
        bounds(finer.weights[2], math.sqrt(6 / 400) / 20)
    for name, inputs in (("gauss", 2), ("pemlp", 42)):
        model = make(name, hidden_width=400)
        for k, c_in in enumerate((inputs, 400, 400)):
            bounds(model.weights[k], 1 / math.sqrt(c_in))
        bounds(
            torch.cat([one.flatten() * math.sqrt(c) for one, c in zip(model.biases, (inputs, 400), strict=False)]), 1
        )


def test_finer_begins_as_a_siren() -> None:
    finer = make("finer", omega=25.0)
    siren = make("siren", omega=25.0)
    assert all(torch.equal(a, b) for a, b in zip(finer.parameters(), siren.parameters(), strict=True))


@pytest.mark.parametrize("name", FORMULAS)
def test_maps_of_the_last_layer_are_complete(name: str) -> None:
    """Its kernels' maps, bias included, add up to the response; a Gaussian's too, which is 1 where nothing comes."""
    model = make(name)
    canvas = dissect(model, granularity="kernel")
    last = canvas["layer3"]["contribution"].sel(frame=0).load()
    summed = last.groupby("out_channel").sum().values
    expected = model.trace(0).output().numpy()
    np.testing.assert_allclose(summed, expected, rtol=0, atol=2e-6 * abs(expected).max())
    assert "layer2" in canvas, architectures[name]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("finer", {"omega": 10.0}),
        pytest.param("gauss", {"scale": 4.0}, marks=pytest.mark.slow),
        pytest.param("pemlp", {"frequencies": 4}, marks=pytest.mark.slow),
        pytest.param("wire", {"omega": 5.0, "scale": 4.0}, marks=pytest.mark.slow),
        pytest.param("wire2d", {"omega": 5.0, "scale": 4.0}, marks=pytest.mark.slow),
        pytest.param("coinpp", {"omega": 10.0, "latent_dim": 2}, marks=pytest.mark.slow),
    ],
)
def test_training_reaches_what_a_plain_loop_does(name: str, settings: dict[str, Any]) -> None:
    """The same network by PyTorch's Adam on whole frames, with the same schedule."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 10), torch.linspace(0, 1, 12), indexing="ij")
    data = torch.stack([y, x, (torch.sin(9 * x * y) + 1) / 2])[None]
    epochs, rate = 60, TrainingSettings(epochs=60, learning_rate=5e-3, threads=1, device="cpu")
    ours, plain = (
        build(name, {"hidden_width": 16, "layers": 3, **settings}, (10, 12), [0], 1, seed=4) for _ in range(2)
    )
    optimiser = torch.optim.Adam(plain.parameters())
    for step in range(epochs):
        optimiser.param_groups[0]["lr"] = learning_rate(step, epochs, rate)
        optimiser.zero_grad()
        (plain(torch.tensor([0])) - data).square().mean().backward()
        optimiser.step()
    [reached] = fit(ours, data, rate).psnr
    [expected] = final_psnr(plain, data)
    assert reached > expected - 0.1
    assert reached > 11
