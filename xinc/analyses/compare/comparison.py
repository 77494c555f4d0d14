"""`xinc.compare`: two networks of one video, from whatever they are given as."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from torch import nn

from xinc.analyses.compare import Compare
from xinc.analyses.compare.compute import Side, comparison
from xinc.analyses.compare.layers import matched_layers
from xinc.analyses.compare.numbers import GRID, MOST
from xinc.canvas.dissect import dissect
from xinc.canvas.layer import as_layer
from xinc.canvas.network import as_network
from xinc.canvas.origin import origin_of
from xinc.canvas.reader import open_canvas
from xinc.errors import InputError
from xinc.frames import FrameChoice, frame_list
from xinc.models.base import INR
from xinc.models.loading import load
from xinc.settings import validate
from xinc.video.store import open_video


def compare(
    a: Any,
    b: Any,
    video: Any = None,
    layers: Mapping[str, str] | None = None,
    frames: FrameChoice | Sequence[int] = 1,
    grid: tuple[int, int] = GRID,
    max_neurons: int = MOST,
    shown: int = 3,
    seed: int = 0,
) -> xr.Dataset:
    """What two networks of one video have in common: quality, heatmaps, and neurons matched one to one.

    The similarity of two neurons is Pearson's r of their maps |C|, averaged over the cells of a grid. Neurons are
    matched so that the sum of similarities is largest, those of one PixelShuffle phase among themselves where both
    layers have the same phases. A match counts as a *partner* if it is beyond what 95 % of the null's matches reach.
    The null matches the neuron's own network with itself, no neuron with one of the same input channel: so alike, after
    the same choice among many, are neurons that have nothing in common but the picture, the architecture and the
    training. Of two networks whose neurons have no counterparts in each other, 5 % have a partner. A network with fewer
    neurons takes the null of the other.

    Parameters
    ----------
    a, b : networks (`xinc.load_model`, `xinc.prune`), canvases (`xinc.dissect`, `xinc.open_canvas`), or paths: of a
        canvas, of a ``model.pt``, or of the workflow's folder of a network, ``results/bunny/nerv/seed0``.
    video : frames (frame, y, x, channel) in [0, 1], a dataset with them as ``frames``, or the path of a ``video.zarr``.
        By default that of the workflow, where the networks lie in a folder of its results. Without it and without the
        networks, the variables of quality are left out.
    layers : layers of ``b`` by layers of ``a`` that have other names, e.g. ``{"layer3": "head"}``; all others are
        compared where both have them.
    frames : frames to compare, each on its own: how many, evenly spread over those that both canvases have; a list; or
        ``"all"``.
    grid : rows and columns of the grid.
    max_neurons : neurons of a layer of ``a`` that are matched; of more, as many are drawn at random, and matched with
        all of ``b``. An assignment takes a minute for 10,000 neurons of one phase on each side, 0.3 s for 2,000 with
        10,000. At most 10^8 similarities are kept at once.
    shown : best and worst matches whose maps are part of the result.
    seed : of the draws.

    Returns
    -------
    Dataset with the dimensions ``layer`` (of ``a``; ``other_layer`` is that of ``b``), ``frame`` and ``network``, which
    is ``a`` or ``b``:

    - ``heatmap`` Σ|C| (…, y, x), ``heatmap_correlation``, and ``heatmap_correlation_null``, its standing among all
      toroidal shifts;
    - ``neurons``; ``dead`` (the map is zero), ``constant`` (on the grid) and ``twins`` (of a neuron of another input,
      as kernels without weights are), which are left out; ``compared``;
    - ``edge``, and ``share``, the share of the compared neurons that have a partner, with ``share_low`` and
      ``share_high`` (95 %, input channels resampled) and ``contribution_share``, their part of Σ|C|; those of ``b`` are
      NaN where some of ``a`` were drawn;
    - along ``pair``, for each neuron of ``a`` that is compared: ``pair_layer``, ``pair_frame``, ``neuron``,
      ``partner`` (the number of its match in ``b``; -1, with a similarity of NaN, if it is left over), ``similarity``
      and ``is_partner``;
    - ``pairs_by_similarity`` (…, of, bin): numbers of matches, of the null's matches, and of all other pairs;
    - ``map``, ``map_neuron``, ``map_similarity`` (…, matches, rank): the best and the worst matches;
    - ``reconstruction``, ``psnr_between``, ``parameters`` and ``nonzero_parameters`` where the networks are at hand,
      ``source``, ``psnr`` and ``mean_psnr`` where the video is as well.

    Raises
    ------
    InputError : not networks or canvases; canvases of different resolutions, videos, kinds of maps, or without a frame
        or layer in common; a layer or frame that is not there; too many similarities; a video of another size.

    Examples
    --------
    >>> import xinc
    >>> from xinc.models.storage import build
    >>> one, other = (build("ffn", {"hidden_width": 8}, (16, 32), [0], 1, seed=seed) for seed in (0, 1))
    >>> same = xinc.compare(one, one)
    >>> bool((same["neuron"] == same["partner"]).all()), round(float(same["similarity"].min()), 6)
    (True, 1.0)
    >>> float(xinc.compare(one, other)["similarity"].max()) < 1
    True
    """
    choice = frames if isinstance(frames, int | str) else tuple(frame_list(frames))
    values = {"frames": choice, "grid": tuple(grid), "max_neurons": max_neurons, "shown": shown, "seed": seed}
    settings = validate(Compare.Settings, values, "compare")
    given = [_given(a, "a"), _given(b, "b")]
    sides = [Side(one.layers, one.model) for one in given]
    pairs = matched_layers(list(sides[0].layers), list(sides[1].layers), dict(layers or {}))
    result = comparison(sides, pairs, _video(video, given), settings)
    return result.assign_attrs(a=given[0].name, b=given[1].name)


@dataclass(frozen=True)
class _Given:
    """What a network is given as: layers, the network where it is at hand, the workflow's video beside it, a name."""

    layers: dict[str, xr.Dataset]
    model: INR | None
    video: Path | None
    name: str


def _given(value: Any, name: str) -> _Given:
    """`InputError` for what is neither a network nor a canvas."""
    if isinstance(value, nn.Module):
        model = as_network(value)
        return _Given(_layers(dissect(model)), model, None, name)
    if isinstance(value, str | os.PathLike):
        return _at(os.fspath(value), name)
    if not isinstance(value, xr.DataTree) or not value.children:
        found = "one layer" if isinstance(value, xr.DataTree) else f"an object of type {type(value).__qualname__}"
        raise InputError(
            f"{name} is {found}: a network (xinc.load_model), a whole canvas (xinc.dissect, xinc.open_canvas) or the "
            "path of either was expected."
        )
    layers = _layers(value)
    origin = origin_of(next(iter(layers.values())))
    if isinstance(origin, INR):
        return _Given(layers, origin, None, name)
    if not isinstance(origin, Path):
        return _Given(layers, None, None, name)
    return _beside(layers, origin.parent.parent, name)


def _at(path: str, name: str) -> _Given:
    """A network or canvas at a path, or in the workflow's folder of a network."""
    place = Path(path)
    if place.is_file():
        model = load(place)
        return _Given(_layers(dissect(model)), model, _video_beside(place.parent), _named(place.parent, name))
    canvas = f"{path.rstrip('/')}/canvas.zarr" if (place / "canvas.zarr").is_dir() else path
    layers = _layers(open_canvas(canvas))
    return _Given(layers, None, None, name) if "://" in path else _beside(layers, Path(canvas).parent, name)


def _layers(canvas: xr.DataTree) -> dict[str, xr.Dataset]:
    return {name: as_layer(node) for name, node in canvas.children.items()}


def _beside(layers: dict[str, xr.Dataset], folder: Path, name: str) -> _Given:
    """A canvas in the workflow's folder of a network, with the network and its video if they are there."""
    file = folder / "model.pt"
    return _Given(layers, load(file) if file.is_file() else None, _video_beside(folder), _named(folder, name))


def _video_beside(folder: Path) -> Path | None:
    """The workflow's video of a network in ``<video>/<model>/seed<k>``."""
    video = folder.parent.parent / "video.zarr"
    return video if video.is_dir() else None


def _named(folder: Path, name: str) -> str:
    """``nerv seed 0`` of the workflow's folder of a network."""
    here = folder.resolve()
    seed = here.name.removeprefix("seed")
    return f"{here.parent.name} seed {seed}" if seed.isdigit() and seed != here.name else name


def _video(video: Any, given: Sequence[_Given]) -> xr.DataArray | None:
    """The frames of the video, (frame, y, x, channel), as far as it is known."""
    if video is None:
        found = sorted({one.video.resolve() for one in given if one.video is not None})
        if len(found) > 1:
            raise InputError(
                f"a is a network of {found[0].parent.name}, b of {found[1].parent.name}: compare networks of one video."
            )
        if not found:
            return None
        video = found[0]
    if isinstance(video, str | os.PathLike):
        video = open_video(os.fspath(video))
    frames = video["frames"] if isinstance(video, xr.Dataset) and "frames" in video else video
    if not isinstance(frames, xr.DataArray) or set(frames.dims) != {"frame", "y", "x", "channel"}:
        raise InputError(
            f"video is an object of type {type(video).__qualname__}: frames with the dimensions (frame, y, x, channel) "
            "were expected, as xarray, a dataset with them as 'frames', or the path of a video.zarr."
        )
    if "frame" not in frames.coords:
        frames = frames.assign_coords(frame=np.arange(frames.sizes["frame"]))
    layer = next(iter(given[0].layers.values()))
    sizes = [(one.sizes["y"], one.sizes["x"]) for one in (frames, layer)]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"The video is {sizes[0][0]}x{sizes[0][1]} pixels, the maps are {sizes[1][0]}x{sizes[1][1]}: give the "
            "video at the networks' resolution."
        )
    return frames
