"""Chains of layers of any geometry: ablation and windows, against the network without the kernel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.geometries import convolutions, drawn
from xinc.answers.exact import output_on
from xinc.interventions.ablation import Ablation
from xinc.trace.layers import Convolution, Trace


@st.composite
def chains(draw: Any) -> Trace:
    """A convolution of any geometry, another one of its own, and a head."""
    first, v = draw(convolutions())
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    c = first.channels[1] // first.upscale**2
    how: dict[str, Any] = {"groups": c, "padding": draw(st.sampled_from(["zeros", "replicate"]))}
    how |= {"dilation": draw(st.integers(1, 2)), "stride": draw(st.integers(1, 2))}
    second = Convolution("block2", drawn(generator, c, 1, 3, 1), drawn(generator, c), "gelu", **how)
    head = Convolution("head", drawn(generator, 3, c, 3, 3), drawn(generator, 3), "identity")
    return Trace(v, (first, second, head))


@given(chains(), st.data())
def test_an_ablation_is_the_network_without_the_kernel(trace: Trace, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, 2))
    layer: Any = trace.layers[at]
    one = Ablation(SimpleNamespace(colours_of=lambda z: z), trace, layer.name)  # type: ignore[arg-type]
    n = data.draw(st.integers(0, len(one.neurons) - 1))
    change, (y0, y1, x0, x1) = one.change(np.array([n]))
    weight, (i, j) = layer.weight.clone(), layer.edges()
    weight[j[n], i[n] % weight.shape[1]] = 0
    without = trace.with_layers([*trace.layers[:at], layer.with_arrays({"weight": weight}), *trace.layers[at + 1 :]])
    expected = trace.output() - without.output()
    found = torch.zeros_like(expected)
    found[:, y0:y1, x0:x1] = change[0]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@given(chains(), st.data())
def test_a_window_of_the_output(trace: Trace, data: st.DataObject) -> None:
    whole = trace.output()
    y0, x0 = data.draw(st.integers(0, whole.shape[1] - 1)), data.draw(st.integers(0, whole.shape[2] - 1))
    found = output_on(trace, (y0, y0 + 1, x0, whole.shape[2]))
    torch.testing.assert_close(found, whole[:, y0 : y0 + 1, x0:], rtol=1e-9, atol=1e-9)
