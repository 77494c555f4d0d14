"""Networks as users give them: themselves, their canvas, or the path of either; and what lies beside a path.

PyTorch, whose import takes seconds, is imported for networks only: maps of a canvas are looked at without it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.canvas.layer import as_layer
from xinc.canvas.origin import dissected, place_of
from xinc.canvas.reader import open_canvas
from xinc.errors import InputError
from xinc.video.store import open_video

if TYPE_CHECKING:
    from xinc.models.base import INR


@dataclass(frozen=True)
class Given:
    """What a network is given as.

    Attributes
    ----------
    layers : of its canvas, by name, in network order.
    network : itself, where it was given, dissected or loaded.
    folder : in which its file or canvas lies, such as ``results/bunny/nerv/seed0``; None of one in memory.
    file : the checkpoint, where it was given as one.
    """

    layers: dict[str, xr.Dataset]
    network: INR | None = None
    folder: Path | None = None
    file: Path | None = None

    @cached_property
    def model(self) -> INR | None:
        """The network, where it is at hand: also the ``model.pt`` beside a canvas, if it runs no code of the user's.

        Raises
        ------
        InputError : that file is damaged, or of another version.
        """
        file = None if self.folder is None or self.network is not None else self.folder / "model.pt"
        if file is None or not file.is_file():
            return self.network
        from xinc.models.loading import load, notes_module

        return None if notes_module(file) else load(file)

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
    if isinstance(value, str | os.PathLike):
        return _at(os.fspath(value))
    if is_module(value):
        from xinc.canvas.dissect import dissect
        from xinc.canvas.network import as_network

        model = as_network(value)
        return Given(_layers(dissect(model)), model)
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
    return Given(layers, folder=place.parent.parent)


def is_module(value: Any) -> bool:
    """Whether something is a module of PyTorch, which is not imported for that: without it there is none."""
    found = getattr(sys.modules.get("torch"), "nn", None)
    return found is not None and isinstance(value, found.Module)


def _at(path: str) -> Given:
    """A network or canvas at a path, or in the workflow's folder of a network."""
    place = Path(path)
    if (place / "model.pt").is_file() and not (place / "canvas.zarr").is_dir():
        place /= "model.pt"
    if place.is_file():
        from xinc.canvas.dissect import dissect
        from xinc.models.checkpoints import load_model

        model = load_model(place)
        return Given(_layers(dissect(model)), model, place.parent, place)
    canvas = f"{path.rstrip('/')}/canvas.zarr" if (place / "canvas.zarr").is_dir() else path
    if "://" not in path and not place.exists():
        raise InputError(
            f"'{path}' does not exist: give the path of a checkpoint, of a canvas.zarr, or of a folder with one of "
            "them, such as results/bunny/nerv/seed0."
        )
    layers = _layers(open_canvas(canvas))
    return Given(layers, folder=None if "://" in path else Path(canvas).parent)


def _layers(canvas: xr.DataTree) -> dict[str, xr.Dataset]:
    return {name: as_layer(node) for name, node in canvas.children.items()}


def as_video(video: Any, size: tuple[int, int], model: INR | None = None) -> xr.Dataset:
    """A video with ``frames`` (frame, y, x, channel), from a dataset, its frames alone, or the path of a video.zarr.

    Frames without labels are numbered from 0.

    Parameters
    ----------
    size : (height, width) of the maps.
    model : the network, as far as it is known: the output of one may be no colours.

    Raises
    ------
    InputError : not a video, one of another size, or colours that are not in [0, 1].
    """
    prepared = isinstance(video, str | os.PathLike)  # its colours were checked when it was written
    if prepared:
        video = open_video(os.fspath(video))
    if isinstance(video, np.ndarray) and video.ndim == 3:  # an image
        video = video[None]
    if isinstance(video, np.ndarray) and video.ndim == 4:
        video = xr.DataArray(video, dims=("frame", "y", "x", "channel"))
    found = video.to_dataset(name="frames") if isinstance(video, xr.DataArray) else video
    known = isinstance(found, xr.Dataset) and "frames" in found
    if not known or set(found["frames"].dims) != {"frame", "y", "x", "channel"}:
        raise InputError(
            f"video is an object of type {type(video).__qualname__}: frames (frame, y, x, channel) or an image (y, x, "
            "channel) were expected, a dataset with frames as 'frames', or the path of a video.zarr."
        )
    if not prepared and (model is None or model.of_colours):
        from xinc.interventions.asked import check_colours

        check_colours(found["frames"].values, "video")
    if "frame" not in found.coords:
        found = found.assign_coords(frame=np.arange(found.sizes["frame"]))
    own = found.sizes["y"], found.sizes["x"]
    if own != size:
        raise InputError(
            f"The video is {own[0]}x{own[1]} pixels, the maps are {size[0]}x{size[1]}: give the video at the network's "
            "resolution."
        )
    return found
