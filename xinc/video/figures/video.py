"""Pictures of a prepared video: a contact sheet for print and an animation for the screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xinc.plotting.flow_colours import flow_colours
from xinc.storage.datasets import each_row

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xinc.plotting.settings import FigureSettings

#: Frames of an animation; of a long video all of them would need gigabytes.
MOST_FILMED = 300
_COLUMNS, _MOST_FRAMES, _MOST_ENTRIES = 4, 8, 12
# Inches.
_WIDTH, _LEAST, _LEFT, _RIGHT, _GAP, _TOP, _HEAD = 10.0, 6.2, 0.55, 0.1, 0.06, 0.35, 0.2
_WHEEL, _ENTRY = 0.6, 0.19
# Grey in place of the instances of a frame that is not annotated.
_NO_MASK = 0.85


def contact_sheet(video: xr.Dataset, name: str) -> Figure:
    """Up to eight evenly spaced frames; below each its instances and its flow, where the video has them.

    Where only some frames have masks, the frames are chosen among these.

    Parameters
    ----------
    video : a dataset from `xinc.video.store.open_video`.
    name : name of the video, for the title.
    """
    from matplotlib.figure import Figure

    shown = shown_frames(video, _MOST_FRAMES)
    rows = [row for row in ("frames", "instances", "flow") if row in video]
    bands = -(-len(shown) // _COLUMNS)
    columns = -(-len(shown) // bands)
    width = (_WIDTH - _LEFT - _RIGHT - (_COLUMNS - 1) * _GAP) / _COLUMNS
    height = width * video.sizes["y"] / video.sizes["x"]
    band = _HEAD + len(rows) * (height + _GAP)
    across = max(_LEAST, _LEFT + columns * width + (columns - 1) * _GAP + _RIGHT)
    entries = _entries(video) if "instances" in video else {}
    ncols = _legend_columns(entries, across - _LEFT - (2.6 if "flow" in video else 0))
    foot = 0.2 + max(-(-len(entries) // ncols) * _ENTRY, _WHEEL if "flow" in video else 0) if len(rows) > 1 else _GAP
    size = (across, _TOP + bands * band + foot)
    figure = Figure(figsize=size)
    figure.suptitle(_title(video, name), x=_LEFT / size[0], y=1 - 0.08 / size[1], ha="left", va="top", fontsize=11)
    fastest = _fastest(video)
    for place, index in enumerate(shown):
        left = _LEFT + (place % columns) * (width + _GAP)
        top = size[1] - _TOP - (place // columns) * band - _HEAD
        for number, row in enumerate(rows):
            bottom = top - height - number * (height + _GAP)
            axes = figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))
            _panel(axes, video, row, index, fastest)
            if number == 0:
                axes.set_title(f"frame {int(video.source_frame[index])}", fontsize=8, pad=2)
            if place % columns == 0:
                axes.set_ylabel(row.removesuffix("s") if row == "frames" else row, fontsize=9)
    if entries:
        _legend(figure, entries, ncols, (_LEFT / size[0], (foot - 0.1) / size[1]))
    if "flow" in video:
        _wheel(figure, size, fastest)
    return figure


def film(video: xr.Dataset, enlarge: int = 3) -> list[np.ndarray]:
    """Every frame as uint8 (height, width, 3), ``enlarge`` times enlarged, with its instances beside it.

    Of a video of more than `MOST_FILMED` frames, so many evenly spaced ones. Beside a frame without a mask there is
    nothing but grey.
    """
    pictures = []
    frames = video.sizes["frame"]
    for index in np.linspace(0, frames - 1, min(frames, MOST_FILMED)).round().astype(int).tolist():
        picture = video["frames"][index].values
        if "instances" in video:
            masked = bool(video["annotated"].values[index])
            beside = overlay(video, index) if masked else np.full_like(picture, _NO_MASK)
            picture = np.concatenate([picture, beside], axis=1)
        picture = np.rint(picture * 255).astype(np.uint8)
        pictures.append(picture.repeat(enlarge, axis=0).repeat(enlarge, axis=1))
    return pictures


def overlay(video: xr.Dataset, index: int) -> np.ndarray:
    """Frame ``index`` in pale grey with its instances in their colours, float (y, x, 3) in [0, 1]."""
    grey = video["frames"][index].values.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    picture: np.ndarray = 0.45 + 0.55 * grey
    instances = video["instances"][index].values
    for instance, colour in instance_colours(video).items():
        there = instances == instance
        picture[there] = 0.35 * grey[there] + 0.65 * colour
    return picture


def number_instances(axes: Axes, video: xr.Dataset, index: int) -> None:
    """Outline the instances of frame ``index`` and write their numbers on them: colours alone do not tell all apart.

    Where there are very many, outlines only.
    """
    from matplotlib.patheffects import withStroke

    instances = video["instances"][index].values
    there = [number for number in video["segment_id"].values.tolist() if (instances == number).any()]
    for number in there:
        own = instances == number
        if not own.all():
            axes.contour(own, [0.5], colors="black", linewidths=0.5)
        if len(there) <= _MOST_ENTRIES:
            y, x = np.nonzero(own)
            # The pixel of the instance that is nearest to its middle, which may lie outside.
            at = int(np.hypot(y - y.mean(), x - x.mean()).argmin())
            text = axes.text(x[at], y[at], str(number), ha="center", va="center", fontsize=7, color="black")
            text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def instance_colours(video: xr.Dataset) -> dict[int, np.ndarray]:
    """A colour (r, g, b) in [0, 1] for each segment id, see `xinc.plotting.style.instance_colours`."""
    from xinc.plotting import style

    table = list(zip(*(video[name].values.tolist() for name in ("segment_id", "category", "isthing")), strict=True))
    stuff = dict.fromkeys(category for _, category, thing in table if not thing)
    order = [(category, number) for number, category, thing in table if thing] + [(name, None) for name in stuff]
    colours = dict(zip(order, style.instance_colours([category for category, _ in order]), strict=True))
    return {number: np.array(colours[category, number if thing else None]) for number, category, thing in table}


def shown_frames(video: xr.Dataset, most: int) -> list[int]:
    """Positions of up to ``most`` evenly spaced frames, of those with masks where there are such."""
    every = np.arange(video.sizes["frame"])
    annotated = every[video["annotated"].values.astype(bool)] if "annotated" in video else every
    known = annotated if len(annotated) else every
    places = np.linspace(0, len(known) - 1, min(len(known), most)).round().astype(int)
    return [int(place) for place in known[places]]


def _title(video: xr.Dataset, name: str) -> str:
    frames = video.sizes["frame"]
    title = f"{name}: {frames} frame{'' if frames == 1 else 's'} of {video.sizes['y']} × {video.sizes['x']} pixels"
    annotated = int(video["annotated"].sum()) if "annotated" in video else frames
    return title if annotated == frames else f"{title}, {annotated} annotated"


def _fastest(video: xr.Dataset) -> float:
    """The largest displacement, pixels; 1 where nothing moves."""
    if "flow" not in video:
        return 1.0
    speeds = (np.nan_to_num(np.hypot(flow[..., 0], flow[..., 1])).max() for flow in each_row(video["flow"]))
    return float(max(speeds, default=0)) or 1.0


def _panel(axes: Axes, video: xr.Dataset, row: str, index: int, fastest: float) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_linewidth(0.4)
    absent = None
    if row == "instances" and not video["annotated"].values[index]:
        absent = "not annotated"
    elif row == "flow" and index == 0:
        absent = "no previous frame"
    if absent:
        axes.text(0.5, 0.5, absent, ha="center", va="center", fontsize=8, color="0.4", transform=axes.transAxes)
        return
    if row == "frames":
        picture = video["frames"][index].values
    elif row == "instances":
        picture = overlay(video, index)
    else:
        picture = flow_colours(video["flow"][index].values, fastest)
    axes.imshow(picture, aspect="auto", interpolation="nearest")
    if row == "instances":
        number_instances(axes, video, index)


def _entries(video: xr.Dataset) -> dict[str, np.ndarray]:
    """Label and colour of each entry of the legend: instances, or categories where there are many instances."""
    colours = instance_colours(video)
    categories = video["category"].values.tolist()
    many = len(colours) > _MOST_ENTRIES
    entries: dict[str, np.ndarray] = {}
    for (instance, colour), category in zip(colours.items(), categories, strict=True):
        label = f"{category} ({categories.count(category)})" if many else f"{category} {instance}"
        entries.setdefault(label, colour)
    more = len(entries) - _MOST_ENTRIES
    if more > 0:
        entries = dict(list(entries.items())[:_MOST_ENTRIES]) | {f"and {more} more": np.ones(3)}
    return entries


def _legend_columns(entries: dict[str, np.ndarray], room: float) -> int:
    """How many columns of the longest label fit into ``room`` inches."""
    longest = max((len(label) for label in entries), default=0)
    return max(1, min(len(entries), int(room / (0.5 + 0.075 * longest))))


def _legend(figure: Figure, entries: dict[str, np.ndarray], ncols: int, place: tuple[float, float]) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=tuple(colour.tolist()), edgecolor="white" if colour.min() == 1 else "0.3", linewidth=0.4)
        for colour in entries.values()
    ]
    figure.legend(
        handles, list(entries), loc="upper left", bbox_to_anchor=place, ncols=ncols, fontsize=8, frameon=False,
        borderpad=0, borderaxespad=0, handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip


def _wheel(figure: Figure, size: tuple[float, float], fastest: float) -> None:
    """The key to the colours of the flow, at the lower right."""
    side = _WHEEL
    left = size[0] - _RIGHT - side
    axes = figure.add_axes((left / size[0], 0.08 / size[1], side / size[0], side / size[1]))
    y, x = np.mgrid[-1:1:101j, -1:1:101j]
    picture = flow_colours(np.stack([x, y], axis=-1), 1.0)
    picture[np.hypot(x, y) > 1] = 1
    axes.imshow(picture, extent=(-1, 1, -1, 1))
    axes.set_axis_off()
    text = f"flow from the previous\nframe, rim {fastest:.3g} px"
    figure.text((left - 0.08) / size[0], (0.08 + side / 2) / size[1], text, ha="right", va="center", fontsize=8)


def draw_video(video: str | Path, output: str | Path, name: str, figures: FigureSettings | None = None) -> None:
    """Write `contact_sheet`, as the settings say, and `animation` (gif, png) of a store into ``output``."""
    from xinc.plotting import animation, layout, style
    from xinc.plotting.settings import FigureSettings
    from xinc.storage.atomic import whole_directory
    from xinc.video.store import open_video

    look = (figures or FigureSettings()).look()
    with open_video(video) as data, style.context(look), whole_directory(output) as partial:
        layout.save(contact_sheet(data, name), partial / "frames")
        animation.save_animation(film(data), partial / "animation.gif", partial / "animation.png")
