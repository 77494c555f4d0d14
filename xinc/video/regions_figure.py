"""A picture of how a video's pixels are grouped, apart from the grouping: drawing it anew groups nothing anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_MOST_FRAMES = 3


def contact_sheet_of_regions(regions: xr.Dataset, video: xr.Dataset, name: str) -> Figure:
    """Up to three evenly spaced frames, and below each its instances, colour and Gabor clusters and grid.

    Where only some frames have masks, the frames are chosen among these.

    Colour clusters have their colour, Gabor clusters are brighter the stronger their responses, grid cells have the
    mean colour of their pixels.

    Parameters
    ----------
    regions : a dataset from `xinc.video.regions.open_regions`.
    video : the dataset from `xinc.video.store.open_video` that it was made from.
    name : name of the video, for the title.
    """
    from xinc import figures
    from xinc.video.figure import overlay, shown_frames

    shown = shown_frames(video, _MOST_FRAMES)
    rows = ["frame", *(g for g in ("instances", "rgb", "gabor", "grid") if g in regions)]
    aspect = video.sizes["y"] / video.sizes["x"]
    figure, axes = figures.image_grid(len(rows), _MOST_FRAMES, aspect, f"{name}: how pixels are grouped")
    # Only the first row has titles.
    figure.set_figheight(figure.get_figheight() - 0.2 * (len(rows) - 1))
    for column, at in enumerate(shown):
        frame = video["frames"][at].transpose("y", "x", "channel").values
        for row, kind in enumerate(rows):
            if kind == "frame":
                picture = frame
            elif kind == "instances":
                picture = overlay(video, at)
            else:
                picture = _painted(regions, kind, at, frame)
            title = f"frame {int(video['source_frame'][at])}" if row == 0 else ""
            if kind == "instances" and not bool(video["annotated"][at]):
                axes[row, column].text(0.5, 0.5, "not annotated", ha="center", va="center", fontsize=7, color="0.4")
                continue
            figures.show(axes[row, column], np.clip(picture, 0, 1), title)
    for row, kind in enumerate(rows):
        number = "" if kind == "frame" else f" ({len(np.unique(regions[kind].values[regions[kind].values >= 0]))})"
        figures.side_label(axes[row, 0], f"{kind}{number}")
    return figure


def _painted(regions: xr.Dataset, kind: str, at: int, frame: np.ndarray) -> np.ndarray:
    """The regions of a frame in their colours, (y, x, 3)."""
    import matplotlib

    labels = regions[kind][at].values
    if kind == "rgb":
        return np.asarray(regions["rgb_colour"].values[labels])
    if kind == "gabor":
        strongest = max(int(regions[kind].max()), 1)
        return np.asarray(matplotlib.colormaps["magma"](labels / strongest))[..., :3]
    areas = np.bincount(labels.ravel())[:, None]
    sums = np.stack([np.bincount(labels.ravel(), frame[..., c].ravel()) for c in range(3)], axis=1)
    return np.asarray((sums / areas)[labels])


def draw_regions(regions: str | Path, video: str | Path, output: str | Path, name: str) -> None:
    """Write `contact_sheet_of_regions` of two stores (svg, png) into the directory ``output``."""
    from xinc import figures
    from xinc.stores import whole_directory
    from xinc.video.regions import open_regions
    from xinc.video.store import open_video

    with open_video(video) as frames, open_regions(regions) as labels, figures.style():
        with whole_directory(output) as partial:
            figures.save(contact_sheet_of_regions(labels.load(), frames.load(), name), partial / "regions")
