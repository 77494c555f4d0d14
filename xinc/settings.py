"""Typed settings: the base class of every section of the configuration."""

from __future__ import annotations

import re
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from xinc.errors import InputError, nearest

Model = TypeVar("Model", bound="StrictModel")


class StrictModel(BaseModel):
    """A section of settings: unknown keys are errors, numbers are finite, values do not change once validated."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def validate(model: type[Model], values: Any, where: str) -> Model:
    """Validate ``values`` as ``model``; `InputError` names the key, the value found and what is expected.

    Parameters
    ----------
    model : the settings class.
    values : plain builtins, as read from YAML.
    where : how to call this section in a message, e.g. ``"models.nerv"``.
    """
    given = {} if values is None else values
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InputError(" ".join(_sentences(model, error.errors(), given, where)[:3])) from None


def _sentences(model: type[BaseModel], errors: list[Any], values: Any, where: str) -> list[str]:
    """A sentence for each key; what the alternatives of one setting complain about is joined with "or"."""
    found: dict[str, list[str]] = {}
    for item in errors:
        path, value = _written(item["loc"], values)
        key = ".".join([where, *path] if where else path)
        if item["type"] == "extra_forbidden":
            known = _known_keys(model, item["loc"][:-1])
            found[f"Unknown setting '{key}'"] = [f": {nearest(path[-1], known)}"]
        elif item["type"] == "missing":
            found[f"Setting '{'.'.join([*filter(None, [key]), str(item['loc'][-1])])}'"] = [" is missing"]
        elif item["loc"][-1:] == ("[key]",):
            found[f"Setting '{key}'"] = [f": the name {item['input']!r} is not text: write it in quotes"]
        elif not (item["type"] == "too_short" and _has_errors_inside(item, errors)):
            shown = "" if isinstance(value, dict) and value else f" is {value!r}"
            found.setdefault(f"Setting '{key}'{shown}", []).append(f": {_reason(item)}")
    return [f"{what}{' or '.join(_joined(reasons))}." for what, reasons in found.items()]


def _written(location: tuple[Any, ...], values: Any) -> tuple[list[str], Any]:
    """The part of an error's location that stands in the file, and the value there; the rest is pydantic's own."""
    path = []
    for part in location:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            break
        path.append(str(part))
    return path, values


def _has_errors_inside(item: Any, errors: list[Any]) -> bool:
    own = item["loc"]
    return any(len(e["loc"]) > len(own) and e["loc"][: len(own)] == own for e in errors)


def _reason(item: Any) -> str:
    """pydantic's message in the words of YAML."""
    text = item["msg"].removeprefix("Value error, ").rstrip(".")
    text = re.sub(r" or instance of \w+|, unable to parse string as an? \w+| after validation, not \d+", "", text)
    text = re.sub(r"^(Tuple|Dictionary) should have", "Input should have", text.replace("a valid tuple", "a list"))
    return text[:1].lower() + text[1:]


def _joined(reasons: list[str]) -> list[str]:
    """Different reasons, "input should be" said once."""
    different = list(dict.fromkeys(reasons))
    return different[:1] + [reason.removeprefix(": input should be ") for reason in different[1:]]


def _known_keys(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys allowed where ``location`` points to, through nested models and dictionaries of them."""
    current: Any = model
    for part in location:
        if get_origin(current) is dict:
            current = get_args(current)[1]
        else:
            field = getattr(current, "model_fields", {}).get(part)
            current = getattr(field, "annotation", None)
    return [field.alias or name for name, field in getattr(current, "model_fields", {}).items()]
