"""Masks stay with a network: in training, copies, files and imports."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import xinc
from tests.helpers.ablated import NETWORKS, network
from xinc.errors import InputError
from xinc.models import storage
from xinc.models._pruned import VERSION, masks_of, set_masks
from xinc.models.base import INR
from xinc.models.checkpoints import describe
from xinc.models.loading import load
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings


def pruned(name: str, share: float = 0.4) -> INR:
    """A network without a random part of the weights of its first and its last layer."""
    model, masks = network(name), {}
    generator = torch.Generator().manual_seed(3)
    for key, parameter in model.named_parameters():
        if parameter.ndim > 2 or key.startswith("weights"):
            masks[key] = torch.rand(parameter.shape, generator=generator) >= share
    set_masks(model, masks, [{"share": share}])
    return model


def frames_of(model: INR) -> Tensor:
    shape = (len(model.frames), 3, *model.resolution)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def check(model: INR, like: INR) -> None:
    """Masks are those of the other network, and what they take out is zero."""
    masks, expected = masks_of(model), masks_of(like)
    assert masks.keys() == expected.keys() != set()
    for name, mask in masks.items():
        assert torch.equal(mask, expected[name])
        assert bool((model.get_parameter(name)[~mask] == 0).all())


@pytest.mark.parametrize("name", NETWORKS)
def test_training_leaves_it_zero(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = pruned(name)
    # Not even for a step: nothing is put right at the end.
    monkeypatch.setattr("xinc.models._pruned.zero_masked", lambda model: None)
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    settings = TrainingSettings(epochs=4, learning_rate=1e-2, threads=1)
    fit(model, frames_of(model), settings)
    for key, mask in masks_of(model).items():
        assert not bool(model.get_parameter(key)[~mask].any())
    again = copy.deepcopy(model)
    fit(again, frames_of(model), settings)
    check(again, model)
    moved = [
        float((model.get_parameter(key) != before[key])[mask].float().mean()) for key, mask in masks_of(model).items()
    ]
    assert min(moved) >= 0.5  # some belong to neurons that are dead, or are what is imaginary in an output


@pytest.mark.parametrize("name", ["nerv", "ffn", "hnerv"])
def test_what_is_left_is_trained_as_it_would_be(name: str) -> None:
    """Without anything removed, masks change nothing but rounding."""
    usual, masked = network(name), network(name)
    set_masks(masked, {key: torch.ones_like(p, dtype=torch.bool) for key, p in masked.named_parameters()}, [])
    for model in (usual, masked):
        fit(model, frames_of(model), TrainingSettings(epochs=3, learning_rate=1e-2, threads=1))
    for key, p in usual.named_parameters():
        torch.testing.assert_close(masked.get_parameter(key), p, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["nerv", "siren"])
def test_copies_and_files_have_the_masks(name: str, tmp_path: Path) -> None:
    model = pruned(name)
    storage.save_model(model, tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content["version"] == VERSION
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), load(tmp_path / "model.pt")]
    copies.append(xinc.load_model(tmp_path / "model.pt"))
    for one in copies:
        check(one, model)
        assert isinstance(one, type(network(name)))
        assert one.description() == model.description()
        assert storage.identity(one) == storage.identity(model)
        assert torch.equal(one.reconstruct(2), model.reconstruct(2))
    assert storage.identity(model) != storage.identity(network(name))


def test_files_of_networks_that_are_not_pruned_are_what_they_were(tmp_path: Path) -> None:
    storage.save_model(network("nerv"), tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content["version"] == storage.VERSION == 1
    assert "pruning" not in content
    assert not [key for key in content["state_dict"] if "mask" in key]
    assert masks_of(load(tmp_path / "model.pt")) == {}
    # Who does not know of masks refuses the file, rather than train what was removed.
    storage.save_model(pruned("nerv"), tmp_path / "model.pt")
    with pytest.raises(InputError, match="has version 2 of the model format; this xinc reads version 1"):
        storage.restore(torch.load(tmp_path / "model.pt", weights_only=True), "model.pt")


def test_damaged_files(tmp_path: Path) -> None:
    storage.save_model(pruned("nerv"), tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    content["state_dict"]["head.weight_mask"] = ~content["state_dict"]["head.weight_mask"]
    torch.save(content, tmp_path / "flipped.pt")
    with pytest.raises(InputError, match=r"flipped.pt: its checksum differs"):
        load(tmp_path / "flipped.pt")
    del content["pruning"]
    torch.save(content, tmp_path / "lacking.pt")
    with pytest.raises(InputError, match=r"lacking\.pt is damaged, an entry is missing or malformed"):
        load(tmp_path / "lacking.pt")


@pytest.mark.parametrize("name", ["nerv", "ffn"])
def test_imports_keep_them(name: str, tmp_path: Path) -> None:
    model = pruned(name)
    storage.save_model(model, tmp_path / "model.pt")
    found = describe(tmp_path / "model.pt", {}, model.resolution, model.num_frames, (2,)).make("model.pt")
    assert found.frames == (2,)
    assert found.description()["pruning"] == model.description()["pruning"]
    np.testing.assert_allclose(found.reconstruct(2), model.reconstruct(2), atol=1e-6)
    for key, mask in masks_of(found).items():
        own = masks_of(model)[key]
        assert torch.equal(mask, own[1:] if name == "ffn" else own)


def test_masks_that_do_not_fit() -> None:
    weight = torch.ones(3, 2, 3, 3, dtype=torch.bool)
    with pytest.raises(
        InputError, match=r"The mask of 'tail.weight' is of type bool and shape .*; expected bool and the"
    ):
        set_masks(network("nerv"), {"tail.weight": weight}, [])
    with pytest.raises(InputError, match=r"and shape \(1, 2, 3, 3\); expected bool and \(3, 2, 3, 3\)"):
        set_masks(network("nerv"), {"head.weight": weight[:1]}, [])
    with pytest.raises(InputError, match="of type float32"):
        set_masks(network("nerv"), {"head.weight": weight.float()}, [])
