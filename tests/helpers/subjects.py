"""Small networks that were never trained, as the analyses of the tests look at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xinc.analyses.subject import Subject

SETTINGS: dict[str, dict[str, Any]] = {
    "nerv": {"embed_levels": 4, "strides": [2, 2], "widths": [3, 2, 2], "output_activation": "sigmoid"},
    "ffn": {"fourier_features": 3, "hidden_width": 5},
}
FRAMES = {"nerv": [0, 1, 2, 3], "ffn": [1, 3]}
#: Rows of a training history.
HISTORY = "epoch,learning_rate,loss,psnr,seconds\n1,0.01,0.1,10,0.5\n2,0.01,0.05,13.01,1\n"
#: Settings of analyses that take long with their defaults.
QUICK: dict[str, dict[str, Any]] = {
    "pruning": {
        "criteria": ["magnitude"],
        "shares": [0.5],
        "rescore": 0.5,
        "draws": 2,
        "finetune_epochs": 1,
        "threads": 1,
    },
    "faithfulness": {"neurons": 6, "probes": 4, "resamples": 50},
}
Make = Callable[..., Subject]
