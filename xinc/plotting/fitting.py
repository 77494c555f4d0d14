"""Fitting of a finished figure: titles that break where there is no room, and as much height as its images fill."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.plotting import style

#: Passes at most; each lays the figure out again.
_PASSES = 4
#: Blanks at which a line may break: none within a formula.
_BLANK = re.compile(r" (?=(?:[^$]*\$[^$]*\$)*[^$]*$)")


def width_of(text: str, points: float) -> float:
    """Width in inches of the longest line of a text in letters of this size."""
    from matplotlib.textpath import TextPath

    return max((TextPath((0, 0), line, size=points).get_extents().width / 72 for line in text.split("\n") if line),
               default=0.0)  # fmt: skip


def wrapped(text: str, width: float, points: float) -> str:
    """A text whose lines are not wider than so many inches, as far as its words allow."""
    lines = []
    for line in text.split("\n"):
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
    """Break titles and labels that are wider than their panels, and give the figure the height that it then needs."""
    engine = figure.get_layout_engine()
    if engine is None or not figure.axes:
        return
    for _ in range(_PASSES):
        engine.execute(figure)
        grown = _break_texts(figure) or _height_of_images(figure)
        if not grown:
            break
        figure.set_figheight(round(figure.get_figheight() + grown, 3))
    most = style.look().height
    if most is not None and figure.get_figheight() > most:
        figure.set_figheight(most)
        engine.execute(figure)


def _break_texts(figure: Figure) -> float:
    """Break titles and labels of axes into lines as wide as their axes; the inches by which the figure has to grow."""
    renderer, dpi = figure._get_renderer(), figure.dpi  # type: ignore[attr-defined]
    rows: dict[float, float] = {}
    for axis in figure.axes:
        box = axis.get_window_extent(renderer)
        for text, room in ((axis.title, box.width), (axis.xaxis.label, box.width), (axis.yaxis.label, box.height)):
            upright = text is axis.yaxis.label
            if not text.get_visible() or not text.get_text() or (text is not axis.title and not axis.axison):
                continue
            extent = text.get_window_extent(renderer)
            if (extent.height if upright else extent.width) <= room + 0.02 * dpi:
                continue
            before, size = text.get_text(), float(text.get_fontsize())
            broken = wrapped(before.replace("\n", " ") if upright else before, room / dpi, size)
            more = broken.count("\n") - before.count("\n")
            if broken == before:
                continue
            text.set_text(broken)
            if not upright:
                place = round(box.y1 / dpi, 1)
                rows[place] = max(rows.get(place, 0.0), more * 1.2 * size / 72)
    return sum(rows.values())


def _height_of_images(figure: Figure) -> float:
    """The inches by which a figure of nothing but images has to grow for these to fill its width; negative: shrink."""
    main = [axis for axis in figure.axes if axis.get_subplotspec() is not None]
    shown = [axis for axis in main if axis.images]
    if not shown or figure.subfigs or any(_draws(axis) for axis in main if axis not in shown):
        return 0.0
    width, height = figure.get_size_inches()
    missing: dict[int, float] = {}
    for axis in shown:
        slot = axis.get_position(original=True)
        span = axis.get_subplotspec().rowspan  # type: ignore[union-attr]
        more = slot.width * width * axis.get_data_ratio() - slot.height * height
        missing[span.start] = max(missing.get(span.start, -1e9), more)
    total = round(float(sum(missing.values())), 2)
    return total if abs(total) > 0.03 else 0.0


def _draws(axis: Axes) -> bool:
    """Whether anything is drawn in axes that have no image."""
    parts: Iterable[Any] = (*axis.lines, *axis.patches, *axis.collections, *axis.texts)
    return axis.axison or any(part.get_visible() for part in parts)
