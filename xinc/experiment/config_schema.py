"""The JSON Schema of the configuration, from which editors complete, explain and check ``config.yaml``.

python -m xinc.experiment.config_schema > config/schema.json
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from xinc.analyses import analyses
from xinc.experiment.config_sections import CanvasConfig, ConfigFile
from xinc.models import architectures

#: The version that editors support throughout.
DIALECT = "http://json-schema.org/draft-07/schema#"
#: Sections that may be left empty in the file.
_EMPTY = {
    "ConfigFile": ("roots", "video_seeds", "canvas", "regions", "flow", "figures", "materialise", "analyses"),
    "ModelConfig": ("settings", "training", "canvas", "hints"),
}


class _Draft7(GenerateJsonSchema):
    """Without titles, which repeat the names of the settings; a pair is a list of two: draft 7 has no prefixItems."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def tuple_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().tuple_schema(schema)
        items = found.pop("prefixItems", [])
        if any(item != items[0] for item in items):
            raise TypeError(f"A list with items of several types is not supported in a setting: {items}.")
        return found | ({"items": items[0]} if items else {})


def configuration_schema() -> dict[str, Any]:
    """The schema of a whole configuration file, for the architectures and analyses that are installed.

    Returns
    -------
    Plain builtins, ready for `json.dumps`: JSON Schema, draft 7. Every setting has its description, its default and
    its bounds; which settings a model has follows from its architecture.
    """
    definitions: dict[str, Any] = {}
    file = _schema(ConfigFile, definitions)
    settings = {
        name: _defined(f"architecture-{name}", architectures[name].Settings, definitions) for name in architectures
    }
    canvas = _defined("canvas", CanvasConfig, definitions)
    model = definitions["ModelConfig"]
    file["properties"]["resolution"]["default"] = "{}x{}".format(*ConfigFile.model_fields["resolution"].default)
    file["properties"]["canvas"] |= canvas
    model["properties"]["canvas"] |= canvas
    _allow_empty(file, *_EMPTY["ConfigFile"])
    _allow_empty(model, *_EMPTY["ModelConfig"])
    definitions["ModelConfig"] = _with_architecture(model, settings)
    file["properties"]["analyses"] = {
        "description": ConfigFile.model_fields["analyses"].description,
        "type": ["object", "null"],
        "properties": {name: _analysis(name, definitions) for name in analyses},
        "additionalProperties": False,
    }
    return {
        "$schema": DIALECT,
        "title": "Configuration of xinc",
        **file,
        "definitions": dict(sorted(definitions.items())),
    }


def _analysis(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """The section of one analysis, which may be left empty."""
    cls = analyses[name]
    section = _defined(f"analysis-{name}", cls.Settings, definitions)
    text = f"{cls.question} (paper section {cls.section})"
    definitions[f"analysis-{name}"]["description"] = text
    return {"description": text, "anyOf": [section, {"type": "null"}]}


def _with_architecture(model: dict[str, Any], settings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A model's section: its settings are those of its architecture; beside ``import`` stand hints of any name.

    A module has neither.
    """
    model = dict(model)
    properties = model["properties"]
    properties["architecture"] = {**properties["architecture"], "enum": list(settings)}
    del model["additionalProperties"], model["required"]
    of_architecture = [
        {
            "if": {"properties": {"architecture": {"const": name}}, "required": ["architecture"]},
            "then": {"properties": {"settings": {"anyOf": [section, {"type": "null"}]}}},
        }
        for name, section in settings.items()
    ]
    trained = {
        "required": ["architecture"],
        "properties": dict.fromkeys(properties, True),
        "additionalProperties": False,
    }
    imported = {"properties": dict.fromkeys(("architecture", "settings", "training", "module", "checkpoint"), False)}
    left_out = ("architecture", "settings", "training", "import", "hints", "trust")
    made = {
        "required": ["module"],
        "properties": dict.fromkeys(properties, True) | dict.fromkeys(left_out, False),
        "additionalProperties": False,
    }
    without = {"if": {"required": ["module"]}, "then": made, "else": trained}
    return model | {"allOf": of_architecture, "if": {"required": ["import"]}, "then": imported, "else": without}


def _defined(name: str, cls: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema of ``cls``, which is added to ``definitions``."""
    definitions[name] = _schema(cls, definitions)
    return {"$ref": f"#/definitions/{name}"}


def _schema(cls: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a class of settings; what it refers to is added to ``definitions``."""
    found = cls.model_json_schema(by_alias=True, ref_template="#/definitions/{model}", schema_generator=_Draft7)
    found.pop("title", None)
    for name, inner in found.pop("$defs", {}).items():
        inner.pop("title", None)
        definitions[name] = inner
    for key, field in cls.model_fields.items():  # pydantic omits a description that is also the type's own
        if field.description:
            found["properties"][field.alias or key]["description"] = field.description
    return found


def _allow_empty(section: dict[str, Any], *names: str) -> None:
    """Let the sections ``names`` be empty, which YAML reads as null."""
    for name in names:
        value = section["properties"][name]
        if "$ref" in value:  # in draft 7 nothing beside a reference counts
            text = {"description": value["description"]} if "description" in value else {}
            section["properties"][name] = {**text, "anyOf": [{"$ref": value["$ref"]}, {"type": "null"}]}
        else:
            value["type"] = [value["type"], "null"]


def render() -> str:
    """The schema as text."""
    return json.dumps(configuration_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
