"""Configuration files as plain builtins, merged as Snakemake merges them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from xinc.errors import InputError

#: Used where no ``--configfile`` is given, as by the workflow.
CONFIG = "config/config.yaml"


def read_values(*paths: str | Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """The settings in configuration files; a later file's take the place of an earlier one's, as in Snakemake.

    Parameters
    ----------
    paths : the files.
    changes : settings given as ``key=value``, as YAML; they are merged with the files' section by section.

    Raises
    ------
    InputError : a file cannot be read, see `read_file`, or a change is not of that form.
    """
    values: dict[str, Any] = {}
    for path in paths:
        merge(values, read_file(path))
    for change in changes:
        name, sign, value = change.partition("=")
        if not sign:
            raise InputError(f"'{change}' is not a setting: expected key=value.")
        try:
            merge(values, {name: yaml.safe_load(value)})
        except yaml.YAMLError as error:
            raise InputError(f"'{change}' is not valid YAML: {_problem(error)}.") from None
    return values


def read_file(path: str | Path, loader: Any = yaml.SafeLoader) -> dict[str, Any]:
    """The settings in one file, of YAML or JSON.

    Raises
    ------
    InputError : the file does not exist, cannot be read, is neither YAML nor JSON, holds no mapping, or says something
        twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            f"There is no configuration file {path}: correct the path (relative ones start from {Path.cwd()})."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"{path} cannot be read as a configuration ({reason}): expected a YAML file.") from None
    try:
        values = _parsed(text, loader, path)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML{_place(error)}: {_problem(error)}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no settings: a mapping of sections was expected.")
    return values


def _parsed(text: str, loader: Any, path: str | Path) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InputError(f"{path}: '{key}' stands in its section already, {_TWICE}")
            found[key] = value
        return found

    with contextlib.suppress(json.JSONDecodeError):
        return json.loads(text, object_pairs_hook=once)  # JSON may be indented with tabs, YAML not
    _check_keys(yaml.compose(text, Loader=loader), path)
    return yaml.load(text, Loader=loader)


#: Why a key may not stand in a section twice: the parsers keep the last one silently.
_TWICE = "and one of them would be left out: merge them, or remove one."


def _check_keys(root: yaml.Node | None, path: str | Path) -> None:
    """`InputError` where a section has a key twice."""
    left, done = [root], set()
    while left:
        node = left.pop()
        if id(node) in done or not isinstance(node, yaml.CollectionNode):
            continue
        done.add(id(node))  # an anchor is looked at once, also one that names itself
        if isinstance(node, yaml.SequenceNode):
            left += node.value
            continue
        lines: dict[str, int] = {}
        for key, value in node.value:
            left.append(value)
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                before = lines[key.value]
                raise InputError(f"{path}, line {line}: '{key.value}' stands in line {before} already, {_TWICE}")
            lines[key.value] = line


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong, in one line."""
    text = " ".join(str(getattr(error, "problem", None) or error).split()).rstrip(".")
    if "'\\t'" in text:
        return "there is a tab, with which YAML cannot be indented: use blanks"
    return text


def merge(values: dict[str, Any], others: Mapping[str, Any]) -> None:
    """Put ``others`` into ``values``, section by section, as Snakemake does."""
    for name, value in others.items():
        if isinstance(value, Mapping) and isinstance(values.get(name), dict):
            merge(values[name], value)
        else:
            values[name] = value
