"""A folder of results as the workflow makes it, for the explorer: two seeds of a NeRV, an FFN, masks, some analyses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from tests.helpers.small import write_clip
from xinc.analyses.run import run_analysis
from xinc.analyses.subject import Subject
from xinc.canvas.reader import open_canvas
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.models.storage import build, save_model
from xinc.storage.datasets import write_dataset
from xinc.video.prepare import prepare_video
from xinc.video.region_settings import RegionSettings
from xinc.video.regions import prepare_regions
from xinc.video.settings import VideoSettings

SETTINGS = {"embed_levels": 4, "strides": [2, 2], "widths": [5, 4, 3], "output_activation": "sigmoid"}
#: Frames of the networks.
FRAMES = range(4)


def write_results(root: Path) -> None:
    """``results/clip/{nerv/seed0,nerv/seed1,ffn/seed0}``; the first with `overview`, `faithfulness` and `clusters`."""
    write_clip(root)
    video = root / "results" / "clip" / "video.zarr"
    source, masks = str(root / "clip"), str(root / "clip_masks")
    prepare_video(VideoSettings(name="clip", source=source, masks=masks, resolution="16x32"), video)
    prepare_regions(video, video.parent / "regions.zarr", RegionSettings(rgb=2, gabor=2, grid=(2, 2)))
    for seed in (0, 1):
        _network(video.parent / "nerv" / f"seed{seed}", "nerv", SETTINGS, FRAMES, seed)
    _network(video.parent / "ffn" / "seed0", "ffn", {"fourier_features": 3, "hidden_width": 5}, [0, 2], 0)
    first = video.parent / "nerv" / "seed0"
    subject = Subject(video, first / "model.pt", None, first / "canvas.zarr")
    run_analysis("overview", None, subject, first / "overview", {"video": "clip", "model": "nerv", "seed": "0"})
    write_dataset(_faithfulness(), first / "faithfulness" / "result.zarr")
    write_dataset(_clusters(first), video.parent / "nerv" / "seeds" / "clusters" / "result.zarr")


def _network(folder: Path, name: str, settings: dict[str, object], frames: object, seed: int) -> None:
    model = build(name, settings, (16, 32), frames, 4, seed=seed)
    save_model(model, folder / "model.pt")
    for layer in model.layer_names():
        how = CanvasSettings(layout="dense" if layer == "head" else "factored", device="cpu")
        write_layer(model, folder / "canvas.zarr" / layer, layer, settings=how)


def _faithfulness() -> xr.Dataset:
    values = [[0.5, 0.1], [0.6, 0.2], [0.9, 0.3]]
    names = {"median_agreement": 0.0, "agreement_low": -0.1, "agreement_high": 0.1}
    said = {"long_name": "correlation", "units": "1"}
    return xr.Dataset(
        {name: (("layer", "map"), np.array(values) + by, said) for name, by in names.items()},
        {"layer": _text("block1", "block2", "head"), "map": _text("contribution", "other")},
        {"analysis": "faithfulness"},
    )


def _text(*words: str) -> np.ndarray:
    return np.array(words, np.dtypes.StringDType())


def _clusters(folder: Path) -> xr.Dataset:
    """A layout by the neurons' numbers, of frame 1, as if of both seeds."""
    layer = open_canvas(folder / "canvas.zarr")["block1"]
    numbers = np.tile(layer["neuron"].values.astype(np.int64), 2)
    count = len(numbers)
    point = {
        "point_layer": np.full(count, "block1").astype(np.dtypes.StringDType()),
        "point_frame": np.full(count, 1),
        "point_seed": np.repeat([0, 1], count // 2),
        "point_neuron": numbers,
        "point_cluster": numbers % 3,
    }
    place = np.stack([np.cos(numbers), np.sin(numbers)], 1).astype(np.float32)
    return xr.Dataset(
        {name: ("point", values) for name, values in point.items()} | {"umap": (("point", "axis"), place)},
        {"cluster": [0, 1, 2], "axis": [0, 1]},
        {"analysis": "clusters"},
    )
