"""What holds for every registered architecture."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.stepwise import SMALL as SMALL_VIDEO
from xinc.canvas.dissect import dissect
from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.base import OUTPUT_ACTIVATIONS
from xinc.models.storage import build, save_model

#: Small versions; an architecture that is not listed is tested with its default settings.
SMALL = {
    "ffn": {"fourier_features": 5, "hidden_width": 7},
    "siren": {"hidden_width": 7, "layers": 3},
    "finer": {"hidden_width": 7, "layers": 3},
    "gauss": {"hidden_width": 7, "layers": 3, "scale": 5.0},
    "wire2d": {"hidden_width": 9, "layers": 3, "omega": 3.0, "scale": 3.0},
    "wire": {"hidden_width": 9, "layers": 3, "omega": 5.0, "scale": 5.0},
    "coinpp": {"hidden_width": 7, "layers": 3, "latent_dim": 4, "modulate_scale": True, "modulation_layers": 2},
    "pemlp": {"frequencies": 3, "hidden_width": 7, "layers": 3},
    **SMALL_VIDEO,
    "hashgrid": {"levels": 3, "log2_entries": 5, "base_resolution": 4, "hidden_width": 7},
    "nerv": {"embed_levels": 6, "strides": [2, 2], "kernel_size": [1, 5], "widths": [4, 3, 2]},
    "hnerv": {
        "embed_channels": 3,
        "strides": [2, 2],
        "encoder_strides": [4, 2],
        "encoder_width": 5,
        "widths": [4, 3, 2],
    },
}
RESOLUTION = (16, 32)


def make(name, frames=(0, 2, 3), seed=0, **more):
    return build(name, {**SMALL.get(name, {}), **more}, RESOLUTION, frames, 5, seed)


@pytest.fixture(params=list(architectures))
def name(request):
    return request.param


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("activation", sorted(OUTPUT_ACTIVATIONS))
def test_forward_equals_the_trace(name, activation):
    model = make(name, output_activation=activation)
    with torch.no_grad():
        images = model(torch.tensor([3, 0]))
    assert images.shape == (2, 3, *RESOLUTION)
    for image, frame in zip(images, [3, 0], strict=True):
        expected = OUTPUT_ACTIVATIONS[activation](model.trace(frame).output())
        torch.testing.assert_close(image, expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(model.reconstruct(frame), expected)
    assert not torch.equal(images[0], images[1])


def test_output_activations_are_what_they_are_called():
    x = torch.tensor([-1.0, 0.0, 2.0])
    assert OUTPUT_ACTIVATIONS["identity"](x).tolist() == x.tolist()
    torch.testing.assert_close(OUTPUT_ACTIVATIONS["sigmoid"](x), 1 / (1 + torch.exp(-x)))
    torch.testing.assert_close(OUTPUT_ACTIVATIONS["tanh"](x), torch.tanh(x) / 2 + 0.5)
    assert OUTPUT_ACTIVATIONS["centred"](x).tolist() == [0.0, 0.5, 1.5]


def test_trace_describes_the_network(name):
    model = make(name)
    trace = model.trace(0)
    assert model.layer_names() == [layer.name for layer in trace.layers]
    assert len(set(model.layer_names())) == len(trace.layers)
    assert trace.layers[-1].activation == "identity"
    assert list(trace.inputs()) == model.layer_names()
    for number, layer in enumerate(trace.layers):
        assert trace.position(layer.name) == number
        assert trace.inputs()[layer.name].shape[0] == layer.channels[0]
        assert not layer.weight.requires_grad
    assert not trace.output().requires_grad


def test_every_layer_can_be_dissected(name):
    model = make(name)
    canvas = dissect(model, [2])
    assert list(canvas.children) == model.layer_names()
    for layer in model.trace(2).layers:
        maps = canvas[layer.name]["contribution"]
        assert maps.dims == ("frame", "neuron", "y", "x")
        assert maps.shape[2:] == RESOLUTION
        expected = len(layer.edges()[0]) if layer.granularities[0] == "kernel" else layer.channels[0]
        assert maps.sizes["neuron"] == expected
        # Entries of a table are read in some frames only.
        assert abs(maps if layer.sparse else maps.isel(neuron=slice(0, 4))).max() > 0


def test_initial_weights_follow_from_the_seed(name):
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    first = weights(make(name, seed=4))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(7)
    assert torch.equal(weights(make(name, seed=4)), first)
    assert not torch.equal(weights(make(name, seed=5)), first)


def test_frames_that_are_not_there(name):
    model = make(name)
    assert model.check_frame(2) == 2
    message = f"Frame 1 is not represented by this {name}: it holds frames 0, 2-3"
    for call in (model.check_frame, model.trace, model.reconstruct):
        with pytest.raises(InputError, match=message):
            call(1)
    with pytest.raises(InputError, match=message):
        dissect(model, [0, 1])


def test_no_frames(name):
    with pytest.raises(InputError, match="at least one frame"):
        make(name, frames=())


def test_saved_and_loaded(name, tmp_path):
    from xinc import load_model

    model = make(name, seed=3, output_activation="sigmoid")
    path = tmp_path / "not there yet" / "model.pt"
    save_model(model, path, {"settings": {"epochs": 2}, "outcome": {"psnr": [1.5]}})
    assert [p.name for p in path.parent.iterdir()] == ["model.pt"]
    found = load_model(path)
    assert type(found) is type(model)
    for attribute in ("settings", "resolution", "frames", "num_frames", "seed", "output_activation"):
        assert getattr(found, attribute) == getattr(model, attribute)
    assert found.state_dict().keys() == model.state_dict().keys()
    for key, tensor in model.state_dict().items():
        assert torch.equal(found.state_dict()[key], tensor)
    assert torch.equal(found.reconstruct(2), model.reconstruct(2))
    content = torch.load(path, weights_only=True)
    assert content["training"] == {"settings": {"epochs": 2}, "outcome": {"psnr": [1.5]}}


def test_unknown_setting_names_the_nearest(name):
    key = next(iter(architectures[name].Settings.model_fields))
    with pytest.raises(InputError, match=f"Unknown setting '{name}.{key}x': did you mean '{key}'"):
        make(name, **{f"{key}x": 1})


@pytest.mark.parametrize("name", ["siren", "gauss", "pemlp"])
def test_coordinates_that_are_all_the_same(name):
    with pytest.raises(InputError, match="both ends are 1, which puts all pixels at one place"):
        build(name, {"coordinate_range": [1, 1]}, (4, 8), [0], 1)


@pytest.mark.parametrize(
    ("resolution", "frames", "message"),
    [
        ((0, 8), [0], r"resolution .* is \(0, 8\); expected two positive integers"),
        ((-4, 8), [0], r"is \(-4, 8\); expected two positive"),
        ((2.5, 8), [0], r"is \(2.5, 8\); expected two positive"),
        ("16x32", [0], "expected two positive integers"),
        ((4, 8), [], "needs at least one frame"),
        ((4, 8), [0, 0], r"frames \[0, 0\]; expected indices from 0 on, each once"),
        ((4, 8), [-1], r"frames \[-1\]; expected indices"),
        ((4, 8), [0, 7], r"frame 7 of a video of \d+ frames, which are numbered from 0: give frames up to \d"),
    ],
)
@pytest.mark.parametrize("name", ["siren", "coinpp", "hinerv"])
def test_sizes_and_frames_that_make_no_network(name, resolution, frames, message):
    settings = {"strides": [2, 2], "channels": 4} if name == "hinerv" else {"hidden_width": 4}
    with pytest.raises(InputError, match=message):
        build(name, settings, resolution, frames, 2)
