"""Networks of pixel coordinates: FFN and SIREN."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from xinc.models.mlp.network import pixel_coordinates
from xinc.models.storage import build


def test_coordinates_share_the_scale_of_the_longer_side():
    grid = pixel_coordinates((3, 5)).view(3, 5, 2)
    assert grid[0, 0].tolist() == [-1, -1]
    assert grid[2, 4].tolist() == [0, 1]
    for row in range(3):
        for col in range(5):
            assert grid[row, col].tolist() == [row / 4 * 2 - 1, col / 4 * 2 - 1]


def test_coordinates_of_tall_frames_and_of_one_pixel():
    assert pixel_coordinates((5, 3)).view(5, 3, 2)[4, 2].tolist() == [1, 0]
    assert pixel_coordinates((1, 1)).tolist() == [[-1, -1]]


def test_parameters_of_the_papers_network():
    """Section 6.1: 32,971 a frame, B not trained."""
    model = build("ffn", {}, (8, 8), [0], 1)
    assert model.parameter_count() == 32_971
    assert build("ffn", {}, (8, 8), [0, 1, 2], 3).parameter_count() == 3 * 32_971
    assert model.B.shape == (104, 2)
    assert [tuple(layer.weight.shape) for layer in model.trace(0).layers] == [(104, 208), (104, 104), (3, 104)]
    assert model.layer_names() == ["layer1", "layer2", "layer3"]


def test_siren_has_the_same_budget():
    count = build("siren", {}, (8, 8), [0], 1).parameter_count()
    assert count == 2 * 104 + 104 + 3 * (104 * 104 + 104) + 104 * 3 + 3 == 33_387
    assert abs(count / 32_971 - 1) < 0.013


def test_fourier_features(ffn):
    coordinates = pixel_coordinates(ffn.resolution)
    angle = 2 * np.pi * coordinates.double().numpy() @ ffn.B.double().numpy().T
    expected = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    np.testing.assert_allclose(ffn.encode(coordinates).numpy(), expected, rtol=0, atol=1e-4)
    found = ffn.trace(0).input.numpy()
    np.testing.assert_allclose(found.reshape(10, -1).T, expected, rtol=0, atol=1e-4)


def test_fourier_features_have_the_spread_asked_for():
    assert build("ffn", {"fourier_features": 2000, "sigma": 3}, (4, 4), [0], 1).B.std() == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("name", ["ffn", "siren"])
def test_a_frame_starts_alike_alone_and_in_company(name):
    alone = build(name, {"hidden_width": 6}, (4, 6), [5], 9, seed=2)
    company = build(name, {"hidden_width": 6}, (4, 6), [1, 5, 7], 9, seed=2)
    for a, b in zip(alone.weights, company.weights, strict=True):
        assert torch.equal(a[0], b[1])
        assert not torch.equal(b[0], b[1])
    for a, b in zip(alone.biases, company.biases, strict=True):
        assert torch.equal(a[0], b[1])


def test_siren_is_initialised_as_in_its_paper():
    model = build("siren", {"hidden_width": 200, "layers": 3, "omega": 20.0}, (4, 4), [0], 1)
    for at, bound in enumerate([1 / 2, math.sqrt(6 / 200) / 20, math.sqrt(6 / 200) / 20]):
        largest = float(model.weights[at].detach().abs().max())
        assert 0.95 * bound < largest <= bound


def test_siren_multiplies_by_its_frequency():
    model = build("siren", {"hidden_width": 4, "layers": 2, "omega": 11.0}, (3, 4), [0], 1)
    x = pixel_coordinates((3, 4)).double()
    w, b = ([p[0].double() for p in part] for part in (model.weights, model.biases))
    expected = torch.sin(11 * (x @ w[0].T + b[0])) @ w[1].T + b[1]
    torch.testing.assert_close(model.trace(0).output().double(), expected.T.view(3, 3, 4), rtol=1e-4, atol=1e-5)
    assert [layer.frequency for layer in model.trace(0).layers] == [11.0, 1.0]


def test_networks_of_coordinates_have_any_resolution(ffn):
    trace = ffn.trace(2, (11, 17))
    assert trace.output().shape == (3, 11, 17)
    torch.testing.assert_close(trace.output()[:, ::10, ::16], ffn.trace(2).output()[:, ::5, ::8], rtol=1e-3, atol=1e-4)
