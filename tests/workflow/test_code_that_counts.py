"""No job imports code of the library that its spec does not count: otherwise an edit of it would leave old results."""

from __future__ import annotations

import ast
import copy
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.everything import EVERYTHING
from tests.helpers.workflow.runs import Workspace
from tests.helpers.workflow.watched import watched
from xinc.experiment.config import Config
from xinc.experiment.plan import Plan
from xinc.experiment.provenance import _NOT_COUNTED

pytestmark = [pytest.mark.workflow, pytest.mark.slow, exhaustive]

#: A job of every rule but that of imported networks: what `complete` has made, and chosen maps.
VALUES = EVERYTHING | {"materialise": {"nerv": {"neurons": 2}}}

#: By module, the rules whose jobs import it and do not use it, so that it does not count for them.
NOT_USED = {
    # Declarations need it: the type of a setting, the least number of neurons.
    "xinc.frames": {"figure", "figure_of_seeds", "figure_of_pair", "figure_of_project", "analysis_of_project"},
    "xinc.analyses.clusters.numbers": {"figure_of_seeds", "analysis_of_project", "analysis"},
    "xinc.analyses.compare.numbers": {"analysis_of_pair", "figure_of_pair", "analysis_of_project"},
    # Declarations are classes of it; the report is told their words.
    "xinc.analyses.base": {"report"},
    # It asks for a pass of its own (`xinc.canvas.reductions.queries`), and Python imports the package around it.
    "xinc.canvas.reductions": {"analysis_of_pair"},
    # xinc.experiment.subjects, which opens what an analysis looks at, imports what one of the project needs.
    "xinc.analyses.results": {"analysis", "analysis_of_seeds", "analysis_of_pair"},
    # `dataset` takes titles from xinc.video.sources.datasets, and Python imports the package around it.
    "xinc.video.sources": {"analysis_of_project"},
    **{
        f"xinc.video.sources.{name}": {"analysis_of_project"}
        for name in ("damage", "display", "examples", "masks", "matroska", "numbering", "raw")
    },
    "xinc.video.sources.given_flow": {"analysis_of_project"},
    "xinc.video.sources.movies": {"analysis_of_project"},
    "xinc.video.transforms": {"analysis_of_project"},
}

#: What is counted though these jobs do not import it: it is for a GPU, for layers or layouts that they do not have, for
#: animations, or for videos that a network's analysis does not open.
FOR_SOME = {
    "xinc.canvas.reductions.execute_gpu", "xinc.canvas.reductions.kernels_torch", "xinc.contributions.kernels.compiled",
    "xinc.contributions.kernels.convolution", "xinc.contributions.kernels.forms", "xinc.contributions.kernels.linear",
    "xinc.contributions.kernels.lookup", "xinc.canvas.reductions.kernels_sparse", "xinc.trace.reading",
    "xinc.contributions.propagation", "xinc.contributions.sources", "xinc.plotting.animation",
    "xinc.runtime.compiling", "xinc.runtime.lanes", "xinc.trace.functions", "xinc.video.store",
}  # fmt: skip

#: Of an analysis, packages that count though its job does not import them here: it opens a network only where one of
#: its neurons is dead, or a layer linear.
FOR_SOME_NETWORKS = {"pixels_per_neuron": ("xinc.models", "xinc.interventions", "xinc.canvas.network")}


def watched_jobs(space: Workspace) -> list[tuple[str, set[str], set[str]]]:
    """Of each job of a run of every rule: its name, the modules that it imported and those that count for it."""
    space.configure(VALUES)
    space.make()
    jobs = watched(space)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(space.run)
        plan = Plan(Config(copy.deepcopy(VALUES)), scripts=space.code / "workflow" / "scripts")
        assert {job["rule"] for job in jobs} == {made.rule for made in plan.jobs()}
        assert len(jobs) == len(list(plan.jobs()))
        return [
            (f"{job['rule']} {job['wildcards']}", set(job["modules"]), counting(plan, job["rule"], job["wildcards"]))
            for job in jobs
        ]


def counting(plan: Plan, rule: str, wildcards: dict[str, Any]) -> set[str]:
    return {name for name in plan.spec(rule, **wildcards).code if not name.endswith(".py")}


def declares(module: str) -> bool:
    """Whether a package's own file has only declarations: no functions but the methods of a class, no calls."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    if Path(spec.origin).name != "__init__.py":
        return False
    kinds = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.ClassDef, ast.Expr, ast.If)
    return all(isinstance(node, kinds) for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body)


#: What the frame of every job imports, to keep a record and to explain failures; where it counts, a script imports it
#: as well.
OF_THE_FRAME = {"xinc.experiment.failures", "xinc.experiment.paths"}


def test_what_jobs_import_counts_and_nothing_else(complete_workspace: Workspace) -> None:
    """Of one run, which takes minutes: what counts and is not imported would make results again for nothing."""
    jobs = watched_jobs(complete_workspace)
    missing, idle = {}, {}
    for name, imported, counts in jobs:
        unused = {module for module, rules in NOT_USED.items() if name.split(" ")[0] in rules}
        counted = counts | unused | _NOT_COUNTED | OF_THE_FRAME
        missing[name] = {module for module in imported - counted if not declares(module)}
        spared = tuple(
            package for analysis, named in FOR_SOME_NETWORKS.items() if f"'{analysis}'" in name for package in named
        )
        found = counts - imported - FOR_SOME
        idle[name] = {module for module in found if not (spared and module.startswith(spared))}
    assert not {name: sorted(found) for name, found in missing.items() if found}, "imported, and does not count"
    assert not {name: sorted(found) for name, found in idle.items() if found}, "counts, and is not imported"
