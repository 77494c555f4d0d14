"""An edit of one module of each room of the house, and exactly the kinds of jobs that it makes again."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

import xinc
from tests.helpers.small import write_clip, write_table
from tests.helpers.workflow.everything import EVERYTHING
from xinc.analyses import analyses
from xinc.experiment import provenance
from xinc.experiment.config import Config
from xinc.experiment.paths import Made
from xinc.experiment.plan import Plan

PACKAGE = Path(xinc.__file__).parent
SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
VALUES = EVERYTHING | {"materialise": {"nerv": {"neurons": 2}}}

#: Analyses by what they look at.
EVERY = set(analyses)
OF_CANVAS = {name for name in EVERY if "canvas" in analyses[name].needs and analyses[name].scope != "project"}
#: What follows from any result of an analysis that is judged, and from any video.
PROJECT = {"analysis dataset", "figure dataset", "analysis findings", "figure findings"}
FINDINGS = {"analysis findings", "figure findings"}


def both(*names: str) -> set[str]:
    """Analyses and their figures."""
    return {f"{kind} {name}" for kind in ("analysis", "figure") for name in names}


CANVAS = {"canvas", "materialise", *both(*OF_CANVAS), *FINDINGS}
NETWORK = {"train", *CANVAS, *both("quality")}
VIDEO = {"video", "video_figure", "regions", "regions_figure", "flow", *NETWORK, *PROJECT}
FIGURES = {f"figure {name}" for name in EVERY}

#: By room, a file, a text in it and what takes its place, and the kinds of jobs that are made again.
EDITS: dict[str, tuple[str, str, str, set[str]]] = {
    "version": ("__init__.py", '__version__ = "', '__version__ = "9.', set()),
    "a name offered": ("__init__.py", '"__version__", ', '"__version__", "more", ', set()),
    "vocabulary: a message": ("settings.py", '" is missing"', '" is not there"', set()),
    "vocabulary: errors": ("errors.py", "cutoff=0.5", "cutoff=0.6", set()),
    "vocabulary: the registry": ("registry.py", "return sorted(", "return list(", set()),
    "runtime: progress": ("runtime/progress.py", "every: float = 5.0", "every: float = 6.0", set()),
    "trace": ("trace/activations.py", '"relu6": F.relu6', '"relu6": F.relu', NETWORK),
    "storage": ("storage/locations.py", "def put(", "def put_all(", CANVAS),
    "plotting": (
        "plotting/style.py",
        '"font.size": 9.6',
        '"font.size": 9.7',
        FIGURES | {"video_figure", "regions_figure"},
    ),
    "statistics": (
        "statistics/ranks.py",
        ".rank()",
        ".rank(method='min')",
        both("intensity", "motion", "objects") | FINDINGS,
    ),
    "contributions": ("contributions/sources.py", "share = layer.bias[j]", "share = 2 * layer.bias[j]", CANVAS),
    "models": ("models/nerv/network.py", "math.pi", "3.0", NETWORK),
    "models: another": ("models/siren/network.py", "math.sqrt(6 / c_in)", "math.sqrt(5 / c_in)", set()),
    "models: imports": ("models/imports/nerv.py", "import annotations", "import annotations\n\nX = 1", set()),
    "video": ("video/prepare.py", "import annotations", "import annotations\n\nX = 1", VIDEO),
    "video: a reader": ("video/sources/movies.py", "import annotations", "import annotations\n\nX = 1", VIDEO),
    "video: regions": (
        "video/regions.py",
        "import annotations",
        "import annotations\n\nX = 1",
        {"regions", "regions_figure", *both("clusters", "grouping", "objects"), *FINDINGS},
    ),
    "video: flow": (
        "video/flow.py",
        "import annotations",
        "import annotations\n\nX = 1",
        {"flow", *both("motion"), *FINDINGS},
    ),
    "video: figures": (
        "video/figures/video.py",
        "import annotations",
        "import annotations\n\nX = 1",
        {"video_figure", "regions_figure"},
    ),
    "training": ("training/loop.py", "import annotations", "import annotations\n\nX = 1", NETWORK),
    "canvas: writing": ("canvas/writer.py", "import annotations", "import annotations\n\nX = 1", CANVAS),
    "canvas: reading": (
        "canvas/reader.py",
        "import annotations",
        "import annotations\n\nX = 1",
        {"materialise", *both(*OF_CANVAS), *FINDINGS},
    ),
    "canvas: reductions": (
        "canvas/reductions/kernels.py",
        "import annotations",
        "import annotations\n\nX = 1",
        both(*OF_CANVAS - {"maps"}) | FINDINGS,
    ),
    "analyses: how they are run": (
        "analyses/run.py",
        "import annotations",
        "import annotations\n\nX = 1",
        both(*EVERY),
    ),
    "analyses: how they are drawn": ("analyses/draw.py", "import annotations", "import annotations\n\nX = 1", FIGURES),
    "analyses: a computation": (
        "analyses/grouping/compute.py",
        "import annotations",
        "import annotations\n\nX = 1",
        both("grouping") | FINDINGS,
    ),
    "analyses: a figure": (
        "analyses/grouping/figure.py",
        "import annotations",
        "import annotations\n\nX = 1",
        {"figure grouping"},
    ),
    "analyses: a declaration": (
        "analyses/grouping/__init__.py",
        "import annotations",
        "import annotations\n\nX = 1",
        set(),
    ),
    "analyses: claims": ("analyses/grouping/claims.py", "import annotations", "import annotations\n\nX = 1", FINDINGS),
    "analyses: a claim's verdict": (
        "analyses/claim.py",
        "return value > self.threshold",
        "return value >= self.threshold",
        FINDINGS,
    ),
    "experiment": ("experiment/report.py", "import annotations", "import annotations\n\nX = 1", set()),
    "experiment: plan": ("experiment/plan.py", "import annotations", "import annotations\n\nX = 1", set()),
}


@pytest.fixture(autouse=True)
def _experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)


def kind(made: Made) -> str:
    """A job of the smallest experiment without its wildcards, but for the analysis."""
    rule = made.rule.removesuffix("_of_seeds").removesuffix("_of_project")
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


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """A module with another text, as far as digests see."""
    read, known = provenance._text, provenance._digest_of

    def apply(file: str, old: str, new: str) -> None:
        path = PACKAGE / file
        assert old in read(path), f"{file} no longer holds {old!r}: update this edit"
        with monkeypatch.context() as patch:
            patch.setattr(provenance, "_text", lambda at: read(at).replace(old, new, 1))
            edited = known.__wrapped__(path)
        monkeypatch.setattr(provenance, "_digest_of", lambda at: edited if at == path else known(at))

    return apply


@pytest.mark.parametrize("name", EDITS)
def test_an_edit(edit: Callable[[str, str, str], None], name: str) -> None:
    file, old, new, expected = EDITS[name]
    unchanged()
    edit(file, old, new)
    assert made_again() == expected


def test_there_is_a_job_of_every_kind() -> None:
    kinds = {name for name, _ in unchanged()}
    assert kinds == VIDEO
    assert len(kinds) == 8 + 2 * len(EVERY)


def test_the_default_of_a_figure_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    unchanged()
    settings = analyses["maps"].Settings
    field = settings.model_fields["zoom"]
    monkeypatch.setattr(field, "default", int(field.default) + 1)
    settings.model_rebuild(force=True)
    try:
        assert made_again() == {"figure maps"}
    finally:
        monkeypatch.undo()
        settings.model_rebuild(force=True)
