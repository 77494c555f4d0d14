"""An edit of one module of each room of the house, and the kinds of jobs that it makes again."""

from __future__ import annotations

from typing import Any

from tests.helpers.workflow.everything import EVERYTHING
from xinc.analyses import analyses

#: A job of every rule but that of imported networks.
VALUES: dict[str, Any] = EVERYTHING | {"materialise": {"nerv": {"neurons": 2}}}

#: Analyses by what they look at; those of other architectures than the experiment has are left out.
EVERY = {name for name in analyses if analyses[name].architectures is None}
OF_CANVAS = {name for name in EVERY if "canvas" in analyses[name].needs and analyses[name].scope != "project"}
#: What follows from any result of an analysis that is judged, and from any video.
JUDGED = {f"{kind} {name}" for kind in ("analysis", "figure") for name in ("findings", "paper_claims")}
#: And of those that families are compared by.
FINDINGS = JUDGED | {"analysis families", "figure families"}
PROJECT = {"analysis dataset", "figure dataset", *FINDINGS}


def both(*names: str) -> set[str]:
    """Analyses and their figures."""
    return {f"{kind} {name}" for kind in ("analysis", "figure") for name in names}


CANVAS = {"canvas", "materialise", *both(*OF_CANVAS), *FINDINGS}
#: It looks at a network, and computes maps of its own.
PRUNING = both("pruning")
#: It looks at a network and its gradients.
ERROR = both("error")
#: Figures of maps quote it.
FAITHFULNESS = {*both("faithfulness"), "figure intensity", "figure maps"}
NETWORK = {"train", *CANVAS, *PRUNING, *ERROR, *both("quality")}
VIDEO = {"report", "video", "video_figure", "regions", "regions_figure", "flow", *NETWORK, *PROJECT}
FIGURES = {f"figure {name}" for name in EVERY}

#: It reads the results of these itself, and shows all figures.
REPORT = {"report"}

#: A text that every module has, and a line more.
A_LINE = ("import annotations", "import annotations\n\nX = 1")

#: By room, a file, a text in it and what takes its place, and the kinds of jobs that are made again.
_EDITS: dict[str, tuple[str, str, str, set[str]]] = {
    "version": ("__init__.py", '__version__ = "', '__version__ = "9.', set()),
    "a name offered": ("__init__.py", '"__version__",', '"__version__", "more",', set()),
    "vocabulary: a message": ("settings.py", '" is missing"', '" is not there"', set()),
    "vocabulary: errors": ("errors.py", "cutoff=0.5", "cutoff=0.6", set()),
    "vocabulary: the registry": ("registry.py", "return sorted(", "return list(", set()),
    "runtime: progress": ("runtime/progress.py", "every: float = 5.0", "every: float = 6.0", set()),
    "runtime: tasks": ("runtime/task.py", "PATIENCE = 0.02", "PATIENCE = 0.03", set()),
    "runtime: process": ("runtime/process.py", "is_job: bool = False", "is_job: bool = True", set()),
    "trace": ("trace/functions.py", '"relu6": F.relu6', '"relu6": F.relu', NETWORK),
    "storage": ("storage/locations.py", "def put(", "def put_all(", CANVAS | PRUNING | ERROR),
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
        both("intensity", "motion", "objects") | FAITHFULNESS | FINDINGS,
    ),
    "contributions": (
        "contributions/sources.py",
        "return layer.edge_responses(v, i, j)",
        "return 2 * layer.edge_responses(v, i, j)",
        CANVAS | PRUNING | ERROR,
    ),
    "models": ("models/nerv/network.py", "math.pi", "3.0", NETWORK),
    "models: another": ("models/siren/network.py", "math.sqrt(6 / c_in)", "math.sqrt(5 / c_in)", set()),
    "models: imports": ("models/imports/nerv.py", *A_LINE, set()),
    "video": ("video/prepare.py", *A_LINE, VIDEO),
    "video: a reader": ("video/sources/movies.py", *A_LINE, VIDEO),
    "video: regions": (
        "video/regions.py",
        *A_LINE,
        {"regions", "regions_figure", *both("clusters", "grouping", "objects", "released"), *JUDGED},
    ),
    "video: flow": ("video/flow.py", *A_LINE, {"flow", *both("motion"), *JUDGED}),
    "video: figures": ("video/figures/video.py", *A_LINE, {"video_figure", "regions_figure"}),
    "training": ("training/loop.py", *A_LINE, NETWORK),
    "canvas: writing": ("canvas/writer.py", *A_LINE, CANVAS),
    "canvas: reading": ("canvas/reader.py", *A_LINE, {"materialise", *both(*OF_CANVAS), *FINDINGS}),
    "canvas: reductions": (
        "canvas/reductions/kernels.py",
        *A_LINE,
        both(*OF_CANVAS) | FAITHFULNESS | PRUNING | FINDINGS,
    ),
    "canvas: display": ("canvas/display.py", *A_LINE, set()),
    "answers": ("answers/ranking.py", *A_LINE, set()),
    "analyses: how they are run": ("analyses/run.py", *A_LINE, both(*EVERY)),
    "analyses: in memory": ("analyses/analyse.py", *A_LINE, set()),
    "analyses: how they are drawn": ("analyses/draw.py", *A_LINE, FIGURES),
    "analyses: a computation": ("analyses/grouping/compute.py", *A_LINE, both("grouping") | JUDGED),
    "analyses: a figure": ("analyses/grouping/figure.py", *A_LINE, {"figure grouping"}),
    "analyses: a declaration": ("analyses/grouping/__init__.py", *A_LINE, set()),
    "analyses: claims": ("analyses/grouping/claims.py", *A_LINE, both("findings")),
    "analyses: a claim's verdict": (
        "analyses/claim.py",
        "return value > self.threshold",
        "return value >= self.threshold",
        both("findings"),
    ),
    "vocabulary that chooses: frames": ("frames.py", "k * len(frames) // count", "len(frames) * k // count", VIDEO),
    "experiment: subjects": (
        "experiment/subjects.py",
        "import annotations",
        "import annotations\n\nX = 1",
        both(*EVERY),
    ),
    "experiment: the report": ("experiment/report/content.py", *A_LINE, REPORT),
    "experiment: what Snakemake's report says": ("experiment/report/markup.py", *A_LINE, set()),
    "experiment: plan": ("experiment/plan.py", *A_LINE, set()),
}

#: The same, with the report, which is made again after anything that it shows.
EDITS = {name: (file, old, new, kinds | REPORT if kinds else kinds) for name, (file, old, new, kinds) in _EDITS.items()}
