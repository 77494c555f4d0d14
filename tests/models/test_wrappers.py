"""State dicts as training scripts wrap them: containers, prefixes, other values beside the weights, other formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.utils.prune as prune
from safetensors.torch import save_file

from tests.helpers import foreign
from xinc import load_model
from xinc.errors import InputError
from xinc.models.imports.tensors import recomposed

State = dict[str, Any]
SIREN = foreign.siren()


def normalised(lengths: str, directions: str) -> State:
    """Weights as length times direction, for each output."""
    found: State = {}
    for name, tensor in SIREN.state.items():
        own = name.removesuffix("weight")
        if own == name:
            found[name] = tensor
        else:
            found |= {own + lengths: tensor.norm(dim=1, keepdim=True), own + directions: 3 * tensor}
    return found


def pruned() -> State:
    """As PyTorch itself prunes: nothing here, so that the network is the same, and its parts are there."""
    module = torch.nn.Sequential()
    for k in range(3):
        layer = torch.nn.Linear(*SIREN.state[f"net.net.{k}.0.weight"].T.shape)
        layer.load_state_dict({part: SIREN.state[f"net.net.{k}.0.{part}"] for part in ("weight", "bias")})
        prune.custom_from_mask(layer, "weight", torch.ones_like(layer.weight))
        module.append(torch.nn.Sequential(layer))
    return {f"net.net.{name}": tensor for name, tensor in module.state_dict().items()}


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
    "two deep": lambda: {"state": {"model": SIREN.state, "optimizer": {"a": torch.ones(3)}}, "epoch": 3},
    "a state dict of a model": lambda: {"model": {"state_dict": SIREN.state, "arch": "siren"}},
    "beside a best value that is infinite": lambda: {**SIREN.state, "best": torch.tensor(float("inf"))},
    "weight normalisation": lambda: normalised("weight_g", "weight_v"),
    "weight normalisation as a parametrisation": lambda: normalised(
        "parametrizations.weight.original0", "parametrizations.weight.original1"
    ),
    "pruned": pruned,
    "sparse": lambda: {name: t.to_sparse() if t.ndim == 2 else t for name, t in SIREN.state.items()},
    "8-bit floats": lambda: {"state_dict": {name: t.to(torch.float8_e5m2) for name, t in SIREN.state.items()}},
    "NumPy scalars": lambda: {"state_dict": SIREN.state, "psnr": np.float64(31.5), "step": np.int64(7)},
    "NumPy arrays": lambda: {"state_dict": SIREN.state, "losses": np.linspace(1, 0, 5, dtype=np.float32)},
    "half": lambda: {"state_dict": {name: tensor.half() for name, tensor in SIREN.state.items()}},
    "bfloat16": lambda: {"state_dict": {name: tensor.bfloat16() for name, tensor in SIREN.state.items()}},
    "double": lambda: {"state_dict": {name: tensor.double() for name, tensor in SIREN.state.items()}},
}


@pytest.mark.parametrize("how", WRAPPED)
def test_the_network_inside_is_found(how: str, tmp_path: Path) -> None:
    torch.save(WRAPPED[how](), tmp_path / "theirs.pth")
    tolerance = {"half": 0.05, "bfloat16": 0.3, "8-bit floats": 3}.get(how, 1e-5)
    found = load_model(tmp_path / "theirs.pth", resolution=[6, 10]).reconstruct(0)
    torch.testing.assert_close(found, SIREN.image(0), rtol=0, atol=tolerance)


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_in_parts_are_those_of_pytorch(legacy: bool) -> None:
    from torch.nn.utils import weight_norm
    from torch.nn.utils.parametrizations import weight_norm as parametrised

    generator = torch.Generator().manual_seed(0)
    for layer in (torch.nn.Linear(4, 1), torch.nn.Conv2d(3, 5, 3)):
        made = (weight_norm if legacy else parametrised)(layer)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        made(torch.zeros(1, 4) if isinstance(layer, torch.nn.Linear) else torch.zeros(1, 3, 4, 4))
        found = recomposed(made.state_dict())
        assert set(found) == {"weight", "bias"}
        torch.testing.assert_close(found["weight"], made.weight.detach())
    layer = prune.l1_unstructured(torch.nn.Linear(6, 5), "weight", 0.5)
    assert int((recomposed(layer.state_dict())["weight"] == 0).sum()) == 15


#: Networks of another kind that a layout matches all the same, and the tensors that no layout reads.
UNREAD: dict[str, tuple[Callable[[], State], dict[str, Any], str]] = {
    "a modulated SIREN": (
        lambda: (
            SIREN.state | {"modulator.layers.0.0.weight": torch.ones(8, 4), "modulator.layers.0.0.bias": torch.ones(8)}
        ),
        {"resolution": [6, 10]},
        r"the tensors 'modulator\.layers\.0\.0\.weight', 'modulator\.layers\.0\.0\.bias' are not read",
    ),
    "a SIREN and what modulates it": (
        lambda: prefixed("siren.") | {"modulator.0.weight": torch.ones(8, 4)},
        {"resolution": [6, 10]},
        r"the tensors 'modulator\.0\.weight' are not read",
    ),
    "a SIREN with a skip connection": (
        lambda: SIREN.state | {"net.net.1.0.skip": torch.ones(8, 8)},
        {"resolution": [6, 10]},
        r"'net\.net\.1\.0\.skip' are not read, because no network of this kind has them: .* maps would be wrong",
    ),
    "an E-NeRV": (
        lambda: foreign.original_nerv().state | {f"t_layers.{k}.0.weight": torch.ones(4, 4) for k in range(5)},
        foreign.original_nerv().hints,
        r"'t_layers\.0\.0\.weight', .* and 2 more are not read",
    ),
    "a boosted HNeRV": (
        lambda: foreign.hnerv_nerv().state | {"decoder.1.sft_block.conv0.weight": torch.ones(5, 5, 3, 3)},
        foreign.hnerv_nerv().hints,
        r"'decoder\.1\.sft_block\.conv0\.weight' are not read",
    ),
}


@pytest.mark.parametrize("what", UNREAD)
def test_tensors_that_are_not_read_are_told_of(what: str, tmp_path: Path) -> None:
    make, hints, message = UNREAD[what]
    torch.save(make(), tmp_path / "theirs.pth")
    with pytest.warns(UserWarning, match=message):
        load_model(tmp_path / "theirs.pth", **hints)


@pytest.mark.filterwarnings("error")
def test_what_layouts_know_is_not_told_of(tmp_path: Path) -> None:
    for make in foreign.LAYOUTS.values():
        network = make()
        torch.save(network.content, tmp_path / "theirs.pth")
        video = {} if network.video is None else {"video": network.video.permute(0, 2, 3, 1), "min_psnr": None}
        load_model(tmp_path / "theirs.pth", **network.hints, **video)


@pytest.mark.parametrize("make", [foreign.siren, foreign.xinc_ffn])
def test_no_biases_anywhere(make: Callable[[], foreign.Foreign], tmp_path: Path) -> None:
    network = make()
    for name, tensor in network.state.items():
        if name.endswith("bias"):
            tensor.zero_()
    image = network.image(0)
    weights = {name: tensor for name, tensor in network.state.items() if not name.endswith("bias")}
    torch.save({"state_dict": weights}, tmp_path / "theirs.pth")
    count = sum(tensor.numel() for name, tensor in weights.items() if not name.endswith("B"))
    found = load_model(tmp_path / "theirs.pth", **network.hints, parameters=count).reconstruct(0)
    torch.testing.assert_close(found, image, rtol=1e-4, atol=1e-5)


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
        r"'net\.net\.1\.0\.weight' is of type complex64: of networks of complex weights only WIRE's are read",
    ),
    "NumPy weights": (
        lambda: {"state_dict": {name: tensor.numpy() for name, tensor in SIREN.state.items()}},
        r"holds no state dict of tensors: found the keys \['state_dict'\]",
    ),
    "three coordinates": (
        lambda: bad(lambda s: s.update({"net.net.0.0.weight": torch.ones(8, 3)})),
        r"tensor 'net\.net\.0\.0\.weight' has shape \(8, 3\), expected \(any, 2\)",
    ),
    "transposed, as JAX keeps weights": (
        lambda: {name: tensor.t() for name, tensor in SIREN.state.items()},
        r"tensor 'net\.net\.0\.0\.weight' has shape \(2, 8\), expected \(any, 2\)",
    ),
    "on no device": (
        lambda: {name: tensor.to("meta") for name, tensor in SIREN.state.items()},
        r"tensor 'net\.net\.0\.0\.weight' has no values, on the device 'meta'",
    ),
    "one bias of three": (
        lambda: {n: t for n, t in SIREN.state.items() if "bias" not in n or n.startswith("net.net.1")},
        r"lacks the tensor 'net\.net\.0\.0\.bias'",
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
        ({"weights": "state_dict.model"}, "the hint weights is 'state_dict.model', but no weights are there"),
        ({"min_psnr": "15"}, "min_psnr is '15'; expected a number of dB, or None"),
        ({"frames": "first"}, "the hint frames is .*: a list of frame indices was expected"),
        ({"frames": 0.5}, r"the hint frames is \[0\.5\]: a list of frame indices was expected"),
        ({"resolution": [6.5, 10]}, r"resolution is \[6\.5, 10\]; expected two integers"),
        ({"resolution": [-6, 10]}, r"resolution is \[-6, 10\]; expected two integers"),
        ({"outermost_linear": "false"}, "outermost_linear is 'false'; expected true or false"),
        ({"layers": "4"}, "the hint layers is 4, but the tensors make 3"),
    ],
)
def test_hints_that_mean_nothing(hint: State, message: str, tmp_path: Path) -> None:
    torch.save(SIREN.content, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "theirs.pth", **{"resolution": [6, 10], **hint})


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        ({"reduce": "a", "lower_width": None}, "reduce is 'a'; expected a positive number"),
        ({"lower_width": "a"}, "lower_width is 'a'; expected a whole number from 1 on"),
        ({"out_bias": "nan"}, "out_bias is 'nan': .*xpected one of a number, none, sigmoid, tanh"),
        ({"frames": ["a"]}, r"the hint frames is \['a'\]: a list of frame indices was expected"),
    ],
)
def test_hints_of_a_nerv_that_mean_nothing(hint: State, message: str, tmp_path: Path) -> None:
    network = foreign.hnerv_nerv()
    torch.save(network.content, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "theirs.pth", **{**network.hints, **hint})


def test_hints_that_are_kept_as_text(tmp_path: Path) -> None:
    """As command lines and tables of experiments keep them."""
    network = foreign.hnerv_nerv()
    torch.save(network.content, tmp_path / "theirs.pth")
    text = {"dec_strds": "3_1_2", "fc_dim": "5", "parameters": str(network.hints["parameters"]), "frames": "all"}
    found = load_model(tmp_path / "theirs.pth", **{**network.hints, **text})
    torch.testing.assert_close(found.reconstruct(1), network.image(1), rtol=1e-4, atol=1e-4)


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
