"""Reading networks: what cannot be used is refused in one sentence, and nothing in a file is run."""

from __future__ import annotations

import io
import json
import pickle
import re
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests import golden
from xinc import load_model
from xinc.errors import InputError
from xinc.models.storage import build, save_model

NERV, FFN = golden.HERE / "nerv_422" / "model_latest.pth", golden.HERE / "ffn_small" / "best_model.ckpt"
NERV_HINTS = json.loads((NERV.parent / "config.json").read_text())
FFN_HINTS = json.loads((FFN.parent / "config.json").read_text())


@pytest.fixture
def own(tmp_path, nerv):
    path = tmp_path / "model.pt"
    save_model(nerv, path)
    return path


def refused(path, message, **hints):
    with pytest.raises(InputError, match=message) as caught:
        load_model(path, **hints)
    text = str(caught.value)
    assert path.name in text
    assert "\n" not in text


def test_missing_file_and_directory(tmp_path):
    refused(tmp_path / "model.pt", "There is no checkpoint file .*model.pt")
    refused(tmp_path, "There is no checkpoint file")


def test_random_bytes(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"these are not the bytes of a network")
    refused(path, "no PyTorch checkpoint|cannot be read as a PyTorch checkpoint")


@given(st.binary(max_size=64), st.booleans())
def test_any_bytes(tmp_path_factory, content, looks_like_pickle):
    path = tmp_path_factory.getbasetemp() / "any.pt"
    path.write_bytes(b"\x80\x02" * looks_like_pickle + content)
    refused(path, "any.pt")


def test_truncated_files(own):
    whole = own.read_bytes()
    content = torch.load(own, weights_only=True)
    legacy = io.BytesIO()
    torch.save(content, legacy, _use_new_zipfile_serialization=False)
    for data in (whole, legacy.getvalue()):
        for part in (0, 1, 7, len(data) // 2, len(data) - 1):
            own.write_bytes(data[:part])
            refused(own, "cannot be read as a PyTorch checkpoint|no PyTorch checkpoint")


class Crafted:
    """Unpickling this creates the file ``marker``."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_code_is_not_run(tmp_path, how):
    path, marker = tmp_path / "model.pt", tmp_path / "marker"
    content = {"format": "xinc-model", "state_dict": Crafted(marker)}
    with open(path, "wb") as file:
        pickle.dump(content, file, protocol=2) if how == "pickle" else torch.save(content, file)
    refused(path, r"was refused: it asks for \S*open, which could run code")
    assert not marker.exists()
    torch.load(path, weights_only=False) if how == "torch" else pickle.loads(path.read_bytes())
    assert marker.exists(), "the crafted file does nothing, and this test would not notice"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(3), "holds a Tensor; a checkpoint with a state dict was expected"),
        ([1, 2], "holds a list"),
        ({}, "holds no state dict of tensors"),
        ({"epoch": 3}, r"holds no state dict of tensors: found the keys \['epoch'\]"),
        ({"state_dict": {"a": 1}}, "holds no state dict of tensors"),
        ({"state_dict": {"net.weight": torch.ones(2)}}, "layout that is not known .*net.weight"),
        ({"state_dict": {"encoder.w": torch.ones(1), "decoder.0.conv.downconv.weight": torch.ones(1)}}, "not known"),
    ],
)
def test_content_that_is_no_network(tmp_path, content, message):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    refused(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embd": "pe_1.25_8"}, "Unknown hint 'embd' for .*: did you mean 'embed'"),
        ({"dec_strds": [2, 2, 4]}, r"dec_strds in the hints .* is \[2, 2, 4\], expected \[4, 2, 2\]"),
        ({"dec_strds": 4}, r"dec_strds in the hints .* is \[4\], expected \[4, 2, 2\]"),
        ({"fc_dim": 7}, "fc_dim in the hints .* is 7, expected 6"),
        ({"fc_hw": "2_5"}, "area of the stem's output .* is 10, expected 8"),
        ({"fc_hw": "two"}, "fc_hw is 'two'; expected two integers"),
        ({"resolution": [32, 32]}, r"resolution in the hints .* is \(32, 32\), expected \(32, 64\)"),
        ({"widths": [6, 5, 4, 2]}, r"widths in the hints .* expected \[6, 5, 4, 3\]"),
        ({"embed": "pe_1.25_80"}, "channels of the encoding 'pe_1.25_80' is 160, expected 16"),
        ({"embed": "pe_high_8"}, "embed is 'pe_high_8'; expected 'pe_BASE_LEVELS'"),
        ({"norm": "bn"}, "norm is bn, expected none"),
        ({"act": "gelo"}, "'gelo'.*'gelu'"),
        ({"out_bias": "tanhh"}, "out_bias is 'tanhh': did you mean 'tanh'"),
        ({"num_frames": 0}, "num_frames is 0; expected a positive integer"),
        ({"num_frames": "all"}, "num_frames is 'all'; expected a positive integer"),
    ],
)
def test_wrong_hints_for_a_nerv(change, message):
    with pytest.raises(InputError, match=message):
        load_model(NERV, **{**NERV_HINTS, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hiden": 16}, "Unknown hint 'hiden' .*did you mean 'hidden'"),
        ({"hidden": 17}, "hidden width in the hints is 17, expected 16"),
        ({"layers": 4}, "number of layers in the hints is 4, expected 3"),
        ({"fourier_features": 13}, "fourier_features in the hints is 13, expected 12"),
        ({"resolution": 24}, r"resolution is 24; expected two integers, \[height, width\]"),
        ({"frames": [0, 1]}, "number of frames of a network for one frame is 2, expected 1"),
        ({"coordinate_order": ["col", "row"]}, "coordinate_order is .*'col', 'row'.*, expected .*'row', 'col'"),
        ({"coordinate_range": [0, 1]}, "coordinate_range"),
        ({"normalised_by": "H-1"}, "normalised_by is H-1"),
    ],
)
def test_wrong_hints_for_an_ffn(change, message):
    with pytest.raises(InputError, match=message):
        load_model(FFN, **{**FFN_HINTS, **change})


def test_missing_hints():
    def without(hints, *names):
        return {key: value for key, value in hints.items() if key not in names}

    refused(FFN, r"needs the hint 'resolution', \[height, width\]", **without(FFN_HINTS, "resolution"))
    refused(NERV, "needs the hint 'num_frames', the number of frames", **without(NERV_HINTS, "num_frames"))
    refused(NERV, "needs the hint 'fc_hw' .* or 'resolution'", **without(NERV_HINTS, "fc_hw"))


def test_shapes_tell_what_hints_do_not():
    full = load_model(NERV, **NERV_HINTS)
    least = load_model(NERV, resolution=[32, 64], num_frames=8)
    assert least.settings == full.settings
    assert torch.equal(least.reconstruct(3), full.reconstruct(3))


@pytest.mark.parametrize(("source", "hints"), [(NERV, NERV_HINTS), (FFN, FFN_HINTS)])
def test_tensors_that_are_missing_or_misshapen(source, hints, tmp_path):
    state = torch.load(source, weights_only=True)["state_dict"]
    path = tmp_path / "part.pth"
    for name in state:
        for changed in ({k: v for k, v in state.items() if k != name}, {**state, name: state[name][:1]}):
            torch.save({"state_dict": changed}, path)
            refused(path, "part.pth", **hints)


def test_prefixes_of_wrappers_are_removed(tmp_path):
    state = torch.load(NERV, weights_only=True)["state_dict"]
    path = tmp_path / "wrapped.pth"
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, path)
    found = load_model(path, **NERV_HINTS)
    assert torch.equal(found.reconstruct(0), load_model(NERV, **NERV_HINTS).reconstruct(0))


def test_own_files_need_no_hints(own):
    refused(own, r"complete in itself: leave the hints \['num_frames'\] out", num_frames=4)


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("version", 99, "has version 99 of the model format; this xinc reads version 1"),
        ("version", None, "has version None"),
        ("architecture", "nervv", "Unknown architecture 'nervv': did you mean 'nerv'"),
        ("settings", {"strides": [2, 2], "fcdim": 3}, "Unknown setting 'nerv.fcdim'"),
        ("resolution", [15, 24], "Resolution 15x24 cannot be produced"),
        ("resolution", None, "is damaged"),
        ("frames", [], "at least one frame"),
        ("seed", "x", "is damaged"),
        ("state_dict", None, "is damaged"),
        ("state_dict", {}, "weights that do not fit its own settings"),
    ],
)
def test_own_file_with_a_wrong_entry(own, entry, value, message):
    content = torch.load(own, weights_only=True)
    torch.save({**content, entry: value}, own)
    refused(own, message)


def test_a_flipped_bit_of_a_weight_is_found(own):
    """PyTorch reads such a file without a word."""
    content = own.read_bytes()
    weights = torch.load(own, weights_only=True)["state_dict"]["head.weight"].numpy().tobytes()
    at = content.index(weights[:32]) + 5
    own.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
    torch.load(own, weights_only=True)
    refused(own, "checksum differs from that of its content")


@pytest.mark.parametrize(
    "entry", ["architecture", "settings", "resolution", "frames", "num_frames", "seed", "state_dict"]
)
def test_own_file_without_an_entry(own, entry):
    content = torch.load(own, weights_only=True)
    del content[entry]
    torch.save(content, own)
    refused(own, f"is damaged.*{entry}")


def test_weights_of_another_shape(own):
    content = torch.load(own, weights_only=True)
    content["state_dict"]["head.weight"] = torch.ones(3, 5, 3, 3)
    torch.save(content, own)
    refused(own, "weights that do not fit its own settings: .*head.weight")


def test_saving_replaces_whole_files_only(own, monkeypatch):
    before = own.read_bytes()

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(InputError, match="could not be written: disk full"):
        save_model(build("ffn", {"hidden_width": 2}, (2, 2), [0], 1), own)
    assert own.read_bytes() == before
    assert [p.name for p in own.parent.iterdir()] == [own.name]


def test_paths_with_spaces_and_letters(own, nerv):
    path = own.parent / "zwei Wörter 実験" / "model.pt"
    path.parent.mkdir()
    shutil.move(own, path)
    assert torch.equal(load_model(path).reconstruct(1), nerv.reconstruct(1))
    assert torch.equal(load_model(str(path)).reconstruct(1), nerv.reconstruct(1))


def test_messages_name_one_file_only():
    with pytest.raises(InputError) as caught:
        load_model(NERV, **{**NERV_HINTS, "fc_dim": 7})
    assert len(re.findall(r"\.pth", str(caught.value))) == 1
