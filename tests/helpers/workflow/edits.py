"""Edits of a small experiment's configuration, and the jobs that each brings about."""

from __future__ import annotations

from typing import Any

from tests.helpers import small
from tests.helpers.workflow.runs import REPORT, branch, canvases, jobs, of_video, studied

MODELS = ["nerv", "siren"]
ANALYSES = ["maps", "quality"]


def config(**changes: Any) -> dict[str, Any]:
    """Two models and two analyses of the smallest experiment, so that every edit can be run.

    Those that are left out have been run before: nothing may touch their results either.
    """
    values = small.config()
    models = {name: values["models"][name] for name in MODELS}
    return values | {"models": models, "analyses": {name: values["analyses"][name] for name in ANALYSES}} | changes


def changed(path: str, value: Any) -> dict[str, Any]:
    """The configuration with one setting changed."""
    return small.changed(path, value, config())


def _swapped() -> dict[str, Any]:
    """siren with the values of two settings exchanged."""
    return changed("models.siren.settings", {"hidden_width": 2, "layers": 5})


def _reordered() -> dict[str, Any]:
    """The same configuration with every mapping turned round."""

    def turned(value: Any) -> Any:
        return {k: turned(value[k]) for k in reversed(value)} if isinstance(value, dict) else value

    return {k: turned(v) for k, v in reversed(config().items())}


def _spelled_out() -> dict[str, Any]:
    """Defaults written out change nothing."""
    values = changed("analyses.maps.seed", 0)
    values["models"]["nerv"]["settings"]["reduction"] = 1.2
    values["canvas"]["head_activation"] = False
    return values


def _each(*sets: set[str]) -> set[str]:
    return set().union(*sets)


#: Edits of the configuration, and the jobs that they bring about.
EDITS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a setting of an analysis": (changed("analyses.maps.neurons", 2), _each(*(studied(m, ["maps"]) for m in MODELS))),
    "a setting of a figure": (
        changed("analyses.maps.zoom", 3),
        REPORT | jobs("figure", video="clip", model=MODELS, seed=0, analysis="maps"),
    ),
    "how all figures are drawn": (
        config(figures={"width": 3.4, "formats": ["png", "pdf"], "dpi": 60, "title": False, "style": "slide"}),
        REPORT
        | jobs("figure", video="clip", model=MODELS, seed=0, analysis=ANALYSES)
        | jobs("video_figure", video="clip"),
    ),
    "a setting of a network": (changed("models.siren.settings.omega", 20), branch("siren", ANALYSES)),
    "a setting of training": (changed("models.nerv.training.epochs", 4), branch("nerv", ANALYSES)),
    "minutes between checkpoints of a training": (changed("models.nerv.training.checkpoint_minutes", 1), set()),
    "values of two settings swapped": (_swapped(), branch("siren", ANALYSES)),
    "a canvas's layout": (
        changed("canvas.layout", "dense"),
        _each(*(canvases(m) | studied(m, ["maps"]) for m in MODELS)),
    ),
    "a setting of one model's canvas": (
        changed("models.nerv.canvas", {"layers": ["block2", "head"], "frames": 3}),
        canvases("nerv") | studied("nerv", ["maps"]),
    ),
    "one layer fewer": (
        changed("models.nerv.canvas", {"layers": ["head"]}),
        canvases("nerv") | studied("nerv", ["maps"]),
    ),
    "one more seed": (config(seeds=[0, 1]), _each(*(branch(m, ANALYSES, seed=1) for m in MODELS))),
    "one analysis fewer": (config(analyses={"quality": {"show": 2}}), REPORT),
    "the resolution": (config(resolution="8x16"), of_video("clip", MODELS, ANALYSES)),
    "the order of all keys": (_reordered(), set()),
    "defaults written out": (_spelled_out(), set()),
}
