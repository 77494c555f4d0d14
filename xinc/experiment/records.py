"""Records of the settings, code and upstream results behind each result, for `xinc why`."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinc.experiment.paths import parse, path_of
from xinc.storage.atomic import remove_unfinished, whole_file

#: Folder of the records, beside those of Snakemake.
RECORDS = Path(".snakemake/xinc/made")


@dataclass(frozen=True)
class Record:
    """What a result was made from, and when (UTC, ISO 8601)."""

    settings: dict[str, Any]
    code: dict[str, str]
    upstream: dict[str, str]
    made: str


def write_record(folder: Path, output: str, params: Mapping[str, Any]) -> None:
    """Note what ``output`` was made from; where that is not possible, the job's log says so."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    record = {name: params[name] for name in ("settings", "code", "upstream")} | {"made": now}
    try:
        file = _file(folder, output)
        file.parent.mkdir(parents=True, exist_ok=True)
        remove_unfinished(file)
        with whole_file(file) as partial:
            partial.write_text(json.dumps(record), encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"No record was kept of what {output} was made from ({error}).", file=sys.stderr)


def read_record(folder: Path, output: str) -> Record | None:
    """The record of a result; None where there is none."""
    try:
        return Record(**json.loads(_file(folder, output).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _file(folder: Path, output: str) -> Path:
    """By the path that the rule makes, wherever results lie."""
    made = parse(output)
    path = output if made is None else path_of(made.rule, **made.wildcards)
    return folder / f"{path}.json"
