"""Networks as users give them: themselves, their canvas, or the path of either; and what lies beside a path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from torch import nn

from xinc.canvas.dissect import dissect
from xinc.canvas.layer import as_layer
from xinc.canvas.network import as_network
from xinc.canvas.origin import dissected, place_of
from xinc.canvas.reader import open_canvas
from xinc.errors import InputError
from xinc.models.base import INR
from xinc.models.checkpoints import load_model
from xinc.models.loading import load
from xinc.video.store import open_video


@dataclass(frozen=True)
class Given:
    """What a network is given as.

    Attributes
    ----------
    layers : of its canvas, by name, in network order.
    model : the network, where it is at hand.
    folder : in which its file or canvas lies, such as ``results/bunny/nerv/seed0``; None of one in memory.
    file : the checkpoint, where it was given as one.
    """

    layers: dict[str, xr.Dataset]
    model: INR | None = None
    folder: Path | None = None
    file: Path | None = None

    @property
    def video(self) -> Path | None:
        """The workflow's video of a network in ``<video>/<model>/seed<k>``, if it is there."""
        return self.beside("video.zarr")

    def beside(self, name: str) -> Path | None:
        """A store of the workflow's folder of the video, if it is there."""
        path = None if self.folder is None else self.folder.parent.parent / name
        return path if path is not None and path.is_dir() else None

    @property
    def of(self) -> dict[str, str]:
        """Names of the video, the model and the seed in the workflow's folder; elsewhere, that of a checkpoint."""
        here = Path() if self.folder is None else self.folder.resolve()
        seed = here.name.removeprefix("seed")
        if self.folder is not None and seed.isdigit() and seed != here.name:
            return {"video": here.parent.parent.name, "model": here.parent.name, "seed": seed}
        return {} if self.file is None or self.file.name == "model.pt" else {"model": self.file.stem}


def given(value: Any, name: str) -> Given:
    """A network from a module, a canvas or a path; ``name`` is what messages call it.

    Raises
    ------
    InputError : neither a network nor a canvas.
    """
    if isinstance(value, nn.Module):
        model = as_network(value)
        return Given(_layers(dissect(model)), model)
    if isinstance(value, str | os.PathLike):
        return _at(os.fspath(value))
    if not isinstance(value, xr.DataTree) or not value.children:
        found = "one layer" if isinstance(value, xr.DataTree) else f"an object of type {type(value).__qualname__}"
        raise InputError(
            f"{name} is {found}: a network (xinc.load_model), a whole canvas (xinc.dissect, xinc.open_canvas) or the "
            "path of either was expected."
        )
    layers = _layers(value)
    first = next(iter(layers.values()))
    place = place_of(first)
    if not isinstance(place, Path):
        return Given(layers, dissected(first))
    return _with_model(layers, place.parent.parent)


def _at(path: str) -> Given:
    """A network or canvas at a path, or in the workflow's folder of a network."""
    place = Path(path)
    if (place / "model.pt").is_file() and not (place / "canvas.zarr").is_dir():
        place /= "model.pt"
    if place.is_file():
        model = load_model(place)
        return Given(_layers(dissect(model)), model, place.parent, place)
    canvas = f"{path.rstrip('/')}/canvas.zarr" if (place / "canvas.zarr").is_dir() else path
    layers = _layers(open_canvas(canvas))
    return Given(layers) if "://" in path else _with_model(layers, Path(canvas).parent)


def _layers(canvas: xr.DataTree) -> dict[str, xr.Dataset]:
    return {name: as_layer(node) for name, node in canvas.children.items()}


def _with_model(layers: dict[str, xr.Dataset], folder: Path) -> Given:
    """A canvas in the workflow's folder of a network, with the network if it is there."""
    file = folder / "model.pt"
    return Given(layers, load(file) if file.is_file() else None, folder)


def as_video(video: Any, size: tuple[int, int]) -> xr.Dataset:
    """A video with ``frames`` (frame, y, x, channel), from a dataset, its frames alone, or the path of a video.zarr.

    Parameters
    ----------
    size : (height, width) of the maps.

    Raises
    ------
    InputError : not a video, or one of another size.
    """
    if isinstance(video, str | os.PathLike):
        video = open_video(os.fspath(video))
    found = video.to_dataset(name="frames") if isinstance(video, xr.DataArray) else video
    known = isinstance(found, xr.Dataset) and "frames" in found
    if not known or set(found["frames"].dims) != {"frame", "y", "x", "channel"}:
        raise InputError(
            f"video is an object of type {type(video).__qualname__}: frames with the dimensions (frame, y, x, channel) "
            "were expected, as xarray, a dataset with them as 'frames', or the path of a video.zarr."
        )
    if "frame" not in found.coords:
        found = found.assign_coords(frame=np.arange(found.sizes["frame"]))
    own = found.sizes["y"], found.sizes["x"]
    if own != size:
        raise InputError(
            f"The video is {own[0]}x{own[1]} pixels, the maps are {size[0]}x{size[1]}: give the video at the network's "
            "resolution."
        )
    return found
