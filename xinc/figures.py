"""How figures look, and how they are written: one style, colour-blind safe, readable in print."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Colour map of magnitudes, and of signed differences.
MAGNITUDE, SIGNED = "magma", "RdBu_r"
#: Width in inches of a figure that fills a two-column page.
PAGE = 7.0
#: Dots per inch of a PNG, and the most pixels of its height: of a higher one the report hides the top. A higher figure
#: has fewer dots per inch, but no fewer than its smallest print needs.
DPI, MOST_PIXELS, LEAST_DPI = 150, 900, 100
#: Pixels of the height of the titles of an animation.
LETTERING = 18
#: Inches of the line below a title that says what a figure is of.
_ABOUT = 0.17


#: Colours that readers tell apart whatever colours they see: the palette "colorblind" of seaborn, whose look the whole
#: style has (axes_style "ticks", plotting_context "paper"). Written out, because importing seaborn costs a second.
PALETTE = (
    "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9",
)  # fmt: skip
_DARK = "0.15"
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": _DARK,
    "axes.labelcolor": _DARK,
    "axes.labelsize": 8,
    "axes.linewidth": 1.0,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.titlesize": 7,
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.02,
    "figure.dpi": 150,
    "figure.titlesize": 10,
    "font.sans-serif": ["DejaVu Sans", "Arial", "sans-serif"],  # the first comes with Matplotlib: the same everywhere
    "font.size": 9.6,
    "grid.color": "0.8",
    "image.interpolation": "nearest",
    "legend.fontsize": 7,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.8,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "white",
    "patch.force_edgecolor": True,
    "patch.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "xinc",
    "text.color": _DARK,
} | {
    f"{axis}tick.{name}": value
    for axis in "xy"
    for name, value in {
        "color": _DARK,
        "labelsize": 7,
        "major.size": 4.8,
        "major.width": 1.0,
        "minor.size": 3.2,
        "minor.width": 0.8,
    }.items()
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The project's look, inside the block only."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def palette(count: int) -> list[Any]:
    """So many colours (r, g, b), safe for colour-blind readers as far as ten."""
    from matplotlib.colors import to_rgb

    if count <= len(PALETTE):
        return [to_rgb(colour) for colour in PALETTE[:count]]
    import seaborn as sns

    return list(sns.husl_palette(count))


def instance_colours(categories: Sequence[str]) -> list[Any]:
    """A colour (r, g, b) for each instance of a video, given the categories of all: the same in every figure.

    Things come first, then stuff by class, as in `xinc.video.regions.instance_regions`. As far as ten each has a hue of
    its own, by its place. Of more each category has a hue, each instance of it a lightness; where there is a single
    category, hues come again.
    """
    hues, names = palette(len(PALETTE)), list(dict.fromkeys(categories))
    if len(categories) <= len(hues) or len(names) == 1:
        return [hues[place % len(hues)] for place in range(len(categories))]
    colours = []
    for place, category in enumerate(categories):
        shade = 0.55 * list(categories[:place]).count(category) / max(list(categories).count(category) - 1, 1)
        colours.append(tuple(part + shade * (1 - part) for part in hues[names.index(category) % len(hues)]))
    return colours


def new_figure(width: float, height: float, title: str, about: str = "") -> Figure:
    """A figure of this size in inches, laid out without overlaps, titled with the question it answers.

    Below the title stands what the figure is ``about`` (see `about`), for which the figure is made higher.
    """
    figure = Figure(figsize=(width, height + (_ABOUT if about else 0)), layout="constrained")
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
    return " · ".join([*known, *(part for part in parts if part)])


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

    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # not "none", with which a figure that has a colour bar is drawn twice
    for part in _subfigures(figure):
        part._redo_transform_rel_fig(Bbox(part.bbox_relative.get_points().round(6)))
    for axis in figure.axes:
        axis.set_position(Bbox(axis.get_position(original=True).get_points().round(6)), which="original")


def _subfigures(figure: Any) -> list[Any]:
    """Those of a figure, outer ones first."""
    return [part for own in figure.subfigs for part in (own, *_subfigures(own))]


def save_animation(images: Sequence[np.ndarray], path: str | Path, milliseconds: int = 125) -> None:
    """Write uint8 RGB images (h, w, 3) as an endless .gif, or animated .png, with one palette for all of them."""
    from PIL import Image

    frames = [Image.fromarray(image) for image in images]
    sample = Image.fromarray(np.concatenate(images[:: max(1, len(images) // 8)]))
    palette = sample.quantize(256, method=Image.Quantize.MEDIANCUT)
    first, *rest = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    kind: dict[str, Any] = {"format": "PNG"} if target.suffix == ".png" else {"format": "GIF", "optimize": False}
    first.save(target, save_all=True, append_images=rest, duration=milliseconds, loop=0, **kind)


def colour(values: np.ndarray, cmap: str = MAGNITUDE, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """(h, w) values -> (h, w, 3) uint8 through a colour map."""
    import matplotlib

    scaled = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    return (np.asarray(matplotlib.colormaps[cmap](scaled))[..., :3] * 255).round().astype(np.uint8)


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel repeated ``factor`` times along both axes."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def film_picture(panels: Sequence[np.ndarray], titles: Sequence[str], zoom: int = 1) -> np.ndarray:
    """One picture of an animation: panels (h, w, 3) uint8 side by side, ``zoom`` times enlarged, a title above each."""
    gap = max(2 * zoom, 2)
    large = [enlarge(panel, zoom) for panel in panels]
    white = np.full((large[0].shape[0], gap, 3), 255, np.uint8)
    row = np.concatenate([part for panel in large for part in (panel, white)][:-1], axis=1)
    left = np.cumsum([0, *(panel.shape[1] + gap for panel in large)])[:-1].tolist()
    return np.concatenate([_lettering(row.shape[1], left, titles), row])


def _lettering(width: int, left: Sequence[int], titles: Sequence[str], height: int = LETTERING) -> np.ndarray:
    """White (height, width, 3) uint8 with each title to the right of its place, in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    for at, title in zip(left, titles, strict=True):
        figure.text((at + 2) / width, 0.5, title, fontsize=8.5, va="center_baseline", ha="left")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:height, :width, :3].copy()
