"""Results of the analysis `pruning` made by hand."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xinc.analyses.pruning.names import BUDGETS, CODINGS
from xinc.interventions.criteria import CRITERIA


def pruned(**ahead: float) -> xr.Dataset:
    """A result in which every PSNR is 20 dB before training on and 30 dB after, but for some, by so much more.

    They are named by unit, time and criterion: ``kernel_before_magnitude``, ``weight_after_wanda``.
    """
    dims = {"unit": ["kernel", "weight"], "budget": list(BUDGETS), "criterion": list(CRITERIA), "share": [0.3]}
    shape = [len(values) for values in dims.values()]
    result = xr.Dataset(
        {
            "psnr": (list(dims), np.full(shape, 20.0)),
            "left": (list(dims), np.full(shape, 70)),
            "psnr_tuned": (list(dims)[:3], np.full(shape[:3], 30.0)),
            "psnr_quantised": (list(dims)[:3], np.full(shape[:3], 29.0)),
            "bits": ([*list(dims)[:3], "coding"], np.ones([*shape[:3], len(CODINGS)])),
            "whole": ((), 40.0),
        },
        dims | {"coding": list(CODINGS)},
        {"share": 0.3, "finetune_epochs": 5},
    )
    for name, value in ahead.items():
        unit, when, criterion = name.split("_", 2)
        own = {"unit": unit, "criterion": criterion}
        result["psnr" if when == "before" else "psnr_tuned"].loc[own] += value
    return result
