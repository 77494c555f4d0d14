"""The table of data sets and their videos, as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xinc.analyses.dataset.table import table
from xinc.plotting import layout

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.dataset import Dataset

#: Inches of the table; on a narrower page a paragraph for each of its rows takes its place.
_TABLE = 6.8
#: Shown in the table for missing values.
_NONE = "–"
#: What the known data sets show (table 1), and the examples.
_DOMAINS = {"Cityscapes-VPS": "streets", "VIPSeg": "open", "COCO-panoptic": "open", "examples": "film, photographs"}


def plot(analysis: Dataset, result: xr.Dataset) -> dict[str, Figure]:
    rows = table(result)
    if result.sizes["video"] > analysis.settings.listed:
        rows = rows[rows["video"] == ""]
    if layout.page() < _TABLE:
        return {"table": _listed(analysis, rows)}
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
    cells = [_cells(row, analysis.settings.domains) for row in rows.to_dict("records")]
    first, second = (0.35 + 0.068 * max([len(row[at]) for row in cells] + [8]) for at in (0, 1))
    left = [0.0, first, *np.linspace(first + second, 6.3, 6).tolist()]
    height, top = 0.21, 0.21 * len(rows)
    figure = layout.new_figure(7.0, 0.97 + top, analysis.question)
    axis = figure.add_subplot()
    axis.axis("off")
    axis.set(xlim=(-0.1, 7.0), ylim=(-0.05, top + 0.5))
    for at, text in enumerate(header):
        words = at < 2
        axis.text(
            left[at] + (0 if words else 0.25), top + 0.06, text, ha="left" if words else "center", fontsize="x-small"
        )
    axis.plot([-0.1, 7.0], [top, top], color="0.2", lw=0.8)
    for number, (row, whole) in enumerate(zip(cells, rows["video"] == "", strict=True)):
        y = top - (number + 1) * height
        if whole:
            axis.add_patch(Rectangle((-0.1, y), 7.1, height, facecolor="0.92", edgecolor="none"))
        for at, text in enumerate(row):
            weight = "bold" if whole else "normal"
            x = left[at] + (0.25 if at > 1 else 0 if at or whole else 0.15)
            align = "left" if at < 2 else "center"
            axis.text(x, y + height / 2, text, ha=align, va="center", fontsize="x-small", weight=weight)
    return {"table": figure}


def _listed(analysis: Dataset, rows: pd.DataFrame) -> Figure:
    """A paragraph for each row of the table: the name, and below it what else the row says."""
    paragraphs = []
    for row in rows.to_dict("records"):
        name, domain, videos, instances, per_frame, frames, labelled, size = _cells(row, analysis.settings.domains)
        known = [f"{domain}, {videos} videos"] if videos else []
        masks = [f"{labelled} labelled", f"{instances} instances, {per_frame} in a frame"]
        text = "; ".join([*known, f"{frames} frames of {size}", *(masks if row["labelled"] else ["no masks"])])
        paragraphs.append((name, layout.wrapped(text, layout.page() - 0.4, 7), not row["video"]))
    line = 0.145
    height = sum(line * (text.count("\n") + 2) + 0.08 for _, text, _ in paragraphs)
    figure = layout.new_figure(layout.page(), height + 0.35, analysis.question)
    axis = figure.add_subplot()
    axis.axis("off")
    axis.set(xlim=(0, layout.page()), ylim=(-height, 0))
    y = 0.0
    for name, text, whole in paragraphs:
        axis.text(0.05 if whole else 0.15, y, name, va="top", fontsize="x-small", weight="bold" if whole else "normal")
        axis.text(0.25, y - line, text, va="top", fontsize="x-small", color="0.3", linespacing=1.35)
        y -= line * (text.count("\n") + 2) + 0.08
    return figure


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
