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


def plot(analysis: Quality, result: xr.Dataset) -> dict[str, Figure]:
    shown = result.sizes["shown"]
    # Few frames, a row each: a column each would make large pictures, and a figure that fits no screen.
    across = shown > 2
    rows, columns = (3, shown) if across else (shown, 3)
    aspect = result.sizes["y"] / result.sizes["x"]
    images = rows * (layout.page() / columns * aspect + 0.17) + 0.35
    figure = layout.new_figure(layout.page(), images + 2.4, analysis.question, layout.about(result.attrs))
    parts: Any = figure.subfigures(2, 1, height_ratios=[images, 2.1])
    top, bottom = parts
    axes = top.subplots(rows, columns, squeeze=False)
    error = abs(result["source"] - result["reconstruction"]).mean("channel")
    high = float(error.max())
    for at, frame in enumerate(result["shown"].values):
        one = axes[:, at] if across else axes[at]
        value = float(result["psnr"].sel(frame=frame))
        layout.show(one[0], result["source"].values[at], f"source, frame {frame}")
        layout.show(one[1], result["reconstruction"].values[at], f"reconstruction, {value:.2f} dB")
        image = layout.show(one[2], error.values[at], "error", style.magnitude(), vmin=0, vmax=high or 1.0)
    layout.bar_below(top, one[2], image, "|error|, one scale for all")
    _curves(bottom, result)
    return {"all": figure}


def _curves(figure: Figure, result: xr.Dataset) -> None:
    has_history = "training_psnr" in result
    axes = figure.subplots(1, 2 if has_history else 1, squeeze=False)[0]
    values = zip(result["bits"].values, result["bits_per_pixel"].values, strict=True)
    bpp = ", ".join(f"{value:.3g} bpp at {bits} bits" for bits, value in values)
    mean = f"mean {float(result['mean_psnr']):.2f} dB, SSIM {float(result['mean_ssim']):.3f}"
    # No line from one network to another.
    line = "-" if result.attrs.get("shared_weights", True) else "none"
    axes[0].plot(result["frame"], result["psnr"], marker="o", ms=3, linestyle=line)
    axes[0].set_xmargin(0.1 if result.sizes["frame"] < 5 else 0.05)
    axes[0].set(xlabel="frame", ylabel="PSNR (dB)")
    axes[0].set_title(f"{mean}\n{result.attrs['parameters']:,} parameters: {bpp}")
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    if has_history:
        axes[1].plot(result["epoch"], result["training_psnr"])
        ended = _ENDS.get(result.attrs.get("training_ended_by", "epochs"), "")
        axes[1].set(xlabel="epoch", ylabel="PSNR (dB)", title=f"training{ended}")
        axes[1].xaxis.get_major_locator().set_params(integer=True)
