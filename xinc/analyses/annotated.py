"""Frames with masks, and their mention in figures (a data set may annotate only every fifth frame)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray as xr

from xinc.frames import ranges


def annotated_of(video: xr.Dataset, frames: Sequence[int]) -> list[int]:
    """Those of the frames that have a mask; none of a video without masks."""
    if "annotated" not in video:
        return []
    there = video["annotated"].sel(frame=list(frames)).values.astype(bool)
    return [int(frame) for frame, known in zip(frames, there, strict=True) if known]


def annotated_attributes(video: xr.Dataset, frames: Sequence[int]) -> dict[str, Any]:
    """Attributes of a result that looks at masks in these frames of the canvas; none for a video without masks."""
    if "annotated" not in video:
        return {}
    return {"annotated_frames": annotated_of(video, frames), "canvas_frames": [int(frame) for frame in frames]}


def annotated_note(attributes: dict[Any, Any]) -> str:
    """A sentence for a figure about a canvas that is annotated in part, by `annotated_attributes`; else nothing."""
    known, held = (list(attributes.get(name, ())) for name in ("annotated_frames", "canvas_frames"))
    if len(known) == len(held):
        return ""
    if not known:
        return f"None of the {len(held)} frames of the canvas has masks."
    return f"Only frames with masks: {ranges(known)} of the {len(held)} frames of the canvas."
