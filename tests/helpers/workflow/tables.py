"""The tables of docs/explanation/re-running.md: ``python -m tests.helpers.workflow.tables > page``."""

from __future__ import annotations

import importlib
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from tests.helpers.workflow.edits import EDITS
from tests.helpers.workflow.everything import EDITS_OF_EVERYTHING, SETTINGS
from tests.helpers.workflow.faults import FAULTS
from tests.helpers.workflow.files import FILES
from tests.helpers.workflow.rooms import EDITS as ROOMS
from tests.helpers.workflow.rooms import EVERY
from tests.helpers.workflow.sources import SOURCES

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "re-running.md"
_MARK = re.compile(r"<!-- table: (\w+) -->\n(?:\|.*\n)*")


def _again(jobs: Collection[str]) -> str:
    """``2 canvas, 1 figure, report``, in the order of the work."""
    order = ("video", "regions", "flow", "train", "canvas", "analysis", "figure")
    counts = Counter(re.sub(r"_of_\w+", "", name.split(" ")[0]).removesuffix("_figure") for name in jobs)
    figures = sum("_figure" in name.split(" ")[0] for name in jobs)
    counts["figure"] += figures
    for name in jobs:
        rule = name.split(" ")[0]
        if rule.endswith("_figure"):
            counts[rule.removesuffix("_figure")] -= 1
    found = [f"{counts[rule]} {rule}" for rule in order if counts[rule]]
    return ", ".join(found + (["report"] if "report" in jobs else [])) or "nothing"


def _kinds(kinds: set[str]) -> str:
    """``canvas, 3 of 12 analyses, 4 of 12 figures``; of one or two, their names."""
    found = [rule for rule in ("video", "regions", "flow", "train", "canvas", "materialise") if rule in kinds]
    found += [f"figure of the {name}" for name in ("video", "regions") if f"{name}_figure" in kinds]
    for kind, several in (("analysis", "analyses"), ("figure", "figures")):
        names = sorted(name.removeprefix(f"{kind} ") for name in kinds if name.startswith(f"{kind} "))
        if len(names) == len(EVERY):
            found.append(f"all {several}")
        elif len(names) > 2:
            found.append(f"{len(names)} of {len(EVERY)} {several}")
        elif names:
            found.append(f"{kind} {' and '.join(f'`{name}`' for name in names)}")
    found += ["report"] if "report" in kinds else []
    return ", ".join(found) or "nothing"


def _rows(lines: Iterable[Iterable[str]], *names: str) -> str:
    table = [names, ["---"] * len(names), *lines]
    return "".join("| " + " | ".join(line) + " |\n" for line in table)


def tables() -> dict[str, str]:
    """Every table by its name."""
    settings = [
        (f"`{name}.{setting}`", "what is drawn" if at else "what is computed", _again(EDITS_OF_EVERYTHING[key][1]))
        for name, edits in SETTINGS.items()
        for at, (setting, _) in enumerate(edits)
        for key in [f"{name}.{setting}"]
    ]
    shared = [
        (f"`{key}`", "how a video is prepared", _again(EDITS_OF_EVERYTHING[key][1])) for key in ("regions", "flow")
    ]
    return {
        "configuration": _rows(((name, _again(jobs)) for name, (_, jobs) in EDITS.items()), "edit", "made again"),
        "files": _rows(((name, _again(edit.jobs)) for name, edit in FILES.items()), "edit", "made again"),
        "code": _rows(((name, _again(edit.jobs)) for name, edit in SOURCES.items()), "edit", "made again"),
        "rooms": _rows(
            ((name, f"`xinc/{file}`", _kinds(kinds)) for name, (file, _, _, kinds) in ROOMS.items()),
            *("room", "module edited", "made again"),
        ),
        "settings": _rows([*settings, *shared], "setting", "decides", "made again"),
        "faults": _rows(
            ((what, outcome, ", ".join(f"`{test}`" for test in _several(tests))) for what, outcome, tests in FAULTS),
            *("fault", "outcome", "tests"),
        ),
    }


def render(page: str) -> str:
    """The page with its tables as they are now."""
    found = tables()
    return _MARK.sub(lambda mark: f"<!-- table: {mark[1]} -->\n{found[mark[1]]}", page)


def _several(tests: str | tuple[str, ...]) -> tuple[str, ...]:
    return (tests,) if isinstance(tests, str) else tests


def check_tests() -> None:
    """Raise where a test that the table of faults names is not there."""
    for test in [test for _, _, tests in FAULTS for test in _several(tests)]:
        file, name = test.split("::")
        getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), name)


if __name__ == "__main__":
    sys.stdout.write(render(PAGE.read_text(encoding="utf-8")))
