"""Modules of which maps could be wrong without a word: each is followed as it is, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import xinc
from tests.helpers.zoo import HEIGHT, PIXELS, WHOLE, WIDTH
from xinc.errors import InputError
from xinc.modules.network import ModuleNetwork

GRID = torch.linspace(-1, 1, 96).reshape(1, 4, 4, 6)


def between(function: Callable[..., Tensor], convolutions: bool = False, **parts: Any) -> ModuleNetwork:
    """Two layers and, between them, a function of the first one's response."""

    class Made(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            layer: Any = nn.Conv2d if convolutions else nn.Linear
            further: dict[str, Any] = {"kernel_size": 3, "padding": 1} if convolutions else {}
            self.a, self.b = layer(4 if convolutions else 2, 9, **further), layer(9, 9, **further)
            self.o = layer(parts.pop("features", 9), 3, **further)
            for name, part in parts.items():
                setattr(self, name, part)

        def forward(self, x: Tensor) -> Tensor:
            return self.o(function(self, x))

    found = xinc.network(Made(), GRID if convolutions else PIXELS, None if convolutions else WHOLE)
    assert isinstance(found, ModuleNetwork)
    return found


def own_map(found: ModuleNetwork, activation: Callable[[Tensor], Tensor]) -> None:
    """The maps of layer ``a`` of pixels are φ(e) − φ(0) by this activation."""
    a: Any = found.module.a
    maps = xinc.dissect(found, layers="a", granularity="kernel")["a"]["contribution"].isel(frame=0)
    e = a.weight.T[:, :, None] * PIXELS.T[:, None] + a.bias[None, :, None] / 2
    expected = (activation(e) - activation(torch.zeros_like(e))).detach().reshape(-1, HEIGHT, WIDTH)
    np.testing.assert_allclose(maps.values, expected.numpy(), rtol=0, atol=1e-5)


UNKNOWN = {
    "gelu by a sigmoid": (lambda u: u * torch.sigmoid(1.702 * u), "'mul'.*a response times a function of itself"),
    "scaled, by itself": (lambda u: (2 * u) * torch.tanh(u), "'mul'.*a response times a function of itself"),
    "squared ReLU": (lambda u: F.relu(u) ** 2, "'pow'.*does not know"),
    "of a sine, its size": (lambda u: torch.sin(u).abs(), "'abs'.*does not know"),
    "two": (lambda u: F.relu(torch.tanh(u)), "'relu'.*does not know"),
    "sign": (lambda u: 1 - torch.sigmoid(u), "'rsub'.*turns its sign"),
    "both halves": (lambda u: torch.cat([F.relu(u), F.relu(-u)], -1)[..., ::2], "."),
    "sine and cosine": (lambda u: torch.sin(u) + torch.cos(u), "does not know"),
}


QUICK = ("gelu by a sigmoid", "squared ReLU", "sign")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in UNKNOWN]
)
def test_an_activation_is_all_that_a_layer_passes_through(name: str) -> None:
    """Of pixels that know nothing of each other, too, where no route would see the rest of it."""
    function, message = UNKNOWN[name]
    found = between(lambda s, x: function(s.a(x)))
    assert found.layer_names() == ["o"]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(found.skipped["a"])


@pytest.mark.slow
@pytest.mark.parametrize("convolutions", [False, True])
def test_a_learned_slope_in_a_gate_is_part_of_the_activation(convolutions: bool) -> None:
    for beta in (torch.tensor(1.3), torch.full((9,) if not convolutions else (9, 1, 1), 0.7)):
        found = between(
            lambda s, x: (lambda u: u * torch.sigmoid(s.beta * u))(s.a(x)), convolutions, beta=nn.Parameter(beta)
        )
        assert "a response times a function of itself" in found.skipped["a"]


def standardised(u: Tensor) -> Tensor:
    return (u - u.mean(-1, keepdim=True)) / (u.std(-1, keepdim=True) + 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "activation"),
    [
        (lambda s, x: torch.sin(30 * s.a(x).view(HEIGHT, WIDTH, 9)).reshape(-1, 9), lambda e: torch.sin(30 * e)),
        (lambda s, x: F.relu(s.a(x).view(HEIGHT, WIDTH, 9).permute(2, 0, 1)).flatten(1).T, F.relu),
        (lambda s, x: F.relu(torch.cat([s.a(x), s.a(2 * x)], -1))[:, :], F.relu),
        (lambda s, x: torch.clamp(20 * s.a(x), 0, 15), lambda e: torch.clamp(20 * e, 0, 15)),
        (lambda s, x: F.gelu((lambda u: u * torch.rsqrt(u.pow(2).mean(-1, keepdim=True) + 1e-6))(s.a(x))), F.gelu),
        (lambda s, x: F.gelu(standardised(s.a(x))), F.gelu),
    ],
    ids=["view", "permute", "concatenation", "clamped far out", "root mean square", "standardised"],
)  # fmt: skip
def test_an_activation_behind_what_is_nothing_on_the_way(function: Any, activation: Any) -> None:
    found = between(function, features=18 if "cat" in function.__code__.co_names else 9)
    own_map(found, activation)


@pytest.mark.slow
def test_a_layer_norm_written_out_is_one() -> None:
    def norm(u: Tensor) -> Tensor:
        centred = u - u.mean(1, keepdim=True)
        return centred / torch.sqrt(centred.pow(2).mean(1, keepdim=True) + 1e-6)

    found = between(lambda s, x: F.gelu(norm(s.a(x))), convolutions=True)
    assert [layer.activation for layer in found.trace(0).layers] == ["gelu", "identity"]
    builtin = between(
        lambda s, x: F.gelu(F.layer_norm(s.a(x).permute(0, 2, 3, 1), (9,), eps=1e-6).permute(0, 3, 1, 2)),
        convolutions=True,
    )
    maps = [xinc.dissect(one, layers="a")["a"]["contribution"].values for one in (found, builtin)]
    np.testing.assert_allclose(maps[0], maps[1], rtol=0, atol=1e-6)


class PreActivation(nn.Module):
    """A residual branch that begins with its activation, and what the value is added to."""

    def __init__(self, layer: type, *sizes: int, **further: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        first, width, last = sizes
        self.a, self.b, self.o = (
            layer(first, width, **further),
            layer(width, width, **further),
            layer(width, last, **further),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        x = x + self.b(F.gelu(x))
        return torch.as_tensor(self.o(F.gelu(x)))


@pytest.mark.slow
def test_a_branch_that_begins_with_its_activation() -> None:
    found = xinc.network(PreActivation(nn.Conv2d, 4, 8, 3, kernel_size=3, padding=1), GRID)
    table = xinc.describe(found).set_index("layer")
    assert table.loc["a", "route"] == "(gelu, mean 3×3 + itself), gelu, mean 3×3"
    assert xinc.network(PreActivation(nn.Linear, 2, 9, 3), PIXELS, WHOLE).layer_names() == ["a", "b", "o"]


@pytest.mark.slow
def test_a_gate_that_is_the_same_for_all_channels_is_one() -> None:
    found = between(
        lambda s, x: F.relu(s.a(x)) * torch.sigmoid(s.g(x)), convolutions=True, g=nn.Conv2d(4, 1, 3, padding=1)
    )
    assert found.layer_names() == ["a", "o"]
    assert "only as a factor" in found.skipped["g"]


@pytest.mark.slow
def test_any_function_may_follow_the_last_layer() -> None:
    """Maps end before it; the earlier ones know nothing of it."""
    torch.manual_seed(0)
    first, last = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)

    class Exponential(nn.Module):
        def __init__(self, wide: bool) -> None:
            super().__init__()
            self.first, self.last, self.wide = first, last, wide

        def forward(self, x: Tensor) -> Tensor:
            z = self.last(F.gelu(self.first(x)))
            return 1 - torch.exp(z) if self.wide else z

    plain, other = (xinc.dissect(Exponential(wide), inputs=GRID, frames=[0]) for wide in (False, True))
    for name in plain:
        assert (plain[name]["contribution"].values == other[name]["contribution"].values).all()


def grid(*axes: Tensor, indexing: str = "ij") -> Tensor:
    return torch.stack(torch.meshgrid(*axes, indexing=indexing), -1).reshape(-1, len(axes))


ROWS, COLUMNS = torch.linspace(0, 1, HEIGHT), torch.linspace(0, 1, WIDTH)


@pytest.mark.parametrize(
    ("inputs", "resolution", "right"),
    [
        (grid(ROWS, COLUMNS), (HEIGHT, WIDTH), True),
        (grid(COLUMNS, ROWS, indexing="xy"), (HEIGHT, WIDTH), True),
        (grid(COLUMNS, ROWS), (WIDTH, HEIGHT), True),
        (torch.rand(HEIGHT * WIDTH, 2), (HEIGHT, WIDTH), True),
        (torch.cat([torch.full((HEIGHT * WIDTH, 1), 0.3), grid(ROWS, COLUMNS)], -1), (HEIGHT, WIDTH), True),
        (grid(ROWS, COLUMNS), (WIDTH, HEIGHT), False),
        (grid(COLUMNS, ROWS), (HEIGHT, WIDTH), False),
        (grid(ROWS, COLUMNS).flip(0), (HEIGHT, WIDTH), True),
        (grid(ROWS, ROWS)[torch.randperm(HEIGHT**2)], (HEIGHT, HEIGHT), False),
    ],
    ids=["rows", "xy", "told", "scattered", "time", "width first", "columns", "mirrored", "shuffled"],
)
def test_coordinates_lie_row_by_row(inputs: Tensor, resolution: tuple[int, int], right: bool) -> None:
    module = nn.Linear(inputs.shape[1], 3)
    if right:
        assert xinc.network(module, inputs, resolution).resolution == resolution
    else:
        with pytest.raises(InputError, match=r"points of a grid of .*, but not row by row") as caught:
            xinc.network(module, inputs, resolution)
        assert "\n" not in str(caught.value)


class Several(nn.Module):
    def __init__(self, *names: str) -> None:
        super().__init__()
        self.a, self.rgb, self.fine, self.names = nn.Linear(2, 9), nn.Linear(9, 3), nn.Linear(9, 3), names

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = torch.sin(self.a(x))
        found = {"features": features, "rgb": self.rgb(features), "fine": self.fine(features), "given": x.clone()}
        return {name: found[name] for name in self.names}


def test_of_several_outputs_the_one_in_colour_is_the_image() -> None:
    found = xinc.network(Several("features", "rgb", "given"), PIXELS, WHOLE)
    assert (found.channels, found.layer_names()) == (3, ["a", "rgb"])
    assert xinc.network(Several("features", "given"), PIXELS, WHOLE).channels == 9
    with pytest.raises(InputError, match=r"several tensors that may be the image \(0: 48x3, 1: 48x3\): say which"):
        xinc.network(Several("rgb", "fine"), PIXELS, WHOLE)
    assert xinc.network(Several("rgb", "fine"), PIXELS, WHOLE, output=1).layer_names() == ["a", "fine"]


@pytest.mark.slow
def test_precision_that_differs_is_told_of() -> None:
    class Automatic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(2, 3)

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return torch.as_tensor(self.a(x))

    with pytest.raises(
        InputError, match=r"'a': it computes in bfloat16, its parameters are float32: take torch\.autocast"
    ):
        xinc.network(Automatic(), PIXELS, WHOLE)
    with pytest.raises(InputError, match="does not run with these inputs: mat1 and mat2 must have the same dtype"):
        xinc.network(nn.Linear(2, 3).bfloat16(), PIXELS, WHOLE)


@pytest.mark.slow
def test_random_modules_are_told_of() -> None:
    found = between(lambda s, x: F.dropout(F.relu(s.a(x))))
    assert "it is random, in evaluation mode as well" in found.skipped["a"]
    with pytest.raises(InputError, match="is it random, or has it a state"):
        xinc.dissect(found)


class Deciding(nn.Module):
    def __init__(self, activation: Callable[[Tensor], Tensor], shift: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.o, self.activation = nn.Linear(2, 9), nn.Linear(9, 3), activation
        self.a.bias.data += shift

    def forward(self, x: Tensor) -> Tensor:
        h = self.activation(self.a(x))
        return torch.as_tensor(self.o(h)) if h.sum().item() > -1e9 else h


def test_values_that_do_not_tell_activations_apart(capfd: pytest.CaptureFixture[str]) -> None:
    """Of responses above 0, `relu`, `abs` and none are the same; contributions may be below."""
    found = xinc.network(Deciding(F.relu, 0), PIXELS, WHOLE, layers=["a", "o"])
    assert [layer.activation for layer in found.trace(0).layers] == ["relu", "identity"]
    assert xinc.network(Deciding(F.silu, 5), PIXELS, WHOLE, layers=["a", "o"])
    for function in (F.relu, nn.Identity()):
        with pytest.raises(InputError, match="or its values do not tell which"):
            xinc.network(Deciding(function, 5), PIXELS, WHOLE, layers=["a", "o"])
    assert capfd.readouterr() == ("", ""), "PyTorch prints its graph where it cannot be captured"


@pytest.mark.slow
@pytest.mark.parametrize("sides", [(HEIGHT * WIDTH,), (WIDTH, HEIGHT)])
def test_a_reshape_that_scrambles_is_refused(sides: tuple[int, ...]) -> None:
    """(H·W, 3) read as (3, H, W), or (W, H, 3)."""
    module = nn.Sequential(nn.Linear(2, 3), nn.Flatten(0), nn.Unflatten(0, (3, HEIGHT, WIDTH)))
    with pytest.raises(InputError, match="rearranges channels into pixels"):
        xinc.network(module, PIXELS.reshape(*sides, 2), WHOLE)


class Matrices(nn.Module):
    """A square matrix from the right, and layers of single pixels before a convolution."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.matrix, self.o = nn.Linear(4, 9), nn.Parameter(torch.randn(9, 9)), nn.Conv2d(9, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.sin(self.a(x.permute(0, 2, 3, 1)))
        return torch.as_tensor(self.o(F.relu(h @ self.matrix).permute(0, 3, 1, 2)))


@pytest.mark.slow
def test_pruned_are_the_weights_that_were_meant() -> None:
    """Whatever the parameter's shape: of the smallest, each is zero in the parameter where it is in the layer."""
    network = xinc.network(Matrices(), GRID)
    pruned = xinc.prune(network, 0.4, criterion="magnitude", unit="weight", budget="layer")
    for before, after in zip(network.trace(0).layers, pruned.trace(0).layers, strict=True):
        weight, left = before.arrays()["weight"], after.arrays()["weight"]
        gone = left == 0
        assert torch.equal(left, weight * ~gone)
        assert int(gone.sum()) == int(0.4 * gone.numel() + 0.5)
        assert float(weight[gone].abs().max()) <= float(weight[~gone].abs().min())


@pytest.mark.slow
def test_layers_that_share_their_weights_are_not_pruned_twice() -> None:
    found = xinc.network(Shared(), PIXELS, WHOLE)
    with pytest.raises(InputError, match=r"'a' and 'a@2' of this Shared have the same weights, 'module\.a\.weight'"):
        xinc.prune(found, 0.4)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.o = nn.Linear(2, 2), nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.o(torch.sin(self.a(torch.sin(self.a(x))))))


@pytest.mark.slow
def test_maps_of_the_last_layer_pass_through_its_activation_where_that_is_asked_for() -> None:
    module = nn.Sequential(nn.Linear(2, 9), nn.Tanh(), nn.Linear(9, 3), nn.Sigmoid())
    before, after = (
        xinc.dissect(module, inputs=PIXELS, resolution=WHOLE, head_activation=head)["2"]["contribution"].values
        for head in (False, True)
    )
    np.testing.assert_allclose(after, 1 / (1 + np.exp(-before)) - 0.5, rtol=0, atol=1e-6)
