"""The table of data sets and their videos, which is written with the result and drawn as the figure."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each data set, with an empty ``video``, followed by one for each of its videos."""
    frame = result.to_dataframe().reset_index()
    rows = []
    for data_set, members in frame.groupby("data_set", sort=True):
        rows.append({"data_set": data_set, "video": "", **_summary(members), "annotated_frames": ""})
        for at in range(len(members)):
            one = members.iloc[at : at + 1]
            own = {"data_set": data_set, "video": str(one["video"].iloc[0])}
            rows.append(own | _summary(one) | {"annotated_frames": str(one["annotated_frames"].iloc[0])})
    return pd.DataFrame(rows)


def _summary(videos: pd.DataFrame) -> dict[str, Any]:
    """Number of videos, and ranges over them."""
    return {
        "videos": len(videos),
        "instances_min": videos["instances"].min(),
        "instances_max": videos["instances"].max(),
        "frame_instances_min": videos["fewest_instances"].min(),
        "frame_instances_max": videos["most_instances"].max(),
        "frames_min": videos["frames"].min(),
        "frames_max": videos["frames"].max(),
        "labelled": videos["labelled_frames"].sum() / videos["frames"].sum(),
        "size": ", ".join(sorted({f"{h}×{w}" for h, w in zip(videos["height"], videos["width"], strict=True)})),
    }
