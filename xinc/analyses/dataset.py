"""What the videos are: their number, instances, length and labels (paper section 4.1, table 1).

Cost: reads the tables and the masks of every video once, a video at a time.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.results import Project
from xinc.errors import InputError
from xinc.frames import ranges
from xinc.settings import StrictModel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: What stands in the table for what there is not.
_NONE = "–"
#: What the known data sets show (table 1), and the examples.
_DOMAINS = {"Cityscapes-VPS": "streets", "VIPSeg": "open", "COCO-panoptic": "open", "examples": "film, photographs"}


@analyses.register("dataset")
class Dataset(Analysis):
    """The videos of this experiment, by data set: annotated instances, frames and the share of frames with labels.

    Everything is as analysed, after selecting, cropping and resizing frames, and instances are counted in the frames
    with masks only, which the table lists. Instances are the countable segments
    (things) that occur anywhere in a video; a data set's row gives the range over its videos. A data set is what the
    settings say, a known data set, the built-in examples, or the videos that lie in one folder.
    """

    question = "What do the videos show, and how much of it is labelled?"
    section = "4.1"
    scope = "project"
    needs = frozenset()
    figure_settings = frozenset({"domains", "listed"})

    class Settings(StrictModel):
        datasets: dict[str, tuple[str, ...]] = Field(
            {}, description="Names of data sets and their videos; other videos are grouped by where they come from."
        )
        domains: dict[str, str] = Field(
            {}, description="What the videos of a data set show (streets, say), by its name; for the table."
        )
        listed: int = Field(
            40, ge=0, description="Most videos listed one by one in the figure; of more, data sets only."
        )

    def compute(self, subject: Project) -> xr.Dataset:
        from xinc.video.store import open_video

        named = self._named(list(subject.videos))
        rows = [_row(open_video(path), named.get(name, "")) for name, path in subject.videos.items()]
        result = xr.Dataset(
            {key: ("video", np.array([row[key] for row in rows])) for key in _NAMES},
            {"video": np.array(list(subject.videos), dtype=object)},
        )
        for key, (text, units) in _NAMES.items():
            result[key].attrs = {"long_name": text, "units": units}
        for key in ("data_set", "source", "annotated_frames"):
            result[key] = result[key].astype(object)
        return result

    def _named(self, videos: list[str]) -> dict[str, str]:
        """Data set of each video that the settings name."""
        found: dict[str, str] = {}
        for data_set, members in self.settings.datasets.items():
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

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        """A row for each data set, with an empty ``video``, followed by one for each of its videos."""
        import pandas as pd

        frame = result.to_dataframe().reset_index()
        rows = []
        for data_set, members in frame.groupby("data_set", sort=True):
            rows.append({"data_set": data_set, "video": "", **_summary(members), "annotated_frames": ""})
            for at in range(len(members)):
                one = members.iloc[at : at + 1]
                own = {"data_set": data_set, "video": str(one["video"].iloc[0])}
                rows.append(own | _summary(one) | {"annotated_frames": str(one["annotated_frames"].iloc[0])})
        return pd.DataFrame(rows)

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        from matplotlib.patches import Rectangle

        from xinc.plotting import layout

        rows = self.table(result)
        if result.sizes["video"] > self.settings.listed:
            rows = rows[rows["video"] == ""]
        header = [
            "data set\n   video",
            "domain",
            "videos",
            "instances\nper labelled\nvideo",
            "instances\nper labelled\nframe",
            "frames",
            "labelled\nframes",
            "frame size\n(pixels)",
        ]
        # The first two columns take what the longest entries need; the others share the rest.
        cells = [_cells(row, self.settings.domains) for row in rows.to_dict("records")]
        first, second = (0.35 + 0.068 * max([len(row[at]) for row in cells] + [8]) for at in (0, 1))
        left = [0.0, first, *np.linspace(first + second, 6.3, 6).tolist()]
        height, top = 0.21, 0.21 * len(rows)
        figure = layout.new_figure(layout.PAGE, 0.97 + top, self.question)
        axis = figure.add_subplot()
        axis.axis("off")
        axis.set(xlim=(-0.1, 7.0), ylim=(-0.05, top + 0.5))
        for at, text in enumerate(header):
            words = at < 2
            axis.text(left[at] + (0 if words else 0.25), top + 0.06, text, ha="left" if words else "center", fontsize=7)
        axis.plot([-0.1, 7.0], [top, top], color="0.2", lw=0.8)
        for number, (row, whole) in enumerate(zip(cells, rows["video"] == "", strict=True)):
            y = top - (number + 1) * height
            if whole:
                axis.add_patch(Rectangle((-0.1, y), 7.1, height, facecolor="0.92", edgecolor="none"))
            for at, text in enumerate(row):
                weight = "bold" if whole else "normal"
                x = left[at] + (0.25 if at > 1 else 0 if at or whole else 0.15)
                align = "left" if at < 2 else "center"
                axis.text(x, y + height / 2, text, ha=align, va="center", fontsize=7, weight=weight)
        return {"table": figure}


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


def _row(video: xr.Dataset, data_set: str) -> dict[str, Any]:
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
    from xinc.video.sources.datasets import TITLES, kind_of

    if source.startswith("example:"):
        return "examples"
    kind = kind_of(source)
    if kind is not None:
        return TITLES[kind]
    return PurePosixPath(source.replace("\\", "/")).parent.name or "videos"


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


def _cells(row: dict[Any, Any], domains: Mapping[str, str]) -> list[str]:
    """What stands in a row of the figure."""
    return [
        textwrap.shorten(row["video"] or row["data_set"], 32, placeholder="…"),
        ""
        if row["video"]
        else textwrap.shorten({**_DOMAINS, **domains}.get(row["data_set"], _NONE), 20, placeholder="…"),
        "" if row["video"] else str(row["videos"]),
        _range(row["instances_min"], row["instances_max"]),
        _range(row["frame_instances_min"], row["frame_instances_max"]),
        _range(row["frames_min"], row["frames_max"]),
        f"{100 * row['labelled']:.0f} %",
        row["size"] if row["size"].count(",") < 2 else f"{row['size'].count(',') + 1} sizes",
    ]


def _range(low: float, high: float) -> str:
    if np.isnan(low):
        return _NONE
    return f"{low:.0f}" if low == high else f"{low:.0f}{_NONE}{high:.0f}"
