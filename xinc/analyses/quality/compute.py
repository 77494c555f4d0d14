"""PSNR, SSIM and size of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xinc.analyses.subject import Subject
from xinc.frames import select_frames

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.quality import Quality

#: Standard deviation of colours below which 8 bits tell no pixel from another.
ONE_COLOUR = 0.5 / 255
BPP_DEFINITION = "trained parameters × bits per stored parameter / (frames represented × height × width)"


def compute(settings: Quality.Settings, subject: Subject) -> xr.Dataset:
    model, video = subject.model, subject.video
    frames = list(model.frames)
    height, width = model.resolution
    sizes = {"frame": len(frames), "y": height, "x": width, "channel": 3}
    stored = video["frames"].sel(frame=frames).transpose(*sizes)
    spread = select_frames(frames, settings.show)
    # A frame at a time: all frames of a large video need not fit into memory.
    mse, plain, ssim, kept = [], [], [], {}
    for at, frame in enumerate(frames):
        source = stored.isel(frame=at).values
        image = model.reconstruct(frame).clamp(0, 1).permute(1, 2, 0).numpy()
        mse.append(np.square(image.astype(np.float64) - source).mean())
        plain.append(source.astype(np.float64).var((0, 1)).mean())
        ssim += _ssim(source[None], image[None])
        if frame in spread:
            kept[frame] = (source, image)
        if at == 0 or mse[-1] > max(mse[:-1]):
            worst = (frame, source, image)
    shown = _with_worst(spread, worst[0])
    kept[worst[0]] = worst[1:]
    parameters = model.parameter_count()
    pixels = len(frames) * height * width
    result = xr.Dataset(
        {
            "psnr": ("frame", -10 * np.log10(np.maximum(mse, 1e-20)), {"long_name": "PSNR", "units": "dB"}),
            "ssim": ("frame", ssim, {"long_name": "structural similarity", "units": "1"}),
            "bits_per_pixel": (
                "bits",
                [parameters * b / pixels for b in settings.bits],
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
        {"frame": frames, "shown": shown, "bits": list(settings.bits), "channel": ["r", "g", "b"]},
        {"parameters": parameters, "architecture": model.name, "output_activation": model.output_activation},
    )
    result["mean_psnr"] = result["psnr"].mean().assign_attrs(long_name="mean over frames of PSNR", units="dB")
    result["mean_ssim"] = result["ssim"].mean().assign_attrs(long_name="mean over frames of SSIM", units="1")
    result["explained"] = (
        (),
        1 - np.mean(mse) / np.mean(plain) if np.mean(plain) > ONE_COLOUR**2 else np.nan,
        {
            "long_name": "share of the variance of colours that the reconstruction explains",
            "units": "1",
            "description": "1 − squared error of the reconstruction / that of each frame's mean colour, of all frames",
        },
    )
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


def _with_worst(spread: list[int], worst: int) -> list[int]:
    """Evenly spread frames, of which the one nearest to the worst makes room for it."""
    if worst in spread:
        return spread
    nearest = min(spread, key=lambda frame: abs(frame - worst))
    return sorted(worst if frame == nearest else frame for frame in spread)


def table(result: xr.Dataset) -> pd.DataFrame:
    """PSNR and SSIM, a row a frame."""
    return result[["psnr", "ssim"]].to_dataframe().reset_index()


def _ssim(source: np.ndarray, images: np.ndarray) -> list[float]:
    """SSIM per frame, window 7 or the largest odd one that fits."""
    from skimage.metrics import structural_similarity

    side = min(7, *source.shape[1:3])
    window = side if side % 2 else side - 1
    return [
        float(structural_similarity(a, b, channel_axis=-1, data_range=1.0, win_size=window))
        for a, b in zip(source, images.astype(source.dtype), strict=True)
    ]
