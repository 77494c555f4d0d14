"""Figures of an analysis, drawn from its result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xinc.analyses.making import make_analysis
from xinc.analyses.results import open_result
from xinc.plotting import animation, layout, style
from xinc.storage.atomic import whole_directory


def draw_figures(
    name: str, settings: Any, result: str | Path, output: str | Path, quoted: Sequence[str | Path] = ()
) -> None:
    """Draw an analysis's figures, animations and pages (html) from its result into the directory ``output``.

    Figures are written as svg and png. Animations are written twice, as ``<name>.gif`` and, for browsers, which show it
    like any picture, as an animated ``<name>-animation.png``. A page is HTML unless its name has a suffix of its own.
    Results that are ``quoted`` are of other analyses of the same network; what they state of each layer is noted in the
    attribute ``quoted`` of the result to be drawn.
    """
    data = open_result(result).load()
    said: dict[str, list[str]] = {}
    for path in quoted:
        other = open_result(path)
        stating = make_analysis(str(other.attrs["analysis"]), None, other.attrs.get("distribution", ""))
        for layer, line in stating.lines(other).items():
            said.setdefault(layer, []).append(line)
    data.attrs["quoted"] = {layer: "\n".join(lines) for layer, lines in said.items()}
    analysis = make_analysis(name, settings, data.attrs.get("distribution", ""))
    with style.context(), whole_directory(output) as partial:
        for part, figure in analysis.plot(data).items():
            layout.save(figure, partial / part)
        for part, images in analysis.animate(data).items():
            animation.save_animation(images, partial / f"{part}.gif", partial / f"{part}-animation.png")
        for part, page in analysis.pages(data).items():
            (partial / (part if "." in part else f"{part}.html")).write_text(page, encoding="utf-8")
