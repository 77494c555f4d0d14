"""Whatever xinc computes with a network, it convolves in float32 (on a GPU, PyTorch's own choice is TF32)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import xinc
from tests.helpers import stepwise, zoo
from tests.helpers.ablated import network
from tests.helpers.tiers import exhaustive
from xinc.canvas.writer import write_layer
from xinc.models.base import INR

#: A chain of layers and two that are not, of which most is for continuous integration.
VIDEOS = ["nerv", pytest.param("enerv", marks=exhaustive), pytest.param("hnerv_boost", marks=exhaustive)]


class Watched(TorchDispatchMode):
    """Convolutions, forward and backward, and how many of them PyTorch may do in TF32."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.loose = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "convolution" in func.name():
            self.seen += 1
            self.loose += torch.backends.cudnn.allow_tf32
        return func(*args, **(kwargs or {}))


def of_video(name: str) -> INR:
    return stepwise.network(name) if name in stepwise.SMALL else network(name)


def goal(model: INR) -> np.ndarray:
    return np.random.default_rng(0).random((2, *model.resolution, 3), np.float32)


def half(model: INR) -> np.ndarray:
    return np.arange(model.resolution[0])[:, None] < np.full(model.resolution[1], 3)


def top(model: INR, _: Any) -> Any:
    return xinc.top_neurons(xinc.dissect(model), box=(2, 6, 2, 6), frames=[2], by="effect", model=model, count=3)


def stored(model: INR, folder: Any) -> None:
    for layer in model.layer_names():
        write_layer(model, folder / "canvas.zarr" / layer, layer)


USES: dict[str, Callable[[INR, Any], Any]] = {
    "trace": lambda model, _: model.trace(2).inputs(),
    "reconstruct": lambda model, _: model.reconstruct(2),
    "dissect": lambda model, _: xinc.summarise(xinc.dissect(model, gain=True)[model.layer_names()[0]]),
    "write": stored,
    "ablate": lambda model, _: [xinc.ablate(model, name, [0], target=goal(model)) for name in model.layer_names()],
    "effects": lambda model, _: xinc.effects(model, probes=2, target=goal(model), regions={"upper": half(model)}),
    "explain": lambda model, _: xinc.explain_error(model, 2, goal(model)[1], half(model)),
    "top": top,
    "prune": lambda model, _: xinc.prune(model, 0.3, "gauss_newton", target=goal(model), finetune_epochs=0),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", VIDEOS)
def test_of_a_network_of_videos(name: str, use: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    model = of_video(name)
    with Watched() as watched:
        USES[use](model, tmp_path)
    assert watched.seen
    assert not watched.loose, f"{watched.loose} of {watched.seen}"
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("name", ["decoder", "ConvNeXt"])
def test_of_a_module(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    case = zoo.CASES[name]
    with Watched() as watched:
        for layer in xinc.dissect(case.make().eval(), inputs=case.inputs, resolution=case.resolution).values():
            xinc.summarise(layer)
    assert watched.seen
    assert not watched.loose, f"{watched.loose} of {watched.seen}"
