"""Movies, and pictures to make them of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from tests.helpers.small import frame, write_table


def write_movie(path: Path, frames: Sequence[np.ndarray]) -> None:
    """MPEG-4 of frames, uint8 (height, width, 3), each of which can be decoded alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.gop_size = "yuv420p", 1
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def truncated_movie(root: Path) -> None:
    """A movie whose header is whole and whose frames are not."""
    write_movie(root / "clip.avi", [frame(number, 64, 96) for number in range(30)])
    data = (root / "clip.avi").read_bytes()
    (root / "clip.avi").write_bytes(data[: len(data) * 2 // 3])
    write_table(root, "clip clip.avi 30", columns="video source count")


def pictures(count: int, height: int = 12, width: int = 20) -> list[np.ndarray]:
    """Frames of one flat colour each, uint8 (height, width, 3), which survive lossy coding."""
    return [np.full((height, width, 3), (20 * n % 256, 90, 200 - 10 * n), np.uint8) for n in range(count)]
