"""Every mistake in what a user gives is answered by one sentence, before anything is trained."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.helpers.coded import edit, encode, flip, moving, samples, y4m
from tests.helpers.movies import truncated_movie, write_movie
from tests.helpers.small import FRAMES, changed, config, disc_mask, frame, write_clip, write_table
from xinc.errors import InputError
from xinc.experiment.config import Config, read_config
from xinc.experiment.config_files import read_file
from xinc.experiment.plan import Plan
from xinc.video.prepare import build_video, prepare_video

SNAKEFILE = Path(__file__).parents[2] / "workflow" / "Snakefile"
Values = dict[str, Any]


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the smallest experiment, all of it in order."""
    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def said_of(error: InputError) -> str:
    """The message, once it is known to be one line that ends like a sentence."""
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    assert "Traceback" not in text
    assert "pydantic" not in text
    return text


def test_the_good_one_is_good(experiment: Path) -> None:
    assert list(Config(config()).videos) == ["clip"]


def renamed(old: str, new: str) -> Values:
    values = config()
    values[new] = values.pop(old)
    return values


FFN = config()["models"]["ffn"]

#: Mistakes in the configuration file: what it says, and what the message must contain.
SETTINGS: dict[str, tuple[Values, list[str]]] = {
    "top-level key": (
        renamed("models", "modles"),
        ["'modles'", "did you mean 'models'", "Expected one of analyses, canvas"],
    ),
    "training key": (
        changed("models.nerv.training.epoch", 3),
        ["'models.nerv.training.epoch'", "did you mean 'epochs'"],
    ),
    "model key": (changed("models.nerv.setings", {}), ["'models.nerv.setings'", "did you mean 'settings'"]),
    "architecture key": (
        changed("models.ffn.settings.hidden", 3),
        ["'models.ffn.settings.hidden'", "did you mean 'hidden_width'"],
    ),
    "canvas key": (changed("canvas.layot", "dense"), ["'canvas.layot'", "did you mean 'layout'"]),
    "key of one model's canvas": (
        changed("models.nerv.canvas.layot", "dense"),
        ["'models.nerv.canvas.layot'", "did you mean 'layout'"],
    ),
    "analysis key": (
        changed("analyses.intensity.edge", "sobel"),
        ["'analyses.intensity.edge'", "did you mean 'edges'"],
    ),
    "architecture": (
        changed("models.ffn.architecture", "fnn"),
        [
            "'models.ffn.architecture'",
            "Unknown architecture 'fnn'",
            "did you mean 'ffn'",
            "finer, gauss, hashgrid, hinerv, hnerv, hnerv_boost, nerv, pemlp, siren, wire, wire2d",
        ],
    ),
    "no architecture": (
        changed("models.bare", {"frames": [0]}),
        ["Setting 'models.bare.architecture' is missing"],
    ),
    "analysis": (changed("analyses.qualty", {}), ["Unknown analysis 'qualty'", "did you mean 'quality'"]),
    "layer": (
        changed("models.nerv.canvas", {"layers": ["hed"]}),
        ["'models.nerv.canvas.layers'", "'hed'", "did you mean 'head'", "block1, block2, head"],
    ),
    "layer of another model": (
        changed("canvas.layers", ["head"]),
        ["'canvas.layers'", "model 'ffn' has no layer 'head'", "'models.ffn.canvas'"],
    ),
    "no layers": (changed("models.nerv.canvas.layers", []), ["'models.nerv.canvas.layers' is []", "at least 1 item"]),
    "layout": (changed("canvas.layout", "dens"), ["'canvas.layout' is 'dens'", "'factored' or 'dense'"]),
    "granularity": (
        changed("canvas.granularity", "input"),
        ["'canvas.granularity' is 'input'", "model 'nerv'", "expected kernel"],
    ),
    "granularity of a grid": (
        changed("models", {"grid": {"architecture": "hashgrid"}}, changed("canvas.granularity", "output")),
        ["'canvas.granularity' is 'output'", "model 'grid'", "expected kernel"],
    ),
    "choice": (changed("analyses.intensity.edges", "sobell"), ["is 'sobell'", "'sobel' or 'scharr'"]),
    "pairs of frames": (changed("analyses.released.offset", "cityscapes"), ["'cityscapes'", "integer", "'released'"]),
    "empty tile": (changed("analyses.released.lattices", [[0, 8]]), ["released.lattices", "0", "at least", "1"]),
    "no lattice": (
        changed("analyses.released.lattices", []),
        ["'analyses.released.lattices' is []", "at least 1 item"],
    ),
    "text for a number": (changed("models.nerv.training.epochs", "many"), ["training.epochs' is 'many'", "integer"]),
    "list for a mapping": (config(analyses=["quality"]), ["'analyses' is ['quality']", "dictionary"]),
    "number for a list": (config(seeds=0), ["'seeds' is 0", "a list"]),
    "one of three kinds": (changed("models.ffn.frames", "al"), ["'models.ffn.frames' is 'al'", "or 'all' or a list"]),
    "negative epochs": (changed("models.nerv.training.epochs", -3), ["training.epochs' is -3", "at least", "1"]),
    "learning rate": (changed("models.nerv.training.learning_rate", 0), ["learning_rate' is 0", "greater than 0"]),
    "even kernel": (changed("models.nerv.settings.kernel_size", 4), ["kernel_size' is 4", "must be odd"]),
    "two budgets": (changed("models.nerv.settings.size", 1e5), ["'models.nerv.settings'", "fc_dim or size, not both"]),
    "strides": (
        config(resolution="18x32"),
        ["'nerv'", "'clip'", "18x32", "strides [2, 2]", "multiples", "nearest is 16x32"],
    ),
    "resolution": (config(resolution="64"), ["'resolution' is '64'", "expected HEIGHTxWIDTH", "64x128"]),
    "one number for a resolution": (config(resolution=32), ["'resolution' is 32", "expected HEIGHTxWIDTH", "64x128"]),
    # As YAML 1.1 reads 64:128.
    "number in base 60": (config(resolution=3968), ["'resolution' is 3968", "expected HEIGHTxWIDTH"]),
    "fraction for a resolution": (config(resolution=0.5), ["'resolution' is 0.5", "expected HEIGHTxWIDTH"]),
    "no resolution": (config(resolution=None), ["'resolution' is None", "expected HEIGHTxWIDTH"]),
    "no models": (config(models={}), ["'models' is {}", "at least 1 item"]),
    "no seeds": (config(seeds=[]), ["'seeds' is []", "at least 1 item"]),
    "bad seed": (config(seeds=["a"]), ["'seeds.0' is 'a'", "integer"]),
    "seed twice": (config(seeds=[0, 0]), ["'seeds' is [0, 0]", "different integers"]),
    "negative seed": (config(seeds=[-1]), ["'seeds' is [-1]", "0 or above"]),
    "seeds of another video": (
        config(video_seeds={"clp": [1]}),
        ["'video_seeds.clp'", "videos.tsv has no video 'clp'", "did you mean 'clip'"],
    ),
    "no seeds of a video": (config(video_seeds={"clip": []}), ["'video_seeds.clip' is []", "at least 1 item"]),
    "seed of a video twice": (config(video_seeds={"clip": [2, 2]}), ["'video_seeds.clip' is [2, 2]", "different"]),
    "model name": (config(models={"my net/2": FFN}), ["model name 'my net/2'", "unfit for a path", "letters"]),
    "model name that is a number": (config(models={1: FFN}), ["'models.1'", "1 is not text", "quotes"]),
    "model name that is taken": (config(models={"video.zarr": FFN}), ["'video.zarr' is taken", "choose another"]),
    "frame beyond the video": (
        changed("models.ffn.frames", [0, 9]),
        ["Model 'ffn' on video 'clip'", "Frames 9", "the video has frames 0-3", "choose among those"],
    ),
    "frame that the model lacks": (
        changed("models.ffn.canvas", {"frames": [1]}),
        ["Model 'ffn' on video 'clip'", "Frames 1", "the model has frames 0"],
    ),
    "frame that the canvas lacks": (
        changed("analyses.intensity.frames", [0, 2, 3]),
        ["Analysis 'intensity' of model 'ffn'", "Frames 2-3", "the canvas has frames 0:"],
    ),
    "frame twice": (changed("models.ffn.frames", [2, 2]), ["Model 'ffn'", "Frames 2", "list each frame once"]),
    "no frames": (changed("models.ffn.frames", []), ["Model 'ffn'", "No frames", "'all'"]),
    "zero frames": (changed("models.ffn.frames", 0), ["Model 'ffn'", "asked for is 0", "at least one"]),
    "bits": (changed("analyses.quality.bits", [0]), ["'analyses.quality.bits.0' is 0", "1"]),
    "no table": (config(videos="vidoes.tsv"), ["'vidoes.tsv' does not exist", "correct the path"]),
}


def _raised(make: Callable[[], object], expected: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        make()
    said = said_of(caught.value)
    # "input should be greater than or equal to" is pydantic's; read it as "at least".
    said = said.replace("greater than or equal to", "at least")
    assert [part for part in expected if part not in said] == [], said


@pytest.mark.parametrize(("values", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_a_mistake_in_the_configuration(experiment: Path, values: Values, expected: list[str]) -> None:
    before = files(experiment)
    _raised(lambda: Config(values), expected)
    assert files(experiment) == before


def table(*lines: str, columns: str = "video source masks") -> Callable[[Path], None]:
    return lambda root: write_table(root, *lines, columns=columns)


def _emptied_folder(root: Path) -> None:
    shutil.rmtree(root / "clip")
    (root / "clip").mkdir()


def _no_masks(root: Path) -> None:
    shutil.rmtree(root / "clip_masks")


def _fewer_masks(root: Path) -> None:
    (root / "clip_masks" / "3.png").unlink()


def _gif(root: Path) -> None:
    Image.fromarray(frame(0)).save(root / "clip.gif")
    write_table(root, "clip clip.gif", columns="video source")


def _no_movie(root: Path) -> None:
    (root / "clip.mp4").write_bytes(b"nothing to see here")
    write_table(root, "clip clip.mp4", columns="video source")


def _binary(root: Path) -> None:
    (root / "videos.tsv").write_bytes(b"\xff\xfe\x00\x80")


def _mask_number(root: Path) -> None:
    (root / "clip_masks" / "3.png").rename(root / "clip_masks" / "5.png")


def _raw(line: str, columns: str = "video source size format") -> Callable[[Path], None]:
    """A raw file of two smooth pictures of 48x64 pixels."""

    def spoil(root: Path) -> None:
        y, x = np.mgrid[:48, :64]
        picture = np.uint8(128 + 60 * np.sin(y / 7) + 50 * np.cos(x / 9))[..., None].repeat(3, -1)
        (root / "clip_64x48.yuv").write_bytes(2 * samples(picture, "yuv420p"))
        write_table(root, line, columns=columns)

    return spoil


def _cut_y4m(root: Path) -> None:
    path = y4m(root / "clip.y4m", [frame(number) for number in range(4)])
    path.write_bytes(path.read_bytes()[:-9])
    write_table(root, "clip clip.y4m", columns="video source")


def _trimmed(first: int | None, *cells: str) -> Callable[[Path], None]:
    """A movie of four frames of which an edit list plays two, or none."""

    def spoil(root: Path) -> None:
        path = edit(encode(root / "clip.mp4", [frame(number, 32, 64) for number in range(4)], "mpeg4"), 2, first)
        write_table(root, " ".join(("clip", path.name, *cells)), columns="video source count masks")

    return spoil


#: Mistakes in the table and in the files it names that show without decoding a frame.
TABLES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "empty table": (lambda root: (root / "videos.tsv").write_text("") and None, ["videos.tsv is empty", "header"]),
    "header only": (lambda root: (root / "videos.tsv").write_text("video\tsource\n") and None, ["lists no videos"]),
    "not text": (_binary, ["videos.tsv is not UTF-8", "save it as such"]),
    "column": (table("clip clip", columns="video sorce"), ["line 1", "'sorce'", "did you mean 'source'"]),
    "blanks for tabs": (
        lambda root: (root / "videos.tsv").write_text("video source\nclip clip\n") and None,
        ["videos.tsv, line 1", "'video source'", "separated by a tab"],
    ),
    "commas for tabs": (
        lambda root: (root / "videos.tsv").write_text("video,source\nclip,clip\n") and None,
        ["videos.tsv, line 1", "separated by a tab"],
    ),
    "blanks for tabs in a line": (
        lambda root: (root / "videos.tsv").write_text("video\tsource\nclip  clip\n") and None,
        ["videos.tsv, line 2", "'source'", "one tab, not with blanks"],
    ),
    "column without a name": (
        lambda root: (root / "videos.tsv").write_text("video\t\tsource\nclip\t\tclip\n") and None,
        ["videos.tsv, line 1", "without a name", "tab"],
    ),
    "duplicate": (table("clip clip", "clip clip"), ["line 3", "'clip' again", "its own name"]),
    "unfit name": (table("my/clip clip"), ["line 2", "'my/clip'", "unfit for a path"]),
    "missing source": (table("clip nowhere"), ["'nowhere'", "'clip'", "does not exist", "correct the path"]),
    "unknown example": (table("clip example:buny"), ["example:buny", "did you mean 'bunny'"]),
    "empty folder": (_emptied_folder, ["'clip'", "folder without frames", ".png"]),
    "unknown suffix": (_gif, ["clip.gif", "'.gif'", "expected a folder of frames"]),
    "no movie": (_no_movie, ["clip.mp4", "cannot be opened", "copy it again"]),
    "too few frames": (table("clip clip 5", columns="video source count"), ["found 4 frames", "needs 5", "lower"]),
    "start": (table("clip clip 4", columns="video source start"), ["found 4 frames", "start 4", "lower start"]),
    "count": (table("clip clip few", columns="video source count"), ["line 2", "count is 'few'", "whole number"]),
    "frames that remain": (
        table("clip clip 3", columns="video source start"),
        ["Model 'siren' on video 'clip'", "Frames 2", "frames 0:"],
    ),
    "no masks": (_no_masks, ["'clip_masks'", "not a folder", "PNG for each frame"]),
    "number of masks": (_fewer_masks, ["4 frames", "3 masks", "one mask for each frame"]),
    "mask that is missing": (_fewer_masks, ["none for 3"]),
    "number of a mask": (_mask_number, ["'3.png'", "'5.png'", "numbers disagree", "a mask of its number"]),
    "void that is no value": (
        table("clip clip clip_masks black", columns="video source masks void"),
        ["line 2", "void is 'black'", "expected the value of a mask", "such as 255"],
    ),
    "void without masks": (
        table("clip clip 255", columns="video source void"),
        ["'clip'", "void", "leave it empty, or give masks"],
    ),
    "raw without a layout": (
        _raw("clip clip_64x48.yuv", "video source"),
        ["size and format are not given", "its name suggests 48x64", "such as yuv420p"],
    ),
    "raw without a size": (
        _raw("clip clip_64x48.yuv yuv420p", "video source format"),
        ["size is not given", "fill in the columns"],
    ),
    "raw without a format": (
        _raw("clip clip_64x48.yuv 48x64", "video source size"),
        ["format is not given", "fill in the columns"],
    ),
    "raw format": (
        _raw("clip clip_64x48.yuv 48x64 yuv420pp"),
        ["unknown format 'yuv420pp'", "did you mean 'yuv420p'"],
    ),
    "raw size": (
        _raw("clip clip_64x48.yuv 48x60 yuv420p"),
        ["9216 bytes", "not a whole number of frames of 48x60", "4320 bytes each", "correct size"],
    ),
    "raw depth": (
        _raw("clip clip_64x48.yuv 48x64 yuv444p12le"),
        ["9216 bytes", "18432 bytes each", "or format"],
    ),
    "raw width first": (
        _raw("clip clip_64x48.yuv 64x48 yuv420p"),
        ["64x48", "smooth only with sides exchanged", "write 48x64"],
    ),
    "size of a folder": (
        table("clip clip 16x32", columns="video source size"),
        ["tells its own size", "column size", "leave it empty"],
    ),
    "cut y4m": (_cut_y4m, ["clip.y4m", "truncated", "ends within frame 3", "copy it again"]),
    "frames that an edit list leaves out": (_trimmed(1, "4"), ["found 2 frames", "count 4", "lower"]),
    "masks of frames that do not play": (_trimmed(1, "2", "clip_masks"), ["has 2 frames", "4 masks", "one mask for"]),
    "edit list that plays nothing": (_trimmed(None), ["has no frames", "give another file"]),
}


@pytest.mark.parametrize(("spoil", "expected"), TABLES.values(), ids=TABLES)
def test_a_mistake_in_the_table_or_its_sources(
    experiment: Path, spoil: Callable[[Path], None], expected: list[str]
) -> None:
    spoil(experiment)
    before = files(experiment)
    _raised(lambda: Config(config()), expected)
    assert files(experiment) == before


def _corrupt_frame(root: Path) -> None:
    path = root / "clip" / "2.png"
    path.write_bytes(path.read_bytes()[:50])


def _other_size(root: Path) -> None:
    Image.fromarray(frame(1, 20, 24)).save(root / "clip" / "1.png")


def _mask_size(root: Path) -> None:
    Image.fromarray(disc_mask(1, 8, 16)).save(root / "clip_masks" / "1.png")


def _mask_colour(root: Path) -> None:
    Image.fromarray(frame(1)).save(root / "clip_masks" / "1.png")


def _mask_with_alpha(root: Path) -> None:
    Image.fromarray(frame(1)).convert("RGBA").save(root / "clip_masks" / "1.png")


def _no_image(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_bytes(b"no picture") and None


def _masks_of_a_movie(root: Path) -> None:
    write_movie(root / "clip.mp4", [frame(number, 64, 96) for number in range(FRAMES)])
    write_table(root, "clip clip.mp4 clip_masks")


#: Mistakes that the headers of images tell, before any job runs.
HEADERS: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "size of a frame": (_other_size, ["clip/1.png", "20x24", "clip/0.png", "16x32", "same size"]),
    "size of a mask": (_mask_size, ["clip_masks/1.png", "8x16", "16x32"]),
    "size of the masks of a movie": (_masks_of_a_movie, ["clip_masks/0.png", "16x32", "64x96"]),
    "crop": (table("clip clip 64x64", columns="video source crop"), ["'clip'", "crop 64x64", "16x32", "'fit'"]),
    "colour mask": (_mask_colour, ["clip_masks/1.png", "colour image", "convert it"]),
    "colour mask with transparency": (_mask_with_alpha, ["clip_masks/1.png", "mode RGBA", "convert it"]),
    "frame that is not an image": (_no_image("clip/2.png"), ["clip/2.png", "not in a known image format"]),
    "mask that is not an image": (_no_image("clip_masks/2.png"), ["clip_masks/2.png", "not in a known image format"]),
}
#: Mistakes that show when frames are read, which is the first thing the workflow does.
READING: dict[str, tuple[Callable[[Path], None], list[str]]] = HEADERS | {
    "corrupt frame": (_corrupt_frame, ["clip/2.png", "replace the file"]),
    "truncated movie": (truncated_movie, ["clip.avi", "truncated", "copy it again"]),
}


def _damaged(suffix: str, codec: str, **options: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        path = encode(root / f"clip{suffix}", moving(6), codec, options=options or None)
        write_table(root, f"clip {flip(path, 2, 24, seed=1).name}", columns="video source")

    return spoil


READING |= {
    "checksum of a picture": (
        _damaged(".mp4", "libx265", **{"x265-params": "log-level=none:hash=1"}),
        ["Frame ", "clip-damaged.mp4", "cannot be decoded", "copy it again"],
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), READING.values(), ids=READING)
def test_a_source_that_cannot_be_read(experiment: Path, spoil: Callable[[Path], None], expected: list[str]) -> None:
    spoil(experiment)
    video = Config(config()).videos["clip"]
    before = files(experiment)
    _raised(lambda: prepare_video(video, "video.zarr"), expected)
    assert files(experiment) == before


@pytest.mark.parametrize(("spoil", "expected"), HEADERS.values(), ids=HEADERS)
def test_checks_look_at_headers(experiment: Path, spoil: Callable[[Path], None], expected: list[str]) -> None:
    """``snakemake -n`` and ``xinc check`` do this."""
    spoil(experiment)
    _raised(Plan(Config(config())).check_files, expected)


def test_files_that_are_read_as_something_else_are_looked_at_again(
    experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked at as frames may be no masks."""
    monkeypatch.setattr("xinc.experiment.input_digests._TICK", 0)  # files of this moment are kept, too
    write_table(experiment, "clip clip", columns="video source")
    known = experiment / "known"
    plan = Plan(Config(config()), known)
    plan.check_files()
    plan.video_spec("clip")
    write_table(experiment, "clip clip clip", columns="video source masks")
    _raised(Plan(Config(config()), known).check_files, ["Mask 'clip/0.png' is a colour image"])


def _counted_from_1(root: Path) -> None:
    for number in (3, 2, 1, 0):
        (root / "clip_masks" / f"{number}.png").rename(root / "clip_masks" / f"{number + 1}.png")


def _masks_without_numbers(root: Path) -> None:
    for number in range(4):
        (root / "clip_masks" / f"{number}.png").rename(root / "clip_masks" / f"{'abcd'[number]}.png")


def _void_255(root: Path) -> None:
    mask = disc_mask(1)
    mask[:2] = 255
    Image.fromarray(mask).save(root / "clip_masks" / "1.png")


def _long_flow(root: Path) -> None:
    (root / "flow").mkdir()
    for number in range(3):
        np.save(root / "flow" / f"{number}.npy", np.full((16, 32, 2), 1e6, np.float32))
    write_table(root, "clip clip flow", columns="video source flow")


def _shown(crop: str, **header: Any) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        encode(root / "clip.mkv", [frame(number, 32, 64) for number in range(4)], "mpeg4", **header)
        write_table(root, f"clip clip.mkv {crop}", columns="video source crop")

    return spoil


#: What is taken as it is, with a sentence in the store.
NOTED: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "masks counted from 1": (_counted_from_1, ["masks 1-4", "frames 0-3", "in order", "numbers differ"]),
    "masks without numbers": (_masks_without_numbers, ["the names of the masks hold no numbers", "in order"]),
    "255 beside small ids": (_void_255, ["255 stands beside 1", "taken for an instance", "column void", "or none"]),
    "flow longer than the frame": (_long_flow, ["flow/0.npy", "1e+06 pixels", "16x32", "NaN or a number beyond 1e9"]),
    "pixels that are not square": (_shown("fit", aspect=Fraction(2)), ["2:1", "window of 32x32", "makes them square"]),
    "pixels left as they are": (_shown("none", aspect=Fraction(2)), ["crop none makes pixels of 2:1", "'fit' makes"]),
    "a turn by ten degrees": (_shown("fit", shown=(10, False, False)), ["not a quarter turn", "nearest one"]),
    "damaged VP9": (_damaged(".webm", "libvpx-vp9"), ["frames 2-5 are damaged", "copy the file again"]),
    "damaged MPEG-4": (_damaged(".avi", "mpeg4"), ["frames 2 are damaged", "3-5", "up to the next key frame"]),
    "damaged Matroska": (_damaged(".mkv", "libx265"), ["frames 0-5 are damaged", "copy the file again"]),
}


@pytest.mark.parametrize(("spoil", "expected"), NOTED.values(), ids=NOTED)
def test_a_source_that_leaves_a_doubt(experiment: Path, spoil: Callable[[Path], None], expected: list[str]) -> None:
    spoil(experiment)
    video = build_video(Config(config()).videos["clip"])
    said = [text for text in video.attrs["warnings"] if all(part in text for part in expected)]
    assert len(said) == 1, video.attrs["warnings"]
    assert said_of(InputError(said[0])) == said[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models: {a: [1\nb: 2\n", ["config.yaml is not valid YAML, line 2, column 2", "expected ',' or ']'"]),
        ("models:\n\tnerv: 3\n", ["config.yaml is not valid YAML, line 2", "a tab", "use blanks"]),
        ("seeds: [0]\nvideos: a: b\n", ["config.yaml is not valid YAML, line 2", "mapping values"]),
        ("videos: \x07\n", ["config.yaml is not valid YAML", "position"]),
        ('{"seeds": [0],\n\t"models": }', ["config.yaml is not valid YAML, line 2", "a tab"]),
        ("a: 1\nmodels: {x: 1}\nmodels: {y: 2}\n", ["config.yaml, line 3", "'models' stands in line 2", "merge them"]),
        ("models:\n  a: {b: 1}\n  c: 2\n  a: 3\n", ["line 4", "'a' stands in line 2", "would be left out"]),
        ("models: {x: 1, x: 2}\n", ["config.yaml, line 1", "'x' stands in line 1 already"]),
        ('{"seeds": [0],\n\t"seeds": [1]}', ["config.yaml: 'seeds' stands in its section already"]),
        ("", ["config.yaml holds no settings"]),
        ("- a\n- b\n", ["config.yaml holds no settings", "mapping"]),
        (None, ["no configuration file config.yaml", "relative ones start from"]),
    ],
)
def test_a_file_that_is_no_configuration(experiment: Path, text: str | None, expected: list[str]) -> None:
    if text is not None:
        (experiment / "config.yaml").write_text(text)
    _raised(lambda: read_config("config.yaml"), expected)


def test_anchors_are_followed_once(experiment: Path) -> None:
    """Also one that names itself, in which others would go round."""
    (experiment / "config.yaml").write_text("a: &a [*a, &b {c: 1}]\nd: *b\n")
    assert read_file(experiment / "config.yaml")["d"] == {"c": 1}


def test_a_path_with_braces(experiment: Path) -> None:
    (experiment / "clip").rename(experiment / "clip{1}")
    write_table(experiment, "clip clip{1}", columns="video source")
    _raised(Plan(Config(config())).check_files, ["'clip{1}/0.png' has braces", "wildcard", "rename it"])


def test_several_mistakes_are_told_at_once(experiment: Path) -> None:
    values = config(seeds=[])
    values["models"]["nerv"]["training"]["epochs"] = -1
    _raised(lambda: Config(values), ["'models.nerv.training.epochs' is -1", "1 item. Setting", "'seeds' is []"])


# What the workflow prints: the same sentence, once, and nothing around it that looks like a crash.
@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.parametrize("name", ["training key", "architecture", "strides", "frame beyond the video"])
def test_snakemake_says_the_same_sentence(experiment: Path, name: str) -> None:
    values, expected = SETTINGS[name]
    (experiment / "mine.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(InputError) as caught:
        Config(values)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--configfile", "mine.yaml"]
    run = subprocess.run(
        [*command, "--directory", str(experiment), "--cores", "1"],
        cwd=experiment,
        env=os.environ | {"PYTHONPATH": str(SNAKEFILE.parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    output = run.stdout + run.stderr
    assert run.returncode == 1
    assert output.count(str(caught.value)) == 1, output
    assert f"Error: {caught.value}\n" in output
    assert "Traceback" not in output
    assert "Snakefile" not in output
    assert all(part in output for part in expected)
    assert not (experiment / "results").exists()
    assert not (experiment / "logs").exists()


def test_values_in_messages_are_those_of_the_file(experiment: Path) -> None:
    """A whole section is not printed when one value in it is wrong."""
    with pytest.raises(InputError) as caught:
        Config(config(models={"a b": FFN} | {f"net{k}": FFN for k in range(20)}))
    assert len(str(caught.value)) < 200
    assert json.dumps(FFN) not in str(caught.value)
