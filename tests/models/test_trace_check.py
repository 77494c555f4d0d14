"""A trace that is not the network is an error with the numbers; one that is, but for rounding, passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import xinc
from tests.helpers.stepwise import SMALL
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_canvas_of, write_layer
from xinc.errors import InputError
from xinc.experiment.job import job_log
from xinc.models import architectures
from xinc.models.base import TRACE_TOLERANCE
from xinc.models.decoder.network import Decoder
from xinc.models.nerv.network import Network as NeRV
from xinc.models.siren.network import Network as SIREN
from xinc.models.storage import build, save_model
from xinc.trace.layers import Trace

SETTINGS = {"embed_levels": 6, "strides": [2, 2], "widths": [4, 3, 2]}


def make(cls, settings=SETTINGS, resolution=(16, 24), frames=range(4)):
    """A network of a class that is derived from a registered one."""
    return cls(cls.Settings(**settings), resolution, list(frames), 4, 0)


class Skips(NeRV):
    """A residual around the head that the trace knows nothing of."""

    def decode(self, x):
        return super().decode(x) + 0.1 * F.interpolate(x, self.resolution).mean(1, keepdim=True)


class Enlarges(NeRV):
    """Twice the resolution, by an upsampling behind the head."""

    def decode(self, x):
        return F.interpolate(super().decode(x), scale_factor=2)


class Shuffles(NeRV):
    """A trace whose first block does without PixelShuffle."""

    def trace(self, frame, resolution=None):
        trace = super().trace(frame, resolution)
        return Trace(trace.input, (replace(trace.layers[0], upscale=1), *trace.layers[1:]))


class Activates(NeRV):
    """The approximation of GELU by tanh, where the trace has the exact one."""

    def decode(self, x):
        for block, stride in zip(self.blocks, self.settings.strides, strict=True):
            x = F.gelu(F.pixel_shuffle(block(x), stride), approximate="tanh")
        return self.colours_of(self.head(x))


class FirstFrame(NeRV):
    """The trace of the first frame, whatever the frame."""

    def trace(self, frame, resolution=None):
        return super().trace(self.frames[0], resolution)


class Forgets(NeRV):
    """A trace without the head's bias."""

    def trace(self, frame, resolution=None):
        trace = Decoder.trace(self, frame, resolution)
        head = replace(trace.layers[-1], bias=torch.zeros_like(trace.layers[-1].bias))
        return Trace(trace.input, (*trace.layers[:-1], head))


class Renames(NeRV):
    def trace(self, frame, resolution=None):
        trace = super().trace(frame, resolution)
        return Trace(trace.input, (*trace.layers[:-1], replace(trace.layers[-1], name="output")))


class Colours(NeRV):
    """An output activation that is applied by forward alone."""

    def decode(self, x):
        return torch.sigmoid(super().decode(x))


WRONG = {
    Skips: r"for frame 3 its colours differ from those of forward by up to 0\.\d+ \(.* dB\), where rounding allows",
    Enlarges: r"ends in 3x16x24 \(channels x height x width\), forward in 3x32x48; .* upsampling",
    Shuffles: r"its layer 'block2' takes 3 channels, and what comes before it gives 12x4x6",
    Activates: "its colours differ from those of forward by up to",
    FirstFrame: "its colours differ from those of forward by up to",
    Forgets: "its colours differ from those of forward by up to",
    Renames: "its layers are block1, block2, output, those of layers_of block1, block2, head",
    Colours: "its colours differ from those of forward by up to",
}


@pytest.mark.parametrize("cls", WRONG, ids=lambda cls: cls.__name__)
def test_a_trace_that_is_not_the_network(cls, tmp_path):
    model = make(cls)
    with torch.no_grad():
        for parameter in model.parameters():  # a network that was trained has no weights near zero
            parameter.mul_(3)
    for dissected in (
        lambda: xinc.dissect(model),
        lambda: write_layer(model, tmp_path / "c.zarr" / "head", "head", None, CanvasSettings(device="cpu")),
        model.check_trace,
    ):
        with pytest.raises(InputError, match=f"^The trace of this nerv is not the network: .*{WRONG[cls]}") as caught:
            dissected()
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(".")
    assert not (tmp_path / "c.zarr").exists()


def test_a_job_of_the_canvas_ends_with_the_sentence(tmp_path, monkeypatch):
    model = make(NeRV)
    save_model(model, tmp_path / "model.pt")
    monkeypatch.setattr(NeRV, "trace", Forgets.trace)
    with pytest.raises(SystemExit), job_log(tmp_path / "log"):
        write_canvas_of(tmp_path / "model.pt", tmp_path / "c.zarr", ["head"], {"frames": "all"})
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.startswith("Error: The trace of this nerv is not the network: for frame 3 its colours differ")
    assert not (tmp_path / "c.zarr").exists()


def test_coordinates_in_the_other_order():
    class Swaps(SIREN):
        def trace(self, frame, resolution=None):
            trace = super().trace(frame, resolution)
            return Trace(trace.input.flip(0), trace.layers)

    with pytest.raises(InputError, match="its colours differ"):
        xinc.dissect(make(Swaps, {"hidden_width": 8, "layers": 3}))


def test_a_resolution_that_is_not_heeded():
    class Fixed(SIREN):
        def trace(self, frame, resolution=None):
            return super().trace(frame)

    model = make(Fixed, {"hidden_width": 8, "layers": 3})
    xinc.dissect(model)
    with pytest.raises(InputError, match="at resolution 8x12 ends in 16x24"):
        xinc.dissect(model, resolution=(8, 12))


@pytest.mark.parametrize("name", list(architectures))
def test_every_architecture_passes(name):
    settings = {"hidden_width": 32} if name in ("coinpp", "wire", "wire2d") else SMALL.get(name, {})
    model = build(name, settings, (64, 128), [0, 2], 4)
    model.check_trace()
    model.check_trace(0)
    with pytest.raises(InputError, match="Frame 1 is not represented"):
        model.check_trace(1)


def test_rounding_that_a_network_multiplies():
    """Sines of sines of large arguments differ visibly with the precision of a sum; the trace is still the network."""

    class Exact(SIREN):
        shift = 0.0

        def forward(self, frames):
            (frame,) = frames.tolist()
            trace = self.trace(frame).double()
            layers = list(trace.layers)
            layers[1] = replace(layers[1], bias=layers[1].bias + self.shift)
            return self.colours_of(Trace(trace.input, tuple(layers)).output())[None].float()

    model = make(Exact, {"hidden_width": 64, "layers": 5})
    with torch.no_grad():
        for weight in model.weights[1:-1]:
            weight.mul_(10)
    expected, found = model(torch.tensor([3]))[0], model.reconstruct(3)
    assert (expected - found).abs().max() > 3 * TRACE_TOLERANCE * expected.abs().max()
    model.check_trace()
    model.shift = 0.01
    with pytest.raises(InputError, match="its colours differ"):
        model.check_trace()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(value):
    model = make(NeRV)
    with torch.no_grad():
        model.blocks[1].weight[0, 0, 0] = value
    with pytest.raises(
        InputError,
        match=r"makes \d+ of 1152 values of frame 3 that are not finite, because 3 of the 216 values of its tensor "
        r"'blocks\.1\.weight' are not",
    ):
        xinc.dissect(model)


def test_the_network_stays_as_it_was():
    """The comparison is of the network as it is used, whatever mode it is in, and does not change it."""

    class Normalises(NeRV):
        def build_decoder(self, *given):
            super().build_decoder(*given)
            self.norm = nn.BatchNorm2d(4)
            self.drop = nn.Dropout(0.5)

        def start(self, embedded):
            return self.drop(self.norm(super().start(embedded)))

    model = make(Normalises)
    model.train()
    model.norm.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.check_trace()
    assert model.training
    assert model.drop.training
    assert not model.norm.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
