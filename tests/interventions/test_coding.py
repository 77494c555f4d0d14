"""Sizes by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.helpers.ablated import network
from xinc.interventions.coding import entropy, position_bits, quantise, quantised, size_of
from xinc.models._pruned import set_masks


def test_entropy() -> None:
    assert entropy(np.array([], int)) == 0
    assert entropy(np.array([7, 7, 7])) == 0
    assert entropy(np.array([0, 1, 2, 3])) == 2
    assert entropy(np.array([0, 0, 0, 1])) == pytest.approx(0.75 * math.log2(4 / 3) + 0.25 * 2)


def test_quantisation() -> None:
    tensor = torch.tensor([[0.0, 1.0], [0.4, 0.2]])
    symbols, values = quantise(tensor, bits=2)
    assert symbols.tolist() == [0, 3, 1, 1]
    np.testing.assert_allclose(values, [0, 1, 1 / 3, 1 / 3])
    # What is removed is neither a symbol nor part of the range.
    symbols, values = quantise(tensor, tensor > 0, bits=2)
    assert symbols.tolist() == [3, 1, 0]
    np.testing.assert_allclose(values, [1, 0.2 + 0.8 / 3, 0.2], rtol=1e-6)
    assert quantise(torch.full((3,), 0.5))[1].tolist() == [0.5] * 3
    assert quantise(torch.ones(2), torch.zeros(2, dtype=torch.bool))[0].size == 0


def test_positions() -> None:
    whole = torch.ones(4, 2, 3, 3, dtype=torch.bool)
    assert position_bits(whole) == 0
    kernels = whole.clone()
    kernels[0, 1] = False
    assert position_bits(kernels) == 8  # a bit each; seven numbers of three bits are more
    single = whole.clone()
    single[0, 1, 2, 2] = False
    assert position_bits(single) == 72
    few = torch.zeros(4, 2, 3, 3, dtype=torch.bool)
    few[0, 0] = True
    assert position_bits(few) == 3  # one of eight kernels
    few[:] = False
    few[0, 0, 0, 0] = few[3, 1, 1, 1] = True
    assert position_bits(few) == 14  # two of 72 weights
    assert position_bits(torch.zeros(5, 5, dtype=torch.bool)) == 0


def test_counts() -> None:
    model = network("nerv")
    every = sum(p.numel() for p in model.parameters())
    size = size_of(model)
    assert (size.parameters, size.removed, size.positions) == (every, 0, 0)
    assert size.dense == size.sparse == 32 * every
    symbols = np.concatenate([quantise(p)[0] for p in model.parameters()])
    assert size.entropy == pytest.approx(every * entropy(symbols))
    mask = torch.ones_like(model.head.weight, dtype=torch.bool)
    mask[0, 0] = False
    set_masks(model, {"head.weight": mask}, [])
    size = size_of(model)
    kernel = model.head.weight[0, 0].numel()
    assert (size.parameters, size.removed, size.left) == (every, kernel, every - kernel)
    assert size.positions == 6  # of the head's kernels, 3 x 2
    assert size.sparse == 32 * (every - kernel) + 6
    assert size.entropy < 8 * (every - kernel) + 6


def test_an_encoder_does_not_count() -> None:
    from xinc.models.storage import build

    settings = {"strides": [2, 2], "widths": [4, 3, 2], "embed_channels": 3}
    for encoder in (False, True):
        model = build("hnerv", settings | {"encoder": encoder}, (16, 24), [0, 2], 3)
        assert size_of(model).parameters == model.parameter_count()


@pytest.mark.parametrize("name", ["nerv", "ffn"])
def test_a_quantised_network(name: str) -> None:
    model = network(name)
    mask = {key: p.abs() > 0.05 for key, p in model.named_parameters() if p.ndim > 2}
    set_masks(model, mask, [])
    found = quantised(model)
    for key, p in found.named_parameters():
        own = mask.get(key, torch.ones_like(p, dtype=torch.bool))
        assert len(p.unique()) <= 257
        step = float((p[own].max() - p[own].min()).detach()) / 255
        torch.testing.assert_close(p[own], model.get_parameter(key)[own], rtol=0, atol=0.51 * step + 1e-7)
        assert not bool(p[~own].any())
    assert size_of(found).entropy == pytest.approx(size_of(model).entropy)
