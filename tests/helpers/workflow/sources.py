"""Edits of the library, and the jobs that each brings about in a small experiment."""

from __future__ import annotations

from dataclasses import dataclass

from tests.helpers.workflow.edits import ANALYSES, MODELS
from tests.helpers.workflow.runs import REPORT, Workspace, branch, canvases, jobs, studied


@dataclass(frozen=True)
class SourceEdit:
    """Text of a module of the library in place of another."""

    file: str
    old: str
    new: str
    jobs: frozenset[str] | set[str]

    def apply(self, space: Workspace) -> None:
        path = space.code / "xinc" / self.file
        text = path.read_text(encoding="utf-8")
        assert self.old in text, f"{self.file} no longer holds {self.old!r}: update this edit"
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


SOURCES: dict[str, SourceEdit] = {
    "how one analysis computes": SourceEdit(
        "analyses/maps/compute.py",
        "maps = abs(xr.concat(",
        "maps = 2 * abs(xr.concat(",
        set().union(*(studied(m, ["maps"]) for m in MODELS)),
    ),
    "how one figure is drawn": SourceEdit(
        "analyses/maps/figure.py",
        '"source")',
        '"the source")',
        REPORT | jobs("figure", video="clip", model=MODELS, seed=0, analysis="maps"),
    ),
    "one architecture": SourceEdit(
        "models/siren/network.py", "math.sqrt(6 / c_in)", "math.sqrt(5 / c_in)", branch("siren", ANALYSES)
    ),
    "the equations of contributions": SourceEdit(
        "contributions/sources.py",
        "return layer.edge_responses(v, i, j)",
        "return 2 * layer.edge_responses(v, i, j)",
        set().union(*(canvases(m) | studied(m, ["maps"]) for m in MODELS)),
    ),
    "a script of the workflow": SourceEdit(
        "../workflow/scripts/canvas.py",
        'settings["canvas"])',
        'settings["canvas"] | {"frames": [0]})',
        set().union(*(canvases(m) | studied(m, ["maps"]) for m in MODELS)),
    ),
    "how an existing checkpoint is read": SourceEdit(
        "models/imports/nerv.py",
        "from __future__ import annotations",
        "from __future__ import annotations\n\nX = 1",
        set(),
    ),
    "an analysis that is not asked for": SourceEdit(
        "analyses/motion/compute.py",
        "from __future__ import annotations",
        "from __future__ import annotations\n\nX = 1",
        set(),
    ),
    "a message": SourceEdit("canvas/layer.py", "Unknown layer", "There is no layer", set()),
    "the description of a setting": SourceEdit("training/settings.py", "Peak learning rate", "Highest rate", set()),
    "how progress is shown": SourceEdit("runtime/progress.py", "import time", "import time\n\nX = 1", set()),
    "a docstring": SourceEdit(
        "contributions/sources.py", '"""Edge responses e_ij of', '"""The edge responses e_ij of', set()
    ),
    "a comment": SourceEdit("training/loop.py", "_END = object()", "_END = object()  # a comment", set()),
}
