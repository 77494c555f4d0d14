"""The smallest experiment with every analysis of its networks, and what a change of each setting brings about."""

from __future__ import annotations

import copy
from typing import Any

from tests.helpers.small import CONFIG
from tests.helpers.subjects import QUICK
from tests.helpers.workflow.runs import REPORT, jobs
from xinc.analyses import analyses

#: All analyses, with the settings that a clip of four frames of 16 × 32 pixels and a network of few neurons bear.
EVERYTHING: dict[str, Any] = copy.deepcopy(CONFIG) | {
    "models": {"nerv": copy.deepcopy(CONFIG["models"]["nerv"])},
    # Without UMAP in `released`, which takes ten seconds to start, in each of many runs.
    "analyses": {name: {} for name in sorted(analyses) if analyses[name].architectures is None}
    | {
        "released": {"clusters": None},
        "paper_claims": {"bits_per_pixel": [0.1, 1e4], "min_psnr": 0},
        "families": {"min_psnr": 0},
    }
    | {"pruning": QUICK["pruning"], "faithfulness": QUICK["faithfulness"]}
    | {"compare": {"pairs": [["nerv/seed0", "nerv/seed1"]]}},
}

#: By analysis, a setting and another value for it: first of what it computes, then of what it draws, where it has one.
SETTINGS: dict[str, list[tuple[str, Any]]] = {
    "clusters": [("clusters", 3), ("shown", 2)],
    "compare": [("max_neurons", 5)],
    "dataset": [("datasets", {"mine": ["clip"]}), ("listed", 1)],
    "distribution": [("points", 11), ("floor", 1e-3)],
    "error": [("tile", 8), ("shown", 1)],
    "faithfulness": [("neurons", 5)],
    "families": [("share", 0.5)],
    "findings": [("level", 0.01), ("wrap", 40)],
    "grouping": [("neurons", 3)],
    "intensity": [("edges", "scharr"), ("divided", True)],
    "maps": [("neurons", 2), ("zoom", 3)],
    "motion": [("threshold", 0.25), ("zoom", 3)],
    "neurons_per_pixel": [("percents", [20, 40])],
    "objects": [("neurons", 2)],
    "overview": [("frames", 1), ("shown", 1)],
    "paper_claims": [("min_psnr", 10)],
    "pixels_per_neuron": [("points", 11)],
    "pruning": [("draws", 1)],
    "quality": [("bits", [6])],
    "released": [("lattices", [[2, 4]])],
}


#: The two networks that are compared.
PAIR = {"model": "nerv", "seed": 0, "other": "nerv", "other_seed": 1}


def result_of(analysis: str) -> set[str]:
    """The job that computes an analysis."""
    scope = analyses[analysis].scope
    if scope == "project":
        return jobs("analysis_of_project", analysis=analysis)
    if scope == "seeds":
        return jobs("analysis_of_seeds", analysis=analysis, video="clip", model="nerv")
    if scope == "pair":
        return jobs("analysis_of_pair", analysis=analysis, video="clip", **PAIR)
    return jobs("analysis", analysis=analysis, video="clip", model="nerv", seed=0)


def figures_of(analysis: str) -> set[str]:
    """The job that draws it."""
    return {"figure" + name.removeprefix("analysis") for name in result_of(analysis)}


def brought_about(analysis: str, drawn: bool) -> set[str]:
    """What a change of a setting makes again: the figures; of one that counts, the result, and what is made of it."""
    if drawn:
        return REPORT | figures_of(analysis)
    found = REPORT | result_of(analysis) | figures_of(analysis)
    for name in analyses:
        if analysis in analyses[name].figure_quotes:
            found |= figures_of(name)
    if analyses[analysis].scope not in ("pair", "project"):
        for name in analyses:
            uses = analyses[name].uses
            if analyses[name].scope == "project" and (uses is None or analysis in uses):
                found |= result_of(name) | figures_of(name)
    return found


def of_regions() -> set[str]:
    """What is made again when pixels are grouped otherwise."""
    users = [name for name in EVERYTHING["analyses"] if "regions" in analyses[name].needs]
    assert set(users) == {"clusters", "grouping", "released"}
    own = REPORT | jobs("regions", video="clip") | jobs("regions_figure", video="clip")
    return own.union(*(brought_about(name, drawn=False) for name in users))


def of_flow() -> set[str]:
    """What is made again when optical flow is found otherwise."""
    return jobs("flow", video="clip") | brought_about("motion", drawn=False)


def with_setting(analysis: str, name: str, value: Any) -> dict[str, Any]:
    values = copy.deepcopy(EVERYTHING)
    values["analyses"][analysis][name] = value
    return values


#: Every edit, by a name, and the jobs that it brings about.
EDITS_OF_EVERYTHING: dict[str, tuple[dict[str, Any], set[str]]] = {
    f"{analysis}.{name}": (with_setting(analysis, name, value), brought_about(analysis, drawn=at > 0))
    for analysis, edits in SETTINGS.items()
    for at, (name, value) in enumerate(edits)
} | {
    "regions": (copy.deepcopy(EVERYTHING) | {"regions": {"rgb": 5}}, of_regions()),
    "flow": (copy.deepcopy(EVERYTHING) | {"flow": {"method": "dis"}}, of_flow()),
}
