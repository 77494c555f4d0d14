"""The two tiny networks of most tests, and one of tables."""

from __future__ import annotations

from xinc.models.base import INR
from xinc.models.storage import build


def tiny(name: str) -> INR:
    """One of them, new.

    ``nerv``: 16×24, four frames: block1 (4→12), block2 (3→8), head (2→3). ``ffn``: frames 0 and 2 of three, 6×9:
    layer1 (10→7), layer2 (7→7), layer3 (7→3). ``hashgrid``: frames 0 and 2 of three, 6×9: grid of 16 and of 16 entries
    for 6×6 vertices, layer1 (4→7), layer2 (7→3); its tables are larger than when training begins.
    """
    if name == "hashgrid":
        settings = {"levels": 2, "log2_entries": 4, "base_resolution": 4, "hidden_width": 7, "layers": 2}
        model = build("hashgrid", settings, (6, 9), [0, 2], 3, seed=1)
        model.tables.data.mul_(5e3)  # type: ignore[union-attr, operator]
        return model
    if name == "nerv":
        settings = {"embed_levels": 6, "strides": [2, 2], "widths": [4, 3, 2], "output_activation": "sigmoid"}
        return build("nerv", settings, (16, 24), range(4), 4, seed=1)
    return build("ffn", {"fourier_features": 5, "hidden_width": 7}, (6, 9), [0, 2], 3, seed=1)
