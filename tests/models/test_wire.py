"""WIRE: complex weights and responses, from the trace to the canvas, interventions and checkpoints."""

from __future__ import annotations

import cmath
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr

import xinc
from tests.helpers import foreign
from xinc.canvas.iid import iid_layers
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.contributions.sources import edge_responses
from xinc.errors import InputError
from xinc.interventions.ablation import Ablation
from xinc.models.base import INR
from xinc.models.storage import build
from xinc.trace.activations import activate, activation, respond
from xinc.trace.layers import ComplexLinear, Convolution, Linear
from xinc.training.settings import TrainingSettings
from xinc.training.steps import PixelSteps

SMALL = {"hidden_width": 9, "layers": 4, "omega": 4.0, "first_omega": 6.0, "scale": 3.0}


@pytest.fixture(scope="module")
def model() -> INR:
    return build("wire", SMALL, (6, 9), [0, 2], 3, seed=1).eval()


def parts(model: Any, k: int, frame: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a layer in complex128."""
    at = model.frames.index(frame)
    found = [one[k][at].detach().double().numpy() for one in (model.weights, model.biases)]
    return tuple(found if k == 0 else [one[..., 0] + 1j * one[..., 1] for one in found])  # type: ignore[return-value]


def by_hand(model: Any) -> list[np.ndarray]:
    """Responses (C, P) of all layers of frame 2, complex128, as its authors' code has them."""
    rows, columns = np.meshgrid(np.linspace(-1, 1, 6), np.linspace(-1, 1, 9), indexing="ij")
    x: np.ndarray = np.stack([columns.ravel(), rows.ravel()])
    found = []
    for k in range(4):
        weight, bias = parts(model, k)
        found.append(weight @ x + bias[:, None])
        x = np.exp(1j * (4.0 if k else 6.0) * found[-1] - np.abs(3.0 * found[-1]) ** 2)
    return found


def test_published_size() -> None:
    """66,979 elements and 133,409 real numbers in its authors' file, of which ω and s of three layers are six."""
    model = build("wire", {}, (4, 4), [0], 1)
    reals = model.parameter_count()
    first = sum(one[0].numel() for one in (model.weights, model.biases))
    assert model.widths() == [2, 181, 181, 181, 3]
    assert (reals + 6, first + (reals - first) // 2 + 6) == (133_409, 66_979)
    deeper = build("wire", {"layers": 5}, (4, 4), [0], 1).parameter_count()
    assert (first + (deeper - first) // 2 + 8, deeper + 8) == (99_923, 199_295), "as counted for three of them"


def test_closed_forms() -> None:
    """ω 20, s 10: |φ(0.1)| = e⁻¹ at 2 radians; |φ(0.1 + 0.05j)| = exp(−1 − 1.25)."""
    u = torch.tensor([0.1, 0.1 + 0.05j, 0], dtype=torch.complex128)
    found = activate("wire(20, 10)", u)
    assert cmath.polar(complex(found[0])) == pytest.approx((math.exp(-1), 2.0))
    assert abs(complex(found[1])) == pytest.approx(0.105399, abs=1e-6)
    torch.testing.assert_close(found, torch.exp(20j * u - (10 * u).abs().square()), rtol=1e-14, atol=0)
    torch.testing.assert_close(activate("wire(20, 10)", torch.tensor([0.1]))[0], found[0].to(torch.complex64))
    assert respond("wire(20, 10)", u).tolist()[2] == 0
    torch.testing.assert_close(respond("wire(20, 10)", u), (found - 1).abs())
    small = torch.tensor([1e-5 - 2e-5j], dtype=torch.complex64)
    exact = (activate("wire(20, 10)", small.to(torch.complex128)) - 1).abs()
    torch.testing.assert_close(respond("wire(20, 10)", small).double(), exact, rtol=1e-5, atol=0)


def test_it_is_its_formula_and_so_are_its_maps(model: INR) -> None:
    expected = by_hand(model)
    output = model.reconstruct(2).flatten(1).numpy()
    np.testing.assert_allclose(output, expected[-1].real, rtol=0, atol=1e-5)
    trace = model.trace(2)
    for layer, u in zip(trace.layers[:-1], expected, strict=False):
        z = layer.preactivation(trace.input_of(layer.name)).flatten(1).numpy()
        np.testing.assert_allclose(z, u, rtol=0, atol=1e-5)
    x = np.exp(1j * 4.0 * expected[1] - np.abs(3.0 * expected[1]) ** 2)  # what enters layer3
    weight, bias = parts(model, 2)
    maps = xinc.dissect(model, [2], granularity="kernel")["layer3"]["contribution"].values[0]
    c_in, c_out = trace.layers[2].channels
    for n in (0, 5, c_in * c_out - 1):
        i, j = divmod(n, c_out)
        e = weight[j, i] * x[i] + bias[j] / c_in
        wanted = np.abs(np.exp(4j * e - np.abs(3 * e) ** 2) - 1)
        np.testing.assert_allclose(maps[n].ravel(), wanted, rtol=1e-4, atol=1e-5)
    whole = xinc.dissect(model, [2], granularity="output")["layer3"]["contribution"].values[0, 1]
    np.testing.assert_allclose(whole.ravel(), np.abs(weight[1] @ x), rtol=1e-4, atol=1e-5)


def test_responses_are_complete_in_every_layer(model: INR) -> None:
    """Σ_i e_ij = u_j as complex numbers, and of the last layer as real parts: what maps are made of."""
    trace = model.trace(2).double()
    for layer in trace.layers:
        v, (i, j) = trace.input_of(layer.name), map(torch.from_numpy, layer.edges())
        e = edge_responses(layer, v, i, j).view(*layer.channels, 6, 9)
        expected = layer.preactivation(v)
        assert expected.is_complex() == (layer.name in ("layer2", "layer3"))
        torch.testing.assert_close(e.sum(0), expected, rtol=0, atol=1e-14)
    maps = xinc.dissect(model, [2], granularity="kernel")["layer4"]["contribution"].sel(frame=2).load()
    summed = maps.groupby("out_channel").sum().values
    np.testing.assert_allclose(summed, model.trace(2).output().numpy(), rtol=0, atol=3e-6)


def test_initial_weights_are_those_of_pytorch() -> None:
    """Of complex linear layers as well: real and imaginary parts, each uniform up to 1/√C_in."""
    model: Any = build("wire", {"hidden_width": 300, "layers": 3}, (4, 4), [0], 1)
    torch.manual_seed(0)
    reference = torch.nn.Linear(212, 212, dtype=torch.complex64)
    assert model.widths() == [2, 212, 212, 3]
    for k, c_in in enumerate((2, 212, 212)):
        found, bound = model.weights[k].detach(), 1 / math.sqrt(c_in)
        assert 0.98 * bound < float(found.abs().max()) <= bound
        assert float(model.biases[k].detach().abs().max()) <= bound
    both = torch.view_as_real(reference.weight.detach())
    for part in (0, 1):
        assert float(model.weights[1][..., part].detach().std()) == pytest.approx(
            float(both[..., part].std()), rel=0.02
        )


def test_steps_take_some_pixels_at_a_time(model: INR) -> None:
    """What bounds memory on a CPU changes gradients by rounding only."""
    data = torch.rand(2, 3, 6, 9, generator=torch.Generator().manual_seed(0))
    found = []
    for size in (None, 20):
        steps = PixelSteps(model, data, TrainingSettings(device="cpu", threads=1))  # type: ignore[arg-type]
        assert steps.at_once == 2048
        steps.at_once = size or steps.at_once
        model.zero_grad(set_to_none=True)
        errors = steps.gradients(steps.batches()[0])
        found.append([errors, *(p.grad for p in model.parameters() if p.grad is not None)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [1, 5, 9, 40])
def test_gradients_of_wavelets_that_are_almost_zero(count: int) -> None:
    """Where e^a is a subnormal number, which torch.polar has infinite gradients for, outside whole SIMD vectors."""
    z = torch.linspace(9.1, 10.3, count).requires_grad_()
    activation("wire(2.0, 1.0)")(z).real.sum().backward()
    x = z.detach().double()
    expected = torch.exp(-x.square()) * (-2 * x * torch.cos(2 * x) - 2 * torch.sin(2 * x))
    np.testing.assert_allclose(z.grad, expected, rtol=1e-3, atol=1e-42)


@pytest.mark.parametrize("layout", ["factored", pytest.param("dense", marks=pytest.mark.slow)])
def test_canvases_keep_complex_numbers(model: INR, layout: str, tmp_path: Path) -> None:
    settings = CanvasSettings(layout=layout, gain=True, granularity="kernel")
    names = ["layer1", "layer3", "layer4"]
    for name in names:
        write_layer(model, tmp_path / "canvas.zarr" / name, name, settings=settings)
    stored = zarr.open_group(tmp_path / "canvas.zarr" / "layer3", mode="r")
    assert {name: str(stored[name].dtype) for name in ("input", "weight", "bias", "gain")} == {
        "input": "complex64", "weight": "complex64", "bias": "complex64", "gain": "float32"
    }  # fmt: skip
    for gain in (False, True):
        found = xinc.open_canvas(tmp_path / "canvas.zarr", gain=gain)
        expected = xinc.dissect(model, layers=names, granularity="kernel", gain=gain)
        for name in names:
            own, memory = found[name]["contribution"], expected[name]["contribution"]
            assert own.dtype == np.float32
            np.testing.assert_allclose(own, memory, rtol=1e-4, atol=1e-5 * float(abs(memory).max()))
    plain = xinc.open_canvas(tmp_path / "canvas.zarr")
    assert list(iid_layers(plain, 100)) == ["layer1"], "of those behind layer2, which is not there, inputs are unknown"


def test_gained_maps_of_the_last_layer_are_its_effect(model: INR) -> None:
    gained = xinc.dissect(model, [2], granularity="kernel", gain=True, probes=2)["layer4"]["contribution"]
    exact = xinc.ablate(model, "layer4", frames=[2], granularity="kernel")["effect"]
    np.testing.assert_allclose(gained, exact, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_gains_of_complex_channels_are_means_over_phases() -> None:
    """A change of any phase in a channel changes colours by |g| |Δ| cos: half of the square on average."""
    model = build("wire", {**SMALL, "layers": 2}, (6, 9), [0], 1).eval()
    trace = model.trace(0)
    layer = trace.layers[1]
    [gain] = xinc.contributions.gains.gains(trace, model.colours_of, ["layer2"], "input", probes=4000).values()
    phases = torch.exp(2j * math.pi * torch.arange(64) / 64)
    changes = (layer.weight[:, 0][None] * phases[:, None]).real.square().sum(1).mean()
    torch.testing.assert_close(gain[0].mean(), changes, rtol=0.02, atol=0)


def test_effects_follow_the_weights(model: INR) -> None:
    """⟨g, w_n⟩ is the derivative of the squared error by a factor of the neuron's weights."""
    target = np.random.default_rng(0).random((1, 6, 9, 3)).astype(np.float32)
    found = xinc.effects(model, [2], target=target, probes=2, granularity="kernel")
    goal, trace = torch.tensor(target[0]).permute(2, 0, 1).double(), model.trace(2).double()
    for name in model.layer_names():
        one = Ablation(model, trace, name, "kernel")
        own = found["alignment"].isel(frame=0, region=0)
        own = own[found["layer"].values == name]
        for n in range(0, len(own), 7):
            errors = []
            for factor in (1 - 1e-5, 1 + 1e-5):
                change, _ = one.change(np.array([n]), factors=torch.tensor([factor], dtype=torch.float64))
                errors.append(float((one.colours - change[0] - goal).square().sum()))
            assert float(own[n]) == pytest.approx((errors[1] - errors[0]) / 2e-5, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("criterion", ["magnitude", "contribution", "wanda", "taylor", "gauss_newton", "random"])
def test_pruned_weights_are_zero_in_both_parts(model: INR, criterion: Any) -> None:
    target = np.random.default_rng(0).random((2, 6, 9, 3)).astype(np.float32)
    pruned: Any = xinc.prune(model, 0.5, criterion=criterion, budget="layer", target=target, probes=2)
    for k, weight in enumerate(pruned.weights):
        zero = weight == 0
        assert torch.equal(zero[..., 0], zero[..., 1]) or k == 0
        assert float(zero.float().mean()) == pytest.approx(0.5, abs=0.05)
    again = xinc.prune(pruned, 0.75, criterion="magnitude", budget="layer")
    assert not bool(((pruned.weights[1] == 0) & (again.weights[1] != 0)).any())
    pruned.check_trace()


def test_layers_of_real_numbers_refuse_it() -> None:
    with pytest.raises(InputError, match=r"'wire\(20, 10\)' makes complex numbers"):
        build("siren", {"activation": "wire(20, 10)"}, (4, 4), [0], 1)
    with pytest.raises(InputError, match=r"'wire\(20, 10\)' makes complex numbers"):
        build("pemlp", {"activation": "wire(20, 10)"}, (4, 4), [0], 1)
    for kind, shape in ((Linear, (3, 2)), (Convolution, (3, 2, 1, 1))):
        with pytest.raises(InputError, match="makes complex numbers"):
            kind("layer1", torch.zeros(shape), torch.zeros(3), "wire(20, 10)")
    assert ComplexLinear("layer1", torch.zeros(3, 2), torch.zeros(3), "wire(20.0, 10)").activation == "wire(20, 10)"
    assert activation("wire(20, 10)").zero == 1


# Checkpoints of its authors' code -----------------------------------------------------------------------------------


def saved(path: Path, network: foreign.Foreign) -> Path:
    torch.save(network.content, path / "theirs.pth")
    return path / "theirs.pth"


def test_a_file_tells_its_own_constants(tmp_path: Path) -> None:
    network = foreign.wire()
    model: Any = xinc.load_model(saved(tmp_path, network), resolution=[6, 10])
    assert model.name == "wire"
    s = model.settings
    assert (s.layers, s.omega, s.first_omega, s.scale, model.channels_of(s)) == (4, 5.0, 7.0, 4.0, 7)
    torch.testing.assert_close(model.reconstruct(0), network.image(0), rtol=0, atol=1e-5)
    model.check_trace()
    xinc.models.storage.save_model(model, tmp_path / "model.pt")
    torch.testing.assert_close(xinc.load_model(tmp_path / "model.pt").reconstruct(0), model.reconstruct(0))
    finer: Any = xinc.load_model(tmp_path / "theirs.pth", resolution=[6, 10], convention="finer")
    assert (finer.settings.coordinate_order, finer.settings.output_activation) == ("row_column", "centred")


@pytest.mark.parametrize("channels", range(2, 40))
def test_any_width_is_kept(channels: int) -> None:
    from xinc.models.wire import WIRE

    width = math.ceil(channels * math.sqrt(2))
    assert WIRE.channels_of(WIRE.Settings(hidden_width=width)) == channels


def test_what_a_file_contradicts_or_lacks(tmp_path: Path) -> None:
    network = foreign.wire()
    path = saved(tmp_path, network)
    with pytest.raises(InputError, match=r"omega.*6.*5"):
        xinc.load_model(path, resolution=[6, 10], omega=6)
    for more, message in (
        ({"net.0.scale_orth.weight": torch.ones(7, 2)}, "lacks the tensor 'net.0.scale_orth.bias'"),
        ({"net.2.omega_0": torch.tensor([9.0])}, "expected the same in these layers"),
    ):
        torch.save(network.content | more, path)
        with pytest.raises(InputError, match=message):
            xinc.load_model(path, resolution=[6, 10])
    content = {name: one for name, one in network.content.items() if not name.endswith("_0")}
    torch.save(content, path)
    with pytest.raises(InputError, match="needs the hint 'first_omega', the omega of the wavelets"):
        xinc.load_model(path, resolution=[6, 10])
    model = xinc.load_model(path, resolution=[6, 10], first_omega=7, omega=5, scale=4)
    torch.testing.assert_close(model.reconstruct(0), network.image(0), rtol=0, atol=1e-5)
