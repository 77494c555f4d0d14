"""The front door: modules as they are, read, verified, dissected, ablated and refused."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import xinc
from tests.helpers import ablated
from tests.helpers.zoo import CASES, HEIGHT, PIXELS, QUICK, TIME, WHOLE, FiLM, InPlace, Sine, coordinates, made
from xinc.contributions.maps import LayerMaps
from xinc.errors import InputError
from xinc.models.base import INR
from xinc.models.mlp.network import MLP
from xinc.modules.network import ModuleNetwork


def network(name: str) -> ModuleNetwork:
    case = CASES[name]
    found = xinc.network(made(name), case.inputs, case.resolution)
    assert isinstance(found, ModuleNetwork)
    return found


@pytest.fixture(scope="module")
def networks() -> dict[str, ModuleNetwork]:
    """Those of `CASES`, as they are asked for."""
    return {}


@pytest.fixture(params=[name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES])
def case(request: Any, networks: dict[str, ModuleNetwork]) -> tuple[str, ModuleNetwork]:
    name = request.param
    if name not in networks:
        networks[name] = network(name)
    return name, networks[name]


def test_layers_have_the_names_of_modules_and_known_activations(case: tuple[str, ModuleNetwork]) -> None:
    name, found = case
    layers = {layer.name: layer for layer in found.trace(0).layers}
    assert tuple(layers) == CASES[name].layers
    assert tuple(layer.activation for layer in layers.values()) == CASES[name].activations
    assert set(found.skipped) == set(CASES[name].skipped)
    assert all(found.skipped.values())
    named = dict(found.module.named_modules())
    assert all(one.split("@")[0] in named or one == "matmul" for one in layers)


def test_responses_are_those_recorded_and_complete(case: tuple[str, ModuleNetwork]) -> None:
    """float32 to 1e-5, float64 to 1e-10; of all layers Σ e_ij is the pre-activation, and the output the module's."""
    _, found = case
    trace = found.trace(0)
    module = copy.deepcopy(found.module).double().eval()
    args, kwargs = found.given.at(0)
    exact = torch.utils._pytree.tree_map(
        lambda one: one.double() if isinstance(one, Tensor) and one.is_floating_point() else one, (args, kwargs)
    )
    doubled = xinc.network(module, exact[1] or exact[0], found.resolution).trace(0)
    recorded, inputs = trace.responses(), trace.inputs()
    exactly, exact_inputs = doubled.responses(), doubled.inputs()
    for layer, double in zip(trace.layers, doubled.layers, strict=True):
        z, v = recorded[layer.name], inputs[layer.name]
        torch.testing.assert_close(layer.preactivation(v), z, rtol=0, atol=1e-5 * max(1, float(z.abs().max())))
        wide = exactly[layer.name]
        torch.testing.assert_close(
            double.preactivation(exact_inputs[layer.name]), wide, rtol=0, atol=1e-10 * max(1, float(wide.abs().max()))
        )
        i, j = (torch.as_tensor(of) for of in layer.edges())
        total = torch.zeros_like(z).index_add(0, j, layer.edge_responses(v, i, j))
        torch.testing.assert_close(total, z, rtol=0, atol=1e-4 * max(1, float(z.abs().max())))
    torch.testing.assert_close(trace.output(), found(torch.tensor([0]))[0], rtol=0, atol=0)


def test_effects_of_ablation_are_those_of_weights_set_to_zero(case: tuple[str, ModuleNetwork]) -> None:
    name, found = case
    clean = found(torch.tensor([0]))[0].detach()
    for layer in found.trace(0).layers:
        part = dict(found.module.named_modules()).get(layer.name)
        if not isinstance(part, nn.Linear | nn.Conv2d | nn.Conv1d) or hasattr(part, "parametrizations"):
            continue
        if name == "reused layer" and layer.name == "hidden":
            continue  # its weights are those of another layer, too
        edges_i, edges_j = layer.edges()
        number = len(edges_i) // 2
        i, j = int(edges_i[number]), int(edges_j[number])
        lost = xinc.ablate(found, layer.name, [number], granularity="kernel", maps=True)["change"].values[0, 0]
        without = copy.deepcopy(found.module)
        weight = dict(without.named_modules())[layer.name].weight.data
        weight[j, i % weight.shape[1]] = 0
        args, kwargs = found.given.at(0)
        with torch.no_grad():
            result = without.eval()(*args, **kwargs)
        image = next(one for one in (result if isinstance(result, tuple) else (result,)) if isinstance(one, Tensor))
        expected = clean - found.captured(0).layout.image(image)
        assert float(np.abs(lost - expected.numpy()).max()) <= 5e-5 * max(1, float(clean.abs().max()))


def test_maps_are_dissected_and_sum_up_in_the_last_layer(case: tuple[str, ModuleNetwork]) -> None:
    _, found = case
    canvas = xinc.dissect(found, granularity="kernel")
    assert list(canvas) == found.layer_names()
    for layer in canvas.values():
        maps = layer["contribution"]
        assert maps.shape[2:] == found.resolution
        assert np.isfinite(maps.values).all()
    last = found.layer_names()[-1]
    maps = canvas[last]["contribution"].isel(frame=0)
    total = maps.groupby("out_channel").sum().values
    z = found.trace(0).responses()[last].numpy()
    assert total.shape == z.shape
    assert float(np.abs(total - z).max()) <= 1e-4 * max(1, float(np.abs(z).max()))


def test_in_place_is_as_out_of_place() -> None:
    torch.manual_seed(0)
    inside = InPlace(True)
    outside = InPlace(False)
    outside.load_state_dict(inside.state_dict())
    one, other = (xinc.dissect(module, inputs=PIXELS, resolution=WHOLE) for module in (inside, outside))
    for name in one:
        assert (one[name]["contribution"].values == other[name]["contribution"].values).all()


def test_frames_are_those_of_a_function() -> None:
    torch.manual_seed(0)
    module = FiLM()
    canvas = xinc.dissect(module, inputs=lambda frame: torch.full((1, 4), frame / 5), frames=[1, 4], layers=["up"])
    assert list(canvas) == ["up"]
    assert canvas["up"]["contribution"]["frame"].values.tolist() == [1, 4]
    # Time changes scales and shifts, and so the weights of the layer that they are folded into.
    alone = xinc.dissect(module, inputs=torch.full((1, 4), 4 / 5), layers="up")["up"]["contribution"]
    both = canvas["up"]["contribution"]
    np.testing.assert_allclose(both.sel(frame=4).values, alone.values[0], atol=1e-6)
    assert np.abs(both.sel(frame=1).values - both.sel(frame=4).values).max() > 1e-3


def test_a_canvas_is_written_and_opened(tmp_path: Any) -> None:
    torch.manual_seed(0)
    canvas = xinc.dissect(FiLM(), inputs=lambda frame: torch.full((1, 4), frame / 5), frames=[1, 4])
    xinc.write_canvas(canvas, tmp_path / "canvas.zarr")
    opened = xinc.open_canvas(tmp_path / "canvas.zarr")
    assert list(opened) == list(canvas) == ["stem", "up", "head"]
    for name in canvas:
        np.testing.assert_allclose(
            opened[name]["contribution"].values, canvas[name]["contribution"].values, rtol=0, atol=1e-6
        )
    with pytest.raises(InputError, match=r"not made by xinc\.dissect"):
        xinc.write_canvas(opened, tmp_path / "other.zarr")


def test_effects_and_gains_of_a_module() -> None:
    found = network("decoder")
    effects = xinc.effects(found, probes=2)
    assert effects.sizes["neuron"] == sum(len(layer.edges()[0]) for layer in found.trace(0).layers)
    gained = xinc.dissect(found, gain=True, probes=2)
    assert all(float(layer["contribution"].min()) >= 0 for layer in gained.values())
    table = xinc.top_neurons(xinc.dissect(found)["up"], box=(0, 4, 0, 4), count=3)
    assert len(table) == 3


def test_description_says_what_becomes_of_contributions() -> None:
    found = network("decoder")
    table = xinc.describe(found).set_index("layer")
    assert table.loc["up", "route"] == "(mean 3×3, relu + itself), up 2 bilinear, up 2, mean 3×3"
    assert table.loc["head", "route"] == ""
    assert table.loc["transposed", "neurons"] == 4 * 6 * 4
    assert "rearranges channels into pixels" in table.loc["stem", "skipped"]
    assert xinc.describe(nn.Linear(2, 3), PIXELS, WHOLE)["layer"].tolist() == ["linear"]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.mix, self.head = (
            nn.Conv2d(4, 8, 1),
            nn.MultiheadAttention(8, 2, batch_first=True),
            nn.Conv2d(8, 3, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        y = x.flatten(2).transpose(1, 2)
        y = y + self.mix(y, y, y, need_weights=False)[0]
        return self.head(y.transpose(1, 2).reshape(x.shape))


class Overlapping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.up = nn.Conv2d(4, 4, 1), nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(torch.relu(self.first(x)))


class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sin(5 * self.first(x))
        return self.last(x if x.sum() > -1e9 else -x)


class Unknown(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.sinh(self.first(x)))


class Flat(nn.Module):
    """As tiny-cuda-nn: one vector of parameters, read by code that is not PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.params = nn.Parameter(torch.randn(100))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x.sum(-1, keepdim=True) * self.params[:3])


GRID = torch.linspace(-1, 1, 96).reshape(1, 4, 4, 6)


REFUSALS = [
    pytest.param(Overlapping(), GRID, None, "kernels of 4x4 at stride 2x2.*'up'|'up'.*4x4 at stride 2x2", id="overlap"),
    pytest.param(Deciding(), PIXELS, WHOLE, "decides by values of tensors.*layers=", id="if"),
    pytest.param(Flat(), PIXELS, WHOLE, "one vector 'params', as tiny-cuda-nn keeps them", id="flat parameters"),
    pytest.param(nn.Tanh(), PIXELS, WHOLE, "no linear operation", id="no layer"),
    pytest.param(nn.Linear(2, 3), PIXELS, (5, 5), "48x3.*5x5 pixels", id="resolution"),
    pytest.param(nn.Linear(2, 3), PIXELS, None, "give resolution", id="no resolution"),
    pytest.param(nn.Linear(3, 3), PIXELS, WHOLE, "cannot be captured with these inputs", id="inputs"),
    pytest.param("a path", PIXELS, WHOLE, "torch.nn.Module was expected", id="no module"),
]


@pytest.mark.parametrize(("module", "inputs", "resolution", "message"), REFUSALS)
def test_refusals_are_one_sentence(module: Any, inputs: Any, resolution: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as found:
        xinc.network(module, inputs, resolution)
    assert "\n" not in str(found.value)


def test_layers_before_what_cannot_be_followed_are_refused() -> None:
    found = xinc.network(Attention(), GRID)
    assert isinstance(found, ModuleNetwork)
    assert "first" in found.skipped
    assert "attention, which mixes all positions" in found.skipped["first"]
    assert found.layer_names() == ["mix.out_proj", "head"]
    unknown = xinc.network(Unknown(), PIXELS, WHOLE)
    assert unknown.layer_names() == ["last"]


def test_a_module_that_decides_is_recorded_by_hooks() -> None:
    torch.manual_seed(0)
    module = Deciding()
    found = xinc.network(module, PIXELS, WHOLE, layers=["first", "last"])
    assert [layer.activation for layer in found.trace(0).layers] == ["sin", "identity"]
    plain = nn.Sequential(Sine(2, 8, 5.0), nn.Linear(8, 3))
    plain[0].linear.load_state_dict(module.first.state_dict())
    plain[1].load_state_dict(module.last.state_dict())
    one = xinc.dissect(found)
    other = xinc.dissect(plain, inputs=PIXELS, resolution=WHOLE)
    for a, b in zip(one.values(), other.values(), strict=True):
        np.testing.assert_allclose(a["contribution"].values, b["contribution"].values, atol=1e-5)
    with pytest.raises(InputError, match="no layer 'third'"):
        xinc.network(module, PIXELS, WHOLE, layers=["first", "third"])


@pytest.mark.parametrize(
    "name",
    [
        "nerv",
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in ("nerv of three blocks", "hnerv", "ffn", "siren", "gauss", "finer")
        ),
    ],
)
def test_own_architectures_through_the_front_door(name: str) -> None:
    """The same maps as by their own traces."""
    own = ablated.network(name)
    frame = own.frames[-1]
    through: nn.Module
    if isinstance(own, MLP):
        encoded = own.encode(own.grid(own.resolution)).detach()
        through, inputs = _Colours(own, own.frames.index(frame)), encoded
    else:
        through, inputs = _Rendered(own), own.inputs(torch.tensor([frame])).detach()
    mine, other = xinc.dissect(own, [frame]), xinc.dissect(through, inputs=inputs, resolution=own.resolution)
    # The stem of a HNeRV is a layer of pixels, too.
    assert len(other) - len(mine) == (name == "hnerv")
    for a, b in zip(mine.values(), list(other.values())[-len(mine) :], strict=True):
        assert a["contribution"].shape == b["contribution"].shape
        scale = max(1, float(np.abs(a["contribution"].values).max()))
        assert float(np.abs(a["contribution"].values - b["contribution"].values).max()) <= 2e-6 * scale  # of float32
    exact = xinc.network(through, inputs, own.resolution).trace(0).double()
    theirs = own.trace(frame).double()
    for a, b in zip(theirs.layers, exact.layers[-len(theirs.layers) :], strict=True):
        maps = [
            LayerMaps.of(trace, one.name).expand(trace.input_of(one.name)) for trace, one in ((theirs, a), (exact, b))
        ]
        torch.testing.assert_close(*maps, rtol=0, atol=1e-6)


class _Rendered(nn.Module):
    def __init__(self, network: INR) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network.render(inputs)


class _Colours(nn.Module):
    def __init__(self, network: MLP, at: int) -> None:
        super().__init__()
        self.network, self.at = network, at

    def forward(self, encoded: Tensor) -> Tensor:
        return self.network.colours(encoded, torch.tensor([self.at]))


def test_a_network_of_coordinates_takes_rows_in_any_shape() -> None:
    module = made("sequential")
    shapes = [PIXELS, PIXELS[None], PIXELS.reshape(HEIGHT, -1, 2), PIXELS.reshape(1, HEIGHT, -1, 2)]
    maps = [xinc.dissect(module, inputs=x, resolution=WHOLE)["0"]["contribution"].values for x in shapes]
    assert all((one == maps[0]).all() for one in maps)
    assert coordinates(2, 3).shape == (6, 2)
    assert TIME.shape == (1, 4)


def of(forward: Any, **parts: nn.Module | nn.Parameter) -> nn.Module:
    """A module with these parts that computes ``forward(module, x)``."""

    class Made(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, part in parts.items():
                setattr(self, name, part)

        def forward(self, x: Tensor) -> Any:
            return forward(self, x)

    return Made()


FIRST, MIDDLE, LAST = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 3, 3, padding=1)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda s, x: s.o((lambda h: h - s.b(h))(F.gelu(s.a(x)))), "'sub'.*turns its sign"),
        (lambda s, x: s.o((lambda h: h + s.b(h.mean((2, 3), keepdim=True)))(F.gelu(s.a(x)))), "adds the same at many"),
        (lambda s, x: s.o((lambda h: h + h.mean(3, keepdim=True))(F.gelu(s.a(x)))), "adds the same at many"),
        (lambda s, x: s.o((lambda h: torch.add(h, s.b(h), alpha=-1))(F.gelu(s.a(x)))), "'add'.*turns its sign"),
        (lambda s, x: s.o((lambda h: h - 0.5 + s.b(h) * -2)(F.gelu(s.a(x)))), "'mul'.*turns its sign"),
        (lambda s, x: s.o(torch.div(F.gelu(s.a(x)), 0.1, rounding_mode="floor")), "rounds to whole numbers"),
        (lambda s, x: s.o((lambda h: h * h + h)(F.gelu(s.a(x)))), "'mul'.*no activation"),
        (lambda s, x: s.o(2 / (1.5 + F.relu(s.a(x)))), "activation that xinc does not know"),
        (lambda s, x: s.o((10 * F.gelu(s.a(x))).to(torch.int32).float()), "rounds to whole numbers"),
        (lambda s, x: s.o(F.pad(F.gelu(s.a(x)), (2, -2, 0, 0))), "moves or enlarges the image"),
        (lambda s, x: s.o(F.avg_pool2d(F.gelu(s.a(x)), 3, 1, 1)), "means of pixels"),
    ],
)
def test_what_a_route_cannot_say_is_refused(forward: Any, message: str) -> None:
    found = xinc.network(of(forward, a=FIRST, b=MIDDLE, o=LAST), GRID)
    assert isinstance(found, ModuleNetwork)
    assert re.search(message, found.skipped["a"]), found.skipped
    assert "o" in found.layer_names()


@pytest.mark.slow
def test_pixel_shuffle_behind_others_has_no_place() -> None:
    twice = nn.Sequential(
        nn.Conv2d(4, 48, 3, padding=1), nn.PixelShuffle(2), nn.PixelShuffle(2), nn.GELU(), nn.Conv2d(3, 3, 1)
    )
    assert "channels have no place" in xinc.network(twice, GRID).skipped["0"]  # type: ignore[attr-defined]


def test_an_activation_behind_a_norm_is_the_layers() -> None:
    found = xinc.network(nn.Sequential(nn.Linear(2, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)), PIXELS, WHOLE)
    assert [layer.activation for layer in found.trace(0).layers] == ["gelu", "identity"]


def test_a_square_is_an_activation() -> None:
    found = xinc.network(of(lambda s, x: s.o((lambda z: z * z)(s.a(x))), a=FIRST, o=LAST), GRID)
    assert found.trace(0).layers[0].activation == "square"


def test_inputs_are_taken_as_they_are() -> None:
    """Times in float64 stay so: in float32 the sines of high frequencies would be others."""

    def forward(s: Any, t: Tensor) -> Tensor:
        angles = 1.25 ** torch.arange(80, dtype=torch.float64) * 3.14159 * t
        return s.o(F.gelu(s.c(torch.sin(angles).float().reshape(1, 80, 1, 1))))

    module = of(forward, c=nn.Conv2d(80, 8, 1), o=nn.Conv2d(8, 3, 1))
    time = torch.tensor(7 / 99, dtype=torch.float64)
    found = xinc.network(module, time)
    torch.testing.assert_close(found(torch.tensor([0]))[0], module(time)[0], rtol=0, atol=0)


def test_maps_of_a_module_that_is_trained_on_are_those_of_its_weights() -> None:
    module = made("sequential")
    found = xinc.network(module, PIXELS, WHOLE)
    canvas = xinc.dissect(found)
    before = canvas["2"]["contribution"].values
    with torch.no_grad():
        module[2].weight.mul_(2)
        module[2].bias.mul_(2)
    with pytest.raises(InputError, match="weights of this Sequential have changed since it was dissected"):
        canvas["2"]["contribution"].values.sum()
    with pytest.raises(InputError, match="have changed since"):
        canvas["0"]["contribution"].sum().values.sum()
    np.testing.assert_allclose(xinc.dissect(found)["2"]["contribution"].values, 2 * before, rtol=1e-5)


def test_as_many_channels_as_pixels() -> None:
    """Either way round: the one that can be followed is taken."""
    found = xinc.network(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 48)), PIXELS, WHOLE)
    assert found.layer_names() == ["0", "2"]


def test_complex_parameters_and_projections_of_attention() -> None:
    with pytest.raises(InputError, match="'weight' of this Linear is complex"):
        xinc.network(nn.Linear(2, 3, dtype=torch.complex64), PIXELS, WHOLE)
    with pytest.raises(InputError, match=r"'first', 'last': .*no activation|'first'.*'last'|decides"):
        xinc.network(Deciding(), PIXELS, WHOLE)


ENDINGS = {
    "PixelShuffle": (nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2)),
    "PixelShuffle, sigmoid": (nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2), nn.Sigmoid()),
    "upsampling, sigmoid": (nn.Conv2d(8, 3, 3, padding=1), nn.Upsample(scale_factor=2), nn.Sigmoid()),
    "sigmoid, upsampling": (nn.Conv2d(8, 3, 3, padding=1), nn.Sigmoid(), nn.Upsample(scale_factor=2)),
    "transposed, sigmoid": (nn.ConvTranspose2d(8, 3, 2, stride=2), nn.Sigmoid()),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_maps_end_before_the_output_activation(ending: str) -> None:
    """Whatever follows the last layer: earlier maps are upsampled means, and of the last, responses at their pixels."""
    first, last = nn.Conv2d(4, 8, 3, padding=1), ENDINGS[ending][0]
    found = xinc.network(nn.Sequential(first, nn.GELU(), *ENDINGS[ending]), GRID)
    canvas = xinc.dissect(found)
    assert list(canvas) == ["0", "2"]
    with torch.no_grad():
        kernel, bias = first.weight[3, 1][None, None], first.bias[3] / 4
        response = F.gelu(F.conv2d(GRID[:, 1:2], kernel, padding=1) + bias)
        mean = response if isinstance(last, nn.ConvTranspose2d) else F.avg_pool2d(response, 3, 1, 1)
    expected = F.interpolate(mean, scale_factor=2)[0, 0].numpy()
    maps = canvas["0"]["contribution"]
    own = maps.isel(frame=0, neuron=1 * 8 + 3).values
    np.testing.assert_allclose(own, expected, rtol=0, atol=1e-6)
    total = canvas["2"]["contribution"].isel(frame=0).sum("neuron").values
    with torch.no_grad():
        z = last(F.gelu(first(GRID)))
        whole = {"P": nn.PixelShuffle(2), "t": nn.Identity()}.get(ending[0], nn.Upsample(scale_factor=2))(z)
    np.testing.assert_allclose(total, whole[0].sum(0).numpy(), rtol=0, atol=1e-4)


def test_layers_are_named_in_the_order_in_which_they_run() -> None:
    with pytest.raises(InputError, match="run in the order first, last, not last, first"):
        xinc.network(Deciding(), PIXELS, WHOLE, layers=["last", "first"])
