"""Frames beside their reconstructions and errors, PSNR over frames, the training curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr
from matplotlib.figure import Figure

from xinc.plotting import layout, style

if TYPE_CHECKING:
    from xinc.analyses.quality import Quality

#: What the title of a training curve says of a training that did not go through all its epochs, by the setting.
_ENDS = {"target_psnr": ", ended by target_psnr", "time_budget": ", ended by time_budget"}
#: Inches of the curves of a row.
_CURVES = 1.9


def plot(analysis: Quality, result: xr.Dataset) -> dict[str, Figure]:
    shown = result.sizes["shown"]
    # Few frames, a row each: a column each would make large pictures, and a figure that fits no screen.
    across = shown > 2 and layout.columns(shown, 1.3) == shown
    rows, columns = (3, shown) if across else (shown, 3)
    panel = layout.page() / columns - 0.06
    images = rows * (panel * result.sizes["y"] / result.sizes["x"] + 0.19) + 0.35
    beside = layout.page() > 5 and "training_psnr" in result
    curves = _CURVES * (1 if beside or "training_psnr" not in result else 2)
    images = layout.fitted(images, curves + 0.5)
    figure = layout.new_figure(layout.page(), images + curves + 0.25, analysis.question, layout.about(result.attrs))
    parts: Any = figure.subfigures(2, 1, height_ratios=[images, curves])
    top, bottom = parts
    axes = top.subplots(rows, columns, squeeze=False)
    error = abs(result["source"] - result["reconstruction"]).mean("channel")
    high = float(error.max())
    worst = int(result["frame"].values[int(result["psnr"].values.argmin())])
    for at, frame in enumerate(result["shown"].values):
        one = axes[:, at] if across else axes[at]
        value = f"{float(result['psnr'].sel(frame=frame)):.2f} dB{', the worst' if frame == worst else ''}"
        layout.show(one[0], result["source"].values[at], f"frame {frame}")
        layout.show(one[1], result["reconstruction"].values[at], value)
        image = layout.show(
            one[2], error.values[at], "" if across else "error", style.magnitude(), vmin=0, vmax=high or 1.0
        )
    if across:
        for axis, text in zip(axes[:, 0], ("source", "network", "error"), strict=True):
            layout.side_label(axis, text)
    layout.bar_below(top, one[2], image, "|error|, one scale for all" if across else "|error|")
    _curves(bottom, result, beside, worst)
    return {"all": figure}


def _curves(figure: Figure, result: xr.Dataset, beside: bool, worst: int) -> None:
    has_history = "training_psnr" in result
    places = (1, 2) if beside else (2, 1) if has_history else (1, 1)
    axes = figure.subplots(*places, squeeze=False).ravel()
    bits, values = result["bits"].values.tolist(), result["bits_per_pixel"].values.tolist()
    others = "".join(f", {value:.3g} at {of}" for of, value in zip(bits[1:], values[1:], strict=True))
    bpp = f"{values[0]:.3g} bpp at {bits[0]} bits{others}"
    mean = f"mean {float(result['mean_psnr']):.2f} dB, SSIM {float(result['mean_ssim']):.3f}"
    # No line from one network to another.
    line = "-" if result.attrs.get("shared_weights", True) else "none"
    axes[0].plot(result["frame"], result["psnr"], marker="o", ms=style.points(3), linestyle=line)
    axes[0].plot(worst, result["psnr"].sel(frame=worst), "o", ms=style.points(6), mfc="none", color=style.PALETTE[3])
    axes[0].set_xmargin(0.1 if result.sizes["frame"] < 5 else 0.05)
    axes[0].set(xlabel="frame", ylabel="PSNR (dB)")
    axes[0].set_title(f"{mean}\n{result.attrs['parameters']:,} parameters: {bpp}")
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    if has_history:
        axes[1].plot(result["epoch"], result["training_psnr"])
        ended = _ENDS.get(result.attrs.get("training_ended_by", "epochs"), "")
        axes[1].set(xlabel="epoch", ylabel="PSNR (dB)", title=f"training{ended}")
        axes[1].xaxis.get_major_locator().set_params(integer=True)
