"""Checkpoints of other code bases: what is read makes the frames that its own code would make."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers import foreign, foreign_video
from xinc import dissect, load_model
from xinc.canvas.dissect import dissect as dissect_function
from xinc.errors import InputError
from xinc.models.checkpoints import describe
from xinc.models.storage import save_model
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings


def saved(network, path, **changes):
    torch.save(network.content | changes, path)
    return path


def loaded(network, path, **hints):
    """The network through a file; of an encoder, with the embeddings of its video."""
    saved(network, path)
    given = network.hints | hints
    if network.video is None:
        return load_model(path, **given)
    found = describe(path, given, network.resolution, network.frames)
    return found.make(path, network.video)


LAYOUTS = foreign.LAYOUTS | foreign_video.LAYOUTS


@pytest.fixture(params=LAYOUTS)
def network(request):
    return LAYOUTS[request.param]()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "foreign.pth"


def test_reconstruction_is_that_of_the_original_code(network, path):
    model = loaded(network, path)
    assert model.name == network.architecture
    assert model.resolution == network.resolution
    assert model.frames == tuple(range(network.frames))
    assert not model.training
    for frame in model.frames:
        torch.testing.assert_close(model.reconstruct(frame), network.image(frame), rtol=1e-4, atol=2e-5)


def test_contributions_add_up_to_the_output(network, path):
    """Completeness: the last layer's maps, summed per colour, are the network's response there."""
    model = loaded(network, path)
    frame = model.frames[-1]
    canvas = dissect_function(model, [frame], granularity="kernel")
    assert list(canvas.children) == model.layer_names()
    last = canvas[model.layer_names()[-1]]["contribution"].sel(frame=frame).load()
    summed = torch.from_numpy(last.groupby("out_channel").sum().transpose("out_channel", "y", "x").values)
    torch.testing.assert_close(model.colours_of(summed), network.image(frame), rtol=1e-4, atol=1e-4)
    first = dissect(model, [frame])[model.layer_names()[0]]["contribution"].values
    assert np.isfinite(first).all()
    assert np.abs(first).max() > 0


def test_it_is_kept_as_an_ordinary_file(network, path, tmp_path):
    model = loaded(network, path)
    save_model(model, tmp_path / "model.pt")
    found = load_model(tmp_path / "model.pt")
    assert torch.equal(found.reconstruct(0), model.reconstruct(0))
    again = describe(tmp_path / "model.pt", {}, network.resolution, model.num_frames)
    assert again.settings == model.settings.model_dump(mode="json")


def test_every_tensor_is_looked_at(network, path):
    """A tensor that is missing, cut or flat is refused, by its name; those that no frame depends on may be anything."""
    idle = {"head_layers.0.weight", "head_layers.0.bias"}
    held = network.content.get("state_dict") or network.content.get("model") or network.content
    plain = {name.removeprefix("module.").removeprefix("blocks.0."): name for name in held}
    for name, full in plain.items():
        if name in idle:
            continue
        changes = [{k: v for k, v in held.items() if k != full}, held | {full: _cut(held[full])}]
        if isinstance(held[full], torch.Tensor) and held[full].ndim > 1:
            changes.append(held | {full: held[full].flatten()})
        for changed in changes:
            content = dict(network.content)
            if held is network.content:
                content = changed
            else:
                content["model" if "model" in content else "state_dict"] = changed
            torch.save(content, path)
            with pytest.raises(InputError, match=r"foreign\.pth") as caught:
                describe(path, network.hints, network.resolution, network.frames)
            assert "\n" not in str(caught.value)


def _cut(entry):
    return {**entry, "quant": entry["quant"][:1]} if isinstance(entry, dict) else entry[: len(entry) > 1]


def test_shapes_found_and_expected_are_named(path):
    network = foreign.original_nerv()
    network.state["layers.1.conv.conv.bias"] = torch.ones(5)
    saved(network, path)
    with pytest.raises(InputError, match=r"'layers.1.conv.conv.bias' has shape \(5,\), expected \(12,\)"):
        load_model(path, **network.hints)
    network = foreign.hnerv_nerv()
    network.state["decoder.2.conv.upconv.0.weight"] = torch.ones(3, 7, 3, 3)
    saved(network, path)
    with pytest.raises(
        InputError, match=r"'decoder.1.conv.upconv.0.weight' has shape \(36, 5, 1, 1\), expected a square"
    ):
        load_model(path, **network.hints)


def test_integers_are_no_weights(path):
    network = foreign.siren()
    network.state["net.net.1.0.weight"] = torch.ones(8, 8, dtype=torch.int64)
    saved(network, path)
    with pytest.raises(InputError, match=r"'net.net.1.0.weight' is of type int64, expected floating point numbers"):
        load_model(path, **network.hints)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(path, dtype):
    network = foreign.hnerv_nerv()
    network.content["state_dict"] = {name: tensor.to(dtype) for name, tensor in network.state.items()}
    model = loaded(network, path)
    assert model.head.weight.dtype == torch.float32
    torch.testing.assert_close(model.reconstruct(1), network.image(1), rtol=0.05, atol=0.05)


#: A layout, a hint that is not what its tensors say, and what the message says.
WRONG = [
    (
        "HNeRV's code, NeRV mode", {"ks": "0_3_3"},
        r"ks is 0_3_3, which makes kernels of sides \[3, 3, 3\], but the tensors make kernels of sides \[1, 3, 5\]",
    ),
    (
        "HNeRV's code, NeRV mode", {"reduce": 2},
        r"the hints are reduce 2 and lower_width 3, which make widths .* but the tensors make widths \[5, 4, 3, 3\]",
    ),
    ("HNeRV's code, NeRV mode", {"lower_width": 4}, "the hints are reduce 1.2 and lower_width 4, which make widths"),
    (
        "HNeRV's code, NeRV mode", {"reduce": None, "lower_width": 4},
        "the hint lower_width is 4, but the tensors make 3",
    ),
    (
        "HNeRV's code, NeRV mode", {"num_blks": "1_2"},
        "the hint num_blks is 1_2, 2 blocks a stage, but the tensors make 3 blocks",
    ),
    ("HNeRV's code, NeRV mode", {"parameters": 7}, r"the hint parameters is 7, but the tensors make \d+: correct"),
    ("HNeRV's code, NeRV mode", {"frames": [0, 5]}, "different numbers from 0 to 4, because the network has 5 frames"),
    (
        "HNeRV's code, NeRV mode", {"conv_type": "interpolate"},
        "the hint conv_type is interpolate, but only networks of conv_type pshuffel can be read",
    ),
    ("HNeRV's code, NeRV mode", {"out_bias": "tanhh"}, "did you mean 'tanh'"),
    ("HNeRV's code, NeRV mode", {"enc_dim": "64_16"}, "Unknown hint 'enc_dim'"),
    (
        "HNeRV's code, encoder mode", {"enc_strds": [2, 4]},
        r"the hint enc_strds is \[2, 4\], but the tensors make \[4, 2\]",
    ),
    ("HNeRV's code, encoder mode", {"enc_dim": "64_16"}, "the hint enc_dim is 64_16, but the tensors make 7_3"),
    (
        "HNeRV's code, encoder mode", {"num_blks": "2_1"},
        "the hint num_blks is 2_1, which makes 2 blocks a stage of the encoder, but",
    ),
    ("HNeRV's code, encoder mode", {"embed": "1.25_8"}, "hint embed is 1.25_8, but the tensors make an HNeRV, which"),
    ("HNeRV's code, encoder mode", {"embeddings": "none.npy"}, "The embeddings none.npy cannot be read"),
    ("HNeRV, quantised", {"num_frames": 5}, "the hint num_frames is 5, but the tensors make 4"),
    ("HNeRV, quantised", {"resolution": "8x16"}, "the hint resolution is 8x16, but the tensors make 8x12"),
    ("HNeRV, quantised", {"fc_hw": "2_2"}, "the hint fc_hw is 2_2, but the tensors make 1_1"),
    (
        "original NeRV", {"embed": "1.25_5"},
        "hint embed is 1.25_5, which makes 10 channels, but the tensors make 8 channels",
    ),
    (
        "original NeRV", {"fc_hw_dim": "2_3_5"},
        "fc_hw_dim is 2_3_5, which makes 5 channels of the stem's output, but .* make 4",
    ),
    (
        "original NeRV", {"fc_hw_dim": "3_3_4"},
        "fc_hw_dim is 3_3_4, which makes 9 positions of the stem's output, but .* make 6",
    ),
    (
        "original NeRV", {"fc_hw_dim": "2_3_4", "resolution": [24, 16]},
        "hint resolution is 24x16, but the tensors .with fc_hw_dim 2_3_4. make 8x12",
    ),
    (
        "original NeRV", {"stem_dim_num": "7_2"},
        r"hint stem_dim_num is 7_2, which makes linear layers of widths \[7, 7\], but .* widths \[7\]",
    ),
    ("original NeRV", {"strides": [2, 4]}, r"the hint strides is \[2, 4\], but the tensors make \["),
    (
        "original NeRV", {"expansion": 2},
        "hint expansion is 2, which makes a width of 8, but the tensors make a width of 6",
    ),
    ("original NeRV", {"reduction": 1}, "lower_width ., which make a width of 6, but the tensors make a width of 3"),
    ("original NeRV", {"num_blocks": 3}, "the hint num_blocks is 3, but the tensors make 2 blocks"),
    ("original NeRV", {"norm": "bn"}, "only conv_type conv with norm none"),
    ("original NeRV", {"act": "leaky02"}, "act is 'leaky02': did you mean 'leaky01'"),
    ("SIREN, repository", {"layers": 4}, "the hint layers is 4, but the tensors make 3"),
    ("SIREN, repository", {"hidden_features": 4}, "the hint hidden_features is 4, but the tensors make 8"),
    ("SIREN, repository", {"outermost_linear": False}, "ends in a sine"),
    ("SIREN, repository", {"coordinates": "round"}, "coordinates is 'round'"),
    ("SIREN, repository", {"omga": 20}, "Unknown hint 'omga' .* did you mean 'omega'"),
    ("XINC's FFN", {"parameters": 1}, "the hint parameters is 1, but the tensors make 129"),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "hints", "message"), WRONG)
def test_hints_are_checked_against_the_tensors(path, layout, hints, message):
    network = foreign.LAYOUTS[layout]()
    with pytest.raises(InputError, match=message):
        loaded(network, path, **hints)


def test_frames_in_the_hints_are_those_represented(path):
    assert loaded(foreign.hnerv_nerv(), path, frames=[3, 1]).frames == (3, 1)
    network = foreign.quantised()
    model = loaded(network, path, frames=[2])
    torch.testing.assert_close(model.reconstruct(2), network.image(2), rtol=1e-4, atol=1e-5)


def test_two_blocks_a_stage(path):
    """``num_blks`` 1_3 lists one stride for three blocks."""
    network = foreign.hnerv_nerv()
    with pytest.raises(InputError, match="blocks a stage"):
        loaded(network, path, num_blks="1_3")
    state = foreign._decoder(foreign._draw(3), (12, 6), [5, 4, 4, 3, 3], [3, 1, 2, 1], [1, 1, 3, 3])
    network.content["state_dict"] = state
    hints = {"num_blks": "1_2", "dec_strds": [3, 2], "ks": "0_1_5", "parameters": None, "reduce": 1.25}
    model = loaded(network, path, **hints)
    assert model.settings.strides == (3, 1, 2, 1)


def test_a_table_of_embeddings_takes_the_place_of_the_video(path, tmp_path):
    network = foreign.hnerv_encoder()
    table = torch.stack([foreign._encoded(foreign_state(network), frame, [4, 2]) for frame in network.video])
    for name in ("table.npy", "table.pt"):
        np.save(tmp_path / name, table.numpy()) if name.endswith("npy") else torch.save(table, tmp_path / name)
        saved(network, path)
        model = load_model(path, **network.hints, embeddings=str(tmp_path / name))
        torch.testing.assert_close(model.reconstruct(2), network.image(2), rtol=1e-4, atol=1e-5)


def foreign_state(network):
    return {name.removeprefix("module."): tensor for name, tensor in network.state.items()}


def test_an_encoder_needs_the_video_or_gets_it_from_a_store(path, tmp_path):
    network = foreign.hnerv_encoder()
    saved(network, path)
    with pytest.raises(InputError, match="holds an encoder but no embeddings: give the video that it encodes"):
        load_model(path, **network.hints)
    store = tmp_path / "video.zarr"
    prepare_video(VideoSettings(name="a", source="example:collage", count=3, resolution="16x24"), store)
    hints = {name: value for name, value in network.hints.items() if name not in ("resolution", "num_frames")}
    model = load_model(path, video=store, min_psnr=None, **hints)
    assert model.resolution == (16, 24)
    assert len(model.embeddings) == 3
    assert not torch.equal(model.embeddings[0], model.embeddings[2])
    saved(foreign.quantised(), path)
    with pytest.raises(InputError, match="makes frames of 8x12, but the video is prepared at 16x24"):
        load_model(path, video=store, min_psnr=None)


def test_neither_encoder_nor_embeddings(path, tmp_path):
    """A decoder alone could be either; a table makes it an HNeRV."""
    network = foreign.quantised()
    entry = network.content["embed"]
    torch.save({"embed": None, "model": network.content["model"]}, path)
    with pytest.raises(InputError, match=r"3 channels enter .* if it is an HNeRV, give a table of embeddings"):
        load_model(path)
    torch.save(entry["min"].float() + entry["scale"].float() * entry["quant"].float(), tmp_path / "table.pt")
    model = load_model(path, embeddings=tmp_path / "table.pt")
    torch.testing.assert_close(model.reconstruct(1), network.image(1), rtol=1e-4, atol=1e-5)


def test_a_nerv_among_quantised_files(path):
    """In NeRV mode the table holds encodings of time; ``embed`` says so."""
    network = foreign.hnerv_nerv()
    entries = {
        name: {"quant": (t * 1000).round().to(torch.int32), "min": torch.zeros(()), "scale": torch.tensor(1e-3)}
        for name, t in network.state.items()
    }
    encodings = {"quant": torch.zeros(5, 12, 1, 1), "min": torch.zeros(1), "scale": torch.ones(1)}
    torch.save({"embed": encodings, "model": entries}, path)
    with pytest.raises(
        InputError, match="expected a square number, as in an HNeRV; if it is a NeRV, give the hint embed"
    ):
        load_model(path)
    model = load_model(path, **network.hints)
    torch.testing.assert_close(model.reconstruct(3), network.image(3), rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min": "none"}, r"'head_layer.bias' holds \['min', 'quant', 'scale'\], expected tensors"),
        ({"scale": torch.ones(5)}, r"scale of shape \(5,\), expected shapes that stretch to \(3,\)"),
    ],
)
def test_quantised_entries_that_make_no_tensor(path, change, message):
    network = foreign.quantised()
    network.content["model"]["head_layer.bias"] |= change
    saved(network, path)
    with pytest.raises(InputError, match=message):
        load_model(path)


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        (("conv.upconv.0", "conv.upconv"), "only conv_type pshuffel with norm none can be dissected"),
        (("decoder.2.conv.upconv.0", "decoder.2.norm"), "only conv_type pshuffel with norm none can be dissected"),
    ],
)
def test_decoders_that_cannot_be_dissected(path, rename, message):
    network = foreign.hnerv_nerv()
    network.content["state_dict"] = {name.replace(*rename): t for name, t in network.state.items()}
    saved(network, path)
    with pytest.raises(InputError, match=message):
        load_model(path, **network.hints)


def test_what_does_not_fit_the_video(path):
    network = foreign.hnerv_nerv()
    saved(network, path)
    hints = {"embed": "pe_1.25_6"}
    assert describe(path, hints, (12, 18), 5).num_frames == 5
    assert describe(path, hints, (12, 18), 7, 2).frames == [0, 3]
    with pytest.raises(InputError, match=r"makes frames of 216 pixels in steps of 6, unlike 24x36: check"):
        describe(path, hints, (24, 36), 5)
    with pytest.raises(InputError, match="represents a video of 5 frames, but the video has 7: select 5 in the table"):
        describe(path, hints | {"num_frames": 5}, (12, 18), 7)
    saved(foreign.siren(), path)
    assert describe(path, {}, (6, 10), 1).frames == [0]
    assert describe(path, {}, (6, 10), 4, (2,)).frames == [2]
    with pytest.raises(InputError, match=r"is a network for one frame, but frames asks for 4: say which one it is"):
        describe(path, {}, (6, 10), 4)
