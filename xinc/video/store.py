"""Store of a prepared video, as `xinc.video.prepare` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xinc.errors import InputError
from xinc.storage.datasets import quiet_zarr

if TYPE_CHECKING:
    import xarray as xr

FORMAT, VERSION = "video", 1


def open_video(path: str | Path) -> xr.Dataset:
    """A store written by `xinc.video.prepare.prepare_video`; `build_video` there says what is in it.

    Arrays are read when used.

    Raises
    ------
    InputError : no store, or one of another format or version.
    """
    import xarray as xr

    path = Path(path)
    if not path.exists():
        raise InputError(f"Video store '{path}' does not exist: prepare the video first.")
    with quiet_zarr():
        try:
            video: xr.Dataset = xr.open_zarr(path, consolidated=False, chunks=None)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"'{path}' is not a Zarr store of a video ({error}): prepare the video again.") from None
    found = (video.attrs.get("xinc_format"), video.attrs.get("version"))
    if found != (FORMAT, VERSION):
        raise InputError(
            f"'{path}' is a Zarr store of format {found[0]!r}, version {found[1]!r}, expected {FORMAT!r}, version "
            f"{VERSION}: give a video store, or prepare the video again."
        )
    return video
