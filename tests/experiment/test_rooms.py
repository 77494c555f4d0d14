"""An edit of one module of each room of the house, and exactly the kinds of jobs that it makes again."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import xinc
from tests.helpers.small import write_clip, write_table
from tests.helpers.workflow.rooms import EDITS, EVERY, VALUES, VIDEO
from xinc.analyses import analyses
from xinc.experiment.config import Config
from xinc.experiment.paths import Made
from xinc.experiment.plan import Plan

PACKAGE = Path(xinc.__file__).parent
SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


@pytest.fixture(autouse=True)
def _experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)


def kind(made: Made) -> str:
    """A job of the smallest experiment without its wildcards, but for the analysis."""
    rule = re.sub("_of_(seeds|pair|project)$", "", made.rule)
    return " ".join(filter(None, [rule, made.wildcards.get("analysis")]))


def specs() -> dict[tuple[str, str], str]:
    """The digest of each job."""
    plan = Plan(Config(copy.deepcopy(VALUES)), scripts=SCRIPTS)
    jobs = {(kind(made), str(sorted(made.wildcards.items()))): made for made in plan.jobs()}
    return {name: plan.spec(made.rule, **made.wildcards).digest for name, made in jobs.items()}


@functools.cache
def unchanged() -> dict[tuple[str, str], str]:
    """As it is: every test has the same experiment."""
    return specs()


def made_again() -> set[str]:
    """Kinds of jobs that differ."""
    return {name for (name, of), digest in specs().items() if unchanged()[name, of] != digest}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit(edit: Callable[[str, str, str], None], name: str) -> None:
    file, old, new, expected = EDITS[name]
    unchanged()
    edit(file, old, new)
    assert made_again() == expected


def test_there_is_a_job_of_every_kind() -> None:
    kinds = {name for name, _ in unchanged()}
    assert kinds == VIDEO
    assert len(kinds) == 9 + 2 * len(EVERY)


def test_the_default_of_a_figure_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    unchanged()
    settings = analyses["maps"].Settings
    field = settings.model_fields["zoom"]
    monkeypatch.setattr(field, "default", int(field.default) + 1)
    settings.model_rebuild(force=True)
    try:
        assert made_again() == {"figure maps", "report"}
    finally:
        monkeypatch.undo()
        settings.model_rebuild(force=True)
