"""Layers of an i.i.d. network, against closed forms and against networks that were not trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from xinc.canvas import iid
from xinc.canvas.dissect import dissect
from xinc.canvas.iid import _activated, expected_sum_abs, iid_layers
from xinc.canvas.reductions import pixels_over_share, sum_abs
from xinc.models.storage import build


def layer_of(c_in: int, c_out: int, size: tuple[int, int], **record: Any) -> xr.Dataset:
    """A dense layer of kernels without contribution, whose record says what follows it."""
    values = {
        "layout": "dense", "layer": "made", "layer_type": "Convolution", "granularity": "kernel",
        "activation": "identity", "shared_weights": True, "resolution": size,
    } | record  # fmt: skip
    i, j = np.divmod(np.arange(c_in * c_out), c_out)
    axes = {"frame": [0], "neuron": np.arange(c_in * c_out), "y": np.arange(size[0]), "x": np.arange(size[1])}
    channels = {"in_channel": ("neuron", i), "out_channel": ("neuron", j)}
    maps = np.zeros((1, c_in * c_out, *size), np.float32)
    return xr.Dataset({"contribution": (("frame", "neuron", "y", "x"), maps)}, axes | channels, {"xinc": values})


def stage(kernel_size: int, upscale: int, activation: str = "identity") -> dict[str, Any]:
    return {"kernel_size": kernel_size, "upscale": upscale, "activation": activation}


def test_a_normal_layer_represents_what_normal_numbers_do() -> None:
    """|C_n| = |w_n| |v(p)| of normal w and v: the median neuron exceeds E|w| E|v| at P(|v| > (2/π) / |w|) of pixels."""
    [drawn] = iid_layers({"made": layer_of(200, 10, (16, 32), later=[])}, maps=2000).values()
    found = pixels_over_share(drawn).median("neuron").mean() / (16 * 32)
    expected = 2 * norm.sf((2 / np.pi) / norm.ppf(0.75))
    assert expected == pytest.approx(0.345, abs=1e-3)
    assert float(found) == pytest.approx(expected, abs=0.015)


def test_upsampling_and_boxes_make_a_grid_and_a_dark_rim() -> None:
    """The 3×3 mean of what was enlarged by 4: variances of 5/9 beside a border, 1 within, 4/9 at the frame's edge."""
    made = layer_of(50, 2, (24, 32), later=[stage(1, 4), stage(3, 1)])
    [drawn] = iid_layers({"made": made}, maps=3000).values()
    axes = []
    for count in (24, 32):
        variance = np.tile([5 / 9, 1, 1, 5 / 9], count // 4)
        variance[[0, -1]] = 4 / 9
        axes.append(np.sqrt(variance))
    expected = np.outer(*axes)
    found = expected_sum_abs(drawn)
    np.testing.assert_allclose(found / found.mean(), expected / expected.mean(), rtol=0.05)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.995


def test_pixelshuffle_gives_each_pixel_one_two_or_four_sources() -> None:
    """Zeros inserted by 2, then a 3×3 mean: sub-pixel (0, 0) of the frame has no neighbour on the other side."""
    before = layer_of(1, 1, (16, 24), later=[stage(1, 2), stage(3, 1)])  # tells that kernels are 1×1
    made = layer_of(25, 4, (16, 24), upscale=2, later=[stage(3, 1)])
    drawn = iid_layers({"before": before, "made": made}, maps=3000)["made"]
    inside = (1 + 2 * np.sqrt(2) + 2) / 4  # phases with 1, 2, 2 and 4 sources
    corner = (1 + 1 + 1 + 1) / 4
    found = expected_sum_abs(drawn)
    assert found[0, 0] / found[8, 12] == pytest.approx(corner / inside, rel=0.05)
    assert found[7, 11] / found[8, 12] == pytest.approx(1, rel=0.03)


def test_half_of_the_inputs_of_a_relu_layer_are_dead() -> None:
    """Inputs that a ReLU made are not negative: the sign of the weights' sum decides. Those of the first layer are."""
    model = build("ffn", {"fourier_features": 10, "hidden_width": 40}, (8, 16), [0], 1)
    drawn = iid_layers(dict(dissect(model).children), maps=1000)
    dead = {name: float((sum_of(layer) == 0).mean()) for name, layer in drawn.items()}
    assert dead["layer1"] == 0
    assert dead["layer2"] == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(1000))
    assert dead["layer3"] == 0


def sum_of(layer: xr.Dataset) -> np.ndarray:
    out: np.ndarray = np.abs(layer["contribution"].values).sum((2, 3))
    return out


def nerv(seed: int = 0, **settings: Any) -> Any:
    return build("nerv", {"fc_dim": 12, "strides": [2, 2], "embed_levels": 4} | settings, (16, 32), [0], 1, seed)


def layers_of(seed: int = 0, **settings: Any) -> dict[str, xr.Dataset]:
    return {name: node.to_dataset() for name, node in dissect(nerv(seed, **settings)).children.items()}


def test_the_expectation_is_the_mean_over_draws_without_its_noise() -> None:
    for layer in iid_layers(layers_of(), maps=3000).values():
        mean = sum_abs(layer).mean("frame").values
        found = expected_sum_abs(layer)
        np.testing.assert_allclose(found, found[::-1], rtol=1e-12)
        np.testing.assert_allclose(found, found[:, ::-1], rtol=1e-12)
        assert found.mean() == pytest.approx(mean.mean(), rel=1e-6)
        assert np.std(found / mean - 1) < 0.06


def test_an_untrained_network_is_as_near_to_it_as_to_another_untrained_one() -> None:
    drawn = expected_sum_abs(iid_layers(layers_of(), maps=1000)["block1"])
    one, other = (sum_abs(layers_of(seed)["block1"]).values[0] for seed in (1, 2))

    def r(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    assert min(r(one, drawn), r(other, drawn)) > max(0.7, r(one, other) - 0.05)


def test_draws_depend_on_the_seed_the_layer_and_their_number() -> None:
    layers = layers_of()
    twice = [iid_layers(layers, maps=200)["block2"]["contribution"].values for _ in range(2)]
    np.testing.assert_array_equal(*twice)
    assert len(np.unique(twice[0][:, 0, 4, 4])) == len(twice[0]) > 1
    other = iid_layers(layers, maps=200, seed=1)["block2"]["contribution"].values
    assert (other != twice[0]).mean() > 0.9


def test_kernels_are_as_large_as_the_network_s_and_few_stand_for_many() -> None:
    """A dense layer does not know of its own kernels, but layers before it do."""
    factored = layers_of(fc_dim=40, head_kernel_size=5)
    dense = {name: layer.load() for name, layer in layers_of(fc_dim=40, head_kernel_size=5).items()}
    drawn = [iid_layers(layers, maps=200) for layers in (factored, dense)]
    for name in factored:
        xr.testing.assert_equal(*(found[name] for found in drawn))
    one = drawn[0]["block1"]
    assert factored["block1"].sizes["neuron"] > one.sizes["neuron"] >= 100
    assert np.bincount(2 * one["phase_y"].values + one["phase_x"].values).tolist() == [one.sizes["neuron"] / 4] * 4


def test_layers_without_a_record_and_gained_maps_are_left_out() -> None:
    made = layer_of(2, 2, (4, 4), later=[])
    del made.attrs["xinc"]
    applied, kept = (layer_of(2, 2, (4, 4), later=[], gain=gain) for gain in ("applied", "kept"))
    found = iid_layers({"made": made, "applied": applied, "kept": kept}, maps=10)
    assert list(found) == ["kept"]
    plain = iid_layers({"kept": layer_of(2, 2, (4, 4), later=[])}, maps=10)["kept"]
    np.testing.assert_array_equal(found["kept"]["contribution"], plain["contribution"])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("cos", np.cos),
        ("sigmoid", lambda z: 1 / (1 + np.exp(-z))),
        ("gauss", lambda z: np.exp(-(z**2))),
        ("finer(30)", lambda z: np.sin(z * (np.abs(z) / 30 + 1))),
    ],
)
def test_inputs_are_activations_whole(said: str, expected: Any) -> None:
    """What enters a layer is φ(z), not what a neuron contributes, φ(z) − φ(0)."""
    z = np.random.default_rng(0).standard_normal((3, 4, 5), np.float32)
    np.testing.assert_allclose(_activated(said, z.copy()), expected(z), rtol=0, atol=1e-6)


def test_finer_has_the_frequency_of_the_layer_before() -> None:
    """Responses of variance 1, whatever their frequency: at ω = 1000 the activation is all but a sine."""
    model = build("siren", {"layers": 3, "activation": "finer", "omega": 1000.0}, (8, 8), [0], 1)
    layers = {name: node.to_dataset() for name, node in dissect(model).children.items()}
    drawn = iid_layers({name: layers[name] for name in ("layer2", "layer3")}, maps=2)["layer3"]
    maps = drawn["contribution"].variable._data
    while hasattr(maps, "array"):
        maps = maps.array
    _, inputs = maps.layer_at(0)
    assert float(np.var(inputs)) == pytest.approx((1 - np.exp(-2)) / 2, rel=0.05)


def test_every_draw_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the expectation of the heatmap, ahead of time, whatever the size of the input beside its padding."""
    made: list[int] = []
    plain = iid._Draws.__call__

    def counted(self: Any, number: int) -> Any:
        made.append(number)
        return plain(self, number)

    monkeypatch.setattr(iid._Draws, "__call__", counted)
    drawn = iid_layers(layers_of(), maps=1000)["block1"]
    expected_sum_abs(drawn)
    assert sorted(made) == drawn["frame"].values.tolist()
