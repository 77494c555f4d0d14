"""Gradients of coordinate networks, tile by tile, against autograd on all pixels at once."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.trainings import make, targets, training
from xinc.models.base import OUTPUT_ACTIVATIONS
from xinc.models.storage import build
from xinc.trace.activations import activate
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
@pytest.mark.parametrize("name", ["ffn", "siren", "finer", "gauss"])
def test_gradients_whatever_the_tile(name, pixels, monkeypatch):
    monkeypatch.setattr(tiles, "TILE", pixels)
    assert_same(make(name), targets())


@pytest.mark.parametrize("activation", sorted({"relu", "gelu", "silu", "tanh", "elu", "leaky_relu"}))
@pytest.mark.parametrize("output", sorted(OUTPUT_ACTIVATIONS))
def test_gradients_of_every_activation(activation, output):
    assert_same(make("ffn", activation=activation, output_activation=output), targets())


def test_gradients_through_the_frequency_of_finer():
    """Its authors' code leaves them out, which the same network with them shows."""
    gradients = []
    for through in (False, True):
        model = make("finer", scale_gradient=through)
        assert isinstance(steps_of(model, targets(), training()), TiledSteps)
        assert_same(model, targets())
        gradients.append(model.weights[0].grad)
    assert float((gradients[0] - gradients[1]).norm()) > 0.01 * float(gradients[0].norm())


@pytest.mark.parametrize("name", ["ffn", "siren"])
def test_threads_take_whole_networks(name):
    """With as many networks as threads or more each thread takes some; what is learnt is the same to the bit."""
    frames = range(5)
    data = torch.rand(5, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    found = []
    for count in (1, 2, 5, 8):
        model = build(name, {"hidden_width": 8}, (8, 12), frames, 5, seed=1)
        steps = TiledSteps(model, data, training(threads=count))
        assert (steps.threads is not None) == (count > 1)
        errors = steps.gradients(steps.batches()[0])
        found.append([errors, *(p.grad for p in model.parameters())])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("name", ["ffn", "siren"])
def test_threads_share_the_tiles_of_one_network(name, monkeypatch):
    """Of fewer networks than threads each is divided: the same gradient up to rounding, the same bits each time."""
    monkeypatch.setattr(tiles, "TILE", 16)
    data = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    found = []
    for count in (1, 3, 3, 16, 100):
        model = build(name, {"hidden_width": 8}, (8, 12), range(2), 2, seed=1)
        steps = TiledSteps(model, data, training(threads=count))
        assert [at for share in steps.shares for at in share] == list(range(6))
        assert len(steps.shares) == {1: 1, 3: 2, 16: 6, 100: 6}[count]
        errors = steps.gradients(steps.batches()[0])
        found.append([errors, *(p.grad for p in model.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(found[1], found[2], strict=True))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            torch.testing.assert_close(a, b)


def test_slopes_are_those_of_autograd():
    for name, slope in SLOPES.items():
        z = torch.linspace(-3, 3, 41, requires_grad=True)
        d = torch.linspace(1, 2, 41)
        (expected,) = torch.autograd.grad(activate(name, z), z, d)
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


def test_activations_without_a_slope_here_are_left_to_autograd():
    for said, served in (("leaky_relu(0.01)", True), ("leaky_relu(0.2)", False), ("mish", False)):
        model = make("ffn", activation=said)
        assert TiledSteps.serves(model) == served
        assert isinstance(steps_of(model, targets(), training()), TiledSteps if served else PixelSteps)
