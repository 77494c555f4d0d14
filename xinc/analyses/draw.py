"""Figures of an analysis, drawn from its result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xinc.analyses.making import make_analysis
from xinc.analyses.results import open_result
from xinc.plotting import animation, layout, style
from xinc.plotting.settings import FigureSettings
from xinc.storage.atomic import whole_directory


def draw_figures(
    name: str,
    settings: Any,
    result: str | Path,
    output: str | Path,
    quoted: Sequence[str | Path] = (),
    figures: FigureSettings | None = None,
) -> None:
    """Draw an analysis's figures, animations and pages (html) from its result into the directory ``output``.

    Figures are as the settings ``figures`` say, by default as wide as a page, as svg and png. Animations are written
    twice, as ``<name>.gif`` and, for browsers, which show it like any picture, as an animated ``<name>-animation.png``.
    A page is HTML unless its name has a suffix of its own.
    Results that are ``quoted`` are of other analyses of the same network; what they state of each layer is noted in the
    attribute ``quoted`` of the result to be drawn.
    """
    data = open_result(result).load()
    data.attrs["quoted"] = quotes_of(quoted)
    analysis = make_analysis(name, settings, data.attrs.get("distribution", ""))
    with style.context((figures or FigureSettings()).look()), whole_directory(output) as partial:
        for part, figure in analysis.plot(data).items():
            layout.save(figure, partial / part)
        for part, images in analysis.animate(data).items():
            animation.save_animation(images, partial / f"{part}.gif", partial / f"{part}-animation.png")
        for part, page in analysis.pages(data).items():
            (partial / (part if "." in part else f"{part}.html")).write_text(page, encoding="utf-8")


def quotes_of(results: Sequence[str | Path]) -> dict[str, str]:
    """What results of other analyses of the same network state of each layer."""
    said: dict[str, list[str]] = {}
    for path in results:
        other = open_result(path)
        stating = make_analysis(str(other.attrs["analysis"]), None, other.attrs.get("distribution", ""))
        for layer, line in stating.lines(other).items():
            said.setdefault(layer, []).append(line)
    return {layer: "\n".join(lines) for layer, lines in said.items()}
