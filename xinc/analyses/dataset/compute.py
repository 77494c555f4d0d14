"""Length, size and annotated instances of every video, and the data set that it belongs to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.dataset.table import table
from xinc.analyses.results import Project
from xinc.errors import InputError
from xinc.frames import ranges
from xinc.video.sources.datasets import TITLES, kind_of
from xinc.video.store import open_video

if TYPE_CHECKING:
    from xinc.analyses.dataset import Dataset

__all__ = ["compute", "table"]

_NAMES = {
    "data_set": ("data set", "1"),
    "source": ("source of the video", "1"),
    "frames": ("frames", "1"),
    "labelled_frames": ("frames with masks", "1"),
    "annotated_frames": ("which frames have masks", "1"),
    "instances": ("things that occur in the video; NaN without masks", "1"),
    "stuff": ("segments of stuff that occur in the video; NaN without masks", "1"),
    "fewest_instances": ("fewest things in a labelled frame; NaN without masks", "1"),
    "most_instances": ("most things in a labelled frame; NaN without masks", "1"),
    "height": ("height of the frames", "pixel"),
    "width": ("width of the frames", "pixel"),
}


def compute(settings: Dataset.Settings, project: Project) -> xr.Dataset:
    """Reads the tables and the masks of every video once, a video at a time."""
    named = _named(settings.datasets, list(project.videos))
    rows = [_row(open_video(path), named.get(name, "")) for name, path in project.videos.items()]
    result = xr.Dataset(
        {key: ("video", np.array([row[key] for row in rows])) for key in _NAMES},
        {"video": np.array(list(project.videos), dtype=object)},
    )
    for key, (text, units) in _NAMES.items():
        result[key].attrs = {"long_name": text, "units": units}
    for key in ("data_set", "source", "annotated_frames"):
        result[key] = result[key].astype(object)
    return result


def _named(datasets: Mapping[str, tuple[str, ...]], videos: list[str]) -> dict[str, str]:
    """Data set of each video that the settings name."""
    found: dict[str, str] = {}
    for data_set, members in datasets.items():
        for video in members:
            if video not in videos:
                raise InputError(
                    f"Data set '{data_set}' of the analysis dataset names video '{video}', which is not "
                    f"configured: choose among {', '.join(videos)}."
                )
            if video in found:
                raise InputError(
                    f"The analysis dataset puts video '{video}' into both '{found[video]}' and '{data_set}': "
                    "name each video once."
                )
            found[video] = data_set
    return found


def _row(video: xr.Dataset, data_set: str) -> dict[str, Any]:
    """The numbers of one video; ``data_set``: what the settings say, or empty."""
    source = str(json.loads(video.attrs["settings"])["source"])
    row: dict[str, Any] = {
        "data_set": data_set or _origin(source),
        "source": source,
        "frames": video.sizes["frame"],
        "labelled_frames": 0,
        "annotated_frames": "",
        "height": video.sizes["y"],
        "width": video.sizes["x"],
    }
    row |= dict.fromkeys(("instances", "stuff", "fewest_instances", "most_instances"), np.nan)
    if "instances" in video and bool(video["annotated"].any()):
        things = video["segment_id"].values[video["isthing"].values]
        labelled = video["instances"].values[video["annotated"].values]
        present = [np.isin(things, frame).sum() for frame in labelled]
        row |= {
            "labelled_frames": len(labelled),
            "annotated_frames": ranges(np.flatnonzero(video["annotated"].values).tolist()),
            "instances": len(things),
            "stuff": video.sizes["segment"] - len(things),
            "fewest_instances": min(present),
            "most_instances": max(present),
        }
    return row


def _origin(source: str) -> str:
    """``examples``, a known data set, or the folder that a video lies in: ``data/vipseg/0001`` is of ``vipseg``."""
    if source.startswith("example:"):
        return "examples"
    kind = kind_of(source)
    if kind is not None:
        return TITLES[kind]
    return PurePosixPath(source.replace("\\", "/")).parent.name or "videos"
