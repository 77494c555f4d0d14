"""State dicts as training scripts wrap them: containers, prefixes, other values beside the weights, other formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.helpers import foreign
from xinc import load_model
from xinc.errors import InputError

State = dict[str, Any]
SIREN = foreign.siren()


def prefixed(prefix: str) -> State:
    return {prefix + name: tensor for name, tensor in SIREN.state.items()}


WRAPPED: dict[str, Callable[[], Any]] = {
    "compiled": lambda: prefixed("_orig_mod."),
    "parallel": lambda: prefixed("module."),
    "compiled and parallel": lambda: prefixed("_orig_mod.module."),
    "parallel and compiled": lambda: prefixed("module._orig_mod."),
    "Lightning": lambda: {"state_dict": prefixed("model."), "epoch": 3},
    "Lightning with a metric": lambda: {"state_dict": {**prefixed("net_fine."), "metric.total": torch.ones(1)}},
    "deep": lambda: {"state_dict": prefixed("system.model.field.")},
    "flat": lambda: dict(SIREN.state),
    "flat, beside an epoch": lambda: {**SIREN.state, "epoch": 7, "name": "camera"},
    "model_state_dict": lambda: {"model_state_dict": SIREN.state, "optimizer_state_dict": {"state": {}}},
    "model": lambda: {"model": SIREN.state, "epoch": 3},
    "state_dict_ema": lambda: {"state_dict_ema": SIREN.state, "best": 3.0},
    "params": lambda: {"params": SIREN.state},
    "a name of one's own": lambda: {"inr": SIREN.state, "epoch": 3},
    "beside its average": lambda: {"state_dict": SIREN.state, "state_dict_ema": prefixed("ema.")},
    "NumPy scalars": lambda: {"state_dict": SIREN.state, "psnr": np.float64(31.5), "step": np.int64(7)},
    "NumPy arrays": lambda: {"state_dict": SIREN.state, "losses": np.linspace(1, 0, 5, dtype=np.float32)},
    "half": lambda: {"state_dict": {name: tensor.half() for name, tensor in SIREN.state.items()}},
    "bfloat16": lambda: {"state_dict": {name: tensor.bfloat16() for name, tensor in SIREN.state.items()}},
    "double": lambda: {"state_dict": {name: tensor.double() for name, tensor in SIREN.state.items()}},
}


@pytest.mark.parametrize("how", WRAPPED)
def test_the_network_inside_is_found(how: str, tmp_path: Path) -> None:
    torch.save(WRAPPED[how](), tmp_path / "theirs.pth")
    tolerance = {"half": 0.05, "bfloat16": 0.3}.get(how, 1e-5)
    found = load_model(tmp_path / "theirs.pth", resolution=[6, 10]).reconstruct(0)
    torch.testing.assert_close(found, SIREN.image(0), rtol=0, atol=tolerance)


def test_safetensors(tmp_path: Path) -> None:
    save_file({name: tensor.contiguous() for name, tensor in prefixed("model.").items()}, tmp_path / "a.safetensors")
    found = load_model(tmp_path / "a.safetensors", resolution=[6, 10]).reconstruct(0)
    torch.testing.assert_close(found, SIREN.image(0), rtol=0, atol=1e-5)
    whole = (tmp_path / "a.safetensors").read_bytes()
    for part in (4, 40, len(whole) - 1):
        (tmp_path / "a.safetensors").write_bytes(whole[:part])
        with pytest.raises(InputError, match=r"is not a safetensors file, or is damaged .*: download or copy it again"):
            load_model(tmp_path / "a.safetensors", resolution=[6, 10])


def test_other_weights_than_the_usual(tmp_path: Path) -> None:
    average = {name: tensor / 2 for name, tensor in SIREN.state.items()}
    torch.save({"state_dict": SIREN.state, "average": average}, tmp_path / "theirs.pth")
    usual, other = (load_model(tmp_path / "theirs.pth", resolution=[6, 10], **h) for h in ({}, {"weights": "average"}))
    torch.testing.assert_close(other.weights[1], usual.weights[1] / 2)


class Net(torch.nn.Module):
    """A class of a training script."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Linear(4, 3))


def bad(change: Callable[[State], None]) -> State:
    state = {name: tensor.clone() for name, tensor in SIREN.state.items()}
    change(state)
    return state


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "NaN": (
        lambda: bad(lambda s: s["net.net.1.0.bias"].fill_(float("nan"))),
        r"8 of the 8 values of tensor 'net\.net\.1\.0\.bias' are NaN or infinite",
    ),
    "one infinity": (
        lambda: {"model": bad(lambda s: s["net.net.0.0.weight"].view(-1)[3:4].fill_(float("inf")))},
        r"1 of the 16 values of tensor 'net\.net\.0\.0\.weight' are NaN or infinite",
    ),
    "half that overflowed": (
        lambda: bad(lambda s: s.update({"net.net.2.0.bias": (s["net.net.2.0.bias"] + 1e6).half()})),
        r"tensor 'net\.net\.2\.0\.bias' are NaN or infinite",
    ),
    "a whole network": (Net, r"asks for .*Net, which could run code; .*torch\.save\(model\.state_dict\(\)"),
    "a network beside its epoch": (lambda: {"model": Net(), "epoch": 1}, r"asks for .*Net, which could run code"),
    "two networks": (
        lambda: {**prefixed("first."), **prefixed("second.")},
        r"holds several networks, below 'first\.', 'second\.': save the one that is meant by itself",
    ),
    "two containers": (
        lambda: {"coarse": SIREN.state, "fine": SIREN.state},
        r"holds weights under \['coarse', 'fine'\]: say which ones with the hint weights",
    ),
    "complex weights": (
        lambda: bad(lambda s: s.update({"net.net.1.0.weight": s["net.net.1.0.weight"].to(torch.complex64)})),
        r"'net\.net\.1\.0\.weight' is of type complex64: networks of complex weights, such as WIRE's, cannot",
    ),
    "NumPy weights": (
        lambda: {"state_dict": {name: tensor.numpy() for name, tensor in SIREN.state.items()}},
        r"holds no state dict of tensors: found the keys \['state_dict'\]",
    ),
    "three coordinates": (
        lambda: bad(lambda s: s.update({"net.net.0.0.weight": torch.ones(8, 3)})),
        r"tensor 'net\.net\.0\.0\.weight' has shape \(8, 3\), expected \(8, 2\)",
    ),
    "one colour": (
        lambda: bad(lambda s: s.update({"net.net.2.0.weight": torch.ones(1, 8)})),
        r"tensor 'net\.net\.2\.0\.weight' has shape \(1, 8\), expected \(3, 8\)",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_sentence(what: str, tmp_path: Path) -> None:
    make, message = REFUSED[what]
    torch.save(make(), tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=message) as caught:
        load_model(tmp_path / "theirs.pth", resolution=[6, 10])
    text = str(caught.value)
    assert text.startswith(str(tmp_path / "theirs.pth"))
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        ({"activation": "sine"}, "activation is 'sine': .*sin"),
        ({"omega": 0}, "omega is 0; expected a positive number"),
        ({"first_omega": "thirty"}, "first_omega is 'thirty'; expected a positive number"),
        ({"coordinate_order": "rc"}, "coordinate_order is 'rc'"),
        ({"coordinate_range": [1, 1]}, r"coordinate_range is \[1, 1\]; expected its two ends, e.g. \[-1, 1\]"),
        ({"coordinate_range": 2}, "coordinate_range is .*2.*; expected its two ends"),
        ({"pixels": "middle"}, "pixels is 'middle'"),
        ({"convention": "sirn"}, "convention is 'sirn': did you mean 'siren'"),
        ({"weights": "ema"}, "the hint weights is 'ema', but no weights are there"),
    ],
)
def test_hints_that_mean_nothing(hint: State, message: str, tmp_path: Path) -> None:
    torch.save(SIREN.content, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "theirs.pth", resolution=[6, 10], **hint)


def test_a_whole_network_that_is_trusted(tmp_path: Path) -> None:
    """Its class is importable here; its weights are read, its code is not asked how it computes."""
    network = torch.nn.Module()
    network.net = torch.nn.Module()
    for k in range(3):
        layer = torch.nn.Module()
        weight, bias = (SIREN.state[f"net.net.{k}.0.{part}"] for part in ("weight", "bias"))
        layer.linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.linear.load_state_dict({"weight": weight, "bias": bias})
        network.net.add_module(str(k), layer)
    torch.save(network, tmp_path / "theirs.pth")
    found = load_model(tmp_path / "theirs.pth", trust=True, resolution=[6, 10]).reconstruct(0)
    torch.testing.assert_close(found, SIREN.image(0), rtol=0, atol=1e-5)
