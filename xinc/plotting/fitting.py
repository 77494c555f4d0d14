"""Fitting of a finished figure: titles that break where there is no room, and as much height as its images fill."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.plotting import style

#: Passes at most by which images get their height: what stands below them may depend on it.
_PASSES = 3
#: Blanks at which a line may break: none within a formula.
_BLANK = re.compile(r" (?=(?:[^$]*\$[^$]*\$)*[^$]*$)")


@functools.lru_cache(maxsize=1024)
def width_of(text: str, points: float) -> float:
    """Width in inches of the longest line of a text in letters of this size."""
    return max((_width_of_line(line, points) for line in text.split("\n") if line.strip()), default=0.0)


def _width_of_line(line: str, points: float) -> float:
    """That of its letters' points: the curves between them, which Matplotlib solves for, take eight times as long."""
    from matplotlib.textpath import TextPath

    path = TextPath((0, 0), line, size=points)
    across = path.vertices[path.codes != path.CLOSEPOLY, 0]
    return float(np.ptp(across)) / 72 if across.size else 0.0


def wrapped(text: str, width: float, points: float) -> str:
    """A text whose lines are not wider than so many inches, as far as its words allow."""
    lines = []
    for line in text.split("\n"):
        if not line or width_of(line, points) <= width:
            lines.append(line)
            continue
        current = ""
        for word in _BLANK.split(line):
            longer = f"{current} {word}" if current else word
            if current and width_of(longer, points) > width:
                lines.append(current)
                longer = word
            current = longer
        lines.append(current)
    return "\n".join(lines)


def fit(figure: Figure) -> None:
    """Break titles and labels that are wider than their panels, and give the figure the height that it then needs.

    Afterwards the figure is laid out.
    """
    engine = figure.get_layout_engine()
    if engine is None or not figure.axes:
        return
    # Laying out takes most of the time of a figure: both changes at once, and no more often than it has to be.
    engine.execute(figure)
    broken = _break_texts(figure)
    missing = _height_of_images(figure)
    for _ in range(_PASSES):
        if broken is None and not missing:
            break
        _grow(figure, missing + (broken or 0.0))
        engine.execute(figure)
        broken, missing = None, _height_of_images(figure)
    most = style.look().height
    if most is not None and figure.get_figheight() > most:
        figure.set_figheight(most)
        engine.execute(figure)
        figure.set_figwidth(round(figure.get_figwidth() - _gaps_of_images(figure), 3))
        engine.execute(figure)


def _grow(figure: Figure, inches: float) -> None:
    figure.set_figheight(round(figure.get_figheight() + inches, 3))


def _break_texts(figure: Figure) -> float | None:
    """Break titles and labels of axes into lines as wide as their axes; the inches by which the figure has to grow.

    None where there is nothing to break.
    """
    renderer, dpi = figure._get_renderer(), figure.dpi  # type: ignore[attr-defined]
    rows: dict[float, float] = {}
    found = False
    for axis in figure.axes:
        if axis.get_subplotspec() is None:  # a colour bar
            continue
        box = axis.get_window_extent(renderer)
        for text, room in ((axis.title, box.width), (axis.xaxis.label, box.width), (axis.yaxis.label, box.height)):
            upright = text is axis.yaxis.label
            if not text.get_visible() or not text.get_text() or (text is not axis.title and not axis.axison):
                continue
            extent = text.get_window_extent(renderer)
            if (extent.height if upright else extent.width) <= room + 0.02 * dpi:
                continue
            before, size = text.get_text(), float(text.get_fontsize())
            # Letters on the screen are a little wider than their outlines.
            stretched = width_of(before, size) / (extent.height if upright else extent.width)
            broken = wrapped(before.replace("\n", " ") if upright else before, room * stretched, size)
            more = broken.count("\n") - before.count("\n")
            if broken == before:
                continue
            text.set_text(broken)
            found = True
            if not upright:
                place = round(box.y1 / dpi, 1)
                rows[place] = max(rows.get(place, 0.0), more * 1.2 * size / 72)
    return sum(rows.values()) if found else None


def _height_of_images(figure: Figure) -> float:
    """The inches by which a figure of nothing but images has to grow for these to fill its width; negative: shrink."""
    width, height = figure.get_size_inches()
    missing: dict[int, float] = {}
    for axis, spec, slot in _images(figure):
        more = slot.width * width * axis.get_data_ratio() - slot.height * height
        missing[spec.rowspan.start] = max(missing.get(spec.rowspan.start, -1e9), more)
    # Where there was no room at all, the layout left everything as it was, and little can be told from that.
    total = max(round(float(sum(missing.values())), 2), -0.5 * float(height))
    return total if abs(total) > 0.03 else 0.0


def _gaps_of_images(figure: Figure) -> float:
    """The inches beside the images of a figure of nothing but images that is not as high as its width would have it."""
    width, height = figure.get_size_inches()
    gaps: dict[int, float] = {}
    for axis, spec, slot in _images(figure):
        gap = slot.width * width - slot.height * height / axis.get_data_ratio()
        gaps[spec.colspan.start] = min(gaps.get(spec.colspan.start, 1e9), gap)
    return min(max(round(float(sum(gaps.values())), 2), 0.0), 0.5 * float(width))


def _images(figure: Figure) -> list[tuple[Axes, Any, Any]]:
    """Axes with images, with their places in the grid and in the figure, of a figure that has nothing else."""
    main = [axis for axis in figure.axes if axis.get_subplotspec() is not None]
    shown = [axis for axis in main if axis.images]
    if figure.subfigs or any(_draws(axis) for axis in main if axis not in shown):
        return []
    return [(axis, axis.get_subplotspec(), axis.get_position(original=True)) for axis in shown]


def _draws(axis: Axes) -> bool:
    """Whether anything is drawn in axes that have no image."""
    parts: Iterable[Any] = (*axis.lines, *axis.patches, *axis.collections, *axis.texts)
    return axis.axison or any(part.get_visible() for part in parts)
