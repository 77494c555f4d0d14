"""Preparing a video says what it records."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.store import open_video


def test_doubts_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """To whoever watches, also where a job's output goes to a log."""
    console = io.StringIO()
    monkeypatch.setattr("xinc.runtime.progress.console", console)
    (tmp_path / "frames").mkdir()
    (tmp_path / "masks").mkdir()
    for name, mask in ("ax", "by"):
        Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / "frames" / f"{name}.png")
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "masks" / f"{mask}.png")
    settings = VideoSettings(
        name="clip", source=str(tmp_path / "frames"), masks=str(tmp_path / "masks"), resolution=(8, 8)
    )
    prepare_video(settings, tmp_path / "video.zarr")
    with open_video(tmp_path / "video.zarr") as stored:
        assert len(stored.attrs["warnings"]) == 1
        line = f"Video 'clip': {stored.attrs['warnings'][0]}\n"
    assert line in capsys.readouterr().err
    assert line in console.getvalue()
