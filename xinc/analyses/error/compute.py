"""Error maps, the worst regions, and whether one neuron is to blame for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.error.tiles import box, worst_tiles
from xinc.analyses.subject import Subject
from xinc.canvas.network import as_network
from xinc.frames import select_frames
from xinc.interventions.explanation import STANDS_OUT, FrameError
from xinc.models.base import INR
from xinc.runtime.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.error import Error

#: Variables of an explanation that are about each neuron, which are many: kept in single precision.
_OF_NEURONS = ("error_change", "error_change_error", "alignment", "cosine")
_IMAGES = ("looked_at", "y", "x", "channel")
_SAID = {
    "squared_error": ("squared error, mean over colour channels, of clamped colours", "1"),
    "frame_psnr": ("PSNR of the frame", "dB"),
    "region_frame": ("frame of the video in which the region lies, counted from 0", "1"),
    "mask": ("whether a pixel belongs to the region", "1"),
    "verdict": ("what is to be said of the region", "1"),
    "source": ("source frame", "1"),
    "reconstruction": ("reconstructed frame, clamped to [0, 1]", "1"),
}
_COORDINATES = {
    "region": "region that is looked at",
    "candidate": "rank among the neurons that are looked at exactly, from 0 on",
    "neuron": "place of the neuron among those of all layers",
    "layer": "layer of the neuron",
    "number": "number of the neuron in its layer",
    "looked_at": "frame of the video with regions that are looked at, the worst first, counted from 0",
}


def compute(settings: Error.Settings, subject: Subject) -> xr.Dataset:
    model = as_network(subject.model)
    frames = list(model.frames)
    stored = subject.video["frames"].sel(frame=frames).transpose("frame", "channel", "y", "x")
    errors = _errors(model, stored, frames)
    psnr = -10 * np.log10(np.maximum(errors.mean((1, 2), dtype=np.float64), 1e-20))
    looked_at = _looked_at(frames, psnr, settings)
    model.check_trace(looked_at[0])
    found, masks, of = [], [], []
    for frame in looked_at:
        one = _of_frame(model, stored, frame, settings)
        error = errors[frames.index(frame)]
        areas = [np.ones(error.shape, bool), *worst_tiles(error, settings.tile, settings.share, settings.tiles)]
        for at, mask in enumerate(areas):
            found.append(one.explain(mask, f", region {at + 1} of {len(areas)}"))
            masks.append(mask)
            of.append(frame)
    result = xr.concat(
        found, "region", combine_attrs="drop_conflicts", data_vars="all", coords="minimal", compat="override"
    )
    result = result.assign({name: result[name].astype(np.float32) for name in _OF_NEURONS}).drop_attrs(deep=False)
    images = [model.reconstruct(frame).clamp(0, 1).permute(1, 2, 0).cpu().numpy() for frame in looked_at]
    more: dict[str, Any] = {
        "squared_error": (("frame", "y", "x"), errors),
        "frame_psnr": ("frame", psnr),
        "region_frame": ("region", of),
        "mask": (("region", "y", "x"), np.stack(masks)),
        "verdict": ("region", np.array([one.attrs["verdict"] for one in found], object)),
        "source": (_IMAGES, stored.sel(frame=looked_at).transpose("frame", "y", "x", "channel").values),
        "reconstruction": (_IMAGES, np.stack(images)),
    }
    coordinates: dict[str, Any] = {
        "frame": frames,
        "region": [_name(frame, mask) for frame, mask in zip(of, masks, strict=True)],
        "candidate": np.arange(result.sizes["candidate"]),
        "neuron": np.arange(result.sizes["neuron"]),
        "looked_at": looked_at,
        "channel": ["r", "g", "b"],
    }
    return _described(result.assign(more).assign_coords(coordinates))


def table(result: xr.Dataset) -> pd.DataFrame:
    """The neurons that are looked at exactly, a row a region and neuron."""
    place = result["place"].values
    rows = result[["gain", "rest", "elsewhere", "factor", "gain_without", "rest_without", "stands_out"]]
    rows = rows.assign(
        {
            name: (("region", "candidate"), result[name].values[place])
            for name in ("layer", "number", "in_channel", "out_channel")
        }
    )
    taken = {name: (("region", "candidate"), np.take_along_axis(result[name].values, place, 1)) for name in _OF_NEURONS}
    about = result[["region_frame", "psnr", "p_value"]]
    found: pd.DataFrame = xr.merge([about, rows.assign(taken)]).drop_vars("neuron", errors="ignore").to_dataframe()
    return found.reset_index()


def _looked_at(frames: list[int], psnr: np.ndarray, settings: Error.Settings) -> list[int]:
    """Frames that are looked at, the worst first; of equal ones, the earliest."""
    worst = [frames[at] for at in np.argsort(psnr, kind="stable")]
    chosen = select_frames(frames, settings.frames, "the network")
    return worst[: len(chosen)] if isinstance(settings.frames, int) else sorted(chosen, key=worst.index)


def _of_frame(model: INR, stored: xr.DataArray, frame: int, settings: Error.Settings) -> FrameError:
    """The error of a frame, with the other frames in which a neuron must cost nothing."""
    others = [] if model.per_frame else [one for one in model.frames if one != frame]
    checked = select_frames(others, settings.others) if others and settings.others else []
    goals = {one: stored.sel(frame=one).values.astype(np.float32) for one in (frame, *checked)}
    target = goals.pop(frame)
    s = settings
    return FrameError(model, frame, target, goals, s.probes, s.candidates, s.granularity, s.seed)


def _errors(model: INR, stored: xr.DataArray, frames: list[int]) -> np.ndarray:
    """(frame, y, x) float32 squared error of every frame, mean over channels; a frame at a time."""
    errors = np.zeros((len(frames), *model.resolution), np.float32)
    with Progress(len(frames), "errors of frames") as progress:
        for at, frame in enumerate(frames):
            image = model.reconstruct(frame).clamp(0, 1).cpu().numpy().astype(np.float64)
            errors[at] = np.square(image - stored.sel(frame=frame).values).mean(0)
            progress.update()
    return errors


def _name(frame: int, mask: np.ndarray) -> str:
    if mask.all():
        return f"frame {frame}"
    top, bottom, left, right = box(mask)
    return f"frame {frame}, rows {top}–{bottom}, columns {left}–{right}"


def _described(result: xr.Dataset) -> xr.Dataset:
    for name, (text, units) in _SAID.items():
        result[name].attrs = {"long_name": text, "units": units}
    for name, text in _COORDINATES.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    named = [
        str(text) for text, out in zip(result["verdict"].values, result["stands_out"].values, strict=True) if out[0]
    ]
    return result.assign_attrs(
        named=len(named), threshold=STANDS_OUT, verdict=named[0] if named else str(result["verdict"].values[0])
    )
