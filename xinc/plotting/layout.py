"""Figures of any width, and their files as SVG, PNG and PDF.

Sizes are in inches of a page with letters of the usual size; where letters are larger (`xinc.plotting.style.Look`),
these inches are, too.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.plotting import style
from xinc.plotting.fitting import fit as fit
from xinc.plotting.fitting import width_of
from xinc.plotting.fitting import wrapped as wrapped

#: Dots per inch of a PNG, and the most pixels of its height: of a higher one the report hides the top. A higher figure
#: has fewer dots per inch, but no fewer than its smallest print needs.
DPI, MOST_PIXELS, LEAST_DPI = 150, 900, 100


#: Inches of a line of a title.
_LINE = 0.17


class HouseFigure(Figure):
    """A figure that is drawn and saved in the look in which it was made, whatever the user's settings by then."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.look = style.look()
        super().__init__(*arguments, **named)

    def draw(self, renderer: Any) -> None:
        with style.context(self.look):
            super().draw(renderer)

    def savefig(self, fname: Any, **named: Any) -> None:
        with style.context(self.look):
            super().savefig(fname, **named)


def page() -> float:
    """Width of a figure that fills the page, in inches of letters of the usual size."""
    return style.look().width / style.look().scale


def columns(count: int, least: float = 1.5, most: int | None = None, aspect: float = 0.0, groups: int = 1) -> int:
    """How many of ``count`` panels stand beside each other, each at least so many inches wide.

    The number that was asked for (`xinc.plotting.style.Look.columns`), if any. Otherwise as many as there is room for,
    and no more than make the last row as full as can be: six are three and three where there is room for four. Where
    the height is limited, images of an ``aspect`` (height / width), in as many ``groups`` below each other, have the
    number of columns by which they become largest.
    """
    look = style.look()
    room = max(1, min(int((page() + 0.05) / least), most or count, count))
    if look.columns:
        return min(look.columns, count)
    if look.height is not None and aspect:
        height = look.height / look.scale - 1.0

        def largest(number: int) -> tuple[float, int]:
            rows = groups * -(-count // number)
            return round(min(page() / number, (height / rows - 0.22) / aspect), 2), number

        return max((n for n in range(1, count + 1) if -(-count // -(-count // n)) == n), key=largest)
    return -(-count // -(-count // room))


def new_figure(width: float, height: float, title: str, about: str = "") -> Figure:
    """A figure of this size in inches, laid out without overlaps, titled with the question it answers.

    Below the title stands what the figure is ``about`` (see `about`). For lines more than one it is made higher.
    """
    look = style.look()
    text = "\n".join(filter(None, [title, about])) if look.title else ""
    text = wrapped(text, width - 0.1, style.TITLE)
    lines = text.count("\n") if text else -1.5
    figure = HouseFigure(figsize=(width * look.scale, (height + _LINE * lines) * look.scale), layout="constrained")
    if text:
        figure.suptitle(text)
    return figure


def note_figure(title: str, text: str, about: str = "") -> Figure:
    """In place of a figure, a sentence that says why there is none."""
    figure = new_figure(page(), 0.9, title, about)
    axis = figure.add_subplot()
    axis.axis("off")
    room = wrapped(text, page() - 0.3, 8)
    axis.text(0.5, 0.5, room, ha="center", va="center", fontsize="small", color="0.3")
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
    if str(attributes.get("other_seed", "")):
        known += [f"with {attributes['other']}", f"seed {attributes['other_seed']}"]
    return " · ".join([*known, *(part for part in parts if part)])


def quoted(attributes: Mapping[Any, Any], layer: str) -> str:
    """What other analyses state of a layer, on lines of their own to go below `about`; empty where they are not there.

    ``attributes`` are those of a result as `xinc.analyses.draw.draw_figures` gives it to a figure.
    """
    said = str(attributes.get("quoted", {}).get(layer, ""))
    return f"\n{said}" if said else ""


def probability(p: float) -> str:
    """A p-value in print: ``.03``, ``< .001``."""
    return "< .001" if p < 0.001 else f"{p:.2g}".replace("0.", ".", 1)


def image_grid(
    rows: int, columns: int, aspect: float, title: str, extra: float = 0.0, about: str = ""
) -> tuple[Figure, np.ndarray]:
    """A page-wide grid of axes for images of ``aspect`` (height / width): the figure and axes (rows, columns).

    ``extra`` inches are left for what stands below; for ``about`` see `new_figure`.
    """
    panel = (page() - 0.2) / columns
    figure = new_figure(page(), 0.35 + rows * (panel * aspect + 0.22) + extra, title, about)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    return figure, axes


def show(axis: Axes, image: np.ndarray, title: str = "", cmap: str | None = None, **limits: Any) -> Any:
    """Draw an image without axes.

    Its title has a fixed place: otherwise Matplotlib looks for ticks above the image whenever it lays the figure out.
    """
    axis.axis("off")
    if title:
        axis.set_title(title, pad=3, y=1.0)
    return axis.imshow(image, cmap=cmap, **limits)


def fitted(wanted: float, rest: float) -> float:
    """The height of a part of a figure that can be lower, beside ``rest`` that cannot, where the height is limited."""
    look = style.look()
    return wanted if look.height is None else max(min(wanted, look.height / look.scale - rest), 1.0)


def lowest(axes: np.ndarray, count: int) -> list[Axes]:
    """Of a grid (rows, columns) whose first ``count`` axes are used, the lowest used one of each column."""
    columns = axes.shape[1]
    return [axes.flat[max(range(column, count, columns))] for column in range(min(columns, count))]


def bar_below(figure: Any, axis: Axes, image: Any, label: str) -> Any:
    """A thin colour bar below an image; in the image's own axes, so that all images of a row keep one size.

    Narrower than the image, or the numbers at its ends would push the images apart.
    """
    bar = figure.colorbar(image, cax=axis.inset_axes((0.1, -0.12, 0.8, 0.06)), orientation="horizontal")
    bar.ax.tick_params(labelsize="x-small", length=2, pad=1)
    bar.ax.locator_params(nbins=4 if page() > 5 else 2)
    if label:
        bar.set_label(label, fontsize="x-small", labelpad=1)
    return bar


def bar_of_all(figure: Any, axes: Any, image: Any, label: str) -> Any:
    """One thin colour bar below a grid of images that have one scale."""
    bar = figure.colorbar(
        image, ax=np.ravel(axes).tolist(), location="bottom", shrink=min(1.0, 3.2 / page()), aspect=45, pad=0.02
    )
    bar.ax.tick_params(labelsize="x-small", length=2, pad=1)
    bar.ax.locator_params(nbins=5)
    bar.set_label(wrapped(label, page() - 0.4, 7), fontsize="x-small", labelpad=1)
    return bar


def sorted_curve(axis: Axes, values: np.ndarray, colour: Any, line: str, label: str) -> None:
    """Positive values (n,), sorted, against the share of them in per cent; one alone is a mark."""
    share = np.linspace(0, 100, len(values))
    shown = np.linspace(0, 100, min(len(values), 400))
    curve = np.interp(shown, share, values)
    curve[curve <= 0] = np.nan
    mark = "o" if len(values) == 1 else ""
    size = style.points(3)
    axis.plot(shown, curve, color=colour, linestyle=line, label=label, linewidth=1.4, marker=mark, markersize=size)


def side_label(axis: Axes, text: str) -> None:
    """A label to the left of an image that has no axes."""
    axis.text(-0.04, 0.5, text, transform=axis.transAxes, rotation=90, ha="right", va="center", fontsize="x-small")


def legend_below(figure: Any, handles: Sequence[Any], labels: Sequence[str], **named: Any) -> Any:
    """One legend for all panels, below them, in as many columns as there is room for."""
    longest = max((width_of(label, 7) for label in labels), default=1.0)
    room = max(1, int((page() - 0.1) / (longest + 0.5)))
    rows = -(-len(labels) // room)
    ncols = -(-len(labels) // rows)
    look: dict[str, Any] = {"loc": "outside lower center", "frameon": False, "columnspacing": 1.2}
    return figure.legend(handles, labels, ncols=ncols, **look | named)


def save(figure: Figure, path: str | Path) -> None:
    """Write ``path`` with a suffix for each format of the look, the same bytes for the same figure."""
    look = style.look()
    base = Path(path)
    base.parent.mkdir(parents=True, exist_ok=True)
    fit(figure)
    _settle(figure)
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    for kind in look.formats:
        target = base.with_name(f"{base.name}.{kind}")
        if kind == "png":
            _save_png(figure, target, look.dpi or max(LEAST_DPI, min(DPI, MOST_PIXELS / figure.get_figheight())))
        else:
            figure.savefig(target, metadata=dates[kind])


def _save_png(figure: Figure, path: Path, dpi: float) -> None:
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, pil_kwargs={"compress_level": 0})
    # Every colour as drawn: with a palette for the whole figure small marks take on each other's colours.
    picture = Image.open(drawn).convert("RGB")
    picture.save(path, compress_level=6, dpi=(dpi, dpi))


def _settle(figure: Figure) -> None:
    """Keep a figure's layout, rounded: the last digits of the layout's solver depend on addresses in memory."""
    from matplotlib.transforms import Bbox

    figure.set_layout_engine(None)  # not "none", with which a figure that has a colour bar is drawn twice
    for part in _subfigures(figure):
        part._redo_transform_rel_fig(Bbox(part.bbox_relative.get_points().round(6)))
    for axis in figure.axes:
        axis.set_position(Bbox(axis.get_position(original=True).get_points().round(6)), which="original")


def _subfigures(figure: Any) -> list[Any]:
    """Those of a figure, outer ones first."""
    return [part for own in figure.subfigs for part in (own, *_subfigures(own))]
