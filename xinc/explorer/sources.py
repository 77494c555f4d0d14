"""Networks that the explorer can look at, found once at the start: a page names one of them, never a path.

Nothing here needs PyTorch, whose import takes seconds: `beginning` is what a page shows meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xinc.errors import InputError
from xinc.explorer.messages import Answer, Beginning
from xinc.storage.locations import METADATA, Location, locate

if TYPE_CHECKING:
    import xarray as xr
    from torch import nn

#: Folders of a results root above a canvas: video, model, seed.
_DEPTH = 3


@dataclass(frozen=True)
class Source:
    """A network: where its canvas or checkpoint lies, or the canvas or network itself.

    Attributes
    ----------
    name : by which a page calls it, such as ``bunny/nerv/seed0``.
    video, model, seed : parts of it; empty where they are not known.
    what : a place, or what was given in a notebook.
    """

    name: str
    video: str
    model: str
    seed: str
    what: Location | xr.DataTree | nn.Module


def find_sources(path: Any) -> list[Source]:
    """All networks in a folder of results, of a video or a model; or the one at the path of a canvas or a checkpoint.

    Parameters
    ----------
    path : a path, also on object storage (``s3://…``); a canvas; or a network.

    Raises
    ------
    InputError : there is nothing there, or nothing of which the explorer could show maps.
    """
    if not isinstance(path, str | os.PathLike):
        import xarray as xr

        from xinc.analyses.given import is_module

        if is_module(path) or isinstance(path, xr.DataTree):
            kind = "network" if is_module(path) else "canvas"
            return [Source(kind, "", kind, "", path)]
        raise InputError(
            f"An object of type {type(path).__qualname__} was given: a path, a canvas or a network was expected."
        )
    place = locate(os.fspath(path))
    if isinstance(place, Path):
        place = place.absolute()
        if place.is_file():
            return [_named(place)]
        if not place.exists():
            raise InputError(
                f"'{path}' does not exist: give a folder of results (after `make demo`, results), a canvas.zarr, or a "
                "checkpoint."
            )
    found = [_named(canvas) for canvas in _canvases(place, _DEPTH)]
    if not found:
        raise InputError(
            f"There is no canvas in '{path}': expected folders as the workflow makes them, "
            "<video>/<model>/seed<k>/canvas.zarr, or the path of one of them, or of a checkpoint."
        )
    return _distinct(found)


def first_of(sources: Sequence[Source]) -> Source:
    """The network to begin with: one that has all frames, where that is seen without opening it."""
    return next((one for one in sources if _has_all_frames(one)), sources[0])


def _has_all_frames(source: Source) -> bool:
    """Whether the record of a layer says so; what is wrong with one is told where its canvas is opened."""
    if not isinstance(source.what, Path) or not source.what.is_dir():
        return False
    for file in source.what.glob(f"*/{METADATA}"):
        try:
            return bool(json.loads(file.read_bytes())["attributes"]["xinc"]["shared_weights"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
    return False


def beginning(sources: Sequence[Source], question: Beginning) -> Answer:
    """Names of all networks, and the frame of the video of the one asked for, if it lies in a folder of results."""
    one = next((one for one in sources if one.name == question.network), None) or first_of(sources)
    image = _video_frame(one, question.frame)
    known = [{key: getattr(each, key) for key in ("name", "video", "model", "seed")} for each in sources]
    return Answer({"networks": known, "first": one.name}, {} if image is None else {"image": image})


def _video_frame(source: Source, frame: int | None) -> np.ndarray | None:
    """(y, x, 3) uint8, of the nearest frame that there is; None without a video, or one that cannot be read."""
    if not isinstance(source.what, Path) or not source.seed:
        return None
    import zarr

    try:
        video = zarr.open_group(source.what.parents[2] / "video.zarr", mode="r")
        numbers = np.asarray(video["frame"][:])  # type: ignore[index]
        at = 0 if frame is None else int(np.abs(numbers - frame).argmin())
        image = np.asarray(video["frames"][at])  # type: ignore[index]
    except (OSError, KeyError, ValueError):
        return None  # the page says why when it asks for the picture
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _canvases(place: Location, depth: int) -> Iterator[Location]:
    """Folders called canvas.zarr, at most so deep; networks without one have a checkpoint."""
    if place.name == "canvas.zarr":
        yield place
        return
    names = _folders(place)
    if "canvas.zarr" in names:
        yield place / "canvas.zarr"
    elif isinstance(place, Path) and (place / "model.pt").is_file():
        yield place / "model.pt"
    elif depth:
        for name in sorted(names):
            if not name.endswith(".zarr") and name not in ("figures", "project", "pairs", "seeds"):
                yield from _canvases(place / name, depth - 1)


def _folders(place: Location) -> list[str]:
    if isinstance(place, Path):
        return [entry.name for entry in place.iterdir() if entry.is_dir()] if place.is_dir() else []
    files, path = place.files()
    try:
        found = files.ls(path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"There is nothing at {place}: give the URL of a canvas.zarr, or of a folder above.") from None
    return [entry["name"].rstrip("/").rpartition("/")[2] for entry in found if entry["type"] == "directory"]


def _named(place: Location) -> Source:
    """Names from the workflow's folders, or from a file's own name."""
    folder = place.parent
    seed = folder.name.removeprefix("seed")
    if seed.isdigit() and seed != folder.name:
        video, model = folder.parent.parent.name, folder.parent.name
        return Source(f"{video}/{model}/seed{seed}", video, model, seed, place)
    own = place.name.rpartition(".")[0] or place.name
    model = folder.name if own in ("canvas", "model") and folder.name else own
    return Source(model, "", model, "", place)


def _distinct(found: list[Source]) -> list[Source]:
    """With a number behind names that come again."""
    names: dict[str, int] = {}
    result = []
    for one in found:
        names[one.name] = names.get(one.name, 0) + 1
        again = names[one.name]
        name = one.name if again == 1 else f"{one.name} ({again})"
        result.append(
            Source(name, one.video, one.model if again == 1 else f"{one.model} ({again})", one.seed, one.what)
        )
    return result
