"""Optical flow of a video: exact where the video knows it, read from files, or estimated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from xinc.settings import StrictModel

if TYPE_CHECKING:
    import xarray as xr


class FlowSettings(StrictModel):
    """How optical flow is found."""

    method: Literal["auto", "dis"] = Field(
        "auto", description="auto: exact where the video knows it, estimated elsewhere; dis: always estimated."
    )


def prepare_flow(video: str | Path, output: str | Path, settings: FlowSettings) -> None:
    """Find the flow of a prepared video and write it as a Zarr store."""
    raise NotImplementedError


def open_flow(path: str | Path) -> xr.Dataset:
    """The flow that `prepare_flow` wrote."""
    raise NotImplementedError
