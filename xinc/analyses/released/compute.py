"""All definitions of all layers, from the same passes over the maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.annotated import annotated_attributes
from xinc.analyses.released.deltas import deltas_and_shares
from xinc.analyses.released.gabor import released_gabor_labels
from xinc.analyses.released.lattices import constant_kernel_variances, lattice_labels
from xinc.analyses.released.layer3 import PERCENTS, layer3_variation
from xinc.analyses.released.numbers import DEFINITIONS, GROUPINGS, SIGNS, lattice_name, variants_of
from xinc.analyses.released.pairing import paired_frames
from xinc.analyses.released.plane import MEASURES, silhouettes
from xinc.analyses.subject import Subject
from xinc.trace.route import Stage, is_plain, route_from_dicts
from xinc.video.regions import UNLABELLED, grid_labels

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.released import Released

_PER_NEURON = ("regions", "delta", "frame", "neuron")


def compute(settings: Released.Settings, subject: Subject) -> xr.Dataset:
    """A handful of passes over a layer's maps for each frame; k-means of a frame's Gabor responses; two UMAPs a layer.

    UMAP takes most of the time: about 3 ms a neuron, and ten seconds to import and to compile. Memory: the sums of a
    layer's neurons over regions, and a block of maps.
    """
    layers = subject.canvas
    pairs = paired_frames(settings, subject)
    frames, pictures = list(pairs), list(pairs.values())
    labels = _label_maps(settings, subject, pictures)
    rest = _rest(subject)
    parts = [_layer(settings, name, data, labels, rest, frames) for name, data in layers.items()]
    result = xr.concat(parts, xr.Variable("layer", list(layers)), join="outer")
    result = result.assign_coords(frame=frames, lattice=[lattice_name(tile) for tile in settings.lattices])
    result["picture_frame"] = (("frame",), pictures)
    result["layer3_variation"] = (("definition", "frame", "percent"), layer3_variation(layers, frames))
    result = result.assign_coords(percent=list(PERCENTS))
    held = [int(f) for f in next(iter(layers.values()))["frame"].values]
    result.attrs = {"offset": str(settings.offset)} | annotated_attributes(subject.video, held)
    return _describe(result)


def _label_maps(settings: Released.Settings, subject: Subject, pictures: list[int]) -> dict[str, np.ndarray]:
    """Label maps (frame, y, x) by name: of the paper's words, and of the released code."""
    regions = subject.regions.sel(frame=pictures)
    labels = {g: regions[g].transpose("frame", "y", "x").values for g in GROUPINGS[:-1] if g in regions}
    colours = subject.video["frames"].sel(frame=pictures).transpose("frame", "y", "x", "channel").values
    labels["gabor_released"] = np.stack([released_gabor_labels(one, settings.gabor) for one in colours])
    size = colours.shape[1:3]
    fixed = {"whole": np.zeros(size, np.int32)}
    for tile in settings.lattices:
        name = lattice_name(tile)
        fixed |= {f"lattice_{name}": lattice_labels(size, tile), f"grid_{name}": grid_labels(size, tile)}
    return labels | {name: np.broadcast_to(one, (len(pictures), *size)) for name, one in fixed.items()}


def _rest(subject: Subject) -> int | None:
    """Label of the pixels that the masks leave out."""
    names = subject.regions["instances_name"].values.tolist() if "instances_name" in subject.regions else []
    return names.index(UNLABELLED) if UNLABELLED in names else None


def _layer(
    settings: Released.Settings,
    name: str,
    data: xr.Dataset,
    labels: dict[str, np.ndarray],
    rest: int | None,
    frames: list[int],
) -> xr.Dataset:
    """The result of one layer, without ``layer``."""
    found = [
        # A frame at a time: the sums of all would take gigabytes.
        deltas_and_shares(data, {key: stack[at : at + 1] for key, stack in labels.items()}, rest, [frame])
        for at, frame in enumerate(frames)
    ]
    measured = [
        silhouettes(settings, data, gabor, name, frame) for gabor, frame in zip(labels["gabor"], frames, strict=True)
    ]
    variables: dict[str, Any] = {
        "variance": (_PER_NEURON, np.concatenate([one["variance"] for one in found], axis=2)),
        "neurons": ((), data.sizes["neuron"]),
        "dead": (("frame",), np.concatenate([one["dead"] for one in found])),
        "silhouette": (("frame", "measure"), np.array(measured)),
        "constant_kernel": (("lattice",), _constant_kernel(settings, data)),
    }
    for key in ("other_share", "objects_share"):
        variables[key] = (("definition", "frame"), np.concatenate([one[key] for one in found], axis=1))
    coordinates = {
        "regions": np.array(found[0]["regions"], dtype=object),
        "delta": np.array(SIGNS, dtype=object),
        "definition": np.array(DEFINITIONS, dtype=object),
        "measure": np.array(list(MEASURES), dtype=object),
        "neuron": data["neuron"].values,
    }
    return xr.Dataset(variables, coordinates)


def _constant_kernel(settings: Released.Settings, data: xr.Dataset) -> np.ndarray:
    """What a spatially constant kernel gives over each lattice, mean over phases; NaN but for the last block."""
    record = data.attrs.get("xinc", {})
    later = route_from_dicts(record.get("later", ()))
    stage = later[0] if len(later) == 1 and is_plain(later) else None
    if int(record.get("upscale", 1)) < 2 or not isinstance(stage, Stage):
        return np.full(len(settings.lattices), np.nan)
    size = data.sizes["y"], data.sizes["x"]
    stride, kernel = int(record["upscale"]), stage.kernel.size[0]
    found = [constant_kernel_variances(size, tile, stride, kernel).mean() for tile in settings.lattices]
    return np.array(found)


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each number, layer and frame, with what it is as written and as released."""
    import pandas as pd

    pairs: dict[str, list[xr.DataArray]] = {}
    medians = result["variance"].median("neuron")
    known = result["regions"].values.tolist()
    lattices = [str(name) for name in result["lattice"].values]
    wanted = [(g, lattices[0]) for g in GROUPINGS[:-1]] + [("grid", name) for name in lattices]
    for grouping, lattice in wanted:
        chosen = [variants_of(grouping, lattice)[d] for d in DEFINITIONS]
        if all(regions in known for regions, _ in chosen):
            label = grouping if grouping != "grid" else f"grid {lattice}"
            pairs[f"variance over {label}"] = [medians.sel(regions=r, delta=d, drop=True) for r, d in chosen]
    for name, text in (("other_share", "share of other"), ("objects_share", "share of objects, figure 8")):
        pairs[text] = [result[name].sel(definition=d, drop=True) for d in DEFINITIONS]
    last = xr.where(result["layer"] == "layer3", 1.0, np.nan)
    for percent in result["percent"].values:
        own = result["layer3_variation"].sel(percent=percent, drop=True)
        of_layer = [last * own.sel(definition=definition, drop=True) for definition in DEFINITIONS]
        pairs[f"variation of layer 3's density at {percent} %"] = of_layer
    pairs["silhouette of clusters"] = [result["silhouette"].sel(measure=m, drop=True) for m in ("vectors", "plane")]
    rows = []
    for name, values in pairs.items():
        one = xr.Dataset(dict(zip(DEFINITIONS, values, strict=True))).to_dataframe(dim_order=["layer", "frame"])
        one.insert(0, "number", name)
        rows.append(one.dropna(subset=list(DEFINITIONS), how="all").reset_index())
    return pd.concat(rows, ignore_index=True)


def _describe(result: xr.Dataset) -> xr.Dataset:
    names = {
        "variance": "variance over regions of the normalised delta of contribution",
        "neurons": "neurons of the layer",
        "dead": "neurons that contribute nothing to the frame",
        "other_share": "share of a neuron's contributions in the region other, median over live neurons",
        "objects_share": "share of all objects in figure 8, beside the region other, median over live neurons",
        "silhouette": "mean silhouette of six clusters of neurons",
        "constant_kernel": "variance over the lattice of a kernel of the last block that responds the same everywhere",
        "picture_frame": "frame of the picture and its masks beside that of the network",
        "layer3_variation": "coefficient of variation over pixels of layer 3's density of neurons",
    }
    for name, text in names.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    result["variance"].attrs["description"] = "NaN of dead neurons, and past the last neuron of a layer"
    coordinates = {
        "regions": "regions of pixels",
        "delta": "signed deltas, or their magnitudes",
        "definition": "whose definition: of the paper's words, or as released",
        "lattice": "rows and columns of the lattice",
        "measure": "; ".join(f"{name}: {text}" for name, text in MEASURES.items()),
    }
    for name, text in coordinates.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    return result
