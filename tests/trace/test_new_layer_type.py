"""A new type of layer is one class: everything else works on it through the protocol alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest
import torch
from torch import Tensor

from xinc.canvas.layer import make_record, recorded_neurons, restore_maps
from xinc.canvas.schema import layer_arrays
from xinc.contributions.expansion import expander
from xinc.contributions.gains import gains
from xinc.contributions.maps import LayerMaps
from xinc.interventions.ablation import Ablation
from xinc.interventions.effects import Passes
from xinc.trace.layers import Convolution, Layer, Trace
from xinc.trace.windows import Size, Window


@dataclass(frozen=True)
class Scaling(Layer):
    """Each channel times a number of its own, plus another: of each output channel one edge."""

    name: str
    factor: Any
    bias: Any
    activation: str = "tanh"

    frequency = 1.0
    upscale = 1
    mixes = False

    @property
    def channels(self) -> tuple[int, int]:
        return len(self.factor), len(self.factor)

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        return np.arange(len(self.factor)), np.arange(len(self.factor))

    def preactivation(self, v: Tensor) -> Tensor:
        return self.edge_responses(v, torch.arange(len(v)), torch.arange(len(v)))

    def edge_responses(self, v: Tensor, i: Tensor, j: Tensor, bias: bool = True) -> Tensor:
        found: Tensor = self.factor[j, None, None] * v[i]
        return found + self.bias[j, None, None] if bias else found

    def neuron_sums(self, granularity: str, values: Mapping[str, Tensor]) -> Tensor:
        return values["factor"]

    def through(self, values: Tensor, window: Window, channel: Tensor | None, size: Size) -> tuple[Tensor, Window]:
        if channel is not None:
            whole = values.new_zeros(len(values), len(self.factor), *values.shape[2:])
            whole[torch.arange(len(values)), channel] = values[:, 0]
            values = whole
        return self.factor[:, None, None] * values, window

    @classmethod
    def array_dims(cls, options: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        return {"factor": ("out",), "bias": ("out",)}

    @classmethod
    def restore(cls, fields: Mapping[str, Any], options: Mapping[str, Any], arrays: Mapping[str, Any]) -> Self:
        return cls(fields["name"], arrays["factor"], arrays["bias"], fields["activation"])


@pytest.fixture
def trace() -> Trace:
    torch.manual_seed(0)
    return Trace(
        torch.randn(2, 5, 6),
        (
            Convolution("first", torch.randn(3, 2, 3, 3), torch.randn(3), "gelu"),
            Scaling("scaling", torch.randn(3), torch.randn(3)),
            Convolution("head", torch.randn(3, 3, 1, 1), torch.randn(3), "identity"),
        ),
    )


NETWORK: Any = SimpleNamespace(
    varying=(), colours_of=lambda z: z, per_frame=False, name="made", layer_names=lambda: ["first", "scaling", "head"]
)


def test_its_maps_gains_effects_and_ablation(trace: Trace) -> None:
    maps, v = LayerMaps.of(trace, "scaling"), trace.input_of("scaling")
    expected = torch.tanh(trace.layers[1].preactivation(v))
    np.testing.assert_allclose(expander(maps, v)(np.arange(3), (0, 5, 0, 6), None), expected, rtol=1e-6)
    assert gains(trace, lambda z: z, ["scaling"], probes=2)["scaling"].shape == (3, 5, 6)
    assert LayerMaps.of(trace, "first").resolution((5, 6)) == (5, 6)
    found = Passes(NETWORK, trace).products(torch.ones(3, 5, 6))
    assert found.shape == (6 + 3 + 9,)
    for layer in ("first", "scaling"):
        one = Ablation(NETWORK, trace, layer)
        change, window = one.change(np.array([1]))
        assert window == (0, 5, 0, 6)
        index = trace.position(layer)
        own: Any = trace.layers[index]
        array = own.arrays()["factor" if layer == "scaling" else "weight"].clone()
        array[1 if layer == "scaling" else (1, 0)] = 0
        changed = own.with_arrays({"factor" if layer == "scaling" else "weight": array})
        without = trace.with_layers([*trace.layers[:index], changed, *trace.layers[index + 1 :]])
        torch.testing.assert_close(change[0], trace.output() - without.output(), rtol=1e-4, atol=1e-5)


def test_its_record(trace: Trace, tmp_path: Path) -> None:
    maps, v = LayerMaps.of(trace, "scaling"), trace.input_of("scaling")
    record = make_record(NETWORK, "", maps, "factored", (5, 6))
    assert record.layer_type == "Scaling"
    assert layer_arrays(record) == {"factor": ("out",), "bias": ("out",)}
    assert len(recorded_neurons(record, {"factor": (3,), "bias": (3,)})) == 3
    again = restore_maps(record, {name: values.numpy() for name, values in maps.layer.arrays().items()})
    np.testing.assert_array_equal(expander(again, v.numpy())(np.arange(3), (0, 5, 0, 6), None), maps.expand(v))
