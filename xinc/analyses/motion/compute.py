"""Fluctuation of each layer, motion and the areas of the frame, and how they correlate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from xinc.analyses.motion.areas import areas_of, ratio_of_shifts, spearman
from xinc.analyses.motion.names import AREAS, KINDS
from xinc.analyses.subject import Subject
from xinc.canvas.reductions import fluctuation
from xinc.frames import select_frames
from xinc.statistics.nan_reductions import mean_over_frames
from xinc.statistics.shifts import correlations_of_shifts
from xinc.statistics.standing import NULL, labelled, standing_of

if TYPE_CHECKING:
    from xinc.analyses.motion import Motion

_DESCRIPTIONS = {
    "fluctuation": ("sum over neurons of the change of |C| since the frame before", "1"),
    "source": ("source frame", "1"),
    "flow": ("displacement from the frame before, on its grid", "pixel"),
    "camera": ("median flow of the frame", "pixel"),
    "speed": ("length of the flow, and of the flow relative to the camera's", "pixel"),
    "areas": ("moving, revealed and still pixels", "1"),
    "pearson": ("Pearson correlation over pixels of fluctuation and motion", "1"),
    "spearman": ("Spearman correlation over pixels of fluctuation and motion", "1"),
    "p_value": ("share of all toroidal shifts of the motion whose Pearson correlation is not smaller", "1"),
    "null_95": ("Pearson correlation that 95 % of all toroidal shifts of the motion do not exceed", "1"),
    "area_fluctuation": ("mean fluctuation over the pixels of an area", "1"),
    "area_share": ("share of the frame's pixels in an area", "1"),
    "pearson_null": ("how the mean over frames of Pearson's correlation stands among all shifts of the motion", "1"),
    "moving_null": ("how the mean over frames of the ratio moving / still stands among all shifts of the areas", "1"),
    "revealed_null": ("how the mean over frames of the ratio revealed / still stands among all shifts", "1"),
    "film_source": ("source frame", "1"),
    "film_flow": ("displacement from the frame before, on its grid", "pixel"),
    "film_fluctuation": ("sum over neurons of the change of |C| since the frame before", "1"),
}


def compute(settings: Motion.Settings, subject: Subject) -> xr.Dataset:
    """One pass over pairs of maps a layer and frame, and Fourier transforms of the frame's size.

    A canvas without consecutive frames gives a result without frames, whose attribute ``not_applicable`` says so.
    """
    layers = subject.canvas
    known = next(iter(layers.values()))["frame"].values.tolist()
    after = [f for f in known if f - 1 in known]
    frames = select_frames(after, settings.frames, "the canvas, after one that it has too,") if after else []
    result = _per_frame([_frame(settings, subject, frame) for frame in frames], subject, frames)
    kept = {name: fluctuation(data, frames) for name, data in layers.items()} if frames else {}
    shape = (len(layers), len(frames), result.sizes["y"], result.sizes["x"])
    values = np.stack([kept[name].values for name in layers]) if frames else np.zeros(shape)
    result["fluctuation"] = (("layer", "frame", "y", "x"), values.astype(np.float32))
    result = result.assign_coords(layer=np.array(list(layers), dtype=object))
    result = result.assign(_statistics(result, values))
    if settings.animated and after:
        result = result.assign(_film(settings, subject, after, kept))
    result.attrs = {
        "threshold": settings.threshold,
        "moving": settings.moving,
        "flow_source": str(subject.flow.attrs["source"]),
    }
    if not frames:
        result.attrs["not_applicable"] = f"The canvas has frames {known}, no two of them consecutive."
    return _describe(result)


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row a layer and frame: correlations with their null, and mean fluctuation of each area."""
    rows = []
    for layer in result["layer"].values:
        for frame in result["frame"].values:
            one = result.sel(layer=layer, frame=frame)
            row = {"layer": str(layer), "frame": int(frame)}
            for kind in KINDS:
                row |= {
                    f"{name}_{kind}": float(one[name].sel(motion=kind))
                    for name in ("pearson", "spearman", "p_value", "null_95")
                }
            row |= {f"fluctuation_{area}": float(one["area_fluctuation"].sel(area=area)) for area in AREAS}
            row |= {f"share_{area}": float(one["area_share"].sel(area=area)) for area in AREAS}
            rows.append(row)
    columns = [
        "layer",
        "frame",
        *(f"{n}_{k}" for k in KINDS for n in ("pearson", "spearman", "p_value", "null_95")),
    ]
    columns += [f"{what}_{area}" for what in ("fluctuation", "share") for area in AREAS]
    return pd.DataFrame(rows, columns=columns)


def _frame(settings: Motion.Settings, subject: Subject, frame: int) -> dict[str, np.ndarray]:
    """What the video knows of one frame."""
    flow = subject.flow["flow"].sel(frame=frame).transpose("y", "x", "component").values.astype(np.float32)
    revealed = subject.flow["revealed"].sel(frame=frame).transpose("y", "x").values
    camera = np.nanmedian(flow, axis=(0, 1))
    speed = {"flow": _length(flow), "relative": _length(flow - camera)}
    moving = speed[settings.moving] > settings.threshold
    return {
        "source": subject.video["frames"].sel(frame=frame).transpose("y", "x", "channel").values,
        "flow": flow,
        "camera": camera,
        "speed": np.stack([speed[kind] for kind in KINDS]),
        "areas": np.stack(areas_of(flow, moving, revealed)),
    }


def _per_frame(found: list[dict[str, np.ndarray]], subject: Subject, frames: list[int]) -> xr.Dataset:
    """What `_frame` found, with the dimension ``frame``; without frames, variables of no frames."""
    video = subject.video
    pixels = ("y", "x")
    dims = {
        "source": (*pixels, "channel"),
        "flow": (*pixels, "component"),
        "camera": ("component",),
        "speed": ("motion", *pixels),
        "areas": ("area", *pixels),
    }
    sizes = {"y": video.sizes["y"], "x": video.sizes["x"], "channel": 3, "component": 2, "motion": 2, "area": 3}
    types: dict[str, Any] = dict.fromkeys(dims, np.float32) | {"areas": bool}
    variables = {}
    for name, own in dims.items():
        empty = np.zeros((0, *(sizes[d] for d in own)))
        values = np.stack([one[name] for one in found]) if found else empty
        variables[name] = (("frame", *own), values.astype(types[name]))
    names = {"channel": ["r", "g", "b"], "component": ["dx", "dy"], "motion": list(KINDS), "area": list(AREAS)}
    coords = {name: np.array(values, dtype=object) for name, values in names.items()}
    return xr.Dataset(variables, coords | {"frame": np.asarray(frames, np.int64)})


def _statistics(result: xr.Dataset, values: np.ndarray) -> dict[str, Any]:
    """Correlations and means over areas, with their nulls, for fluctuation ``values`` (layer, frame, y, x).

    Of each frame as it is drawn, and of the mean over frames, all shifted alike, as the findings use it.
    """
    layers, frames = values.shape[:2]
    per_kind = np.full((4, layers, frames, len(KINDS)), np.nan)
    means = np.full((layers, frames, len(AREAS)), np.nan)
    joint = np.full((len(KINDS) + 2, layers, len(NULL)), np.nan)
    speed, areas = result["speed"].values.astype(np.float64), result["areas"].values
    for layer in range(layers):
        shifted = []
        for frame in range(frames):
            one = values[layer, frame]
            correlated = correlations_of_shifts(one, *speed[frame])
            rho = [spearman(one, kind) for kind in speed[frame]]
            standings = np.array([standing_of(kind) for kind in correlated])
            per_kind[:, layer, frame] = correlated[:, 0], rho, standings[:, 0], standings[:, 2]
            means[layer, frame] = [one[area].mean() if area.any() else np.nan for area in areas[frame]]
            ratios = [ratio_of_shifts(one, areas[frame, k], areas[frame, 2]) for k in range(2)]
            shifted.append(np.concatenate([correlated, ratios]))
        if frames:
            joint[:, layer] = [standing_of(own) for own in mean_over_frames(shifted)]
    kinds = ("layer", "frame", "motion")
    names = ("pearson", "spearman", "p_value", "null_95")
    return {name: (kinds, per_kind[k]) for k, name in enumerate(names)} | {
        "area_fluctuation": (("layer", "frame", "area"), means),
        "area_share": (("frame", "area"), areas.mean((2, 3)) if frames else np.zeros((0, len(AREAS)))),
        "pearson_null": labelled(joint[: len(KINDS)], ("motion", "layer")),
        "moving_null": labelled(joint[-2], ("layer",)),
        "revealed_null": labelled(joint[-1], ("layer",)),
    }


def _film(
    settings: Motion.Settings, subject: Subject, after: list[int], kept: dict[str, xr.DataArray]
) -> dict[str, Any]:
    """Source, flow and fluctuation of the last layers at every frame that has a predecessor."""
    layers = list(subject.canvas)[-settings.animated :]
    pixels = ("film_frame", "y", "x")
    films = []
    for name in layers:
        have = kept[name]["frame"].values.tolist()
        rest = [f for f in after if f not in have]
        parts = [kept[name], *([fluctuation(subject.canvas[name], rest)] if rest else [])]
        films.append(xr.concat(parts, dim="frame").sel(frame=after).values.astype(np.float32))
    source = subject.video["frames"].sel(frame=after).transpose("frame", "y", "x", "channel").values
    flow = subject.flow["flow"].sel(frame=after).transpose("frame", "y", "x", "component").values
    return {
        "film_frame": ("film_frame", np.asarray(after)),
        "film_layer": ("film_layer", np.array(layers, dtype=object)),
        "film_source": ((*pixels, "channel"), (np.clip(source, 0, 1) * 255).round().astype(np.uint8)),
        "film_flow": ((*pixels, "component"), flow.astype(np.float32)),
        "film_fluctuation": (("film_layer", *pixels), np.stack(films)),
    }


def _length(flow: np.ndarray) -> np.ndarray:
    return np.asarray(np.hypot(flow[..., 0], flow[..., 1]))


def _describe(result: xr.Dataset) -> xr.Dataset:
    for name, (text, units) in _DESCRIPTIONS.items():
        if name in result:
            result[name].attrs = {"long_name": text, "units": units}
    return result
