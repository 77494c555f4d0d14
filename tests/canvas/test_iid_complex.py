"""Complex layers of an i.i.d. network, against closed forms and against networks that were not trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from xinc.canvas.dissect import dissect
from xinc.canvas.iid import iid_layers
from xinc.canvas.iid_complex import complex_chains, initial
from xinc.canvas.reductions import pixels_over_share
from xinc.canvas.schema import record_of
from xinc.models.storage import build

SETTINGS: dict[str, dict[str, Any]] = {
    "wire": {"hidden_width": 80, "layers": 4, "omega": 5.0, "scale": 3.0},
    "wire2d": {"hidden_width": 100, "layers": 3, "omega": 5.0, "scale": 2.0},
}


def untrained(name: str, seed: int = 1, granularity: str | None = None) -> dict[str, xr.Dataset]:
    model = build(name, SETTINGS[name], (24, 24), [0], 1, seed)
    return {key: node.to_dataset() for key, node in dissect(model, granularity=granularity).children.items()}


def test_weights_are_those_that_pytorch_draws() -> None:
    """Real and imaginary parts U(±1/√C_in), each of variance 1/(3 C_in); a first layer's are real."""
    generator = np.random.default_rng(0)
    for real in (True, False):
        weight, bias = initial(real, 50, 400, generator)
        assert (weight.dtype, bias.dtype) == ((np.float32,) * 2 if real else (np.complex64,) * 2)
        for values in (weight, bias):
            for part in (values.real,) if real else (values.real, values.imag):
                assert 0.95 / np.sqrt(50) < abs(part).max() <= 1 / np.sqrt(50)
                assert part.var() == pytest.approx(1 / 150, rel=0.15)


@pytest.mark.parametrize("granularity", ["kernel", "input", "output"])
@pytest.mark.parametrize("name", SETTINGS)
def test_channels_are_those_of_the_network(name: str, granularity: str) -> None:
    model = build(name, SETTINGS[name], (24, 24), [0], 1)
    layers = untrained(name, granularity=granularity)
    chains = complex_chains({key: record_of(layer) for key, layer in layers.items()}, layers)
    assert list(chains) == model.layer_names()
    for layer in model.trace(0).layers:
        chain = chains[layer.name]
        assert (chain.last.c_in, chain.last.c_out) == layer.channels
        assert chain.real == (layer.name in ("layer1", "layer1_window"))
        assert [len(links) for links in chain.before] == [2 if name == "wire2d" else 1] * len(chain.before)
    drawn = iid_layers(layers, maps=120)
    assert list(drawn) == model.layer_names()
    for key, layer in drawn.items():
        values = layer["contribution"].values
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert key != f"layer{model.settings.layers}" or (values < 0).any(), "the last has real parts"


@pytest.mark.parametrize("name", SETTINGS)
def test_inputs_are_as_large_as_an_untrained_network_s(name: str) -> None:
    """The mean square over channels and places, of 8 networks and of 8 draws, at each layer."""
    layers = untrained(name)
    chains = complex_chains({key: record_of(layer) for key, layer in layers.items()}, layers)
    own: dict[str, list[float]] = {}
    for seed in range(8):
        trace = build(name, SETTINGS[name], (24, 24), [0], 1, seed).trace(0)
        for key, v in trace.inputs().items():
            own.setdefault(key, []).append(float(v.abs().square().mean()))
    for key, chain in chains.items():
        drawn = [np.square(abs(chain.inputs(np.random.default_rng(k), (24, 24)))).mean() for k in range(8)]
        assert np.mean(drawn) == pytest.approx(np.mean(own[key]), rel=0.25), key


@pytest.mark.parametrize("name", SETTINGS)
def test_an_untrained_network_is_as_near_to_it_as_to_another_untrained_one(name: str) -> None:
    """Medians over neurons of the pixels that each represents, in percent of the frame."""
    medians = []
    for seed in range(4):
        layers = untrained(name, seed)
        medians.append([float(pixels_over_share(one).median("neuron").mean()) / 5.76 for one in layers.values()])
    drawn = iid_layers(layers, maps=600)
    found = [float(pixels_over_share(one).median("neuron").mean()) / 5.76 for one in drawn.values()]
    low, high = np.min(medians, 0), np.max(medians, 0)
    wide = np.maximum(high - low, 4)
    assert (found > low - wide).all(), (found, medians)
    assert (found < high + wide).all(), (found, medians)


def test_draws_depend_on_the_seed_the_layer_and_their_number() -> None:
    layers = untrained("wire")
    twice = [iid_layers(layers, maps=200)["layer2"]["contribution"].values for _ in range(2)]
    np.testing.assert_array_equal(*twice)
    assert len(np.unique(twice[0][:, 0, 4, 4])) == len(twice[0]) > 1
    other = iid_layers(layers, maps=200, seed=1)["layer2"]["contribution"].values
    assert (other != twice[0]).mean() > 0.9


def test_a_window_multiplies_its_wavelets() -> None:
    """What enters layer2: φ(u) · window(u') of weights drawn in turns, by hand."""
    layers = untrained("wire2d")
    chain = complex_chains({key: record_of(layer) for key, layer in layers.items()}, layers)["layer2"]
    found = chain.inputs(np.random.default_rng(3), (4, 5))
    generator = np.random.default_rng(3)
    v = generator.uniform(-1, 1, (2, 20)).astype(np.float32)
    u, other = (w @ v + b[:, None] for w, b in (initial(True, 2, 50, generator) for _ in range(2)))
    omega, scale = 5.0, 2.0
    expected = np.exp(1j * omega * u - scale**2 * (u**2 + other**2))
    np.testing.assert_allclose(found.reshape(50, 20), expected, rtol=0, atol=1e-5)
    assert found.dtype == np.complex64


def test_layers_whose_inputs_are_not_known_are_left_out() -> None:
    layers = untrained("wire")
    assert list(iid_layers({key: layers[key] for key in ("layer1", "layer3")}, maps=9)) == ["layer1"]
    assert iid_layers({key: layers[key] for key in ("layer2", "layer3")}, maps=9) == {}
