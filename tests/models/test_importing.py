"""Existing checkpoints in a configuration: what is checked before anything runs, what a changed file brings about."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from tests.helpers import fitted, foreign
from tests.helpers.foreign import HINTS, write_nerv
from tests.helpers.small import config, write_clip, write_table
from tests.helpers.workflow.plans import specs
from tests.helpers.workflow.runs import jobs
from xinc import load_model
from xinc.errors import InputError
from xinc.experiment.config import Config
from xinc.experiment.input_digests import Contents
from xinc.experiment.plan import Plan
from xinc.models.importing import import_model, inspect
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.sources import read_videos


def with_import(path: str = "nerv.pth", **entries: Any) -> dict[str, Any]:
    """The small experiment with an imported model instead of its NeRV."""
    values = config()
    values["models"] = {"siren": values["models"]["siren"], "mine": {"import": path, **HINTS, **entries}}
    return values


@pytest.fixture(autouse=True)
def _experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    write_nerv("nerv.pth")


def test_the_checkpoint_tells_architecture_and_settings() -> None:
    found = Config(with_import())
    assert found.architecture("mine") == "nerv"
    assert found.architectures["mine"].strides == (2, 2)
    assert found.layers("mine") == ["block1", "block2", "head"]
    assert found.file.models["mine"].hints == HINTS
    plan = Plan(found)
    assert plan.is_imported("mine")
    assert not plan.is_imported("siren")
    assert plan.checkpoint_files("clip", "mine", 0) == ["nerv.pth"]


def test_hints_in_a_section_of_their_own_are_the_same() -> None:
    values = with_import()
    values["models"]["mine"] = {"import": "nerv.pth", "hints": HINTS}
    assert specs(values) == specs(with_import())


BRANCH = {
    *jobs("train", video="clip", model="mine", seed=0),
    *jobs("canvas", video="clip", model="mine", seed=0),
    *jobs("analysis", video="clip", model="mine", seed=0, analysis=["intensity", "maps", "quality"]),
    *jobs("figure", video="clip", model="mine", seed=0, analysis=["intensity", "maps", "quality"]),
    "report",
}


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in after if after[name] != before.get(name)}


def test_a_changed_file_concerns_its_branch_and_nothing_else() -> None:
    before = specs(with_import())
    Path("nerv.pth").touch()
    assert specs(with_import()) == before, "the content counts, not the time"
    write_nerv("nerv.pth", seed=1)
    assert changed(before, specs(with_import())) == BRANCH
    write_nerv("nerv.pth")
    assert changed(before, specs(with_import(act="relu"))) == BRANCH


def test_one_entry_for_several_videos_and_seeds() -> None:
    write_clip(Path(), "disc")
    write_table(Path(), "clip clip", "disc disc", columns="video source")
    for video in ("clip", "disc"):
        for seed in (0, 3):
            write_nerv(f"runs/{video}/{seed}.pth", seed=seed)
    values = with_import("runs/{video}/{seed}.pth") | {"seeds": [0, 3]}
    plan = Plan(Config(values))
    assert [run for run in plan.triples if run[1] == "mine"] == [
        ("clip", "mine", 0), ("clip", "mine", 3), ("disc", "mine", 0), ("disc", "mine", 3),
    ]  # fmt: skip
    assert plan.checkpoint_files("disc", "mine", 3) == ["runs/disc/3.pth"]
    before = specs(values)
    shutil.copy("runs/disc/0.pth", "runs/disc/3.pth")
    of_disc = {name.replace("video=clip", "video=disc").replace("seed=0", "seed=3") for name in BRANCH}
    assert changed(before, specs(values)) == of_disc


def test_a_network_that_is_the_same_for_every_seed_is_there_once() -> None:
    values = with_import() | {"seeds": [2, 1]}
    values["analyses"] = {"clusters": {"seeds": [0, 1], "clusters": 2}}
    plan = Plan(Config(values))
    assert [run for run in plan.triples if run[1] == "mine"] == [("clip", "mine", 1)]
    assert plan.seeds_of("clusters", "clip", "mine") == [1]
    assert plan.seeds_of("clusters", "clip", "siren") == [0, 1]


def test_seeds_that_an_analysis_adds_need_their_files() -> None:
    write_nerv("seed0.pth")
    values = with_import("seed{seed}.pth")
    values["analyses"] = {"clusters": {"seeds": [0, 1], "clusters": 2}}
    with pytest.raises(InputError, match=r"There is no checkpoint file seed1\.pth: correct the path"):
        Config(values)
    write_nerv("seed1.pth")
    assert Plan(Config(values)).seeds_of("clusters", "clip", "mine") == [0, 1]


def write_siren(path: str, seed: int = 0) -> None:
    torch.save(foreign.siren(seed).content, path)


def test_networks_of_one_frame_each_become_one() -> None:
    for frame in (0, 2):
        write_siren(f"frame{frame}.pth", seed=frame)
    entry = ("frame{frame}.pth", {}, (0, 2), False, "clip", 0, (6, 10), 4)
    model = inspect(*entry).make("frame{frame}.pth")
    assert model.frames == (0, 2)
    for frame in (0, 2):
        torch.testing.assert_close(model.reconstruct(frame), foreign.siren(frame).image(0), rtol=1e-4, atol=1e-5)
    torch.save(foreign.xinc_ffn().content, "frame2.pth")
    with pytest.raises(InputError, match="do not go together: one network for each frame was expected"):
        inspect(*entry)


def test_ffns_that_do_not_share_their_encoding() -> None:
    for frame in (0, 1):
        torch.save(foreign.xinc_ffn(frame).content, f"frame{frame}.ckpt")
    with pytest.raises(InputError, match="their 'B' differ"):
        inspect("frame{frame}.ckpt", {}, (0, 1), False, "clip", 0, (8, 12), 4)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"import": "none.pth"}, "Model 'mine' on video 'clip': There is no checkpoint file none.pth"),
        ({"import": "runs"}, "Model 'mine' on video 'clip': runs is a folder, not a checkpoint file"),
        ({"import": "{vidoe}.pth"}, r"unknown field '\{vidoe\}' .*did you mean 'video'"),
        ({"embd": "pe_1.25_4"}, "Unknown hint 'embd' .*did you mean 'embed'"),
        ({"num_frames": 9}, "represents a video of 9 frames, but the video has 4: select 9"),
        ({"resolution": [32, 64]}, "makes frames of 512 pixels in steps of 4, unlike 32x64: check"),
        ({"fc_hw": "8_4"}, "makes frames of 32x16, but the video is prepared at 16x32"),
        ({"embed": "pe_1.25_5"}, "which makes 10 channels, but the tensors make 8 channels"),
        ({"training": {"epochs": 3}}, "an imported network is not trained .*leave 'training' out"),
        ({"architecture": "nerv"}, "leave 'architecture' out"),
        ({"frames": [7]}, "Frames 7 were asked for"),
        ({"canvas": {"layers": ["block3"]}}, "model 'mine' has no layer 'block3'"),
        ({"trust": "perhaps"}, "'models.mine.trust' is 'perhaps'"),
        ({"min_psnr": "high"}, "'models.mine.min_psnr' is 'high'"),
        ({"frame_numbering": "from_two"}, "frame_numbering is 'from_two': .*from_"),
        ({"embed_order": "mixed"}, "embed_order is 'mixed'"),
        ({"embed_base": 2}, "the hint embed_base is 2, but the tensors make 1.25"),
        ({"weights": "ema"}, "the hint weights is 'ema', but no weights are there: found the keys"),
        ({"reduce": "a"}, "reduce is 'a'; expected a positive number"),
        ({"lower_width": 1.5}, "lower_width is 1.5; expected a whole number from 1 on"),
        ({"resolution": [16.5, 32]}, r"resolution is \[16.5, 32\]; expected two integers"),
        ({"out_bias": "inf"}, "out_bias is 'inf': .*xpected one of a number"),
        ({"embeddings": 3}, "its stem makes 32 positions of one, expected a square number, as in an HNeRV"),
    ],
)
def test_entries_that_cannot_be_used(entry: dict[str, Any], message: str) -> None:
    values = with_import()
    Path("runs").mkdir()
    values["models"]["mine"] |= entry
    with pytest.raises(InputError, match=message) as caught:
        Config(values)
    assert "\n" not in str(caught.value)


def test_min_psnr_beside_a_network_that_is_trained() -> None:
    values = with_import()
    values["models"]["siren"]["min_psnr"] = 20
    with pytest.raises(InputError, match=r"min_psnr beside a model is for a checkpoint: write it into .* training"):
        Config(values)


@pytest.mark.slow
def test_conventions_are_found_out_by_the_job() -> None:
    """Also of a network for each frame; what was found out is kept with the network."""
    for frame in (0, 2):
        torch.save(fitted.mlp(order="column_row", output="identity").content, f"frame{frame}.pth")
    still = np.repeat(fitted.video(), 3, 0)
    prepared = prepare_array(still)
    settings = {
        "path": "frame{frame}.pth", "hints": {}, "frames": (0, 2), "trust": False, "video": "clip", "seed": 0,
        "min_psnr": 15.0, "files": {},
    }  # fmt: skip
    import_model(prepared, "out/model.pt", settings)
    model = load_model("out/model.pt")
    assert model.frames == (0, 2)
    assert (model.settings.coordinate_order, model.settings.output_activation) == ("column_row", "identity")
    assert model.outcome["conventions"]["psnr"] > 30
    noise = np.random.default_rng(0).random(still.shape).round()
    for video, least in ((noise, "min_psnr 15"), (0.2 * noise, r"the \S+ dB of one plain colour")):
        other = prepare_array(video, f"noise{video.max()}.zarr")
        with pytest.raises(
            InputError, match=rf"frame0\.pth does not show this video: .* below {least}, and with none of"
        ):
            import_model(other, "out/other.pt", settings)
    assert not Path("out/other.pt").exists()


def prepare_array(video: np.ndarray, name: str = "still.zarr") -> str:
    """A prepared video of these frames (frame, y, x, 3) in [0, 1]."""
    folder = Path(f"frames of {name}")
    folder.mkdir()
    for number, one in enumerate(video):
        Image.fromarray((one * 255).round().astype(np.uint8)).save(folder / f"{number}.png")
    height, width = video.shape[1:3]
    prepare_video(VideoSettings(name="still", source=str(folder), resolution=f"{height}x{width}"), name)
    return name


def test_what_tensors_do_not_tell_is_compared_where_hints_say_it() -> None:
    """As docs/how-to/your-own-checkpoint.md says: what does not fit is planned unless its entry has the numbers."""
    write_siren("frame.pth")
    entry = {"frames": [0], "import": "frame.pth"}
    for hints, message in (
        ({"num_frames": 8}, "represents a video of 8 frames, but the video has 4"),
        ({"resolution": "32x16"}, "makes frames of 32x16, but the video is prepared at 16x32"),
    ):
        for mine in (with_import()["models"]["mine"], entry):
            values = with_import()
            values["models"]["mine"] = mine
            Config(values)
            values["models"]["mine"] = mine | hints
            with pytest.raises(InputError, match=message):
                Config(values)


def test_the_large_network_of_the_page() -> None:
    """Everything about it is right but for the file, which is not there."""
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "your-own-checkpoint.md").read_text("utf-8")
    [table] = re.findall(r"^```tsv\n(video\tsource\tresolution\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    [entry] = re.findall(r"^```yaml\n(videos: config/hnerv\.tsv\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    Path("config").mkdir()
    Path("config/hnerv.tsv").write_text(table, "utf-8")
    Path("hnerv_bunny_quant_vid.pth").touch()
    [video] = read_videos("config/hnerv.tsv", (1, 1), {})
    assert (video.name, video.source, video.resolution) == ("bunny", "example:bunny", (640, 1280))
    with pytest.raises(InputError, match=r"hnerv_bunny_quant_vid\.pth is empty"):
        Config(yaml.safe_load(entry))
    write_nerv("hnerv_bunny_quant_vid.pth")
    table = table.replace("640x1280", "16x32")
    Path("config/hnerv.tsv").write_text(table, "utf-8")
    assert set(Plan(Config(yaml.safe_load(entry))).analyses) == {"quality", "intensity"}


def test_hints_without_a_checkpoint() -> None:
    values = config()
    values["models"]["nerv"]["trust"] = True
    with pytest.raises(InputError, match="hints and trust are for a checkpoint: state its path as import"):
        Config(values)
    values = config()
    values["models"]["nerv"]["imprt"] = "a.pth"
    with pytest.raises(InputError, match=r"Unknown setting 'models.nerv.imprt': did you mean 'import'"):
        Config(values)


def test_checkpoints_of_one_entry_are_alike() -> None:
    write_clip(Path(), "disc")
    write_table(Path(), "clip clip", "disc disc", columns="video source")
    write_nerv("clip.pth")
    write_nerv("disc.pth", strides=[2], widths=[4, 3])
    with pytest.raises(InputError, match="its checkpoints differ in architecture or in the number of layers"):
        Config(with_import("{video}.pth"))


def test_code_in_a_checkpoint_is_named_before_anything_runs() -> None:
    torch.save({"state_dict": {}, "more": print}, "nerv.pth")
    with pytest.raises(InputError, match=r"asks for builtins\.print, which could run code"):
        Config(with_import())


def test_an_encoder_reads_the_video(tmp_path: Path) -> None:
    """The job of the workflow, for a network that holds no embeddings."""
    network = foreign.hnerv_encoder()
    torch.save(network.content, "hnerv.pth")
    prepare_video(VideoSettings(name="clip", source="clip", count=3, resolution="16x24"), "video.zarr")
    hints = {"act": "swish"}
    settings = {
        "path": "hnerv.pth", "hints": hints, "frames": [0, 2], "trust": False, "video": "clip", "seed": 0,
        "min_psnr": None, "files": dict(zip(["hnerv.pth"], Contents().digests("x", ["hnerv.pth"]), strict=True)),
    }  # fmt: skip
    import_model("video.zarr", "out/model.pt", settings)
    model = load_model("out/model.pt")
    assert model.frames == (0, 2)
    whole = load_model("hnerv.pth", video="video.zarr", min_psnr=None, **hints)
    torch.testing.assert_close(model.reconstruct(2), whole.reconstruct(2))
    assert torch.load("out/model.pt", weights_only=True)["training"]["imported"]["path"] == "hnerv.pth"
