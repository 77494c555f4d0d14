"""What Snakemake makes again after an edit: exactly what depends on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.small import frame, write_clip, write_table
from tests.workflow.edits import EDITS, EVERY_MODEL
from tests.workflow.runs import Workspace, branch, jobs, of_video

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

#: Every edit is judged in test_plan.py, without Snakemake; these also by it.
ASKED = [
    "an analysis", "a figure", "a model", "two values swapped", "a canvas's layout", "a seed more",
    "the order of everything",
]  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_an_edit_of_the_configuration(finished: Workspace, tmp_path: Path, name: str) -> None:
    values, expected = EDITS[name]
    assert finished.pending(values, tmp_path / "config.yaml") == expected


def test_a_video_more_and_another_order_of_rows_and_columns(workspace: Workspace) -> None:
    write_clip(workspace.run, "disc", 5)
    write_table(workspace.run, "disc_masks disc disc", "clip_masks clip clip", columns="masks source video")
    assert workspace.pending() == of_video("disc")


def _touched(*roots: Path) -> None:
    later = time.time() + 10
    for root in roots:
        for path in [root, *root.rglob("*")]:
            os.utime(path, (later, later))


def test_touching_everything_and_writing_a_comment(workspace: Workspace) -> None:
    run = workspace.run
    _edit("training/loop.py", "_END = object()", "_END = object()  # a comment")(workspace)
    _touched(workspace.code, run / "config.yaml", run / "videos.tsv")
    assert workspace.pending() == set()


def test_a_changed_frame(workspace: Workspace) -> None:
    _touched(workspace.run / "clip")
    assert workspace.pending() == set(), "the content of small files counts, not their times"
    Image.fromarray(frame(3)).save(workspace.run / "clip" / "1.png")
    _touched(workspace.run / "clip")
    assert workspace.pending() == of_video("clip")


def _edit(file: str, old: str, new: str) -> Callable[[Workspace], None]:
    def edit(space: Workspace) -> None:
        path = space.code / "xinc" / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} no longer holds {old!r}: update this test"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return edit


#: Edits of the library, and what they bring about.
SOURCE: dict[str, tuple[Callable[[Workspace], None], set[str]]] = {
    "a figure's code": (
        _edit("analyses/intensity.py", '"source")', '"the source")'),
        jobs("figure", video="clip", model=EVERY_MODEL, seed=0, analysis="intensity"),
    ),
    "one architecture": (_edit("models/siren.py", "math.sqrt(6 / c_in)", "math.sqrt(5 / c_in)"), branch("siren")),
}


@pytest.mark.parametrize(("edit", "expected"), SOURCE.values(), ids=SOURCE)
def test_an_edit_of_the_library(workspace: Workspace, edit: Callable[[Workspace], None], expected: set[str]) -> None:
    edit(workspace)
    assert workspace.pending() == expected
