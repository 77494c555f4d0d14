"""Networks that a function of the user's makes: how it is called, its weights, its file, and consent."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import xinc
from xinc.analyses.given import given
from xinc.canvas.reader import open_canvas
from xinc.canvas.writer import write_canvas_of
from xinc.errors import InputError
from xinc.models._pruned import masks_of
from xinc.models.imports.tensors import weights_for
from xinc.models.storage import identity, save_model
from xinc.modules.declared import load_weights, make, write_module
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings

#: Functions as users write them, right and wrong; ``ASKED`` is what the first was last called with.
SOURCE = """
import torch, xinc
from torch import nn

ASKED = {}

def net():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()))

def points(resolution, num_frames):
    axes = [torch.linspace(-1, 1, side) for side in resolution]
    def at(frame):
        grid = torch.meshgrid(*axes, indexing="ij")
        return torch.stack([*grid, torch.full(resolution, frame / num_frames)], -1)
    return at

def build(resolution, frames, num_frames):
    ASKED.update(resolution=resolution, frames=frames, num_frames=num_frames)
    return net(), points(resolution, num_frames)

def whole(resolution, frames, num_frames):
    return xinc.network(net(), points(resolution, num_frames), resolution, frames)

def one_frame(resolution, frames, num_frames):
    return xinc.network(net(), points(resolution, num_frames), resolution, frames[:1])

def a_module(resolution, frames, num_frames):
    return net()

def a_pair(resolution, frames, num_frames):
    return points(resolution, num_frames), net()

def still(resolution, frames, num_frames):
    return net(), points(resolution, num_frames)(0)

def fails(resolution, frames, num_frames):
    return 1 / 0

def forgets(resolution):
    return net(), points(resolution, 4)

def grey(resolution, frames, num_frames):
    return nn.Sequential(nn.Linear(3, 1)), points(resolution, num_frames)

number = 3
"""
NAME = "nets_under_test"
LINE = SOURCE[: SOURCE.index("1 / 0")].count("\n") + 1


@pytest.fixture(scope="module", autouse=True)
def _module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("nets")
    (folder / f"{NAME}.py").write_text(SOURCE)
    sys.path.insert(0, str(folder))
    importlib.import_module(NAME)
    yield
    sys.path.remove(str(folder))
    sys.modules.pop(NAME, None)


def made(function: str = "build", frames: Any = (0, 2), load: Any = None) -> Any:
    return make(f"{NAME}:{function}", (4, 6), frames, 4, load)


@pytest.fixture(scope="module")
def network(_module: None) -> Any:
    return made()


def test_the_function_is_told_what_is_wanted_and_draws_the_same_weights_each_time(network: Any) -> None:
    state = torch.get_rng_state()
    again = made()
    assert torch.equal(torch.get_rng_state(), state), "the generator of others is as it was"
    assert sys.modules[NAME].ASKED == {"resolution": (4, 6), "frames": (0, 2), "num_frames": 4}
    assert (again.frames, again.num_frames, again.resolution) == ((0, 2), 4, (4, 6))
    assert again.layer_names() == ["0", "2.0"]
    assert identity(again) == identity(network)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a_module", "gives a Sequential: a torch module and its inputs were expected, (module, inputs), or what"),
        ("a_pair", "gives a tuple of function, Sequential: a torch module and its inputs were expected"),
        (
            "fails",
            f"failed, {NAME}.py line {LINE} (ZeroDivisionError: division by zero): it was called with resolution=(4",
        ),
        ("forgets", "TypeError: forgets() got an unexpected keyword argument 'frames'"),
        ("still", "2 frames were asked for, but inputs are the same for all: give a function of the frame"),
        ("one_frame", "gives a network of 4x6 pixels and the frames 0; asked for were 4x6 and 0, 2: make it of the"),
        ("number", f"{NAME} has no function 'number'"),
        ("builds", f"{NAME} has no function 'builds': did you mean 'build'"),
    ],
)
def test_what_is_no_network(name: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        made(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_that_cannot_be_imported() -> None:
    with pytest.raises(
        InputError, match=r"The module of nobodys_nets:build cannot be imported \(ModuleNotFoundError: No"
    ):
        make("nobodys_nets:build", (4, 6), [0], 4)


def test_a_file_opens_only_with_the_module_that_it_notes(network: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save_model(network, path)
    content = torch.load(path, weights_only=True)
    assert (content["architecture"], content["module"]) == ("module", f"{NAME}:build")
    with pytest.raises(InputError, match=rf"give the module, as in xinc.load_model\(path, module='{NAME}:build'\)"):
        xinc.load_model(path)
    with pytest.raises(InputError, match=rf"{NAME}:build makes its network, but the module {NAME}:whole was given"):
        xinc.load_model(path, module=f"{NAME}:whole")
    found = xinc.load_model(path, module=f"{NAME}:build")
    assert identity(found) == identity(network)
    assert torch.equal(found.reconstruct(2), network.reconstruct(2))
    write_canvas_of(path, tmp_path / "canvas.zarr", ["2.0"], {"frames": [2]}, f"{NAME}:build")
    kept = open_canvas(tmp_path / "canvas.zarr")["2.0"]["contribution"].values
    np.testing.assert_allclose(kept, xinc.dissect(network, frames=[2])["2.0"]["contribution"].values, atol=1e-6)
    assert given(str(tmp_path / "canvas.zarr"), "a canvas").model is None, "no code runs to look at a canvas"


def test_a_file_of_other_inputs_or_damaged_is_refused(
    network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.pt"
    save_model(network, path)
    own = sys.modules[NAME].points
    monkeypatch.setattr(sys.modules[NAME], "points", lambda resolution, count: own(resolution, count + 1))
    with pytest.raises(InputError, match=r"the inputs that .*:build makes are not those that it was written with"):
        xinc.load_model(path, module=f"{NAME}:build")
    content = torch.load(path, weights_only=True)
    content["state_dict"]["module.0.bias"] = torch.zeros(5)
    torch.save(content, path)
    with pytest.raises(InputError, match=r"tensor '0.bias' is 5, that of the Sequential 4"):
        xinc.load_model(path, module=f"{NAME}:build")


def test_other_networks_take_no_module(nerv: Any, tmp_path: Path) -> None:
    save_model(nerv, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"it holds a network of architecture 'nerv': leave module out"):
        xinc.load_model(tmp_path / "model.pt", module=f"{NAME}:build")
    torch.save({"a": torch.zeros(2)}, tmp_path / "weights.pt")
    with pytest.raises(InputError, match=r"is not a model.pt of xinc: make your module, load these weights"):
        xinc.load_model(tmp_path / "weights.pt", module=f"{NAME}:build")


STATE = {"blocks.0.weight": torch.ones(2, 2), "scale": torch.zeros(2)}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {f"module.{name}": tensor for name, tensor in STATE.items()},
        {"model": {f"_orig_mod.module.{name}": tensor for name, tensor in STATE.items()}},
        {"state_dict": {f"net.{name}": tensor for name, tensor in STATE.items()} | {"loss.weight": torch.zeros(1)}},
    ],
)
def test_weights_below_what_wrappers_put_before_them(content: dict[str, Any]) -> None:
    assert weights_for(STATE, content, "weights.pt").keys() == STATE.keys()


def test_weights_of_two_networks_are_not_guessed() -> None:
    content = {f"{part}.{name}": tensor for part in ("student", "teacher") for name, tensor in STATE.items()}
    with pytest.raises(InputError, match=r"several networks, below 'student.', 'teacher.': save the one that is meant"):
        weights_for(STATE, content, "weights.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": None}, "weights.pt lacks the tensor 'bias' of the Linear"),
        ({"more": torch.zeros(1)}, "weights.pt has the tensor 'more', which the Linear has not"),
        ({"weight": torch.zeros(2, 3)}, "tensor 'weight' is 2x3, that of the Linear 3x2"),
        ({"bias": torch.zeros(3, dtype=torch.complex64)}, "tensor 'bias' is complex, 3, that of the Linear 3"),
        ({"bias": torch.full((3,), torch.nan)}, "3 of the 3 values of tensor 'bias' are NaN or infinite"),
    ],
)
def test_weights_are_the_modules_and_no_others(change: dict[str, Any], message: str) -> None:
    state = {**nn.Linear(2, 3).state_dict(), **change}
    given = {name: tensor for name, tensor in state.items() if tensor is not None}
    with pytest.raises(InputError, match=message):
        load_weights(nn.Linear(2, 3), given, "weights.pt")


def settings(**of: Any) -> dict[str, Any]:
    known = {"module": f"{NAME}:build", "checkpoint": None, "frames": "all", "min_psnr": None, "video": "v", "seed": 0}
    return {**known, "files": {}, **of}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    prepare_video(VideoSettings(name="v", source="example:collage", count=4, resolution="4x6"), tmp_path / "video.zarr")
    return tmp_path / "video.zarr"


@pytest.mark.slow
@pytest.mark.parametrize("function", ["build", "whole"])
def test_a_job_writes_the_network_with_its_weights(function: str, video: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    trained = sys.modules[NAME].net()
    save_file({f"module.{name}": tensor for name, tensor in trained.state_dict().items()}, tmp_path / "v_0.safetensors")
    name, path = f"{NAME}:{function}", str(tmp_path / "{video}_{seed}.safetensors")
    write_module(video, tmp_path / "model.pt", settings(module=name, checkpoint=path))
    found = xinc.load_model(tmp_path / "model.pt", module=name)
    grid = sys.modules[NAME].points((4, 6), 4)(3)
    torch.testing.assert_close(found.reconstruct(3), trained(grid).permute(2, 0, 1))
    assert 0 < found.outcome["psnr"] < 30


@pytest.mark.slow
def test_a_job_refuses_what_does_not_show_the_video(video: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nets_under_test:build does not show this video: .* dB, below min_psnr 30"):
        write_module(video, tmp_path / "model.pt", settings(min_psnr=30.0))
    with pytest.raises(InputError, match=r"makes images of 1 channels: a video has the three of its colours"):
        write_module(video, tmp_path / "model.pt", settings(module=f"{NAME}:grey"))
    assert not (tmp_path / "model.pt").exists()


@pytest.mark.slow
def test_a_pruned_module_is_a_network_like_any_other(tmp_path: Path) -> None:
    sys.modules[NAME].still_net = lambda resolution, frames, num_frames: (  # whose weights are parameters as they are
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.GELU(), nn.Conv2d(4, 3, 1)),
        torch.linspace(-1, 1, 2 * 4 * 6).view(1, 2, 4, 6),
    )
    model = made("still_net", frames=[0])
    pruned = xinc.prune(model, 0.5)
    copied = copy.deepcopy(pruned)
    assert sum(int((mask == 0).sum()) for mask in masks_of(pruned).values()) > 0
    assert not torch.equal(pruned.reconstruct(0), model.reconstruct(0))
    assert torch.equal(copied.reconstruct(0), pruned.reconstruct(0))
    save_model(pruned, tmp_path / "model.pt")
    found = xinc.load_model(tmp_path / "model.pt", module=f"{NAME}:still_net")
    assert torch.equal(found.reconstruct(0), pruned.reconstruct(0))
    assert masks_of(found).keys() == masks_of(pruned).keys()
