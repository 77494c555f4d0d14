"""`xinc.compare`: two networks of one video, from whatever they are given as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from xinc.analyses.compare import Compare
from xinc.analyses.compare.compute import Side, comparison
from xinc.analyses.compare.layers import matched_layers
from xinc.analyses.compare.numbers import GRID, MOST
from xinc.analyses.given import Given, as_video, given
from xinc.errors import InputError
from xinc.frames import FrameChoice, frame_list
from xinc.settings import validate


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
        canvas, of a checkpoint that needs no hints, or of the workflow's folder of a network,
        ``results/bunny/nerv/seed0``.
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

    `xinc.plot` draws it, and ``xinc.to_dataframe(result, "pair")`` is the table of all matches.

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
    values = {"frames": choice, "grid": grid, "layers": {} if layers is None else layers}
    numbers = {"max_neurons": max_neurons, "shown": shown, "seed": seed}
    settings = validate(Compare.Settings, values | numbers, "compare")
    both = [given(a, "a"), given(b, "b")]
    sides = [Side(one.layers, one.model) for one in both]
    pairs = matched_layers(list(sides[0].layers), list(sides[1].layers), settings.layers)
    result = comparison(sides, pairs, _video(video, both), settings)
    about = {"analysis": Compare.name, "question": Compare.question, "paper_section": Compare.section}
    return result.assign_attrs(about, a=_name(both[0], "a"), b=_name(both[1], "b"))


def _name(one: Given, name: str) -> str:
    """``nerv seed 0`` of a network in the workflow's folder, that of a checkpoint, otherwise ``name``."""
    model = one.of.get("model", name)
    return f"{model} seed {one.of['seed']}" if "seed" in one.of else model


def _video(video: Any, both: Sequence[Given]) -> xr.DataArray | None:
    """The frames of the video, (frame, y, x, channel), as far as it is known."""
    if video is None:
        found = sorted({one.video.resolve() for one in both if one.video is not None})
        if len(found) > 1:
            raise InputError(
                f"a is a network of {found[0].parent.name}, b of {found[1].parent.name}: compare networks of one video."
            )
        if not found:
            return None
        video = found[0]
    layer = next(iter(both[0].layers.values()))
    return as_video(video, (layer.sizes["y"], layer.sizes["x"]), both[0].model)["frames"]
