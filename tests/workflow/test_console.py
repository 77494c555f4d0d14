"""What `snakemake -n` says on the screen."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.helpers.small import changed
from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.edits import EDITS
from tests.helpers.workflow.files import siren
from tests.helpers.workflow.runs import REPOSITORY, Workspace
from tests.helpers.workflow.sources import SOURCES

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

FOLLOWS = "after jobs before it"


def plan(space: Workspace) -> dict[str, str]:
    """Each line of the plan without its wildcards: the reason, by rule."""
    done = space.snakemake("-n")
    assert done.returncode == 0, done.stdout
    assert not re.search(r"^ *all\b.*results/", done.stdout, flags=re.MULTILINE)
    lines = re.findall(r"^  (\w+)(?: [\w=, ]+)? \((.+)\)$", done.stdout, flags=re.MULTILINE)
    assert lines, done.stdout
    assert len(dict(lines)) == len(lines), done.stdout
    return dict(lines)


def test_an_edit_is_told_on_one_line(workspace: Workspace) -> None:
    """Of a job whose own settings or code differ these are named; what follows it, follows."""
    workspace.configure(changed("analyses.maps.neurons", 2, siren()))
    assert plan(workspace) == {"analysis": "other settings"} | dict.fromkeys(("figure", "report"), FOLLOWS)
    workspace.configure(siren())
    SOURCES["how one analysis computes"].apply(workspace)
    assert plan(workspace) == {"analysis": "other code"} | dict.fromkeys(("figure", "report"), FOLLOWS)


@exhaustive
def test_what_a_result_made_anew_brings_about_is_told(workspace: Workspace) -> None:
    workspace.configure(changed("analyses.maps.neurons", 2, siren()))
    workspace.make("results/clip/siren/seed0/maps")
    assert plan(workspace) == {"figure": "newer input: results/clip/siren/seed0/maps", "report": FOLLOWS}


def test_what_differs_upstream_is_told(workspace: Workspace) -> None:
    workspace.configure(EDITS["one analysis fewer"][0])
    assert plan(workspace) == {"report": "other inputs, other settings and upstream"}


def test_the_plan_of_the_example_fits_a_screen(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path)
    shutil.copytree(REPOSITORY / "config", space.run / "config")
    done = space.snakemake("-n", config=space.run / "config" / "config.yaml")
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) < 60, done.stdout
    assert "results/" not in done.stdout
    assert re.search(r"^ +\d+ canvas \(not made yet\)$", done.stdout, flags=re.MULTILINE)
    assert not (space.run / "results").exists()
