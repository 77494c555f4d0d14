"""Subjects: small networks that were never trained, their video and their canvas in every layout."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.small import write_clip
from tests.helpers.subjects import FRAMES, HISTORY, SETTINGS, Make
from xinc.analyses.subject import Subject
from xinc.canvas.written import write_canvas
from xinc.models.storage import build, save_model
from xinc.video.flow import FlowSettings, prepare_flow
from xinc.video.prepare import prepare_video
from xinc.video.regions import RegionSettings, prepare_regions
from xinc.video.settings import VideoSettings


@pytest.fixture(scope="session")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """``make(model, layout="factored", history=True)``."""
    root = tmp_path_factory.mktemp("subjects")
    write_clip(root)
    video = VideoSettings(name="clip", source=str(root / "clip"), masks=str(root / "clip_masks"), resolution=(16, 32))
    prepare_video(video, root / "video.zarr")
    prepare_regions(root / "video.zarr", root / "regions.zarr", RegionSettings())
    prepare_flow(root / "video.zarr", root / "flow.zarr", FlowSettings())
    (root / "history.csv").write_text(HISTORY)
    models = {name: build(name, SETTINGS[name], (16, 32), FRAMES[name], 4, seed=1) for name in SETTINGS}
    for name, model in models.items():
        save_model(model, root / name / "model.pt")

    def make(name: str, layout: Any = "factored", history: bool = True) -> Subject:
        canvas = root / name / layout / "canvas.zarr"
        if not canvas.exists():
            write_canvas(models[name], canvas, layout=layout)
        csv = root / "history.csv" if history else None
        return Subject(
            root / "video.zarr",
            root / name / "model.pt",
            csv,
            canvas,
            root / "regions.zarr",
            root / "flow.zarr",
        )

    return make
