"""The grammar of ``results/…``, both ways: paths of a job, and the job of a path."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, NamedTuple

#: By rule of the workflow, what it makes; of a network the history of its training lies beside it.
MADE: dict[str, str] = {
    "video": "results/{video}/video.zarr",
    "regions": "results/{video}/regions.zarr",
    "flow": "results/{video}/flow.zarr",
    "train": "results/{video}/{model}/seed{seed}/model.pt",
    "canvas": "results/{video}/{model}/seed{seed}/canvas.zarr",
    "materialise": "results/{video}/{model}/seed{seed}/dense.zarr/{layer}",
    "analysis": "results/{video}/{model}/seed{seed}/{analysis}",
    "analysis_of_seeds": "results/{video}/{model}/seeds/{analysis}",
    "analysis_of_pair": "results/{video}/pairs/{model}-seed{seed}+{other}-seed{other_seed}/{analysis}",
    "analysis_of_project": "results/project/{analysis}",
    "video_figure": "results/figures/videos/{video}",
    "regions_figure": "results/figures/regions/{video}",
    "figure": "results/figures/{analysis}/{video}/{model}/seed{seed}",
    "figure_of_seeds": "results/figures/{analysis}/{video}/{model}/seeds",
    "figure_of_pair": "results/figures/{analysis}/{video}/pairs/{model}-seed{seed}+{other}-seed{other_seed}",
    "figure_of_project": "results/figures/{analysis}/project",
    "report": "results/report.html",
}
HISTORY = "results/{video}/{model}/seed{seed}/history.csv"

#: What a wildcard may be.
WILDCARDS: dict[str, str] = {
    "video": r"[^/]+",
    "model": r"[^/+]+",
    "seed": r"\d+",
    "other": r"[^/+]+",
    "other_seed": r"\d+",
    "layer": r"[^/]+",
    "analysis": r"[a-z_0-9]+",
}


class Made(NamedTuple):
    """A result: the rule that makes it and its wildcards."""

    rule: str
    wildcards: dict[str, str]


def path_of(rule: str, **wildcards: str | int) -> str:
    """The path that a rule makes.

    >>> path_of("canvas", video="bunny", model="nerv", seed=0)
    'results/bunny/nerv/seed0/canvas.zarr'
    """
    return MADE[rule].format(**wildcards)


def result_path(analysis: str, *of: Any) -> str:
    """The path of a result ``of`` as many as it has of: video, model, seed, and of two networks the other and its seed.

    >>> result_path("compare", "bunny", "nerv", 0, "ffn", 1), result_path("clusters", "bunny", "nerv")
    ('results/bunny/pairs/nerv-seed0+ffn-seed1/compare', 'results/bunny/nerv/seeds/clusters')
    """
    return _scoped("analysis", analysis, *of)


def figure_path(analysis: str, *of: Any) -> str:
    """The path of the figures of the result of `result_path`."""
    return _scoped("figure", analysis, *of)


def _scoped(
    kind: str,
    analysis: str,
    video: str = "",
    model: str = "",
    seed: int | str | None = None,
    other: str = "",
    other_seed: int | str | None = None,
) -> str:
    if not video:
        return path_of(f"{kind}_of_project", analysis=analysis)
    if seed is None:
        return path_of(f"{kind}_of_seeds", analysis=analysis, video=video, model=model)
    own: dict[str, str | int] = {"analysis": analysis, "video": video, "model": model, "seed": seed}
    if other_seed is None:
        return path_of(kind, **own)
    return path_of(f"{kind}_of_pair", **own, other=other, other_seed=other_seed)


def parse(path: str) -> Made | None:
    """The rule that makes a path, or the result in which it lies, and its wildcards; None if no rule does.

    ``path`` may have anything before ``results/``, as where results lie on object storage.

    >>> parse("results/bunny/nerv/seed0/grouping")
    Made(rule='analysis', wildcards={'video': 'bunny', 'model': 'nerv', 'seed': '0', 'analysis': 'grouping'})
    >>> parse("results/figures/grouping/bunny/nerv/seeds/all.png").rule
    'figure_of_seeds'
    >>> parse("elsewhere") is None
    True
    """
    parts = PurePosixPath(path).parts
    if "results" not in parts:
        return None
    inside = "/".join(parts[len(parts) - 1 - parts[::-1].index("results") :])
    for rule, pattern in _PATTERNS:
        if match := pattern.fullmatch(inside):
            return Made(rule, match.groupdict())
    return None


def _pattern(text: str) -> re.Pattern[str]:
    named = re.sub(r"\\{(\w+)\\}", lambda match: f"(?P<{match[1]}>{WILDCARDS[match[1]]})", re.escape(text))
    return re.compile(rf"{named}(?:/.*)?")


#: Figures first, for a video could be called "figures" by the other patterns; the most fixed of them first.
_PATTERNS = [
    (rule, _pattern(path))
    for rule, path in [
        *sorted(((rule, path) for rule, path in MADE.items() if "figure" in rule), key=lambda item: item[1].count("{")),
        *((rule, path) for rule, path in MADE.items() if "project" in rule),
        *MADE.items(),
        ("train", HISTORY),
    ]
]
