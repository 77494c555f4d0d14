"""How figures look, and how they are written: one style, colour-blind safe, readable in print."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Colour map of magnitudes, and of signed differences.
MAGNITUDE, SIGNED = "magma", "RdBu_r"
#: Width in inches of a figure that fills a two-column page.
PAGE = 7.0


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The project's look, inside the block only."""
    import matplotlib
    import seaborn as sns

    rc: dict[Any, Any] = {
        "svg.hashsalt": "xinc",
        "svg.fonttype": "none",
        "figure.dpi": 150,
        "axes.titlesize": 7,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "figure.titlesize": 10,
        "image.interpolation": "nearest",
        "figure.constrained_layout.h_pad": 0.02,
        "figure.constrained_layout.w_pad": 0.02,
    }
    with matplotlib.rc_context(), sns.axes_style("ticks"), sns.plotting_context("paper"):
        sns.set_palette("colorblind")
        matplotlib.rcParams.update(rc)
        yield


def new_figure(width: float, height: float, title: str) -> Figure:
    """A figure of this size in inches, laid out without overlaps, titled with the question it answers."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title)
    return figure


def image_grid(rows: int, columns: int, aspect: float, title: str, extra: float = 0.0) -> tuple[Figure, np.ndarray]:
    """A page-wide grid of axes for images of ``aspect`` (height / width): the figure and axes (rows, columns).

    ``extra`` inches are left for what stands below.
    """
    panel = (PAGE - 0.2) / columns
    figure = new_figure(PAGE, 0.35 + rows * (panel * aspect + 0.22) + extra, title)
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


def side_label(axis: Axes, text: str) -> None:
    """A label to the left of an image that has no axes."""
    axis.text(-0.04, 0.5, text, transform=axis.transAxes, rotation=90, ha="right", va="center", fontsize=7)


def save(figure: Figure, path: str | Path) -> None:
    """Write ``path`` with suffixes .svg and .png, the same bytes for the same figure."""
    base = Path(path)
    base.parent.mkdir(parents=True, exist_ok=True)
    _settle(figure)
    figure.savefig(base.with_name(base.name + ".svg"), metadata={"Date": None})
    figure.savefig(base.with_name(base.name + ".png"), dpi=200, metadata={"Software": None})


def _settle(figure: Figure) -> None:
    """Lay the figure out for good, rounded: the last digits of the layout's solver depend on addresses in memory."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for part in _subfigures(figure):
        part._redo_transform_rel_fig(Bbox(part.bbox_relative.get_points().round(6)))
    for axis in figure.axes:
        axis.set_position(Bbox(axis.get_position(original=True).get_points().round(6)), which="original")


def _subfigures(figure: Any) -> list[Any]:
    """Those of a figure, outer ones first."""
    return [part for own in figure.subfigs for part in (own, *_subfigures(own))]


def save_animation(images: Sequence[np.ndarray], path: str | Path, milliseconds: int = 125) -> None:
    """Write uint8 RGB images (h, w, 3) as an endless GIF with one palette for all of them."""
    from PIL import Image

    frames = [Image.fromarray(image) for image in images]
    sample = Image.fromarray(np.concatenate(images[:: max(1, len(images) // 8)]))
    palette = sample.quantize(256, method=Image.Quantize.MEDIANCUT)
    first, *rest = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    first.save(target, format="GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0, optimize=False)


def colour(values: np.ndarray, cmap: str = MAGNITUDE, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """(h, w) values -> (h, w, 3) uint8 through a colour map."""
    import matplotlib

    scaled = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    return (np.asarray(matplotlib.colormaps[cmap](scaled))[..., :3] * 255).round().astype(np.uint8)


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel repeated ``factor`` times along both axes."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)
