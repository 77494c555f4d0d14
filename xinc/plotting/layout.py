"""Layout of figures without overlaps, and their files as SVG and PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Width in inches of a figure that fills a two-column page.
PAGE = 7.0


#: Dots per inch of a PNG, and the most pixels of its height: of a higher one the report hides the top. A higher figure
#: has fewer dots per inch, but no fewer than its smallest print needs.
DPI, MOST_PIXELS, LEAST_DPI = 150, 900, 100


#: Inches of the line below a title that says what a figure is of.
_ABOUT = 0.17


def new_figure(width: float, height: float, title: str, about: str = "") -> Figure:
    """A figure of this size in inches, laid out without overlaps, titled with the question it answers.

    Below the title stands what the figure is ``about`` (see `about`), for each line of which it is made higher.
    """
    lines = about.count("\n") + 1 if about else 0
    figure = Figure(figsize=(width, height + _ABOUT * lines), layout="constrained")
    figure.suptitle(f"{title}\n{about}" if about else title)
    return figure


def note_figure(title: str, text: str, about: str = "") -> Figure:
    """In place of a figure, a sentence that says why there is none."""
    figure = new_figure(PAGE, 0.9, title, about)
    axis = figure.add_subplot()
    axis.axis("off")
    axis.text(0.5, 0.5, text, ha="center", va="center", fontsize=8, color="0.3")
    return figure


def about(attributes: Mapping[Any, Any], *parts: str) -> str:
    """What a figure is of, in one line for all figures: ``bunny · nerv · seed 0 · block1 · frame 8``.

    Parameters
    ----------
    attributes : of a result, where `xinc.analyses.run.run_analysis` notes video, model and seed; what is not there is
        left out.
    parts : what else the figure is of, its layer or its frame.
    """
    known = [str(attributes[name]) for name in ("video", "model") if attributes.get(name)]
    if str(attributes.get("seed", "")):
        known.append(f"seed {attributes['seed']}")
    if attributes.get("other"):
        known += [f"with {attributes['other']}", f"seed {attributes['other_seed']}"]
    return " · ".join([*known, *(part for part in parts if part)])


def quoted(attributes: Mapping[Any, Any], layer: str) -> str:
    """What other analyses state of a layer, on lines of their own to go below `about`; empty where they are not there.

    ``attributes`` are those of a result as `xinc.analyses.draw.draw_figures` gives it to a figure.
    """
    said = str(attributes.get("quoted", {}).get(layer, ""))
    return f"\n{said}" if said else ""


def image_grid(
    rows: int, columns: int, aspect: float, title: str, extra: float = 0.0, about: str = ""
) -> tuple[Figure, np.ndarray]:
    """A page-wide grid of axes for images of ``aspect`` (height / width): the figure and axes (rows, columns).

    ``extra`` inches are left for what stands below; for ``about`` see `new_figure`.
    """
    panel = (PAGE - 0.2) / columns
    figure = new_figure(PAGE, 0.35 + rows * (panel * aspect + 0.22) + extra, title, about)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    return figure, axes


def show(axis: Axes, image: np.ndarray, title: str = "", cmap: str | None = None, **limits: Any) -> Any:
    """Draw an image without axes."""
    axis.axis("off")
    if title:
        axis.set_title(title, pad=3)
    return axis.imshow(image, cmap=cmap, **limits)


def bar_below(figure: Any, axis: Axes, image: Any, label: str) -> Any:
    """A thin colour bar below an image; in the image's own axes, so that all images of a row keep one size.

    Narrower than the image, or the numbers at its ends would push the images apart.
    """
    bar = figure.colorbar(image, cax=axis.inset_axes((0.1, -0.12, 0.8, 0.06)), orientation="horizontal")
    bar.ax.tick_params(labelsize=6, length=2, pad=1)
    bar.ax.locator_params(nbins=4)
    bar.set_label(label, fontsize=6, labelpad=1)
    return bar


def side_label(axis: Axes, text: str) -> None:
    """A label to the left of an image that has no axes."""
    axis.text(-0.04, 0.5, text, transform=axis.transAxes, rotation=90, ha="right", va="center", fontsize=7)


def save(figure: Figure, path: str | Path) -> None:
    """Write ``path`` with suffixes .svg and .png, the same bytes for the same figure."""
    from PIL import Image

    base = Path(path)
    base.parent.mkdir(parents=True, exist_ok=True)
    _settle(figure)
    figure.savefig(base.with_name(base.name + ".svg"), metadata={"Date": None})
    dpi = max(LEAST_DPI, min(DPI, MOST_PIXELS / figure.get_figheight()))
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, pil_kwargs={"compress_level": 0})
    # Every colour as drawn: with a palette for the whole figure small marks take on each other's colours.
    picture = Image.open(drawn).convert("RGB")
    picture.save(base.with_name(base.name + ".png"), compress_level=6, dpi=(dpi, dpi))


def _settle(figure: Figure) -> None:
    """Lay the figure out for good, rounded: the last digits of the layout's solver depend on addresses in memory."""
    from matplotlib.transforms import Bbox

    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:  # it warns of a figure without axes
        engine.execute(figure)
    figure.set_layout_engine(None)  # not "none", with which a figure that has a colour bar is drawn twice
    for part in _subfigures(figure):
        part._redo_transform_rel_fig(Bbox(part.bbox_relative.get_points().round(6)))
    for axis in figure.axes:
        axis.set_position(Bbox(axis.get_position(original=True).get_points().round(6)), which="original")


def _subfigures(figure: Any) -> list[Any]:
    """Those of a figure, outer ones first."""
    return [part for own in figure.subfigs for part in (own, *_subfigures(own))]
