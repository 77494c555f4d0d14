"""The JSON Schema of the configuration: up to date, valid, and of one mind with what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from xinc.analyses import analyses
from xinc.experiment.config_schema import configuration_schema, render
from xinc.models import architectures

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = configuration_schema()
CONFIGURATIONS = [*sorted((ROOT / "config").glob("*.yaml")), *sorted((ROOT / "resources").glob("*.yaml"))]
SMALL: dict[str, Any] = {"models": {"mine": {"architecture": "nerv"}}}


def errors(values: Any) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(values)]


def with_model(**section: Any) -> dict[str, Any]:
    return {"models": {"mine": section}}


def test_schema_in_the_repository_is_what_the_code_says() -> None:
    written = (ROOT / "config" / "schema.json").read_text("utf-8")
    assert written == render(), "run `python -m xinc.experiment.config_schema > config/schema.json`"


def test_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)
    references = set(_found(SCHEMA, "$ref"))
    assert references == {f"#/definitions/{name}" for name in SCHEMA["definitions"]}


def _found(value: Any, key: str) -> list[Any]:
    """All values of ``key``, at any depth."""
    if isinstance(value, list):
        return [found for item in value for found in _found(item, key)]
    if not isinstance(value, dict):
        return []
    own = [value[key]] if key in value else []
    return own + [found for item in value.values() for found in _found(item, key)]


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_shipped_configurations_name_the_schema_and_keep_to_it(path: Path) -> None:
    text = path.read_text("utf-8")
    first = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / first).resolve() == ROOT / "config" / "schema.json"
    assert errors(yaml.safe_load(text)) == []


def test_every_setting_is_described() -> None:
    for name, section in SCHEMA["definitions"].items():
        for key, value in section["properties"].items():
            assert value.get("description"), f"{name}: {key}"
    assert all(value.get("description") for value in SCHEMA["properties"].values())


@pytest.mark.parametrize("name", list(architectures))
def test_settings_of_a_model_are_those_of_its_architecture(name: str) -> None:
    setting = next(iter(architectures[name].Settings.model_fields))
    default = architectures[name].Settings().model_dump(mode="json")[setting]
    assert errors(with_model(architecture=name, settings={setting: default})) == []
    assert errors(with_model(architecture=name, settings={"no_such_setting": 1})) != []


@pytest.mark.parametrize("name", list(analyses))
def test_settings_of_an_analysis_are_its_own(name: str) -> None:
    defaults = analyses[name].Settings().model_dump(mode="json")
    assert errors(SMALL | {"analyses": {name: defaults}}) == []
    assert errors(SMALL | {"analyses": {name: None}}) == []
    assert errors(SMALL | {"analyses": {name: {"no_such_setting": 1}}}) != []


@pytest.mark.parametrize(
    "values",
    [
        SMALL,
        SMALL | dict.fromkeys(("roots", "video_seeds", "canvas", "regions", "flow", "materialise", "analyses")),
        SMALL | {"resolution": "64x128"},
        SMALL | {"video_seeds": {"clip": [0, 1]}},
        SMALL | {"resolution": [64, 128]},
        SMALL | {"canvas": {"layout": {"head": "dense"}, "frames": [0, 8]}, "regions": {"grid": [2, 4]}},
        SMALL | {"materialise": {"mine": {"layers": ["head"], "dtype": "float16", "neurons": 8}}},
        with_model(architecture="nerv", settings=None, training=None, canvas=None),
        with_model(**{"import": "a.pth", "num_frames": 8, "fc_hw": "2_4", "trust": True}),
        with_model(**{"import": "a.pth", "hints": {"num_frames": 8}, "frames": [0]}),
    ],
)
def test_accepts_what_is_read(values: dict[str, Any]) -> None:
    assert errors(values) == []


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"models": {}},
        SMALL | {"vidoes": "a.tsv"},
        SMALL | {"resolution": "64"},
        SMALL | {"seeds": []},
        SMALL | {"video_seeds": {"clip": []}},
        SMALL | {"canvas": {"layout": "sparse"}},
        SMALL | {"regions": {"grid": [1, 2, 3]}},
        SMALL | {"flow": {"method": "raft"}},
        SMALL | {"materialise": {"mine": {"dtype": "float8"}}},
        SMALL | {"analyses": {"grouqing": {}}},
        with_model(architecture="nervv"),
        with_model(settings={}),
        with_model(architecture="nerv", num_frames=8),
        with_model(architecture="nerv", training={"epochs": 0}),
        with_model(**{"import": "a.pth", "training": {"epochs": 5}}),
        with_model(**{"import": "a.pth", "architecture": "nerv"}),
    ],
)
def test_marks_what_is_refused(values: dict[str, Any]) -> None:
    assert errors(values) != []


def test_text_is_plain_json() -> None:
    assert json.loads(render()) == SCHEMA
