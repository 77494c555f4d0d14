"""Typed settings: the base class of every section of the configuration."""

from __future__ import annotations

from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from xinc.errors import InputError, nearest

Model = TypeVar("Model", bound="StrictModel")


class StrictModel(BaseModel):
    """A section of settings: unknown keys are errors, values do not change once validated."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def validate(model: type[Model], values: Any, where: str) -> Model:
    """Validate ``values`` as ``model``; `InputError` names the key, the value found and what is expected.

    Parameters
    ----------
    model : the settings class.
    values : plain builtins, as read from YAML.
    where : how to call this section in a message, e.g. ``"models.nerv"``.
    """
    try:
        return model.model_validate({} if values is None else values)
    except ValidationError as error:
        raise InputError("; ".join(_sentence(model, item, where) for item in error.errors()[:3])) from None


def _sentence(model: type[BaseModel], item: Any, where: str) -> str:
    path = [str(part) for part in item["loc"]]
    key = ".".join([where, *path]) if where else ".".join(path)
    if item["type"] == "extra_forbidden":
        return f"Unknown setting '{key}': {nearest(path[-1], _known_keys(model, item['loc'][:-1]))}."
    if item["type"] == "missing":
        return f"Setting '{key}' is missing."
    message = item["msg"].removeprefix("Value error, ")
    return f"Setting '{key}' is {item['input']!r}: {message[:1].lower()}{message[1:].rstrip('.')}."


def _known_keys(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys allowed where ``location`` points to, through nested models and dictionaries of them."""
    current: Any = model
    for part in location:
        if get_origin(current) is dict:
            current = get_args(current)[1]
        else:
            field = getattr(current, "model_fields", {}).get(part)
            current = getattr(field, "annotation", None)
    return list(getattr(current, "model_fields", {}))
