"""What tensors do not tell is found out by trial, on networks that are fitted here as their code bases do."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import fitted, foreign
from tests.helpers.fitted import Fitted
from tests.helpers.tiers import exhaustive
from xinc import dissect, load_model
from xinc.errors import InputError
from xinc.models.imports import siren
from xinc.models.imports.conventions import Trial, Tried, combinations
from xinc.models.siren import SIREN
from xinc.models.storage import build

FAMILIES: dict[str, Callable[[], Fitted]] = {
    "SIREN": lambda: fitted.mlp(naming="repository"),
    "siren-pytorch": lambda: fitted.mlp(naming="siren-pytorch", omega=1.0, output="identity", rate=5e-3),
    "COIN": lambda: fitted.mlp(naming="coin", side="height", output="identity"),
    "WIRE's SIREN": lambda: fitted.mlp(order="column_row", output="identity"),
    "Gaussian": lambda: fitted.mlp("gauss", 10.0, 10.0, order="column_row", output="identity"),
    "FINER": lambda: fitted.mlp("finer"),
    "SIREN on pixel centres": lambda: fitted.mlp(pixels="centres", ends=(0.0, 1.0)),
    "ReLU": lambda: fitted.mlp("relu", order="column_row", ends=(0.0, 1.0), output="sigmoid", rate=5e-3),
    "FFN": fitted.ffn,
    "FFN of (x, y)": lambda: fitted.ffn("col_row", "gelu", "sigmoid"),
    "NeRV": fitted.nerv,
    "NeRV, times to 1": lambda: fitted.nerv("interleaved", "to_one", "swish", "sigmoid"),
    "NeRV, times from 1/N": lambda: fitted.nerv(numbering="from_one", out_bias="none", base=2.0),
    "original NeRV": fitted.original_nerv,
    "original NeRV, ReLU": lambda: fitted.original_nerv(False, "interleaved", "to_one", "relu"),
    "HNeRV": fitted.hnerv,
    "HNeRV of sines": lambda: fitted.hnerv("sin", "sigmoid"),
}

#: Some of these are as good with another convention: only a little of the image depends on it.
AMBIGUOUS = {"ReLU", "FFN", "original NeRV, ReLU"}


#: Of the quick tier, which the slow one adds some to; the others take a few seconds more.
QUICK, SLOW = {"FFN"}, {"NeRV", "SIREN", "HNeRV"}


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def families() -> list[Any]:
    rare = [pytest.mark.slow, exhaustive]
    return [pytest.param(one, marks=[] if one in QUICK else rare[:1] if one in SLOW else rare) for one in FAMILIES]


@pytest.mark.slow
@pytest.mark.parametrize("family", families())
def test_the_right_conventions_come_first(family: str, tmp_path: Path) -> None:
    network = FAMILIES[family]()
    torch.save(network.content, tmp_path / "theirs.pth")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = load_model(tmp_path / "theirs.pth", video=network.video)
    found = model.outcome["conventions"]
    wanted = {name: plain(value) for name, value in network.meant.items() if name in found["hints"]}
    assert {name: plain(found["hints"][name]) for name in wanted} == wanted
    assert {name for name in network.meant if name not in found["hints"]} <= {"embed_base"}
    assert found["psnr"] == pytest.approx(network.psnr, abs=0.1)
    assert found["psnr"] > found["runner_up"]["psnr"]
    assert found["ambiguous"] == (family in AMBIGUOUS)
    assert [("ambiguous" in str(one.message)) for one in caught] == [True] * found["ambiguous"]
    for frame in model.frames[:1]:
        error = (model.reconstruct(frame).permute(1, 2, 0) - torch.tensor(network.video[frame])).square().mean()
        assert -10 * np.log10(float(error)) > 15


@pytest.mark.parametrize("name", ["gauss", "finer"])
def test_contributions_of_waves_vanish_with_the_response(name: str) -> None:
    """φ(e) − φ(0): a neuron that responds with nothing contributes nothing."""
    model = build("siren", {"hidden_width": 5, "layers": 3, "activation": name, "omega": 10.0}, (4, 6), [0], 1)
    with torch.no_grad():
        model.weights[1][:, :, 2] = 0
        model.biases[1].zero_()
    maps = dissect(model, granularity="kernel")["layer2"]["contribution"]
    silent = maps.isel(neuron=maps["in_channel"].values == 2)
    assert silent.sizes["neuron"] == 5
    assert float(abs(silent).max()) == 0
    assert float(abs(maps).max()) > 0
    torch.testing.assert_close(model(torch.tensor([0]))[0], model.reconstruct(0), rtol=1e-5, atol=1e-6)


def test_closed_forms_of_waves() -> None:
    from xinc.trace.activations import activate

    u = torch.tensor([0.1, -0.1], dtype=torch.float64)
    torch.testing.assert_close(activate("finer(30)", 30 * u), torch.sin(30 * (u.abs() + 1) * u))
    assert float(activate("finer(30)", 30 * u)[0]) == pytest.approx(-0.157746, abs=1e-6)
    assert float(activate("gauss", 30 * torch.tensor(0.05))) == pytest.approx(0.105399, abs=1e-6)
    assert float(activate("gauss(30)", torch.tensor(0.05))) == pytest.approx(0.105399, abs=1e-6)


def grid(**settings: Any) -> np.ndarray:
    model = build("siren", {"hidden_width": 2, "layers": 2, **settings}, (3, 5), [0], 1)
    return model.grid((3, 5)).view(3, 5, 2).numpy()


def test_where_pixels_lie() -> None:
    np.testing.assert_allclose(grid(coordinates="stretched")[2, 4], [1, 1])
    np.testing.assert_allclose(grid(coordinates="square")[2, 4], [0, 1])
    np.testing.assert_allclose(grid(coordinates="height")[2, 4], [1, 3])
    np.testing.assert_allclose(grid(coordinates="height", coordinate_order="column_row")[2, 4], [3, 1])
    np.testing.assert_allclose(grid(coordinates="stretched", coordinate_range=(0, 1))[1, 1], [0.5, 0.25])
    centres = grid(coordinates="stretched", pixels="centres")
    np.testing.assert_allclose(centres[0, 0], [-2 / 3, -4 / 5], rtol=1e-6)
    np.testing.assert_allclose(centres + centres[::-1, ::-1], 0, atol=1e-6)
    np.testing.assert_allclose(grid(pixels="centres", coordinate_range=(0, 1))[0, :, 1], (np.arange(5) + 0.5) / 5)


def test_what_is_given_is_not_varied() -> None:
    everything = combinations(siren.LAYOUT, {})
    assert {"activation": "sin", "first_omega": 30.0, "omega": 1.0} in [
        {name: one.get(name) for name in ("activation", "first_omega", "omega")} for one in everything
    ]
    for one in combinations(siren.LAYOUT, {"activation": "gauss", "pixels": "corners"}):
        assert "activation" not in one
        assert "pixels" not in one
        assert one["omega"] == one["first_omega"]
    assert combinations(siren.LAYOUT, {"convention": "coin"}) == [{}]
    strange = combinations(siren.LAYOUT, {"omega": 17.0})
    assert all("omega" not in one and "activation" not in one for one in strange)


@pytest.mark.parametrize("name", siren.CONVENTIONS)
def test_conventions_by_name(name: str, tmp_path: Path) -> None:
    """A named convention is the same as its hints."""
    torch.save(foreign.siren().content, tmp_path / "theirs.pth")
    model = load_model(tmp_path / "theirs.pth", resolution=[6, 10], convention=name)
    written = load_model(tmp_path / "theirs.pth", resolution=[6, 10], **siren.CONVENTIONS[name])
    assert isinstance(model.settings, SIREN.Settings)
    assert model.settings == written.settings
    assert torch.equal(model.reconstruct(0), written.reconstruct(0))


@pytest.mark.slow
def test_a_network_of_something_else_is_refused_with_what_was_tried(tmp_path: Path) -> None:
    network = fitted.mlp(steps=30)
    torch.save(network.content, tmp_path / "theirs.pth")
    other = np.random.default_rng(0).random((32, 48, 3)).round().astype(np.float32)
    with pytest.raises(
        InputError, match=r"theirs.pth does not show this video: .* dB, below min_psnr 15, and"
    ) as caught:
        load_model(tmp_path / "theirs.pth", video=other)
    text = str(caught.value)
    assert "activation sin, finer, gauss, relu" in text
    assert "coordinate_range [-1, 1], [0, 1], [-0.5, 0.5]" in text
    assert "\n" not in text
    usual = load_model(tmp_path / "theirs.pth", video=other, min_psnr=None)
    assert usual.settings.activation == "sin", "what does not show the video decides nothing"
    assert usual.settings.omega == 30


@pytest.mark.slow
def test_the_video_may_be_an_image_or_an_array(tmp_path: Path) -> None:
    network = fitted.mlp()
    torch.save(network.content, tmp_path / "theirs.pth")
    whole = (network.video[0] * 255).round().astype(np.uint8)
    Image.fromarray(whole).save(tmp_path / "frame.png")
    of_file, of_bytes = (load_model(tmp_path / "theirs.pth", video=one) for one in (tmp_path / "frame.png", whole))
    assert of_file.settings == of_bytes.settings
    for wrong, message in (
        (whole[..., 0], r"array of shape \(32, 48\); expected \(y, x, 3\) or \(frame, y, x, 3\)"),
        (whole.astype(np.float32), "with values from .* to .*; expected uint8, or floating point from 0 to 1"),
        (whole[:16], "check the hints|prepared at|makes frames"),
    ):
        with pytest.raises(InputError, match=message):
            load_model(tmp_path / "theirs.pth", video=wrong, resolution=[32, 48])


def test_words() -> None:
    first = Tried({"activation": "sin", "omega": 30.0, "coordinate_range": (-1.0, 1.0)}, 31.25)
    second = Tried({"activation": "relu", "sigmoid": True}, 30.9)
    trial = Trial(first, second, 12, {"activation": ["sin", "relu"]})
    assert trial.ambiguous
    assert str(trial) == (
        "ambiguous: activation sin, omega 30, coordinate_range [-1, 1]: 31.2 dB; next of 12 tried, activation relu, "
        "sigmoid true: 30.9 dB"
    )
    assert trial.list_tried() == "activation sin, relu"
    assert trial.accepted() == first.hints
    assert trial.accepted(40) == {}
