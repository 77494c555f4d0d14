"""What is wrong with the lettering of a figure: texts that are cut off or lie on each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Pixels by which boxes may overlap, which are a little larger than what is drawn in them.
TOLERANCE = 2.5


def troubles(figure: Figure) -> list[str]:
    """A line for each text that reaches out of the figure, and for each pair that overlaps."""
    figure.draw_without_rendering()
    renderer = figure._get_renderer()  # type: ignore[attr-defined]
    boxes = [(text.get_text(), text.get_rotation() % 90, text.get_window_extent(renderer)) for text in _texts(figure)]
    page = figure.bbox
    found = [
        f"cut off: {words!r}" for words, _, box in boxes
        if min(box.x0 - page.x0, box.y0 - page.y0, page.x1 - box.x1, page.y1 - box.y1) < -TOLERANCE
    ]  # fmt: skip
    for (one, turned, a), (other, also, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        along = min(a.y1, b.y1) - max(a.y0, b.y0)
        # The box of slanted text is mostly empty.
        if min(across, along) > TOLERANCE and not (turned and also):
            found.append(f"overlapping: {one!r} and {other!r}")
    return found


def _texts(figure: Any) -> Iterator[Any]:
    """Every text that is drawn."""
    parts = [figure, *_subfigures(figure)]
    for part in parts:
        texts = [part._suptitle, part._supxlabel, part._supylabel, *part.texts]
        texts += [text for legend in part.legends for text in (*legend.get_texts(), legend.get_title())]
        yield from _drawn(dict.fromkeys(texts))
    for axis in figure.axes:
        for one in (axis, *axis.child_axes):
            yield from _drawn(_of_axes(one))


def _of_axes(axis: Axes) -> list[Any]:
    texts: list[Any] = [axis.title, *axis.texts]
    legend = axis.get_legend()
    texts += [] if legend is None else legend.get_texts()
    if axis.axison:
        for one in (axis.xaxis, axis.yaxis):
            texts += [one.label, *(tick.label1 for tick in one._update_ticks() if tick.label1.get_visible())]
    return texts


def _drawn(texts: Any) -> Iterator[Any]:
    return (text for text in texts if text is not None and text.get_visible() and text.get_text().strip())


def _subfigures(figure: Any) -> list[Any]:
    return [part for own in figure.subfigs for part in (own, *_subfigures(own))]
