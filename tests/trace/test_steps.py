"""Steps: what a network does between its layers, the routes that follow, and passes from the middle."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from xinc.contributions.maps import LayerMaps
from xinc.errors import InputError
from xinc.trace.layers import Convolution
from xinc.trace.route import Stage, Sum
from xinc.trace.steps import Added, Dissected, Fixed, Steps, StepsTrace, walk


def mean(name: str, side: int, activation: str = "identity", upscale: int = 1) -> Convolution:
    """A layer of one channel whose kernels are means."""
    weight = torch.full((upscale**2, 1, side, side), 1 / side**2)
    return Convolution(name, weight, torch.zeros(upscale**2), activation, upscale)


UP = Fixed(partial(F.interpolate, scale_factor=2, mode="bilinear"), (Stage(upscale=2, interpolation="bilinear"),))


def made(elsewhere: float = 0.0) -> StepsTrace:
    """A layer, a residual connection inside of another, upsampling, a branch from elsewhere, PixelShuffle, a head."""
    inner = Added((Dissected("c"),))
    steps: Steps = (
        Dissected("a"),
        Added((Dissected("b"), inner, Dissected("d"))),
        UP,
        Added((Dissected("e"),), torch.full((1, 1, 8, 12), elsewhere)),
        Dissected("f"),
        Dissected("head"),
    )
    layers = (
        mean("a", 3, "tanh"), mean("b", 5, "gelu"), mean("c", 3, "silu"), mean("d", 1), mean("e", 3, "gelu"),
        mean("f", 3, "elu", 2), mean("head", 3),
    )  # fmt: skip
    v = torch.randn(1, 4, 6, generator=torch.Generator().manual_seed(0))
    return StepsTrace(v, layers, steps)


def test_the_only_map_is_all_that_follows() -> None:
    """With means in the place of all weights, the map of the first layer's kernel is the output."""
    trace = made()
    maps = LayerMaps.of(trace, "a").expand(trace.input)
    torch.testing.assert_close(maps, trace.output(), rtol=1e-5, atol=1e-6)


def test_routes() -> None:
    trace, end = made(), (Stage(upscale=2, interpolation="bilinear"), Stage(3, 2, "elu"), Stage(3))
    residual = Sum(((), (Stage(5, 1, "gelu"), Sum(((), (Stage(3, 1, "silu"),))))))
    assert trace.route("a") == (residual, *end)
    assert trace.route("b") == (Sum(((), (Stage(3, 1, "silu"),))), *end)
    assert trace.route("c") == trace.route("d") == end
    assert trace.route("e") == end[1:]
    assert trace.route("head") == ()
    with pytest.raises(KeyError):
        trace.route("nowhere")


def test_what_comes_from_elsewhere_is_not_on_the_way() -> None:
    trace, other = made(), made(1.0)
    assert not torch.allclose(other.output(), trace.output())
    for name in ("a", "b", "c", "d"):
        v = trace.input_of(name)
        torch.testing.assert_close(LayerMaps.of(other, name).expand(v), LayerMaps.of(trace, name).expand(v))


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f", "head"])
def test_outputs_from_the_middle(name: str) -> None:
    """What a run makes of other responses of one layer, whatever branches it is in."""
    trace = made(1.0).double()
    assert trace.steps[3].source.dtype == torch.float64  # type: ignore[union-attr]
    layer, v = trace.layers[trace.position(name)], trace.input_of(name)
    responses = torch.stack([layer.preactivation(v) * factor for factor in (1.0, -0.5)])
    found = trace.output_from(name, responses)
    torch.testing.assert_close(found[0], trace.output())
    changed = layer.with_arrays({"weight": -0.5 * layer.arrays()["weight"]})
    others = [changed if one.name == name else one for one in trace.layers]
    torch.testing.assert_close(found[1], trace.with_layers(others).output())
    assert not torch.allclose(found[0], found[1])


def test_a_batch_takes_the_same_steps() -> None:
    trace = made()
    layers = {layer.name: layer for layer in trace.layers}

    def apply(name: str, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([layers[name].forward(one) for one in x])

    batch = torch.stack([trace.input, -trace.input])
    found = walk(trace.steps, batch, apply)
    torch.testing.assert_close(found[0], trace.output())


def test_layers_that_are_not_those_of_the_steps() -> None:
    trace = made()
    with pytest.raises(InputError, match=r"layers of this trace are b, c, d, e, f, head, those of its steps a, b, c"):
        StepsTrace(trace.input, trace.layers[1:], trace.steps)
