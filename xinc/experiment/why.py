"""Reasons for making a result again, in words."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xinc.errors import InputError, nearest
from xinc.experiment.paths import HISTORY, MADE, Made, parse, path_of
from xinc.experiment.plan import Plan
from xinc.experiment.records import Record, read_record
from xinc.experiment.spec import Spec


def explain(path: str, plan: Plan, records: Path) -> list[str]:
    """Lines that say whether a result would be made again, and what changed since it was made.

    Parameters
    ----------
    path : a result of the workflow, or a file inside of one.
    plan : today's.
    records : folder of the records, see `xinc.experiment.records`.

    Raises
    ------
    InputError : the path is not one of a result, or the configuration asks for no such result.
    """
    inside = _inside(path)
    made = parse(inside)
    if made is None:
        raise InputError(f"'{path}' is not a result of the workflow: expected a path such as {MADE['analysis']}.")
    _check_asked_for(made, path, plan)
    _check_layer(made, inside, plan)
    result = path_of(made.rule, **made.wildcards)
    missing = [one for one in _outputs(made, plan) if not os.path.exists(one)]
    if missing:
        return [f"{one} has not been made yet." for one in missing]
    record = read_record(records, result)
    if record is None:
        return [
            f"There is no record of what {result} was made from: it was made by an earlier version of xinc, in another "
            "place, or is being made."
        ]
    spec = plan.spec(made.rule, **made.wildcards)
    reasons = list(_Explainer(plan, records).reasons(result, record, spec))
    if not reasons:
        return [f"{result}, made {_when(record)}, is up to date: nothing that it depends on has changed."]
    return [f"{result}, made {_when(record)}, would be made again:", *(f"  {reason}" for reason in reasons)]


def _inside(path: str) -> str:
    """The path from the working directory on; `InputError` where it does not lie there."""
    if "://" in path:
        raise InputError(f"'{path}' is on object storage, of which no records are kept here: give a local path.")
    inside = os.path.relpath(path) if os.path.isabs(path) else os.path.normpath(path)
    if inside.startswith(".."):
        raise InputError(f"'{path}' lies outside of this folder: run `xinc why` in the folder that holds its results.")
    return inside


def _outputs(made: Made, plan: Plan) -> list[str]:
    """The paths that a job makes."""
    found = [path_of(made.rule, **made.wildcards)]
    if made.rule == "train" and plan.is_trained(made.wildcards["model"]):
        found.append(HISTORY.format(**made.wildcards))
    return found


def _check_asked_for(made: Made, path: str, plan: Plan) -> None:
    known = {
        "video": plan.videos,
        "model": plan.models,
        "other": plan.models,
        "analysis": plan.analyses,
        "layer": plan.layers(made.wildcards["model"]) if made.wildcards.get("model") in plan.models else [],
    }
    for name, value in made.wildcards.items():
        if name in known and value not in known[name]:
            raise InputError(f"The configuration asks for no {name} '{value}' ({path}): {nearest(value, known[name])}.")
    if made not in plan.jobs():
        raise InputError(f"The configuration asks for no '{path}': `snakemake -n` lists what it asks for.")


def _check_layer(made: Made, inside: str, plan: Plan) -> None:
    """`InputError` for a path in a canvas of a layer that it does not have."""
    if made.rule == "canvas":
        named, *_ = os.path.relpath(inside, path_of("canvas", **made.wildcards)).split("/")
        layers = plan.layers(made.wildcards["model"])
        if named not in (".", "zarr.json", *layers):
            raise InputError(f"The configuration asks for no layer '{named}' ({inside}): {nearest(named, layers)}.")


def _when(record: Record) -> str:
    return record.made.replace("T", " ").replace("+00:00", " UTC")


class _Explainer:
    """Reasons for making results again, told once of each result that others were made from."""

    def __init__(self, plan: Plan, records: Path) -> None:
        self._plan, self._records = plan, records
        self._found: dict[str, list[str]] = {}

    def reasons(self, path: str, record: Record, spec: Spec) -> Iterator[str]:
        for key, before, now in differences(record.settings, dict(spec.settings)):
            yield f"settings: {key} was {before}, is {now}"
        yield from _code(record.code, spec.code)
        for upstream in sorted(record.upstream.keys() | spec.upstream.keys()):
            known, today = record.upstream.get(upstream), spec.upstream.get(upstream)
            if known is None:
                yield f"upstream: now also uses {upstream}"
            elif today is None:
                yield f"upstream: no longer uses {upstream}"
            elif not os.path.exists(upstream):
                yield f"upstream: {upstream} is missing"
            else:
                yield from self._upstream(upstream, path, known != today)

    def _upstream(self, upstream: str, path: str, changed: bool) -> Iterator[str]:
        first = upstream not in self._found
        behind = self._behind(upstream)
        if changed:
            yield f"upstream: {upstream} changed"
        elif behind:
            yield f"upstream: {upstream} would be made again"
        elif _time(upstream) > _time(path):
            yield f"upstream: {upstream} is newer (of a small file, Snakemake compares the content)"
        if first:
            yield from (f"  {reason}" for reason in behind or (["it was made again since"] if changed else []))

    def _behind(self, path: str) -> list[str]:
        """Why an existing result would be made again."""
        if path not in self._found:
            made, record = parse(path), read_record(self._records, path)
            if made is None or record is None:
                self._found[path] = ["there is no record of what it was made from"]
            else:
                spec = self._plan.spec(made.rule, **made.wildcards)
                self._found[path] = list(self.reasons(path, record, spec))
        return self._found[path]


def _code(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        if name not in before:
            yield f"code: now also uses {name}"
        elif name not in now:
            yield f"code: no longer uses {name}"
        elif before[name] != now[name]:
            yield f"code: {name} changed"


def differences(before: Any, now: Any, key: str = "") -> Iterator[tuple[str, str, str]]:
    """Settings that differ: dotted name, the value before and the value now, as text.

    >>> list(differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2, "d": 4}}))
    [('a.b', '1', '3'), ('a.d', 'not set', '4')]
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in sorted(before.keys() | now.keys()):
            inside = f"{key}.{name}" if key else str(name)
            yield from differences(before.get(name, _NOTHING), now.get(name, _NOTHING), inside)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now) and len(before) > 8:
        for at, pair in enumerate(zip(before, now, strict=True)):
            yield from differences(*pair, f"{key}[{at}]")
    elif before != now:
        yield key, _shown(before), _shown(now)


class _Nothing:
    def __repr__(self) -> str:
        return "not set"


_NOTHING = _Nothing()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}…"


def _time(path: str) -> float:
    """As Snakemake looks at it: of a folder, the file that it keeps there."""
    stamp = Path(path) / ".snakemake_timestamp"
    try:
        return (stamp if stamp.exists() else Path(path)).stat().st_mtime
    except OSError:
        return 0.0
