"""The configuration: what it holds when all is well. What is refused is in test_bad_input.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.helpers.datasets import write_cityscapes_vps
from tests.helpers.small import CONFIG, changed, config, write_clip, write_table
from xinc.errors import InputError
from xinc.experiment.config import Config, read_config
from xinc.experiment.config_sections import ConfigFile
from xinc.settings import StrictModel

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)


def test_everything_is_there_and_complete() -> None:
    found = Config(config())
    assert found.videos["clip"].resolution == (16, 32)
    assert found.videos["clip"].masks == "clip_masks"
    assert found.architectures["nerv"].reduction == 1.2
    assert found.file.models["siren"].frames == (0, 2)
    assert found.file.models["nerv"].training.learning_rate == 2e-3
    assert found.analyses["intensity"] == {"divided": False, "edges": "sobel", "frames": 1}
    assert config() == CONFIG, "the values given are not changed"


def test_one_models_canvas_differs_only_where_it_says_so() -> None:
    values = changed("models.nerv.canvas", {"frames": [1], "layers": ["head"]})
    values["canvas"]["head_activation"] = True
    found = Config(values)
    assert found.canvases["nerv"].frames == (1,)
    assert found.canvases["ffn"].frames == 2
    assert found.canvases["nerv"].head_activation
    assert found.canvases["ffn"].head_activation
    assert found.layers("nerv") == ["head"]


def test_layers_are_in_network_order() -> None:
    found = Config(changed("models.nerv.canvas.layers", ["head", "block1"]))
    assert found.layers("nerv") == ["block1", "head"]
    assert Config(changed("models.nerv.canvas", {})).layers("nerv") == ["block1", "block2", "head"]


@pytest.mark.parametrize("empty", [None, {}])
def test_a_section_whose_lines_are_commented_out_is_empty(empty: object) -> None:
    values = config(canvas=empty, analyses=empty)
    values["models"]["nerv"]["training"] = empty
    found = Config(values)
    assert found.analyses == {}
    assert found.canvases["ffn"].frames == "all"
    assert found.file.models["nerv"].training.epochs == 1000


def test_numbers_may_be_written_as_people_write_them() -> None:
    text = "models: {a: {architecture: siren, training: {learning_rate: 1e-2, min_psnr: 30}}}\nvideos: videos.tsv\n"
    Path("a.yaml").write_text(text + "resolution: 16x32\n")
    training = read_config("a.yaml").file.models["a"].training
    assert (training.learning_rate, training.min_psnr) == (0.01, 30.0)


def test_a_resolution_of_ones_own() -> None:
    write_table(Path(), "clip clip 8x24", columns="video source resolution")
    assert Config(config()).videos["clip"].resolution == (8, 24)


def test_a_count_that_is_left_out_is_that_of_the_source() -> None:
    """Frames are checked against the frames that there are, however their number is known."""
    write_table(Path(), "clip clip 1 2", columns="video source start step")
    assert Config(changed("models.siren.frames", [0, 1])).file.models["siren"].frames == (0, 1)


def test_an_analysis_of_masks_is_only_asked_about_annotated_frames() -> None:
    """Of a data set it is known which frames have masks, before anything is trained."""
    write_cityscapes_vps(Path("city"))
    write_table(Path(), "street cityscapes-vps:city 0005", columns="video source clips")
    models = {"nerv": config()["models"]["nerv"]}
    assert Config(config(models=models, canvas={}, analyses={"objects": {"frames": [4, 9]}}))
    assert Config(config(models=models, canvas={}, analyses={"grouping": {"frames": [3]}}))
    with pytest.raises(
        InputError, match=r"Analysis 'objects' of model 'nerv' on video 'street': Frames 3 .* 4, 9, 14,"
    ):
        Config(config(models=models, canvas={}, analyses={"objects": {"frames": [3, 4]}}))
    models["nerv"] = models["nerv"] | {"canvas": {"frames": [0, 3]}}
    with pytest.raises(InputError, match=r"frames 0, 3, of which none is annotated; annotated are 4, 9, .*`frames`"):
        Config(config(models=models, canvas={}, analyses={"objects": {}}))


def test_the_example_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    found = read_config("config/config.yaml")
    assert set(found.videos) == {"bunny", "collage"}
    assert yaml.safe_load(Path("config/config.yaml").read_text())["models"].keys() == found.architectures.keys()


def _described(model: type[StrictModel], where: str) -> list[str]:
    """Settings without a description."""
    return [f"{where}.{name}" for name, field in model.model_fields.items() if not field.description]


def test_every_setting_is_described() -> None:
    found = Config(config())
    models: list[type[StrictModel]] = [
        ConfigFile,
        *map(type, [*found.architectures.values(), *found.canvases.values()]),
    ]
    models += [type(found.file.models["ffn"]), type(found.file.models["ffn"].training), type(found.videos["clip"])]
    assert [name for model in models for name in _described(model, model.__name__)] == []
