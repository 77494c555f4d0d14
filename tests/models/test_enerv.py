"""E-NeRV: the published size, initial weights, and what its settings refuse. Frames: `tests.models.test_imports`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import foreign_video
from tests.helpers.stepwise import network
from xinc import load_model
from xinc.errors import InputError
from xinc.models.enerv import ENeRVSettings
from xinc.models.storage import build
from xinc.settings import validate


def test_the_published_size() -> None:
    with torch.device("meta"):
        model = build("enerv", {}, (720, 1280), range(132), 132)
    assert model.parameter_count() == 12_490_314 == ENeRVSettings().parameters(196)
    assert ENeRVSettings().widths(196) == [196, 588, 294, 147, 96, 96]
    assert model.layer_names() == ["block1.conv1", "block1.conv2", "block2", "block3", "block4", "block5", "head"]


def test_a_budget_is_used_up() -> None:
    small = {"strides": [2, 2], "lower_width": 4, "width": 16, "time_width": 16, "embed_levels": 8}
    settings = validate(ENeRVSettings, small | {"size": 90_000}, "enerv")
    width = settings.stem_width()
    assert settings.parameters(width) <= 90_000 < settings.parameters(width + 1)
    assert build("enerv", settings, (16, 24), [0], 2).parameter_count() == settings.parameters(width)
    with pytest.raises(InputError, match="A budget of 10 parameters is too small for an E-NeRV"):
        build("enerv", {"size": 10, "strides": [2, 2]}, (16, 24), [0], 1)


def test_initial_weights_are_as_pytorch_draws_them() -> None:
    model: Any = network("enerv", time_width=200, width=100)
    for layer, entering in ((model.time.layers[1], 200), (model.blocks[0], 8 * 9), (model.after.out, 6)):
        weight = layer.weight.detach()
        bound = 1 / math.sqrt(entering)
        assert float(weight.abs().max()) <= bound
        assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_a_tanh_at_the_end(tmp_path: Path) -> None:
    theirs = foreign_video.enerv(1, sigmoid=False)
    torch.save(theirs.content, tmp_path / "theirs.pth")
    model = load_model(tmp_path / "theirs.pth", **theirs.hints)
    torch.testing.assert_close(model.reconstruct(3), theirs.image(3), rtol=1e-4, atol=2e-5)


def test_what_enters_a_block_is_normalised() -> None:
    """Each channel over the frame, to the deviation and mean that time gives it."""
    model: Any = network("enerv")
    trace = model.trace(2)
    with torch.no_grad():
        time = model.modulation(model.inputs(torch.tensor([2])))
        scale, shift = model.modulations[1](time)[0].chunk(2)
    entering = trace.input_of("block2")
    torch.testing.assert_close(entering.mean((1, 2)), shift, rtol=1e-4, atol=1e-5)
    variance = trace.layers[1].forward(trace.input_of("block1.conv2")).var((1, 2), correction=0)
    expected = scale.abs() * (variance / (variance + 1e-5)).sqrt()
    torch.testing.assert_close(entering.std((1, 2), correction=0), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fc_dim": 8, "size": 1e5}, "give fc_dim or size, not both"),
        ({"fc_dim": 3}, "fc_dim"),
        ({"strides": [2, 0]}, "every stride must be a positive integer"),
    ],
)
def test_settings_that_make_no_network(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate(ENeRVSettings, values, "enerv")


def test_one_position_cannot_be_normalised() -> None:
    with pytest.raises(InputError, match=r"strides \[4, 4\] make 16x16 pixels out of one"):
        build("enerv", {"strides": [4, 4], "fc_dim": 8}, (16, 16), [0], 1)


def test_an_expansion_to_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"expansion 0.1 of this enerv makes less than one channel of 8.*least 0.125"):
        build("enerv", {"strides": [2, 2], "fc_dim": 8, "expansion": 0.1}, (16, 16), [0], 1)
