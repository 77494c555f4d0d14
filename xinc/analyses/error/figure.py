"""The worst frames with their worst regions, PSNR over frames, and what single neurons gain in each region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xinc.analyses.error.tiles import box
from xinc.plotting import layout, style
from xinc.plotting.fitting import width_of

if TYPE_CHECKING:
    from xinc.analyses.error import Error

#: Inches of the height of a line of a verdict.
_LINE = 0.118
#: And of a row of names of layers.
_NAMES = 0.14
#: Part of a slide's width that the pictures take.
_SLIDE = 0.52
_OUTLINE = "#56b4e9"


def plot(analysis: Error, result: xr.Dataset) -> dict[str, Figure]:
    """Rows: the worst frames; below or, on a slide, beside: PSNR of all frames, gains of neurons; verdicts."""
    shown = result["looked_at"].values[: analysis.settings.shown]
    regions = np.flatnonzero(np.isin(result["region_frame"].values, shown))
    lines = _verdicts(result, regions)
    aspect = result.sizes["y"] / result.sizes["x"]
    beside = layout.page() > 5
    lettering = 0.2 if beside else 0.33
    slide = beside and style.look().height is not None
    width = layout.page() * (_SLIDE if slide else 1)
    images = len(shown) * ((width / 3 - 0.06) * aspect + lettering) + 0.35
    names = -(-len(_layers(result)) // _beside(_layers(result)))
    curves, words = (2.2 if beside and not slide else 4.0) + _NAMES * (names - 1), 0.1 + _LINE * len(lines)
    upper = layout.fitted(max(images, 3.4), words + 0.5) if slide else images + curves
    figure = layout.new_figure(layout.page(), upper + words + 0.35, analysis.question, layout.about(result.attrs))
    top, bottom = np.asarray(figure.subfigures(2, 1, height_ratios=[upper, words]))
    pictures, charts = np.asarray(
        top.subfigures(1, 2, width_ratios=[_SLIDE, 1 - _SLIDE])
        if slide
        else top.subfigures(2, 1, height_ratios=[images, curves])
    )
    _images(pictures, result, shown, regions)
    if beside and not slide:
        left, right = charts.subplots(1, 2, width_ratios=[1, 1.6])
    else:
        left, right = charts.subplots(2, 1)
    _psnr(left, result)
    _gains(right, result, regions)
    axis = bottom.add_subplot()
    axis.axis("off")
    axis.text(0.01, 1, "\n".join(lines), transform=axis.transAxes, va="top", fontsize="x-small", linespacing=1.2)
    return {"all": figure}


def _images(figure: Any, result: xr.Dataset, shown: np.ndarray, regions: np.ndarray) -> None:
    axes = figure.subplots(len(shown), 3, squeeze=False)
    errors = np.sqrt(result["squared_error"].sel(frame=shown).values)
    high = float(np.quantile(errors, 0.999)) or 1.0
    for at, (row, frame) in enumerate(zip(axes, shown, strict=True)):
        one = result.sel(looked_at=frame)
        layout.show(row[0], one["source"].values, f"frame {frame}")
        psnr = float(result["frame_psnr"].sel(frame=frame))
        layout.show(row[1], one["reconstruction"].values, f"{psnr:.2f} dB")
        numbers = [region for region in regions if result["region_frame"].values[region] == frame]
        title = "error, regions " + ", ".join(str(region + 1) for region in numbers[1:])
        image = layout.show(row[2], errors[at], title if numbers[1:] else "error", style.magnitude(), vmin=0, vmax=high)
        for region in numbers[1:]:
            _outline(row[2], result["mask"].values[region], str(region + 1))
    layout.bar_below(figure, axes[-1, 2], image, "root of squared error")


def _outline(axis: Any, mask: np.ndarray, label: str) -> None:
    """The edge of a region between its pixels and others, and its number."""
    padded = np.pad(mask, 1).astype(np.int8)
    # Half a pixel beyond the middles of pixels (y, x) that differ from the next one, to the right or below.
    upright = [((x + 0.5, y - 0.5), (x + 0.5, y + 0.5)) for y, x in np.argwhere(np.diff(padded, axis=1)) - 1]
    level = [((x - 0.5, y + 0.5), (x + 0.5, y + 0.5)) for y, x in np.argwhere(np.diff(padded, axis=0)) - 1]
    axis.add_collection(LineCollection(upright + level, colors=_OUTLINE, linewidths=0.9, capstyle="projecting"))
    top, _, _, _ = box(mask)
    column = int(np.flatnonzero(mask[top])[0])
    axis.text(column + 0.5, top + 0.5, label, color="white", fontsize="x-small", va="top", ha="left", fontweight="bold")


def _psnr(axis: Any, result: xr.Dataset) -> None:
    line = "-" if result.attrs.get("shared_weights", True) else "none"
    psnr, worst = result["frame_psnr"], result["looked_at"].values
    axis.plot(psnr["frame"], psnr, marker="o", ms=style.points(3), linestyle=line)
    axis.plot(worst, psnr.sel(frame=worst), "o", ms=style.points(6), mfc="none", color=style.PALETTE[3], ls="none")
    axis.set(xlabel="frame (circles: looked at)", ylabel="PSNR (dB)")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xmargin(0.1 if result.sizes["frame"] < 5 else 0.05)


def _gains(axis: Any, result: xr.Dataset, regions: np.ndarray) -> None:
    """Dots: candidates of each region, by layer; filled where they cost nothing elsewhere. No factor, no gain: 0."""
    layers = _layers(result)
    colours = dict(zip(layers, style.palette(len(layers)), strict=True))
    # Candidates of one region side by side, so that equal ones are seen.
    spread = np.linspace(-0.3, 0.3, result.sizes["candidate"]) if result.sizes["candidate"] > 1 else np.zeros(1)
    for at, region in enumerate(regions):
        one = result.isel(region=region)
        places = one["place"].values
        edges = [colours[name] for name in result["layer"].values[places].tolist()]
        free = (one["rest"].values >= 0) & ~(one["elsewhere"].values < 0)
        faces = [edge if full else "none" for edge, full in zip(edges, free, strict=True)]
        gains = np.maximum(one["gain"].values, 0)
        axis.scatter(
            at + spread, gains, s=style.points(4) ** 2, c=faces, edgecolors=edges, linewidths=0.8, clip_on=False
        )
        if bool(one["stands_out"].values[0]):
            text = str(int(result["number"].values[places[0]]))
            axis.annotate(
                text, (at - 0.3, gains[0]), (0, 4), textcoords="offset points", fontsize="x-small", ha="center"
            )
    threshold = float(result.attrs["threshold"])
    axis.axhline(0, color="0.4", lw=0.8)
    axis.axhline(threshold, color="0.4", lw=0.8, ls="--")
    high = float(result["gain"].max())
    if high > 10 * threshold:
        axis.set_yscale("symlog", linthresh=threshold)
    axis.set_ylim(-0.1 * threshold, 2.5 * high if high > 10 * threshold else max(1.2 * high, 1.4 * threshold))
    axis.set_xticks(range(len(regions)), [str(region + 1) for region in regions])
    axis.set(xlabel="region; a dot a neuron, filled: at no cost elsewhere", ylabel="gain in the region (dB)")
    handles = [
        Line2D([], [], ls="none", marker="o", ms=style.points(4), color=colours[name], label=name) for name in layers
    ]
    axis.legend(handles=handles, frameon=False, fontsize="x-small", ncols=_beside(layers), loc="lower right",
                bbox_to_anchor=(1, 0.98), columnspacing=0.8, handletextpad=0.1)  # fmt: skip


def _layers(result: xr.Dataset) -> list[str]:
    return list(dict.fromkeys(result["layer"].values.tolist()))


def _beside(layers: list[str]) -> int:
    """How many names of layers, each with its dot, have room beside each other above the gains."""
    room = layout.page() * (0.55 if layout.page() > 5 else 0.85)
    return max(1, min(len(layers), int(room / (0.3 + max(width_of(name, 7) for name in layers)))))


def _verdicts(result: xr.Dataset, regions: np.ndarray) -> list[str]:
    lines = []
    for region in regions:
        one = result.isel(region=region)
        name, verdict = str(result["region"].values[region]), str(one["verdict"].values)
        text = f"{region + 1}  {name} ({float(one['psnr']):.2f} dB): {verdict}"
        first, *more = layout.wrapped(text, layout.page() - 0.35, 6.7).split("\n")
        lines += [first, *(f"    {line}" for line in more)]
    return lines
