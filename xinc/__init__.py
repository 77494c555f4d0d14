"""xinc: explain implicit neural representations through the contributions of their neurons to each pixel.

The functions here are the stable interface; they are imported when first used, so that ``import xinc`` is instant.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xinc.analyses.analyse import analyse
    from xinc.analyses.compare.comparison import compare
    from xinc.analyses.plot import plot
    from xinc.analyses.tables import to_csv, to_dataframe
    from xinc.answers.ranking import top_neurons
    from xinc.canvas.dissect import dissect
    from xinc.canvas.materialise import materialise
    from xinc.canvas.reader import open_canvas
    from xinc.canvas.reductions.summary import summarise
    from xinc.canvas.written import write_canvas
    from xinc.experiment.collection import open_results
    from xinc.explorer.widget import explore
    from xinc.interventions.ablation import ablate
    from xinc.interventions.effects import effects
    from xinc.interventions.explanation import explain_error
    from xinc.interventions.pruning import prune
    from xinc.models.checkpoints import load_model
    from xinc.modules.front import describe, network
    from xinc.runtime.task import Cancelled, Task

__version__ = "0.1.0"
__all__ = [
    "Cancelled",
    "Task",
    "__version__",
    "ablate",
    "analyse",
    "compare",
    "describe",
    "dissect",
    "effects",
    "explain_error",
    "explore",
    "load_model",
    "materialise",
    "network",
    "open_canvas",
    "open_results",
    "plot",
    "prune",
    "summarise",
    "to_csv",
    "to_dataframe",
    "top_neurons",
    "write_canvas",
]

_WHERE = {
    "Cancelled": "xinc.runtime.task",
    "Task": "xinc.runtime.task",
    "analyse": "xinc.analyses.analyse",
    "top_neurons": "xinc.answers.ranking",
    "ablate": "xinc.interventions.ablation",
    "compare": "xinc.analyses.compare.comparison",
    "effects": "xinc.interventions.effects",
    "explain_error": "xinc.interventions.explanation",
    "explore": "xinc.explorer.widget",
    "prune": "xinc.interventions.pruning",
    "describe": "xinc.modules.front",
    "network": "xinc.modules.front",
    "write_canvas": "xinc.canvas.written",
    "dissect": "xinc.canvas.dissect",
    "materialise": "xinc.canvas.materialise",
    "load_model": "xinc.models.checkpoints",
    "open_canvas": "xinc.canvas.reader",
    "open_results": "xinc.experiment.collection",
    "plot": "xinc.analyses.plot",
    "summarise": "xinc.canvas.reductions.summary",
    "to_csv": "xinc.analyses.tables",
    "to_dataframe": "xinc.analyses.tables",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    from difflib import get_close_matches

    close = "".join(f": did you mean '{known}'?" for known in get_close_matches(name, __all__, n=1))
    raise AttributeError(f"module 'xinc' has no attribute '{name}'{close}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return sorted(__all__)
