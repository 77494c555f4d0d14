"""Movies, and pictures to make them of."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from tests.helpers.small import frame, write_table


def truncated_movie(root: Path) -> None:
    """A movie whose header is whole and whose frames are not."""
    with av.open(str(root / "clip.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.gop_size = 1
        for number in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame(number, 64, 96), format="rgb24")))
        container.mux(stream.encode())
    data = (root / "clip.avi").read_bytes()
    (root / "clip.avi").write_bytes(data[: len(data) * 2 // 3])
    write_table(root, "clip clip.avi 30", columns="video source count")


def pictures(count: int, height: int = 12, width: int = 20) -> list[np.ndarray]:
    """Frames of one flat colour each, uint8 (height, width, 3), which survive lossy coding."""
    return [np.full((height, width, 3), (20 * n % 256, 90, 200 - 10 * n), np.uint8) for n in range(count)]
