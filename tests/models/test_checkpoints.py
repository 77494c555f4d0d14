"""Reading networks: what cannot be used is refused in one sentence, and nothing in a file is run."""

from __future__ import annotations

import collections
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import golden
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
    refused(tmp_path, "is a folder, not a checkpoint file: give the file in it")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: download or copy it again"),
        (
            b"these are no weights\n" * 9,
            "is not a PyTorch file, it begins with 'these are no weights': give the file that",
        ),
        (b"camera\nof the clip\n", "is not a PyTorch file, it begins with 'camera'"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid 1",
            "not a PyTorch file, it begins with 'version https://git",
        ),
        (b"\x89PNG\r\n\x1a\n\x00\x00", r"is not a PyTorch file: give the file that torch\.save wrote"),
        (pickle.dumps({"a": 1}), "is not a PyTorch file: give"),
        (pickle.dumps({"a": 1}, protocol=2), "is not a PyTorch file: give"),
    ],
)
@pytest.mark.parametrize("trust", [False, True])
def test_files_that_are_no_checkpoints(tmp_path, content, message, trust):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_model(path, trust=trust)
    assert re.fullmatch(r"[^\n]*model\.pt [^\n]*\.", str(caught.value))


def test_an_archive_of_something_else(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, table=np.ones(3))
    refused(path, r"is not a PyTorch file, but an archive of table\.npy: give the file that torch\.save wrote")


def test_whole_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"state_dict": {}}, path, pickle_protocol=4)
    refused(path, "PyTorch file whose content cannot be read .*operand.*: .* save its weights alone, torch.save")
    torch.save({"state_dict": {}, "more": Called(missing, 1)}, path)
    with pytest.raises(InputError, match=r"cannot be read \(gone\): .* save its weights alone, torch\.save"):
        load_model(path, trust=True)


def missing(_):
    raise ImportError("gone")


def test_a_file_that_may_not_be_read(own, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("xinc.models.imports.unpickling.open", denied, raising=False)
    refused(own, r"cannot be read: Permission denied\.$")


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
        for part in (1, 7, 40, len(data) // 2, len(data) - 1):
            own.write_bytes(data[:part])
            refused(own, r"model\.pt is cut short or damaged: download or copy it again\.$")


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
    refused(
        path, r"was refused: it asks for \S*open, which could run code.*save its weights alone, .*trust: true would run"
    )
    assert not marker.exists()
    torch.load(path, weights_only=False) if how == "torch" else pickle.loads(path.read_bytes())
    assert marker.exists(), "the crafted file does nothing, and this test would not notice"


class Called:
    """Unpickling this calls a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("place", ["hyper_parameters", "optimizer", "state_dict", "nested"])
def test_code_is_not_run_wherever_it_is(tmp_path, place, legacy):
    """In the forms that code bases save, beside tensors that could be read."""
    path, marker = tmp_path / "model.ckpt", tmp_path / "marker"
    content = torch.load(FFN, weights_only=True)
    crafted = Crafted(marker)
    if place == "state_dict":
        content["state_dict"]["more"] = crafted
    else:
        content[place] = {"a": [1, {"b": (crafted,)}]} if place == "nested" else crafted
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    refused(path, r"was refused: it asks for io\.open, which could run code", **FFN_HINTS)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("crafted", "named"),
    [
        (print, "builtins.print"),
        (Called(eval, "1"), "builtins.eval"),
        (Called(os.system, "true"), r"\w+\.system"),
        (Called(torch.hub.load, "a", "b"), "torch.hub.load"),
        (collections.deque([1]), "collections.deque"),
    ],
)
def test_what_it_asks_for_is_named_in_full(tmp_path, crafted, named):
    path = tmp_path / "model.pth"
    torch.save({"state_dict": {}, "more": crafted}, path)
    refused(path, f"it asks for {named}, which could run code")


def test_trust_is_the_only_way_around(tmp_path):
    path, marker = tmp_path / "model.ckpt", tmp_path / "marker"
    torch.save(torch.load(FFN, weights_only=True) | {"hyper_parameters": Crafted(marker)}, path)
    found = load_model(path, trust=True, **FFN_HINTS)
    assert marker.exists()
    assert torch.equal(found.reconstruct(0), load_model(FFN, **FFN_HINTS).reconstruct(0))
    path.write_bytes(b"no checkpoint at all")
    with pytest.raises(InputError, match="is not a PyTorch file, it begins with 'no checkpoint at all'"):
        load_model(path, trust=True)


@pytest.mark.slow
def test_configurations_are_dropped_without_being_run(tmp_path):
    """A file of Lightning with OmegaConf's objects, made with these packages, which need not be installed."""
    path = golden.HERE.parent / "lightning" / "ffn_omegaconf.ckpt"
    found = load_model(path, **FFN_HINTS)
    assert torch.equal(found.reconstruct(0), load_model(FFN, **FFN_HINTS).reconstruct(0))
    code = (
        "import sys\n"
        "sys.modules['omegaconf'] = None\n"
        "from xinc.models.imports.unpickling import read_checkpoint\n"
        f"content = read_checkpoint({str(path)!r})\n"
        "assert type(content['hyper_parameters']['cfg']).__name__ == '_Nothing'\n"
        "assert not vars(content['hyper_parameters']['cfg'])\n"
        "assert content['hyper_parameters']['counts'] == {'a': {'b': 1}}\n"
        "assert not any(name.startswith('omegaconf.') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_stand_ins_are_gone_afterwards():
    """What is let pass for one file is not let pass for PyTorch at large."""
    path = golden.HERE.parent / "lightning" / "ffn_omegaconf.ckpt"
    load_model(path, **FFN_HINTS)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)


def test_programs_are_no_checkpoints(tmp_path):
    path = tmp_path / "program.pth"
    torch.jit.script(torch.nn.Linear(1, 1)).save(path)
    refused(path, "is a TorchScript program, not a checkpoint")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(3), "holds a Tensor; a checkpoint with a state dict was expected"),
        ([1, 2], "holds a list"),
        ({}, "holds no state dict of tensors"),
        ({"epoch": 3}, r"holds no state dict of tensors: found the keys \['epoch'\]"),
        ({"state_dict": {"a": 1}}, "holds no state dict of tensors"),
        ({"state_dict": {"net.weight": torch.ones(2)}}, "unknown layout .*net.weight"),
        ({"state_dict": {"decoder.0.conv.downconv.weight": torch.ones(1)}}, "only conv_type pshuffel"),
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
        ({"dec_strds": [2, 2, 4]}, r"the hint dec_strds is \[2, 2, 4\], but the tensors make \[4, 2, 2\]"),
        ({"dec_strds": 4}, r"the hint dec_strds is 4, but the tensors make \[4, 2, 2\]"),
        ({"fc_dim": 7}, "the hint fc_dim is 7, but the tensors make 6: correct the hint, or give the file that it"),
        (
            {"fc_hw": "2_5"},
            "hint fc_hw is 2_5, which makes 10 positions of the stem's output, but the tensors make 8 positions",
        ),
        ({"fc_hw": "two"}, "fc_hw is 'two'; expected two integers"),
        ({"resolution": [32, 32]}, "the hint resolution is 32x32, but the tensors .with fc_hw 2_4. make 32x64: "),
        ({"widths": [6, 5, 4, 2]}, r"the hint widths is \[6, 5, 4, 2\], but the tensors make \[6, 5, 4, 3\]"),
        ({"embed": "pe_1.25_80"}, "embed is pe_1.25_80, which makes 160 channels, but the tensors make 16 channels"),
        ({"embed": "pe_high_8"}, "embed is 'pe_high_8'; expected 'pe_BASE_LEVELS'"),
        ({"norm": "bn"}, "the hint norm is bn, but only networks of norm none can be read"),
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
        ({"hidden": 17}, "the hint hidden is 17, but the tensors make 16"),
        ({"layers": 4}, "the hint layers is 4, but the tensors make 3"),
        ({"fourier_features": 13}, "the hint fourier_features is 13, but the tensors make 12"),
        ({"resolution": 24}, r"resolution is 24; expected two integers, \[height, width\]"),
        ({"frames": [0, 1]}, r"hint frames is \[0, 1\], but the tensors make one frame: say which"),
        ({"coordinate_order": ["col"]}, "coordinate_order is .*'col'.*; expected .row, col. or .col, row."),
        (
            {"coordinate_range": [0, 1]},
            r"coordinate_range is \[0, 1\], but only networks of coordinate_range \[-1, 1\]",
        ),
        ({"normalised_by": "H-1"}, r"normalised_by is H-1, but only networks of normalised_by max\(H,W\)-1 can"),
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


def test_a_network_of_ours_that_diverged(tmp_path, nerv):
    with torch.no_grad():
        nerv.blocks[1].weight[0, 1, 2, 2] = float("nan")
    save_model(nerv, tmp_path / "model.pt")
    refused(tmp_path / "model.pt", r"model\.pt: 1 of the \d+ values of tensor 'blocks\.1\.weight' are NaN or infinite")
