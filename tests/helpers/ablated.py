"""Networks of every family, small, for tests of interventions."""

from __future__ import annotations

from typing import Any

from xinc.models.base import INR
from xinc.models.storage import build

NETWORKS: dict[str, tuple[str, dict[str, Any], tuple[int, int]]] = {
    "nerv": ("nerv", {"embed_levels": 6, "strides": [2, 2], "widths": [4, 3, 2], "kernel_size": [3, 5]}, (16, 24)),
    "nerv of three blocks": ("nerv", {"embed_levels": 4, "strides": [3, 1, 2], "widths": [3, 4, 3, 2]}, (12, 18)),
    "hnerv": ("hnerv", {"strides": [2, 2], "widths": [4, 3, 2], "embed_channels": 3, "encoder": False}, (16, 24)),
    "ffn": ("ffn", {"fourier_features": 5, "hidden_width": 7, "output_activation": "sigmoid"}, (6, 9)),
    "siren": ("siren", {"hidden_width": 6, "layers": 4, "first_omega": 10.0}, (6, 9)),
    "gauss": ("gauss", {"hidden_width": 6, "layers": 3, "scale": 1.0, "output_activation": "identity"}, (6, 9)),
    "finer": ("finer", {"hidden_width": 6, "layers": 3, "omega": 5.0, "output_activation": "identity"}, (6, 9)),
    "coinpp": ("coinpp", {"hidden_width": 6, "layers": 4, "omega": 10.0, "latent_dim": 3}, (6, 9)),
    "wire": ("wire", {"hidden_width": 9, "layers": 4, "omega": 2.0, "scale": 1.0}, (6, 9)),
    "pemlp": ("pemlp", {"frequencies": 2, "hidden_width": 6, "layers": 3, "activation": "elu"}, (6, 9)),
}


def network(name: str) -> INR:
    architecture, settings, resolution = NETWORKS[name]
    return build(architecture, settings, resolution, [0, 2], 3, seed=1).eval()


def scale(model: INR, layer: str, factor: float, i: int | None = None, j: int = -1, frame: int = 2) -> None:
    """Multiply weights of a layer in place: of a kernel, of an input (``j`` -1), or all; of an MLP, in one frame."""
    if model.name in ("nerv", "hnerv"):
        weight = (model.head if layer == "head" else model.blocks[int(layer.removeprefix("block")) - 1]).weight.data
    else:
        weight = model.weights[int(layer.removeprefix("layer")) - 1].data
        weight = weight if model.name == "coinpp" else weight[model.frames.index(frame)]
    where = slice(None) if i is None else (slice(None) if j < 0 else j, i)
    weight[where] *= factor
