"""Reference numbers of other people's code: checkpoints with their maps, see tests/data/golden and shared/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import xinc

HERE = Path(__file__).parents[1] / "data" / "golden"
NETWORKS = ("ffn_small", "nerv_322", "nerv_422")

#: The released code's names of the two granularities of an MLP.
GRANULARITIES = {"outgoing": "input", "incoming": "output"}


@dataclass
class Maps:
    """Reference maps of one layer of one frame; ``neurons`` are their numbers."""

    frame: int
    layer: str
    granularity: str
    neurons: np.ndarray
    values: np.ndarray


def load(folder: Path):
    """The network, through `xinc.load_model` with the hints of its config.json."""
    (checkpoint,) = [path for path in folder.iterdir() if path.suffix in (".ckpt", ".pth")]
    return xinc.load_model(checkpoint, **json.loads((folder / "config.json").read_text()))


def outputs(folder: Path) -> dict[int, np.ndarray]:
    """Reference outputs (3, y, x) by frame, output activation applied."""
    arrays = np.load(folder / "maps.npz")
    keys = [key for key in arrays if key.split("/")[-1] == "output"]
    return {_frame(key): arrays[key] for key in keys}


def layers(folder: Path) -> list[Maps]:
    arrays = np.load(folder / "maps.npz")
    found = []
    for key in arrays:
        group, _, layer = key.rpartition("/")
        if layer == "output" or layer.endswith("_neurons"):
            continue
        values = arrays[key]
        subset = f"{key}_neurons"
        neurons = arrays[subset] if subset in arrays else np.arange(len(values))
        found.append(Maps(_frame(key), layer, GRANULARITIES.get(group, "kernel"), neurons, values))
    return found


def _frame(key: str) -> int:
    return int(key.split("/")[0].removeprefix("frame")) if key.startswith("frame") else 0
