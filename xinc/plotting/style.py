"""Style and palette of figures, safe for colour-blind readers and readable in print."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from cycler import cycler

#: Colour map of magnitudes where no other is asked for, and of signed differences.
MAGNITUDE, SIGNED = "magma", "RdBu_r"
#: Width in inches of a figure that fills a two-column page, and of one for a slide; a slide's height; how much larger
#: its letters are.
PAGE, SLIDE, SLIDE_HEIGHT, SLIDE_SCALE = 7.0, 13.3, 7.5, 1.4


#: Colours that readers tell apart whatever colours they see: the palette "colorblind" of seaborn, whose look the whole
#: style has (axes_style "ticks", plotting_context "paper"). Written out, because importing seaborn costs a second.
PALETTE = (
    "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9",
)  # fmt: skip


#: Points of the letters of a figure's title.
TITLE = 10
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
    "figure.titlesize": TITLE,
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
    "pdf.fonttype": 42,  # letters stay letters, in SVG as well
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


#: Of the style, what is measured in points, and grows with the letters.
_POINTS = [
    name for name, value in _STYLE.items()
    if isinstance(value, (int, float)) and name.endswith(("size", "width", "major.size", "minor.size"))
]  # fmt: skip
#: What only a session has: windows, folders, the time zone.
_OF_SESSION = ("backend", "date", "docstring", "figure.max_open", "figure.raise", "interactive", "savefig.directory",
               "timezone", "tk.", "toolbar", "webagg")  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How large figures are, and what stands on them.

    Attributes
    ----------
    width : inches.
    height : inches that a figure has at most; None for what its content needs.
    scale : of letters, and of distances that are made for them.
    title : whether the question and what the figure is of stand above it.
    cmap : the colour map of magnitudes.
    columns : panels beside each other in a grid of them; None for as many as can be read.
    formats : of the files that are written.
    dpi : dots per inch of a PNG; None for what fits on a screen.
    """

    width: float = PAGE
    height: float | None = None
    scale: float = 1.0
    title: bool = True
    cmap: str = MAGNITUDE
    columns: int | None = None
    formats: tuple[str, ...] = ("svg", "png")
    dpi: int | None = None


_LOOK: ContextVar[Look] = ContextVar("look", default=Look())  # noqa: B039 (it cannot change)


def look() -> Look:
    """The look of the block around, see `context`."""
    return _LOOK.get()


def points(size: float) -> float:
    """Points of a mark that has ``size`` of them on a page: larger where letters are."""
    return size * look().scale


@contextlib.contextmanager
def context(chosen: Look | None = None) -> Iterator[None]:
    """The project's look, inside the block only and whatever the user's own settings of Matplotlib.

    Parameters
    ----------
    chosen : sizes and the like; by default those of the block around.
    """
    import matplotlib

    chosen = look() if chosen is None else chosen
    kept = _LOOK.set(chosen)
    try:
        with matplotlib.rc_context(_parameters(chosen.scale, chosen.cmap)):
            yield
    finally:
        _LOOK.reset(kept)


@functools.cache
def _parameters(scale: float, cmap: str) -> dict[Any, Any]:
    """All parameters of Matplotlib but the session's."""
    import matplotlib

    plain = {k: v for k, v in matplotlib.rcParamsDefault.items() if not str(k).startswith(_OF_SESSION)}
    return plain | _STYLE | {name: scale * _STYLE[name] for name in _POINTS} | {"image.cmap": cmap}


def magnitude() -> str:
    """The colour map of magnitudes of the block around."""
    return look().cmap


def palette(count: int) -> list[Any]:
    """The given number of colours (r, g, b), safe for colour-blind readers up to ten."""
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


def colour(values: np.ndarray, cmap: str = "", low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """(h, w) values -> (h, w, 3) uint8 through a colour map, by default that of magnitudes."""
    import matplotlib

    scaled = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    return (np.asarray(matplotlib.colormaps[cmap or magnitude()](scaled))[..., :3] * 255).round().astype(np.uint8)
