"""HiNeRV: published sizes, initial weights, grids over time, and what its settings refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.helpers.stepwise import network
from xinc.errors import InputError
from xinc.models.hinerv import HiNeRVSettings
from xinc.models.hinerv.network import Grid
from xinc.models.storage import build
from xinc.settings import validate

#: (channels, channels of the base grid, of the local ones): parameters; of `bunny` and of UVG.
BUNNY, UVG = ((720, 1280), 132, [5, 2, 2, 2], 40), ((1080, 1920), 600, [5, 3, 2, 2], 150)
PUBLISHED: dict[str, tuple[Any, int, int, int, int]] = {
    "bunny XXS": (BUNNY, 136, 2, 4, 766_691),
    "bunny XS": (BUNNY, 196, 4, 8, 1_585_666),
    "bunny S": (BUNNY, 280, 8, 16, 3_249_819),
    "UVG S": (UVG, 280, 2, 4, 3_188_933),
    "UVG M": (UVG, 400, 4, 8, 6_489_553),
    "UVG L": (UVG, 560, 8, 16, 12_818_953),
}


@pytest.mark.parametrize("size", PUBLISHED)
def test_published_sizes(size: str) -> None:
    (resolution, count, strides, base), channels, base_channels, local_channels, expected = PUBLISHED[size]
    settings = {
        "strides": strides, "channels": channels, "base_frames": base, "base_channels": base_channels,
        "local_channels": local_channels,
    }  # fmt: skip
    with torch.device("meta"):
        model = build("hinerv", settings, resolution, range(count), count)
    assert model.parameter_count() == expected
    assert model.settings.parameters(channels, resolution, count) == expected


def test_the_default_is_the_published_s() -> None:
    settings = HiNeRVSettings()
    assert settings.stem_width((1080, 1920), 600) == 280
    assert settings.widths(280) == [280, 280, 140, 70, 35]
    assert settings.base_shape(600) == [(150, 2), (75, 4)]
    assert [settings.local_shape(k, 600)[0] for k in range(4)] == [(600, 4), (600, 2), (600, 1), (600, 1)]
    assert settings.parameters(280, (1080, 1920), 600) == 3_188_933


def test_a_budget_is_used_up() -> None:
    settings = HiNeRVSettings(strides=(4, 2), size=50_000)
    width = settings.stem_width((64, 96), 16)
    assert settings.parameters(width, (64, 96), 16) <= 50_000 < settings.parameters(width + 1, (64, 96), 16)
    model = build("hinerv", settings, (64, 96), [0, 1], 16)
    assert model.parameter_count() == settings.parameters(width, (64, 96), 16)
    with pytest.raises(
        InputError, match=r"A budget of 500 parameters is too small for a HiNeRV of 64x96 pixels and 16"
    ):
        build("hinerv", {"strides": [4, 2], "size": 500}, (64, 96), [0, 1], 16)


def test_initial_weights() -> None:
    """As the authors': grids uniform within 1e-3, weights as PyTorch draws them, U(±1/√n_in), biases zero."""
    model: Any = network("hinerv", channels=64, base_frames=40)
    table = model.grid.weight.detach()
    assert float(table.abs().max()) <= 1e-3
    assert float(table.std()) == pytest.approx(1e-3 / math.sqrt(3), rel=0.05)
    block = model.stages[0].blocks[0]
    for layer, entering in ((block.expand, 64), (block.depthwise, 9), (model.stem, 6 * 9)):
        weight = layer.weight.detach()
        bound = 1 / math.sqrt(entering)
        assert float(weight.abs().max()) <= bound
        assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    assert len(biases) == 4
    assert not any(bool(one.any()) for one in biases)


@pytest.mark.parametrize(("entries", "count"), [(3, 7), (7, 7), (10, 7), (1, 4), (4, 1)])
def test_grids_are_resized_over_time(entries: int, count: int) -> None:
    """As PyTorch resizes T entries to all frames; in float64, where entry and frame coincide exactly."""
    grid = Grid([(entries, 2), (max(entries // 2, 1), 1)], (2, 3), count, 1.0).double()
    found = grid(torch.arange(count).double().view(-1, 1, 1, 1))
    assert found.shape == (count, 3, 2, 3)
    start = 0
    for own, channels in ((slice(0, 2), 2), (slice(2, 3), 1)):
        size = entries if channels == 2 else max(entries // 2, 1)
        table = grid.weight[start : start + size * 6 * channels].view(size, 2, 3, channels)
        rows = table.permute(3, 1, 2, 0).reshape(1, -1, size)
        expected = F.interpolate(rows, size=count, mode="linear", align_corners=False).view(channels, 2, 3, count)
        torch.testing.assert_close(found[:, own], expected.permute(3, 0, 1, 2))
        start += size * 6 * channels


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"channels": 8, "size": 1e5}, "give channels or size, not both"),
        ({"kernel_size": 2}, "kernel_size must be odd"),
        ({"depths": [3, 3]}, "depths must be 4 positive numbers, one for each stride"),
        ({"expansions": [1, 1, 1, 0]}, "expansions must be 4 positive numbers"),
        ({"strides": [2, 0]}, "every stride must be a positive integer"),
        ({"channel": 3}, "did you mean 'channels'"),
    ],
)
def test_settings_that_make_no_network(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate(HiNeRVSettings, values, "hinerv")


def test_an_expansion_to_nothing_is_refused() -> None:
    settings = {"strides": [2, 2], "channels": 8, "expansions": [1, 0.2]}
    with pytest.raises(InputError, match=r"have 0.2, which makes less than one channel of 4: give at least 0.25"):
        build("hinerv", settings, (16, 24), [0], 1)


def test_resolutions_that_do_not_fit() -> None:
    with pytest.raises(InputError, match=r"Resolution 16x25 cannot be produced by strides \[2, 2\]"):
        build("hinerv", {"strides": [2, 2]}, (16, 25), [0], 1)
    with pytest.raises(InputError, match="A HiNeRV has one resolution, here 16x24"):
        network("hinerv").trace(0, (32, 48))
