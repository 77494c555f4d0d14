"""Activations, against PyTorch's modules of their names, closed forms, and what others bring."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import xinc
from tests.helpers import oracle
from tests.helpers.networks import convolutional, single
from tests.helpers.snakes import snakes
from xinc.canvas.layer import make_record, restore_maps
from xinc.canvas.writer import CanvasSettings, write_layer
from xinc.contributions.expansion import expander
from xinc.contributions.kernels import forms
from xinc.contributions.kernels.convolution import Expansion
from xinc.contributions.kernels.linear import LinearExpansion
from xinc.contributions.maps import LayerMaps
from xinc.errors import InputError
from xinc.models.storage import build, save_model
from xinc.registry import Origin
from xinc.trace.activations import OURS, activate, activation, activations, respond, spelt
from xinc.trace.layers import Convolution, Linear, Trace

GRID = torch.linspace(-6, 6, 2401, dtype=torch.float64)

MODULES = {
    "identity": nn.Identity(),
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(),
    "leaky_relu(0.2)": nn.LeakyReLU(0.2),
    "prelu": nn.PReLU(dtype=torch.float64),
    "prelu(-0.5)": nn.PReLU(init=-0.5, dtype=torch.float64),
    "relu6": nn.ReLU6(),
    "elu": nn.ELU(),
    "elu(0.5)": nn.ELU(0.5),
    "celu": nn.CELU(),
    "celu(2)": nn.CELU(2.0),
    "selu": nn.SELU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU("tanh"),
    "silu": nn.SiLU(),
    "mish": nn.Mish(),
    "hardswish": nn.Hardswish(),
    "hardsigmoid": nn.Hardsigmoid(),
    "hardtanh": nn.Hardtanh(),
    "hardtanh(-2, 0.5)": nn.Hardtanh(-2, 0.5),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "softplus": nn.Softplus(),
    "softplus(2, 5)": nn.Softplus(2, 5),
    "softsign": nn.Softsign(),
    "sin": torch.sin,
    "cos": torch.cos,
    "sinc": torch.sinc,
    "square": torch.square,
    "abs": torch.abs,
    "finer(30)": lambda z: torch.sin(30 * ((z / 30).abs() + 1) * (z / 30)),
    "gauss": lambda z: torch.exp(-(z**2)),
    "gauss(3)": lambda z: torch.exp(-((3 * z) ** 2)),
    "hsiren": lambda z: torch.sin(torch.sinh(2 * z)),
}


@pytest.mark.parametrize("said", MODULES)
def test_an_activation_is_the_module_of_its_name(said: str) -> None:
    torch.testing.assert_close(activate(said, GRID), MODULES[said](GRID).detach(), rtol=1e-12, atol=1e-12)


def test_every_activation_is_compared() -> None:
    for compared in (MODULES, oracle.ACTIVATIONS):
        assert {said.partition("(")[0] for said in compared} == set(OURS)


@pytest.mark.parametrize("said", sorted(oracle.ACTIVATIONS))
def test_activations_are_what_they_are_called(said: str) -> None:
    z = torch.linspace(-2, 2, 81, dtype=torch.float64) if said == "hsiren" else GRID
    np.testing.assert_allclose(activate(said, z), oracle.ACTIVATIONS[said](z.numpy()), rtol=0, atol=1e-12)


# What a response contributes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", sorted({*MODULES, *oracle.ACTIVATIONS, "hardtanh(0.5, 2)"}))
def test_what_does_nothing_contributes_nothing(said: str) -> None:
    """φ(z) − φ(0); where φ(0) is 0 the same to the bit, and small responses keep their digits."""
    nothing = torch.zeros(1)
    assert activation(said).zero == pytest.approx(float(activate(said, nothing.double())), abs=1e-15)
    assert float(respond(said, nothing)) == 0
    if activation(said).zero == 0:
        assert torch.equal(respond(said, GRID), activate(said, GRID))
    expected = activate(said, GRID) - activate(said, nothing.double())
    torch.testing.assert_close(respond(said, GRID), expected, rtol=0, atol=1e-12)
    small = torch.tensor([-1e-3, -1e-5, 1e-5, 1e-3])
    exact = activate(said, small.double()) - activate(said, nothing.double())
    torch.testing.assert_close(respond(said, small).double(), exact, rtol=1e-5, atol=1e-12)


def test_maps_of_a_silent_kernel_are_zero() -> None:
    """Whatever the layers after it: neither a sigmoid nor a cosine adds a constant on the way."""
    trace = single(convolutional([2, 2], [3, 3, 3], [2, 2, 2], ["sigmoid", "cos"], (3, 4), 0))
    first = trace.layers[0]
    silent = Convolution("block1", first.weight * torch.tensor([0.0, 1.0])[:, None, None], 0 * first.bias, "sigmoid", 2)
    trace = Trace(trace.input, (silent, *trace.layers[1:]))
    maps = LayerMaps.of(trace, "block1")
    for found in (maps.expand(trace.input).numpy(), Expansion(maps, trace.input)(np.arange(len(maps.neurons)))):
        assert not found[maps.neurons.in_channel == 0].any()
        assert found[maps.neurons.in_channel == 1].any()


# How they are said --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "shortest"),
    [
        ("gelu", "gelu"), (" gelu ( ) ", "gelu"), ("leaky_relu(0.01)", "leaky_relu"), ("elu(.2)", "elu(0.2)"),
        ("softplus(1, 20)", "softplus"), ("softplus(1,30)", "softplus(1, 30)"), ("softplus(2)", "softplus(2)"),
        ("finer(30.0)", "finer(30)"), ("prelu(0.12345678)", "prelu(0.12345678)"), ("elu(1e-3)", "elu(0.001)"),
    ],
)  # fmt: skip
def test_the_shortest_string(said: str, shortest: str) -> None:
    assert spelt(said) == str(activation(said)) == shortest


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_numbers_survive(first: float, second: float) -> None:
    assert activation(spelt("leaky_relu", first)).values == (first,)
    assert activation(spelt("softplus", second, abs(first))).values == (second, abs(first))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("gelv", r"Unknown activation 'gelv': did you mean 'gelu'\? Expected one of abs, "),
        (
            "Leaky ReLU",
            "'Leaky ReLU' is malformed: a name, or a name with numbers in brackets, was expected, e.g. gelu",
        ),
        ("elu(1", "is malformed"),
        ("relu(2)", r"'relu\(2\)' has 1 value: relu has no parameters; leave out the others"),
        ("softplus(1, 2, 3)", "has 3 values: softplus has the parameters beta, threshold; leave out the others"),
        ("elu(x)", "has the value 'x': a finite number was expected"),
        ("elu(inf)", "has the value 'inf': a finite number was expected"),
        ("softplus(0)", "has values that softplus does not take: its beta must be positive"),
        ("celu(0)", "its alpha must not be 0"),
        ("finer(-1)", "its omega must be positive"),
        ("hardtanh(2, 1)", "its low must not exceed its high"),
        ("finer", r"'finer' lacks a value of its parameter omega, which has no default: give it, e.g. finer\(30\)"),
    ],
)
def test_what_cannot_be_meant(said: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        activation(said)


def test_finer_has_the_frequency_of_its_layer() -> None:
    weight, bias, v = torch.randn(4, 3), torch.randn(4), torch.randn(3, 2, 5)
    for frequency, said in ((30.0, "finer"), (30.0, "finer(30)"), (1.0, "finer")):
        layer = Linear("layer1", weight, bias, said, frequency)
        assert layer.activation == f"finer({frequency:g})"
        u = layer.preactivation(v) / frequency
        torch.testing.assert_close(layer.forward(v), torch.sin(frequency * (u.abs() + 1) * u), rtol=1e-4, atol=1e-4)
    assert Linear("layer1", weight, bias, "finer(20)", 30.0).activation == "finer(20)"


def test_pytorch_is_not_needed_to_say_one() -> None:
    code = (
        "import sys; from xinc.trace.activations import activation, spelt; from xinc.models import architectures\n"
        "assert spelt('leaky_relu(.2)') == 'leaky_relu(0.2)' and activation('sigmoid').zero == 0.5\n"
        "assert architectures['siren'].Settings(activation='elu(0.5)').activation == 'elu(0.5)'\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Of others ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def others(tmp_path: Path) -> Iterator[None]:
    """A distribution with activations, installed for the time of a test."""
    (tmp_path / "site").mkdir()
    with snakes(tmp_path / "site"):
        yield


def test_an_activation_of_another_distribution(others: None) -> None:
    assert {"snake", "gelu"} <= set(activations.names())
    assert activations.origin("snake") == Origin("snakes", "snakes", "1.2")
    assert "snakes" not in sys.modules
    assert spelt("snake(1)") == "snake"
    torch.testing.assert_close(activate("snake(2)", GRID), GRID + torch.sin(2 * GRID) ** 2 / 2)
    assert torch.equal(activate("relu", GRID), torch.relu(GRID)), "own names win"
    assert activations.origin("relu") == Origin("xinc.trace.activations")
    assert activation("raised(2)").zero == 0.5
    with pytest.raises(InputError, match=r"'snake\(1, 2\)' has 2 values: snake has the parameters a"):
        activation("snake(1, 2)")
    with pytest.raises(
        InputError, match=r"'mode' has the parameter 'how=.*': those after the responses must be numbers"
    ):
        activation("mode")
    with pytest.raises(
        InputError, match="The activation 'gone' cannot be imported, the entry point gone = snakes:GONE"
    ):
        activation("gone")


@pytest.mark.parametrize("said", ["snake", "snake(3)", "raised(2, 0.25)"])
def test_compiled_forms_of_others(others: None, said: str) -> None:
    """In a convolution, on the way to the output, in a linear layer: as PyTorch has them."""
    trace = single(convolutional([2, 1], [3, 3, 3], [2, 2, 2], [said, said], (3, 4), 0))
    dense = Linear("layer1", torch.randn(4, 3), torch.randn(4), said, 2.0)
    linear = Trace(torch.randn(3, 5, 6), (dense, Linear("layer2", torch.randn(3, 4), torch.randn(3), "identity")))
    for one, name in ((trace, "block1"), (trace, "head"), (linear, "layer1")):
        maps, v = LayerMaps.of(one, name), one.inputs()[name]
        expand, whole = expander(maps, v), maps.expand(v).numpy()
        assert isinstance(expand, Expansion | LinearExpansion)
        found = expand(np.arange(len(whole)), (0, whole.shape[1], 0, whole.shape[2]), None)
        np.testing.assert_allclose(found, whole, rtol=0, atol=3e-6 * np.abs(whole).max())


def test_without_a_compiled_form_maps_expand_in_pytorch(others: None) -> None:
    found = {}
    for said in ("snake", "slow_snake"):
        trace = single(convolutional([2, 1], [3, 3, 3], [2, 2, 2], [said, "gelu"], (3, 4), 0))
        maps = LayerMaps.of(trace, "block1")
        expand = expander(maps, trace.input)
        assert isinstance(expand, Expansion) == (said != "slow_snake")
        found[said] = expand(np.arange(len(maps.neurons)), (1, 5, 2, 8), None)
        gained = LayerMaps(maps.layer, maps.neurons, maps.later, gain=torch.ones(8, 3, 4))
        assert isinstance(expander(gained, trace.input), Expansion), "gains need no activation"
    np.testing.assert_allclose(found["slow_snake"], found["snake"], rtol=0, atol=3e-6)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("wrong(2)", "is not what it is in PyTorch: of -?[0-9.]+ they make .* and .*; repair one of them"),
        ("strange", "is not what Numba can compile .*: write it with math and numbers alone, or leave it out"),
    ],
)
def test_compiled_forms_that_are_wrong(others: None, said: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        forms.packed(["relu", said])
    assert "\n" not in str(raised.value)


def test_files_say_which_distribution_they_need(others: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("siren", {"layers": 2, "hidden_width": 3, "activation": "snake(2.0)"}, (4, 6), [0], 1)
    assert model.settings.activation == "snake(2)"
    assert model.trace(0).layers[0].activation == "snake(2)"
    save_model(model, tmp_path / "model.pt")
    assert torch.load(tmp_path / "model.pt", weights_only=True)["activations"] == {"snake": "snakes 1.2"}
    write_layer(model, tmp_path / "canvas.zarr" / "layer1", "layer1", settings=CanvasSettings(layout="factored"))
    write_layer(model, tmp_path / "dense.zarr" / "layer1", "layer1", settings=CanvasSettings(layout="dense"))
    canvas = xinc.open_canvas(tmp_path / "canvas.zarr")
    assert canvas["layer1"].attrs["xinc"]["distributions"] == {"snake": "snakes 1.2"}
    maps = xinc.dissect(xinc.load_model(tmp_path / "model.pt"), layers=["layer1"])["layer1"]["contribution"]
    np.testing.assert_array_equal(canvas["layer1"]["contribution"], maps)

    monkeypatch.setitem(activations.__dict__, "_entries", {})
    monkeypatch.delitem(activations._classes, "snake")
    activation.cache_clear()
    lacking = "The activation 'snake' is part of another distribution, snakes 1.2, which is not installed: install it"
    with pytest.raises(InputError, match=f"model.pt: {lacking}"):
        xinc.load_model(tmp_path / "model.pt")
    lacking_canvas = xinc.open_canvas(tmp_path / "canvas.zarr")["layer1"]
    assert lacking_canvas.sizes["neuron"] == 2, "what it has can be seen"
    with pytest.raises(InputError, match=lacking):
        lacking_canvas["contribution"].load()
    np.testing.assert_array_equal(xinc.open_canvas(tmp_path / "dense.zarr")["layer1"]["contribution"], maps)


def test_an_activation_of_ones_own() -> None:
    """In a notebook, with a cell that is run again; without a distribution nothing is noted."""
    try:
        for power in (1, 2):
            activations.register("mine")(lambda z, power=power: z**power)
            assert float(activate("mine", torch.tensor(3.0))) == 3**power
        with pytest.raises(
            InputError, match=r"The activation 'relu' is in xinc.trace.activations and in .*: rename one"
        ):
            activations.register("relu")(torch.relu)
        model = build("siren", {"layers": 2, "activation": "mine"}, (4, 6), [0], 1)
        maps = LayerMaps.of(model.trace(0), "layer1")
        record = make_record(model, "", maps, "factored", (4, 6))
        assert record.distributions == {}
        assert restore_maps(record, maps.layer.arrays()).layer.activation == "mine"
    finally:
        activations._classes.pop("mine", None)
        activation.cache_clear()


def test_an_activation_that_is_nothing_at_zero() -> None:
    try:
        activations.register("mine")(torch.log)
        with pytest.raises(InputError, match="The activation 'mine' is -inf at 0: a number was expected, repair it"):
            respond("mine", torch.ones(2))
    finally:
        activations._classes.pop("mine", None)
        activation.cache_clear()


def test_closed_forms() -> None:
    """By hand, of responses to 0.1: architectures of coordinate networks at their usual frequencies."""
    u = torch.tensor([0.1, -0.1], dtype=torch.float64)
    assert activate("finer(30)", 30 * u).tolist() == pytest.approx([math.sin(3.3), -math.sin(3.3)])
    assert activate("gauss(30)", u / 2).tolist() == pytest.approx([math.exp(-2.25)] * 2)
    assert respond("cos", u).tolist() == pytest.approx([math.cos(0.1) - 1] * 2)


def test_the_documentation_lists_ours() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "add-an-activation.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    said = [one.strip().strip("`") for row in rows for one in re.split(r"`, ", row)]
    assert sorted(one.partition("(")[0] for one in said) == sorted(OURS)
    for one in said:
        name, _, parameters = one.partition("(")
        found = {
            key: value for key, _, value in (part.partition(" = ") for part in parameters.strip(")").split(", ")) if key
        }
        known = activations[name].parameters
        assert list(found) == list(known)
        assert [float(value) if value else None for value in found.values()] == list(known.values())
