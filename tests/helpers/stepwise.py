"""Small networks that give their steps: those of the field's video families."""

from __future__ import annotations

from typing import Any

from xinc.models.base import INR
from xinc.models.stepwise import Stepwise
from xinc.models.storage import build

#: Of 16×24 pixels.
SMALL: dict[str, dict[str, Any]] = {
    "hinerv": {"strides": [2, 2], "channels": 6, "depths": [2, 1], "base_frames": 2, "local_levels": 2},
    "enerv": {
        "strides": [2, 2], "fc_dim": 8, "expansion": 1.0, "lower_width": 4, "embed_levels": 4, "time_width": 12,
        "width": 10, "mlp_width": 6, "heads": 2, "head_width": 3, "modulation_width": 5,
    },
    "hnerv_boost": {
        "strides": [2, 2], "depths": [1, 2], "fc_dim": 5, "lower_width": 3, "embed_levels": 4, "time_width": 5,
        "encoder_width": 5, "embed_channels": 3,
    },
}  # fmt: skip

RESOLUTION, FRAMES, COUNT = (16, 24), (0, 2), 3


def network(name: str, seed: int = 1, **more: Any) -> Stepwise:
    """A new one, as after training."""
    found: INR = build(name, {**SMALL[name], **more}, RESOLUTION, FRAMES, COUNT, seed)
    assert isinstance(found, Stepwise)
    return found.eval()
