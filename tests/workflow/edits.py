"""Edits of the smallest experiment's configuration, and the jobs that each brings about."""

from __future__ import annotations

from typing import Any

from tests.small import changed, config
from tests.workflow.runs import LAYERS, branch, canvases, jobs, of_video, studied

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
    values["canvas"]["head_activation"] = False
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
    "how often a training is kept": (changed("models.nerv.training.checkpoint_minutes", 1), set()),
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
