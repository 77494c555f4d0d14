"""What is made again after an edit: exactly what depends on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.small import changed, config, frame, write_clip, write_table
from tests.workflow.runs import (
    ANALYSES,
    LAYERS,
    Workspace,
    branch,
    canvases,
    jobs,
    of_video,
    studied,
)

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

EVERY_MODEL = list(LAYERS)


def _swapped() -> dict[str, Any]:
    """ffn with the values of two settings exchanged."""
    settings = {"fourier_features": 6, "hidden_width": 4, "layers": 2}
    return changed("models.ffn.settings", settings)


def _reordered() -> dict[str, Any]:
    """The same configuration with every mapping turned round."""

    def turned(value: Any) -> Any:
        return {k: turned(value[k]) for k in reversed(value)} if isinstance(value, dict) else value

    return {k: turned(v) for k, v in reversed(config().items())}


def _spelled_out() -> dict[str, Any]:
    """The defaults written down change nothing."""
    values = changed("analyses.intensity.edges", "sobel")
    values["models"]["nerv"]["settings"]["reduction"] = 1.2
    values["canvas"]["layout"] = "factored"
    return values


#: Edits of the configuration, and the jobs that they bring about.
EDITS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "an analysis": (
        changed("analyses.intensity.edges", "scharr"),
        set().union(*(studied(m, ["intensity"]) for m in EVERY_MODEL)),
    ),
    "a figure": (
        changed("analyses.maps.zoom", 3),
        jobs("figure", video="clip", model=EVERY_MODEL, seed=0, analysis="maps"),
    ),
    "a model": (changed("models.siren.settings.omega", 20), branch("siren")),
    "a training": (changed("models.nerv.training.epochs", 4), branch("nerv")),
    "two values swapped": (_swapped(), branch("ffn")),
    "a canvas's layout": (
        changed("canvas.layout", "dense"),
        set().union(*(canvases(m) | studied(m, ["maps", "intensity"]) for m in EVERY_MODEL)),
    ),
    "one model's canvas": (
        changed("models.nerv.canvas", {"layers": ["block2", "head"], "frames": 3}),
        canvases("nerv") | studied("nerv", ["maps", "intensity"]),
    ),
    "a layer less": (changed("models.nerv.canvas", {"layers": ["head"]}), studied("nerv", ["maps", "intensity"])),
    "a seed more": (config(seeds=[0, 1]), set().union(*(branch(m, seed=1) for m in EVERY_MODEL))),
    "an analysis less": (config(analyses={"quality": {"show": 2}}), set()),
    "the resolution": (config(resolution="8x16"), of_video("clip")),
    "the order of everything": (_reordered(), set()),
    "defaults written down": (_spelled_out(), set()),
}


@pytest.mark.parametrize(("values", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit_of_the_configuration(
    finished: Workspace, tmp_path: Path, values: dict[str, Any], expected: set[str]
) -> None:
    assert finished.pending(values, tmp_path / "config.yaml") == expected


def test_a_video_more_and_another_order(workspace: Workspace) -> None:
    write_clip(workspace.run, "disc", 5)
    write_table(workspace.run, "disc disc disc_masks", "clip clip clip_masks")
    assert workspace.pending() == of_video("disc")
    write_table(workspace.run, "clip clip clip_masks")
    assert workspace.pending() == set()


def test_a_column_in_another_place(workspace: Workspace) -> None:
    write_table(workspace.run, "clip_masks clip clip", columns="masks source video")
    assert workspace.pending() == set()


def _touched(*roots: Path) -> None:
    later = time.time() + 10
    for root in roots:
        for path in [root, *root.rglob("*")]:
            os.utime(path, (later, later))


def test_touching_the_code_and_the_configuration(workspace: Workspace) -> None:
    run = workspace.run
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
    "a comment": (_edit("training/loop.py", "history = History()", "history = History()  # a comment"), set()),
    "a figure's code": (
        _edit("analyses/intensity.py", '"source")', '"the source")'),
        jobs("figure", video="clip", model=EVERY_MODEL, seed=0, analysis="intensity"),
    ),
    "one architecture": (_edit("models/siren.py", "math.sqrt(6 / c_in)", "math.sqrt(5 / c_in)"), branch("siren")),
    "the training loop": (
        _edit("training/loop.py", "1e-20", "1e-21"),
        set().union(*(branch(m) for m in EVERY_MODEL)),
    ),
}


@pytest.mark.parametrize(("edit", "expected"), SOURCE.values(), ids=SOURCE)
def test_an_edit_of_the_library(workspace: Workspace, edit: Callable[[Workspace], None], expected: set[str]) -> None:
    edit(workspace)
    assert workspace.pending() == expected


def test_a_result_that_was_deleted(workspace: Workspace) -> None:
    for path in (workspace.run / "results/figures/quality/clip/ffn/seed0").iterdir():
        path.unlink()
    (workspace.run / "results/figures/quality/clip/ffn/seed0").rmdir()
    assert workspace.pending() == jobs("figure", video="clip", model="ffn", seed=0, analysis="quality")


def test_what_is_announced_is_done(workspace: Workspace) -> None:
    """A real run after an edit does those jobs, and then there is nothing to do."""
    values = changed("analyses.maps.zoom", 3)
    before = {p: p.stat().st_mtime_ns for p in (workspace.run / "results").rglob("result.zarr")}
    assert len(workspace.pending(values)) == len(EVERY_MODEL)
    workspace.make()
    assert workspace.pending() == set()
    assert {p: p.stat().st_mtime_ns for p in (workspace.run / "results").rglob("result.zarr")} == before
    assert len(before) == len(EVERY_MODEL) * len(ANALYSES)
