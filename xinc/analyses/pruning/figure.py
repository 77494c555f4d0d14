"""Curves of PSNR against the share removed, gains of training on, and bits against PSNR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xinc.analyses.pruning.names import BUDGETS, TUNED
from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.pruning import Pruning

_TITLES = {"layer": "same share of every layer", "global": "own budgets", "contribution": "contribution's budgets"}
_TITLES["rescored"] = "own budgets, scored anew"


def plot(analysis: Pruning, result: xr.Dataset) -> dict[str, Figure]:
    of = layout.about(result.attrs)
    drawn = {"curves": _curves(analysis.question, result, of)}
    if result["psnr_tuned"].notnull().any():
        drawn["tuned"] = _tuned(analysis.question, result, of)
    return drawn


def _curves(question: str, result: xr.Dataset, of: str) -> Figure:
    units = result["unit"].values
    columns = layout.columns(len(BUDGETS), 1.5)
    bands = -(-len(BUDGETS) // columns)
    figure = layout.new_figure(layout.page(), 1.0 + 1.9 * len(units) * bands, question, of)
    axes = figure.subplots(len(units) * bands, columns, squeeze=False, sharex=True, sharey=True)
    for axis in axes.flat:
        axis.axis("off")
    for at, unit in enumerate(units):
        row = axes[at * bands : (at + 1) * bands].ravel()
        for axis, budget in zip(row, result["budget"].values, strict=False):
            axis.axis("on")
            one = result.sel(unit=unit, budget=budget)
            axis.axhline(float(result["whole"]), color="0.6", lw=0.8, ls=":")
            for name, colour, marker in _looks(result):
                shares = one["share"].values * 100
                if name == "random":
                    drawn = one["random"]
                    axis.fill_between(shares, drawn.min("draw"), drawn.max("draw"), color=colour, alpha=0.3, lw=0)
                axis.plot(
                    shares,
                    one["psnr"].sel(criterion=name),
                    color=colour,
                    marker=marker,
                    ms=style.points(3),
                    lw=1,
                    label=name,
                )
            axis.set_title(f"{unit}s\n{_TITLES[str(budget)]}")
            axis.axvline(100 * float(result.attrs["share"]), color="0.85", lw=0.8, zorder=0)
        row[0].set_ylabel("PSNR (dB)")
    for axis in layout.lowest(axes, (len(units) - 1) * bands * columns + len(BUDGETS)):
        axis.set_xlabel("removed (%)")
        axis.tick_params(labelbottom=True)
    _legend(figure, axes[0, 0], result)
    return figure


def _tuned(question: str, result: xr.Dataset, of: str) -> Figure:
    """By unit: before and after training on, and bits against PSNR after."""
    units, share = result["unit"].values, float(result.attrs["share"])
    columns = layout.columns(2, 2.5)
    text = layout.wrapped(str(result.attrs["recommendation"]), layout.page() - 0.3, 6.7)
    height = 0.8 + 2.3 * len(units) * 2 / columns + 0.13 * (text.count("\n") + 1)
    figure = layout.new_figure(layout.page(), height, question, of)
    axes = figure.subplots(len(units) * 2 // columns, columns, squeeze=False).reshape(len(units), 2)
    for (left, right), unit in zip(axes, units, strict=True):
        one = result.sel(unit=unit)
        _before_and_after(left, one, share)
        left.set_title(
            f"{unit}s, {share:.0%} removed (hollow); trained on {_epochs(result)} (full)\n"
            "■ same share of every layer   ● own budgets   ▲ own, scored anew"
        )
        _bits(right, result, one)
        right.set_title(f"{unit}s, trained on: entropy coded, with positions")
    figure.supxlabel(text, fontsize="x-small", x=0.02, ha="left")
    return figure


def _epochs(result: xr.Dataset) -> str:
    count = int(result.attrs["finetune_epochs"])
    return f"{count} epoch{'s' * (count != 1)}"


def _before_and_after(axis: Axes, one: xr.Dataset, share: float) -> None:
    names, marks = list(one["criterion"].values), dict(zip(TUNED, ("s", "o", "^"), strict=True))
    before = one["psnr"].sel(share=share)
    for place, name in enumerate(names):
        for offset, (budget, mark) in zip((-0.22, 0.0, 0.22), marks.items(), strict=True):
            at = {"criterion": name, "budget": budget}
            values = [float(before.sel(at)), float(one["psnr_tuned"].sel(at))]
            colour = _looks(one)[place][1]
            axis.plot([place + offset] * 2, values, color=colour, lw=0.8)
            axis.plot(place + offset, values[0], mark, ms=style.points(3.5), mfc="white", mec=colour, mew=0.8)
            axis.plot(place + offset, values[1], mark, ms=style.points(3.5), color=colour)
    axis.set_xticks(range(len(names)), [name.replace("_", "\n") for name in names], fontsize="x-small")
    axis.set_ylabel("PSNR (dB)")


def _bits(axis: Axes, result: xr.Dataset, one: xr.Dataset) -> None:
    marks = dict(zip(TUNED, ("s", "o", "^"), strict=True))
    size = result["whole_bits"].sel(coding="entropy")
    axis.plot(float(size), float(result["whole_quantised"]), "*", ms=style.points(8), color="0.3")
    axis.annotate("whole", (float(size), float(result["whole_quantised"])), fontsize="x-small", ha="right",
                  xytext=(-style.points(6), 0), va="center", textcoords="offset points")  # fmt: skip
    for name, colour, _ in _looks(result):
        for budget, mark in marks.items():
            at = {"criterion": name, "budget": budget}
            bits = one["bits"].sel(at, drop=True).sel(coding="entropy")
            axis.plot(bits, one["psnr_quantised"].sel(at), mark, ms=style.points(3.5), color=colour)
    axis.set(xlabel="bits per pixel", ylabel="PSNR at 8 bits (dB)")


def _looks(result: xr.Dataset) -> list[tuple[str, Any, str]]:
    """Of each criterion its colour and mark."""
    names = [str(name) for name in result["criterion"].values]
    colours = [
        (0.6, 0.6, 0.6) if name == "random" else colour for name, colour in zip(names, style.palette(10), strict=False)
    ]
    return list(zip(names, colours, "osD^v<>xp", strict=False))


def _legend(figure: Figure, axis: Axes, result: xr.Dataset) -> None:
    """One for all axes."""
    handles = [
        axis.plot([], [], color=colour, marker=mark, ms=style.points(3), lw=1)[0] for _, colour, mark in _looks(result)
    ]
    names = [name.replace("_", " ") for name, *_ in _looks(result)]
    layout.legend_below(figure, handles, names)
