"""Small videos written for one test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from xinc.video.settings import VideoSettings


@pytest.fixture
def write_folder(tmp_path: Path) -> Callable[..., Path]:
    def write(frames: Sequence[np.ndarray], name: str = "frames", pattern: str = "frame{}.png") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(folder / pattern.format(number))
        return folder

    return write


@pytest.fixture
def write_masks(tmp_path: Path) -> Callable[..., Path]:
    def write(masks: Sequence[np.ndarray], name: str = "masks") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for number, mask in enumerate(masks):
            image = Image.fromarray(mask)
            if mask.dtype == np.uint8:
                image = image.convert("P")
                image.putdata(mask.ravel().tolist())
                # Colours of the palette have nothing to do with the ids.
                image.putpalette([200, 10, 10, 0, 0, 0, 5, 80, 200] + [7] * 759)
            image.save(folder / f"{number:05d}.png")
        return folder

    return write


@pytest.fixture
def write_movie(tmp_path: Path) -> Callable[..., Path]:
    def write(
        frames: Sequence[np.ndarray],
        name: str = "movie.mp4",
        codec: str = "mpeg4",
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", options=options or {}) as container:
            stream = container.add_stream(codec, rate=Fraction(10))
            stream.height, stream.width = frames[0].shape[:2] if frames else (16, 16)
            stream.pix_fmt = "yuv420p"
            stream.bit_rate = 4_000_000
            stream.gop_size = 1
            container.start_encoding()
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture
def settings() -> Callable[..., VideoSettings]:
    """Settings of a video called clip."""

    def make(source: str | Path, **values: object) -> VideoSettings:
        return VideoSettings.model_validate({"name": "clip", "source": str(source), **values})

    return make
