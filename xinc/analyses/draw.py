"""Figures of an analysis, drawn from its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xinc.analyses.making import make_analysis
from xinc.analyses.results import open_result
from xinc.plotting import animation, layout, style
from xinc.storage.atomic import whole_directory


def draw_figures(name: str, settings: Any, result: str | Path, output: str | Path) -> None:
    """Draw an analysis's figures, animations and pages (html) from its result into the directory ``output``.

    Figures are written as svg and png. Animations are written twice, as ``<name>.gif`` and, for browsers, which show it
    like any picture, as an animated ``<name>-animation.png``. A page is HTML unless its name has a suffix of its own.
    """
    data = open_result(result).load()
    analysis = make_analysis(name, settings, data.attrs.get("distribution", ""))
    with style.context(), whole_directory(output) as partial:
        for part, figure in analysis.plot(data).items():
            layout.save(figure, partial / part)
        for part, images in analysis.animate(data).items():
            animation.save_animation(images, partial / f"{part}.gif", partial / f"{part}-animation.png")
        for part, page in analysis.pages(data).items():
            (partial / (part if "." in part else f"{part}.html")).write_text(page, encoding="utf-8")
