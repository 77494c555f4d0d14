"""Store of a prepared video, as `xinc.video.prepare` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xinc.storage.datasets import open_store

if TYPE_CHECKING:
    import xarray as xr

FORMAT, VERSION = "video", 1


def open_video(path: str | Path) -> xr.Dataset:
    """Open a store written by `xinc.video.prepare.prepare_video`; `build_video` there describes the content.

    Arrays are read when used.

    Raises
    ------
    InputError : no store, or one of another format or version.
    """
    return open_store(path, FORMAT, VERSION, "prepare the video")
