"""What lies beside a canvas: its network, its video and the masks of it, found or given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.answers.region import Region, of_frames, of_mask
from xinc.canvas.origin import dissected, place_of
from xinc.canvas.schema import LayerRecord, record_of
from xinc.errors import InputError, nearest
from xinc.trace.layer import layer_type

if TYPE_CHECKING:
    from xinc.models.base import INR


def record_behind(layer: xr.Dataset) -> LayerRecord | None:
    """The record of a layer, of its maps alone too; None where arithmetic dropped it."""
    found = layer.attrs.get("xinc", layer["contribution"].encoding.get("xinc"))
    return None if found is None else record_of(layer.assign_attrs(xinc=found))


def known_record(layer: xr.Dataset, by: str) -> LayerRecord:
    """The record of a layer; `InputError` where there is none."""
    found = record_behind(layer)
    if found is None:
        raise InputError(
            f"by={by!r} needs to know which layer of which network the maps are of, and they have lost the attribute "
            "xinc: give the canvas or a layer as it was opened or dissected."
        )
    return found


def granularity_of(records: Sequence[LayerRecord]) -> str | None:
    """The granularity at which a network was dissected, None where it is each layer's default."""
    found = {
        record.granularity for record in records if record.granularity != layer_type(record.layer_type).granularities[0]
    }
    return found.pop() if found else None


def network_of(layer: xr.Dataset, model: Any, what: str) -> INR:
    """The network of a layer, in float32.

    Parameters
    ----------
    model : a network, or the path of one; by default the one that was dissected, or ``model.pt`` beside the canvas.
    what : for which it is needed, for messages.

    Raises
    ------
    InputError : there is none, or it is another network than the layer's.
    """
    from xinc.canvas.network import as_network
    from xinc.models.checkpoints import load_model
    from xinc.models.storage import identity

    place, record = place_of(layer), known_record(layer, what)
    found = model if model is not None else dissected(layer)
    where = "the model given"
    if found is None:
        path = None if place is None else place.parent.parent / "model.pt"
        if not isinstance(path, Path) or not path.is_file():
            lies = "was not opened from a folder of results"
            if path is not None:
                lies = f"has no {path} beside it" if isinstance(path, Path) else f"lies on object storage ({place})"
            raise InputError(f"by={what!r} needs the network of the canvas, which {lies}: give it as model=.")
        found, where = path, str(path)
    network = as_network(load_model(found) if isinstance(found, str | Path) else found)
    if record.network and record.network != identity(network):
        raise InputError(
            f"{where} is not the network of this canvas (digest {identity(network)}, expected {record.network}): give "
            "the one that was dissected as model=, or make the canvas again."
        )
    return network


def target_of(layer: xr.Dataset, video: Any, frames: Sequence[int]) -> np.ndarray:
    """The frames (frame, y, x, channel) of the video to which a network was fitted.

    Parameters
    ----------
    video : an array (frame, y, x, channel) in [0, 1], by the coordinate ``frame`` or in the order of ``frames``; a
        prepared video or the path of one; by default ``video.zarr`` of the canvas's video in a folder of results.
    """
    from xinc.video.store import open_video

    if video is None:
        video = _beside(layer, "video.zarr", "by='blame' needs the frames of the video", "video=")
    if isinstance(video, str | Path):
        video = open_video(video)
    if isinstance(video, xr.Dataset):
        if "frames" not in video:
            raise InputError(
                f"The video has the variables {', '.join(map(str, video.data_vars))}: a prepared video was expected, "
                "with the variable frames (frame, y, x, channel)."
            )
        video = video["frames"]
    if isinstance(video, xr.DataArray):
        video = of_frames(video, frames, "The video")
    return np.asarray(video, np.float32)


def of_instance(instance: Any, masks: Any, layer: xr.Dataset, size: tuple[int, int], frames: Sequence[int]) -> Region:
    """The pixels of an annotated instance, or of all of one category.

    Parameters
    ----------
    instance : the name of a region, e.g. ``"person 3"``, a category, or the id of an instance in the masks.
    masks : regions, or a prepared video with masks; or the path of one of them; or ids (y, x) or (frame, y, x); by
        default ``regions.zarr`` of the canvas's video in a folder of results.

    Raises
    ------
    InputError : no masks, an instance that they do not have, or one that is in none of the frames.
    """
    if masks is None:
        masks = _beside(layer, "regions.zarr", "instance= needs the masks of the video", "masks=")
    if isinstance(masks, str | Path):
        masks = _opened(Path(masks))
    if isinstance(masks, xr.Dataset):
        labels, wanted = _of_regions(instance, masks)
    else:
        labels, wanted = masks, [_id_in(instance, masks)]
    if isinstance(labels, xr.DataArray):
        labels = of_frames(labels, frames, "The masks")
    shape = np.shape(labels)
    if shape not in (size, (len(frames), *size)):
        raise InputError(
            f"The masks have shape {shape}: expected {size}, the size of the maps, or {(len(frames), *size)}, one for "
            "each frame asked for."
        )
    return of_mask(np.isin(np.asarray(labels), wanted), size, frames, f"instance {instance!r}")


def _opened(path: Path) -> xr.Dataset:
    """Regions or a video, whichever a store is."""
    from xinc.video.regions import open_regions
    from xinc.video.store import open_video

    return open_video(path) if path.name == "video.zarr" else open_regions(path)


def _of_regions(instance: Any, masks: xr.Dataset) -> tuple[xr.DataArray, list[int]]:
    """The label map of regions or of a video, and the labels of what ``instance`` names."""
    from xinc.video.regions import instance_regions

    if "instances" not in masks:
        raise InputError(
            f"instance is {instance!r}, but the video has no masks (the variable instances): give box=, mask= or "
            "pixel=, or the masks as masks=."
        )
    if "segment_id" in masks:
        found = instance_regions(masks)
        labels, names, categories = found["label"], found["name"], found["category"]
        things = found["isthing"]
    else:
        labels = masks["instances"]
        names, categories, things = (masks[f"instances_{key}"] for key in ("name", "category", "isthing"))
    name_list, category_list = ([str(one) for one in values.values] for values in (names, categories))
    ids = {int(name.rpartition(" ")[2]): at for at, name in enumerate(name_list) if bool(things.values[at])}
    if isinstance(instance, int | np.integer) and not isinstance(instance, bool):
        if int(instance) not in ids:
            raise InputError(
                f"instance is {instance}: the masks have the instances {', '.join(map(str, sorted(ids))) or 'none'}; "
                f"or name one of {', '.join(name_list)}."
            )
        return labels, [ids[int(instance)]]
    if instance in name_list:
        return labels, [name_list.index(instance)]
    wanted = [at for at, category in enumerate(category_list) if category == instance]
    if not wanted:
        raise InputError(f"Unknown instance {instance!r}: {nearest(str(instance), {*name_list, *category_list})}.")
    return labels, wanted


def _id_in(instance: Any, masks: Any) -> int:
    """An id that occurs in an array of ids."""
    values = np.asarray(masks)
    if values.dtype.kind not in "iu":
        raise InputError(
            f"masks are of type {values.dtype}: expected regions, a prepared video, the path of one, or whole numbers, "
            "the id of an instance at each pixel."
        )
    known = [int(one) for one in np.unique(values)]
    if isinstance(instance, bool) or not isinstance(instance, int | np.integer) or int(instance) not in known:
        raise InputError(
            f"instance is {instance!r}: an array of ids has no names, and this one holds {_listed(known)}; give one of "
            "these ids."
        )
    return int(instance)


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:12]))
    return shown if len(numbers) <= 12 else f"{shown}, … ({len(numbers)} ids)"


def _beside(layer: xr.Dataset, name: str, needs: str, argument: str) -> Path:
    """A store of the video in whose folder a canvas lies, ``results/<video>/<model>/seed<n>/canvas.zarr``."""
    place = place_of(layer)
    if isinstance(place, Path):
        path = place.resolve().parent.parent.parent.parent / name
        if path.is_dir():
            return path
        raise InputError(f"{needs}, and {path} is not there: give it as {argument}.")
    lies = "was not opened from a folder of results" if place is None else f"lies on object storage ({place})"
    raise InputError(f"{needs}, and this canvas {lies}: give it as {argument}.")
