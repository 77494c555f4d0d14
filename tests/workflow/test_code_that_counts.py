"""No job uses code of the library that its spec does not count: otherwise an edit of it would leave old results."""

from __future__ import annotations

import copy
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.small import write_clip, write_table
from tests.workflow.everything import EVERYTHING
from tests.workflow.runs import EXHAUSTIVE, Workspace
from xinc.experiment import plan as planning
from xinc.experiment.config import Config
from xinc.experiment.provenance import left_out, sources

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.slow,
    pytest.mark.skipif(not EXHAUSTIVE, reason="two minutes on two cores: set XINC_EXHAUSTIVE=1"),
]

#: What changes no result: what tells people how it goes, and the digests themselves.
CHANGES_NOTHING = {"xinc.errors", "xinc.runtime.progress", "xinc.experiment.provenance"}

#: A job of every rule.
VALUES = EVERYTHING | {"materialise": {"nerv": {"neurons": 2}}}

#: What is counted though these jobs do not use it: it is for a GPU, for one kind of layer, one granularity, one layout.
FOR_SOME = {
    "xinc.trace.activations", "xinc.canvas.reductions.kernels_torch", "xinc.canvas.reductions.execute_gpu", "xinc.contributions.kernels.compiled",
    "xinc.contributions.propagation", "xinc.contributions.sources",
    # Each analysis of a network may look at its video, and the frames of one may be drawn as that of a video.
    "xinc.video", "xinc.video.store", "xinc.video.figures.video",
}  # fmt: skip

#: Python imports this by itself. At the end of a job's script it writes which modules of the library the script has
#: imported, and on which lines the functions begin that were called in them.
WATCH = """
import atexit, json, os, sys, threading

CALLED = set()

def _note(frame, event, _):
    if event == "call" and "/xinc/" in frame.f_code.co_filename:
        CALLED.add((frame.f_globals.get("__name__", ""), frame.f_code.co_firstlineno))

def _write():
    sys.setprofile(None)
    job = sys.modules["__main__"].snakemake
    found = {"rule": job.rule, "wildcards": dict(job.wildcards.items()), "called": sorted(CALLED)}
    found["modules"] = [name for name in sys.modules if name.split(".")[0] == "xinc"]
    with open(os.path.join(os.path.dirname(__file__), "watched", f"{os.getpid()}.json"), "w") as file:
        json.dump(found, file)

if any("/.snakemake/scripts/" in word for word in sys.orig_argv):
    atexit.register(_write)
    sys.setprofile(_note)
    threading.setprofile(_note)
"""


Watched = tuple[Workspace, list[dict[str, Any]]]


def specs(plan: planning.Plan) -> dict[str, Any]:
    """By rule, from wildcards to the spec of the job."""

    def of(method: str, *names: str) -> Any:
        return lambda wildcards: getattr(plan, method)(*(wildcards[name] for name in names))

    network = ("video", "model", "seed")
    return {
        "video": of("video_spec", "video"),
        "video_figure": of("video_figure_spec", "video"),
        "regions": of("regions_spec", "video"),
        "regions_figure": of("regions_figure_spec", "video"),
        "flow": of("flow_spec", "video"),
        "train": of("train_spec", *network),
        "canvas": of("canvas_spec", *network, "layer"),
        "materialise": of("materialise_spec", *network, "layer"),
        "analysis": of("analysis_spec", *network, "analysis"),
        "analysis_of_seeds": of("seeds_spec", "video", "model", "analysis"),
        "analysis_of_project": of("project_spec", "analysis"),
        "figure": of("figure_spec", "analysis", *network),
        "figure_of_seeds": of("figure_spec", "analysis", "video", "model"),
        "figure_of_project": of("figure_spec", "analysis"),
    }


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A run of every rule, and what each of its jobs imported and called."""
    space = Workspace.create(tmp_path_factory.mktemp("watched"))
    (space.code / "watched").mkdir()
    (space.code / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    write_clip(space.run)
    write_table(space.run)
    space.configure(VALUES)
    space.make()
    return space, [json.loads(file.read_text()) for file in (space.code / "watched").iterdir()]


def with_what_counts(watched: Watched, ask: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], Any]]:
    """Each job, and what ``ask`` answers of its modules and parts in the place of their digest."""
    space, jobs = watched
    monkeypatch.chdir(space.run)
    monkeypatch.setattr(planning, "source_digest", lambda modules, parts, _: ask(modules, parts))
    rules = specs(planning.Plan(Config(copy.deepcopy(VALUES))))
    assert {job["rule"] for job in jobs} == set(rules)
    return [(job, rules[job["rule"]](job["wildcards"])["source"]) for job in jobs]


def test_what_jobs_import_counts(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = with_what_counts(watched, lambda *used: sorted(sources(*used)), monkeypatch)
    for job, counted in [(job, set(names)) for job, names in asked]:
        # The claims of an analysis are defined wherever it is imported, and used by the findings only.
        claims = set() if job["rule"] == "analysis_of_project" else {m for m in job["modules"] if "_claims" in m}
        missing = set(job["modules"]) - counted - CHANGES_NOTHING - claims
        assert not missing, f"{job['rule']} {job['wildcards']} uses {sorted(missing)}, which do not count"
        idle = counted - set(job["modules"]) - FOR_SOME
        assert not idle, f"{job['rule']} {job['wildcards']} does not use {sorted(idle)}, which count"


def test_what_jobs_call_counts(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    left = 0
    for job, out in with_what_counts(watched, lambda *used: _plain(left_out(*used)), monkeypatch):
        wrong = [(module, line) for module, line in job["called"] if line in out.get(module, ())]
        wrong = [one for one in wrong if not _defines_claims(*one)]
        assert not wrong, f"{job['rule']} {job['wildcards']} calls functions that do not count: {wrong}"
        left += sum(map(len, out.values()))
    assert left > 100, "there are functions that do not count"


def _plain(found: dict[str, set[int]]) -> dict[str, list[int]]:
    return {name: sorted(lines) for name, lines in found.items()}


def _defines_claims(module: str, line: int) -> bool:
    """Whether the function that begins there makes the claims of an analysis, wherever that is imported."""
    lines = Path(importlib.import_module(module).__file__ or "").read_text(encoding="utf-8").splitlines()
    return lines[line - 1].startswith("def _claim")
