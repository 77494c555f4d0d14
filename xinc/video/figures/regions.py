"""A picture of how a video's pixels are grouped, apart from the grouping: drawing it anew groups nothing anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xinc.plotting import layout, style
from xinc.plotting.settings import FigureSettings

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_FRAMES = 3


def contact_sheet_of_regions(regions: xr.Dataset, video: xr.Dataset, name: str) -> Figure:
    """Up to three evenly spaced frames, and below each its instances, colour and Gabor clusters and grid.

    Where only some frames have masks, the frames are chosen among these.

    Instances have their outline and number, colour clusters their colour. Gabor clusters have the hue of the
    orientation to which they respond most, and are the darker the stronger they respond. Grid cells have the mean
    colour of their pixels, and outlines.

    Parameters
    ----------
    regions : a dataset from `xinc.video.regions.open_regions`.
    video : the dataset from `xinc.video.store.open_video` that it was made from.
    name : name of the video, for the title.
    """
    from xinc.video.figures.video import number_instances, overlay, shown_frames

    shown = shown_frames(video, _MOST_FRAMES)
    rows = ["frame", *(g for g in ("instances", "rgb", "gabor", "grid") if g in regions)]
    aspect = video.sizes["y"] / video.sizes["x"]
    figure, axes = layout.image_grid(len(rows), _MOST_FRAMES, aspect, f"{name}: how are pixels grouped?", extra=0.45)
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
                axes[row, column].text(
                    0.5, 0.5, "not annotated", ha="center", va="center", fontsize="x-small", color="0.4"
                )
                continue
            layout.show(axes[row, column], np.clip(picture, 0, 1), title)
            if kind == "instances":
                number_instances(axes[row, column], video, at)
            if kind == "grid":
                _outline_cells(axes[row, column], regions["grid"][at].values)
    for row, kind in enumerate(rows):
        number = "" if kind == "frame" else f" ({len(np.unique(regions[kind].values[regions[kind].values >= 0]))})"
        layout.side_label(axes[row, 0], f"{kind}{number}")
    if "gabor" in rows:
        _legend_of_orientations(figure, regions)
    return figure


def _painted(regions: xr.Dataset, kind: str, at: int, frame: np.ndarray) -> np.ndarray:
    """The regions of a frame in their colours, (y, x, 3)."""
    labels = regions[kind][at].values
    if kind == "rgb":
        return np.asarray(regions["rgb_colour"].values[labels])
    if kind == "gabor":
        return _gabor_colours(regions)[labels]
    areas = np.bincount(labels.ravel())[:, None]
    sums = np.stack([np.bincount(labels.ravel(), frame[..., c].ravel()) for c in range(3)], axis=1)
    return np.asarray((sums / areas)[labels])


def _orientations(regions: xr.Dataset) -> dict[float, np.ndarray]:
    """A hue (r, g, b) for each orientation of the Gabor filters, in degrees."""
    angles = sorted(set(regions["orientation"].values.tolist()))
    hues = style.palette(len(angles))
    return {angle: np.array(hue) for angle, hue in zip(angles, hues, strict=True)}


def _gabor_colours(regions: xr.Dataset) -> np.ndarray:
    """A colour for each Gabor cluster, (region, 3); see `contact_sheet_of_regions`."""
    hues = _orientations(regions)
    response = regions["gabor_response"].transpose("gabor_region", "filter").values
    angles = regions["orientation"].values
    # Sums over frequencies, so that an orientation counts whatever its scale.
    sums = np.stack([response[:, angles == angle].sum(1) for angle in hues], axis=1)
    hue = np.stack(list(hues.values()))[sums.argmax(1)]
    # Clusters are sorted from weak to strong: the weakest nearly white, the strongest in full colour, and darker.
    rank = np.linspace(0.08, 1.4, len(response))[:, None]
    return np.asarray(np.where(rank <= 1, 1 - rank * (1 - hue), hue * (1 - 1.2 * (rank - 1))))


def _legend_of_orientations(figure: Figure, regions: xr.Dataset) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=tuple(hue), label=f"{angle:g}°") for angle, hue in _orientations(regions).items()]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(len(handles), 8), frameon=False,
        title="gabor: orientation of the strongest response, darker where stronger", title_fontsize="x-small",
    )  # fmt: skip


def _outline_cells(axis: Axes, labels: np.ndarray) -> None:
    """Lines between grid cells."""
    for y in np.flatnonzero((np.diff(labels, axis=0) != 0).all(1)):
        axis.axhline(y + 0.5, color="white", linewidth=0.4)
    for x in np.flatnonzero((np.diff(labels, axis=1) != 0).all(0)):
        axis.axvline(x + 0.5, color="white", linewidth=0.4)


def draw_regions(
    regions: str | Path, video: str | Path, output: str | Path, name: str, figures: FigureSettings | None = None
) -> None:
    """Write `contact_sheet_of_regions` of two stores into the directory ``output``, as the settings say."""
    from xinc.storage.atomic import whole_directory
    from xinc.video.regions import open_regions
    from xinc.video.store import open_video

    look = (figures or FigureSettings()).look()
    with open_video(video) as frames, open_regions(regions) as labels, style.context(look):
        with whole_directory(output) as partial:
            layout.save(contact_sheet_of_regions(labels.load(), frames.load(), name), partial / "regions")
