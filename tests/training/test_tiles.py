"""Gradients of coordinate networks, tile by tile, against autograd on all pixels at once."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.trainings import make, targets, training
from xinc.models.base import OUTPUT_ACTIVATIONS
from xinc.models.storage import build
from xinc.trace.activations import ACTIVATIONS
from xinc.training import tiles
from xinc.training.learner import steps_of
from xinc.training.steps import PixelSteps
from xinc.training.tiles import OUTPUT_SLOPES, SLOPES, TiledSteps


def both(model, data, settings):
    """Errors and gradients by `PixelSteps` and by `TiledSteps`."""
    found = []
    for kind in (PixelSteps, TiledSteps):
        steps = kind(model, data, settings)
        model.zero_grad(set_to_none=True)
        errors = steps.gradients(steps.batches()[0])
        found.append((errors, [p.grad.clone() for p in model.parameters()]))
    return found


def assert_same(model, data):
    (errors, gradients), (tiled_errors, tiled) = both(model, data, training())
    torch.testing.assert_close(tiled_errors, errors, rtol=1e-5, atol=0)
    for expected, gradient in zip(gradients, tiled, strict=True):
        assert float(expected.abs().max()) > 0
        torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("pixels", [2, 10, 96, 1024])
@pytest.mark.parametrize("name", ["ffn", "siren"])
def test_gradients_whatever_the_tile(name, pixels, monkeypatch):
    monkeypatch.setattr(tiles, "TILE", pixels)
    assert_same(make(name), targets())


@pytest.mark.parametrize("activation", sorted({"relu", "gelu", "silu", "tanh", "elu", "leaky_relu"}))
@pytest.mark.parametrize("output", sorted(OUTPUT_ACTIVATIONS))
def test_gradients_of_every_activation(activation, output):
    assert_same(make("ffn", activation=activation, output_activation=output), targets())


@pytest.mark.parametrize("name", ["ffn", "siren"])
def test_threads_take_whole_networks(name):
    """With as many networks as threads or more each thread takes some; what is learnt is the same to the bit."""
    frames = range(5)
    data = torch.rand(5, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    found = []
    for count in (1, 2, 5, 8):
        model = build(name, {"hidden_width": 8}, (8, 12), frames, 5, seed=1)
        steps = TiledSteps(model, data, training(threads=count))
        assert (steps.threads is not None) == (1 < count <= 5)
        errors = steps.gradients(steps.batches()[0])
        found.append([errors, *(p.grad for p in model.parameters())])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_slopes_are_those_of_autograd():
    for name, slope in SLOPES.items():
        z = torch.linspace(-3, 3, 41, requires_grad=True)
        d = torch.linspace(1, 2, 41)
        (expected,) = torch.autograd.grad(ACTIVATIONS[name](z), z, d)
        torch.testing.assert_close(slope(d.clone(), z.detach()), expected)
    assert set(OUTPUT_SLOPES) == set(OUTPUT_ACTIVATIONS)


def test_an_odd_number_of_pixels_has_no_mirror_image(monkeypatch):
    """5×7 pixels: the one in the middle is its own image, so the layer is computed the ordinary way."""
    monkeypatch.setattr(tiles, "TILE", 8)
    model = build("ffn", {"fourier_features": 6, "hidden_width": 8, "sigma": 1.0}, (5, 7), [0, 1], 2)
    assert_same(model, torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("sigma", [1.0, 10.0])
def test_mirrored_pixels_at_the_papers_bandwidth(sigma):
    """Angles of hundreds of radians, in float32 good to 1e-5, are where the two ways differ."""
    model = make("ffn", sigma=sigma)
    (_, expected), (_, found) = both(model, targets(), training())
    for a, b in zip(expected, found, strict=True):
        assert float((a - b).norm()) <= 1e-4 * float(a.norm())


def test_a_network_with_its_own_forward_pass_is_left_to_autograd():
    model = make("siren")

    class Own(type(model)):
        def colours(self, encoded, at=None):
            return super().colours(encoded, at) ** 2

    assert isinstance(steps_of(model, targets(), training()), TiledSteps)
    model.__class__ = Own
    assert isinstance(steps_of(model, targets(), training()), PixelSteps)
