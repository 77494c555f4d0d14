"""How well the network reconstructs its video, and at what size (paper section 6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import xarray as xr
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.subject import Subject
from xinc.frames import select_frames
from xinc.settings import StrictModel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: What the title of a training curve says of a training that did not go through all its epochs, by the setting.
_ENDS = {"target_psnr": ", ended by target_psnr", "time_budget": ", ended by time_budget"}

BPP_DEFINITION = "trained parameters × bits per stored parameter / (frames represented × height × width)"


@analyses.register("quality")
class Quality(Analysis):
    """PSNR and SSIM of every frame, parameters, bits per pixel, and the training curve.

    PSNR is taken on [0, 1] after clamping, per frame, then averaged over frames; SSIM as in Wang et al. 2004 with a
    uniform window. Bits per pixel are the raw size of the weights at a given precision, without entropy coding. Frames
    are joined by a line where they share one network.
    """

    question = "How faithful is the reconstruction, and at what size?"
    section = "6.1"
    needs = frozenset({"model"})

    class Settings(StrictModel):
        show: int = Field(4, ge=1, description="Reconstructed frames drawn in the figure.")
        bits: tuple[Annotated[int, Field(ge=1)], ...] = Field(
            (32, 8), min_length=1, description="Bits per stored parameter for which bpp is stated."
        )

    def compute(self, subject: Subject) -> xr.Dataset:
        model, video = subject.model, subject.video
        frames = list(model.frames)
        height, width = model.resolution
        sizes = {"frame": len(frames), "y": height, "x": width, "channel": 3}
        stored = video["frames"].sel(frame=frames).transpose(*sizes)
        shown = select_frames(frames, self.settings.show)
        # A frame at a time: all frames of a large video need not fit into memory.
        mse, ssim, kept = [], [], {}
        for at, frame in enumerate(frames):
            source = stored.isel(frame=at).values
            image = model.reconstruct(frame).clamp(0, 1).permute(1, 2, 0).numpy()
            mse.append(np.square(image.astype(np.float64) - source).mean())
            ssim += _ssim(source[None], image[None])
            if frame in shown:
                kept[frame] = (source, image)
        parameters = model.parameter_count()
        pixels = len(frames) * height * width
        result = xr.Dataset(
            {
                "psnr": ("frame", -10 * np.log10(np.maximum(mse, 1e-20)), {"long_name": "PSNR", "units": "dB"}),
                "ssim": ("frame", ssim, {"long_name": "structural similarity", "units": "1"}),
                "bits_per_pixel": (
                    "bits",
                    [parameters * b / pixels for b in self.settings.bits],
                    {"long_name": "bits per pixel", "units": "bit/pixel", "description": BPP_DEFINITION},
                ),
                "source": (
                    ("shown", "y", "x", "channel"),
                    np.stack([kept[f][0] for f in shown]),
                    {"long_name": "source frame", "units": "1"},
                ),
                "reconstruction": (
                    ("shown", "y", "x", "channel"),
                    np.stack([kept[f][1] for f in shown]),
                    {"long_name": "reconstructed frame, clamped to [0, 1]", "units": "1"},
                ),
            },
            {"frame": frames, "shown": shown, "bits": list(self.settings.bits), "channel": ["r", "g", "b"]},
            {"parameters": parameters, "architecture": model.name},
        )
        result["mean_psnr"] = result["psnr"].mean().assign_attrs(long_name="mean over frames of PSNR", units="dB")
        result["mean_ssim"] = result["ssim"].mean().assign_attrs(long_name="mean over frames of SSIM", units="1")
        history = subject.history
        if history is not None:
            result["training_psnr"] = (
                "epoch",
                history["psnr"].to_numpy(),
                {"long_name": "PSNR while training, mean over frames", "units": "dB"},
            )
            result = result.assign_coords(epoch=history["epoch"].to_numpy())
            result.attrs["training_ended_by"] = str(model.outcome.get("stopped", "epochs"))
        return result

    def table(self, result: xr.Dataset) -> pd.DataFrame:
        return result[["psnr", "ssim"]].to_dataframe().reset_index()

    def plot(self, result: xr.Dataset) -> dict[str, Figure]:
        from xinc.plotting import layout, style

        shown = result.sizes["shown"]
        # Few frames, a row each: a column each would make large pictures, and a figure that fits no screen.
        across = shown > 2
        rows, columns = (3, shown) if across else (shown, 3)
        aspect = result.sizes["y"] / result.sizes["x"]
        images = rows * (layout.PAGE / columns * aspect + 0.17) + 0.35
        figure = layout.new_figure(layout.PAGE, images + 2.4, self.question, layout.about(result.attrs))
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
            image = layout.show(one[2], error.values[at], "error", style.MAGNITUDE, vmin=0, vmax=high or 1.0)
        layout.bar_below(top, one[2], image, "|error|, one scale for all")
        self._curves(bottom, result)
        return {"all": figure}

    def _curves(self, figure: Figure, result: xr.Dataset) -> None:
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


def _ssim(source: np.ndarray, images: np.ndarray) -> list[float]:
    """SSIM per frame, window 7 or the largest odd one that fits."""
    from skimage.metrics import structural_similarity

    side = min(7, *source.shape[1:3])
    window = side if side % 2 else side - 1
    return [
        float(structural_similarity(a, b, channel_axis=-1, data_range=1.0, win_size=window))
        for a, b in zip(source, images.astype(source.dtype), strict=True)
    ]
