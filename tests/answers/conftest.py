"""A folder of results with one small network, as the workflow makes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.once import once
from tests.helpers.small import write_clip
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.models.storage import build, save_model
from xinc.video.prepare import prepare_video
from xinc.video.region_settings import RegionSettings
from xinc.video.regions import prepare_regions
from xinc.video.settings import VideoSettings

SETTINGS = {"embed_levels": 4, "strides": [2, 2], "widths": [3, 2, 2], "output_activation": "sigmoid"}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``results/clip/nerv/seed0``: network and canvas, one layer of it dense; video and regions two folders above."""

    def make(root: Path) -> None:
        write_clip(root)
        video = root / "results" / "clip" / "video.zarr"
        source, masks = str(root / "clip"), str(root / "clip_masks")
        prepare_video(VideoSettings(name="clip", source=source, masks=masks, resolution="16x32"), video)
        prepare_regions(video, video.parent / "regions.zarr", RegionSettings(rgb=2, gabor=2, grid=(2, 2)))
        run = video.parent / "nerv" / "seed0"
        model = build("nerv", SETTINGS, (16, 32), range(4), 4, seed=3)
        save_model(model, run / "model.pt")
        for layer in model.layer_names():
            how = CanvasSettings(layout="dense" if layer == "head" else "factored", device="cpu")
            write_layer(model, run / "canvas.zarr" / layer, layer, settings=how)

    return once(tmp_path_factory, "answers", make) / "results" / "clip" / "nerv" / "seed0"
