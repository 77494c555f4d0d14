"""Rankings of neurons: which ones paint a region, matter to it, or are to blame for its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import xarray as xr

from xinc.answers import measures, region
from xinc.answers.beside import of_instance, record_behind
from xinc.answers.measures import Measured
from xinc.answers.region import Region
from xinc.canvas.layer import as_layer, choose_layers
from xinc.canvas.reductions import choose_frames
from xinc.errors import InputError, nearest
from xinc.frames import ranges

if TYPE_CHECKING:
    import pandas as pd

#: By what neurons are ranked.
Measure = Literal["contribution", "gained", "effect", "blame"]

#: What the columns of a table are.
_COLUMNS = {
    "layer": "name of the layer",
    "neuron": "number of the neuron in its layer",
    "in_channel": "input channel of the neuron; -1: all of them",
    "out_channel": "output channel of the neuron, before PixelShuffle; -1: all of them",
    "contribution": "sum of |C| over the region's pixels and frames; layers have no common scale",
    "gained": "sum of the gained map over the region's pixels and frames, in colours",
    "effect": "sum over the region's pixels and frames of the squared effect of ablation, in colours²",
    "blame": "how much of the region's sum of squared errors ablation takes away, in colours²",
    "elsewhere": "the same for the rest of the frames; negative: they are worse without the neuron",
    "share": "of the total over all neurons that it is ranked with",
    "cumulative": "share of this neuron and of those above it",
    "over_representation": "the measure over what it would be if the neuron's total were spread evenly over the frame",
}
_SHARE_OF_ERROR = "of the region's sum of squared errors; shares of several neurons do not add up"


def top_neurons(
    canvas: Any,
    *,
    box: Sequence[int] | None = None,
    mask: Any = None,
    pixel: Sequence[int] | None = None,
    instance: str | int | None = None,
    frames: Sequence[int] | None = None,
    by: Measure = "contribution",
    count: int | None = 10,
    layers: str | Iterable[str] | None = None,
    masks: Any = None,
    model: Any = None,
    video: Any = None,
    probes: int = 32,
    seed: int = 0,
    first: Callable[[pd.DataFrame], None] | None = None,
) -> pd.DataFrame:
    """The neurons that matter most in a region, one a row.

    Of all neurons only what lies in the region's bounding box is computed, and of the neurons in the table the whole
    frame. What is not as quick: gained maps of a canvas without gains, because gains take backward passes of whole
    frames.

    Parameters
    ----------
    canvas : a canvas or one of its layers, as from `xinc.dissect` or `xinc.open_canvas`; or the maps of a layer,
        ``canvas["head"]["contribution"]``.
    box : (y0, y1, x0, x1), rows y0 to y1 − 1 and columns x0 to x1 − 1.
    mask : (y, x) or (frame, y, x) bool, True in the region; by the coordinate ``frame`` where it has one, otherwise in
        the order of ``frames``.
    pixel : (y, x).
    instance : an annotated instance by name (``"person 3"``) or id (``3``), or all of a category (``"person"``). Frames
        in which it is not to be seen are left out. Without a region, the whole frame is.
    frames : indices of frames (default: all of the canvas), over which the measure is summed.
    by : ``"contribution"``: Σ|C| over the region. Layers have no common scale, so each has a ranking of its own.
        ``"gained"``: the same of gained maps (see `xinc.dissect`). ``"effect"``: Σ‖Δ‖², what the colours lose without
        the neuron. ``"blame"``: how much of the squared error is gone without the neuron. These three are in colours:
        all layers are ranked together. The last two are estimated for all neurons as by `xinc.effects`, and computed
        exactly, as by `xinc.ablate`, for the best by the estimate: three times ``count`` of them, at least 20 more.
    count : neurons in each ranking, None for all.
    layers : names of layers of a canvas (default: all).
    masks : where ``instance`` is looked up: regions or a prepared video, the path of one of them, or ids (y, x) or
        (frame, y, x). Default: ``regions.zarr`` of the canvas's video in a folder of results.
    model : the network, or its path, for gained maps that the canvas does not have, effects and blame. Default: the one
        that was dissected, or ``model.pt`` beside the canvas.
    video : the frames to which the network was fitted, (frame, y, x, channel) in [0, 1], or a prepared video or its
        path; for blame. Default: ``video.zarr`` of the canvas's video in a folder of results.
    probes, seed : of the estimates, see `xinc.effects`.
    first : of effects and blame, called with the ranking by the estimates alone while those of the table are computed
        exactly, which takes long in large networks. It has neither ``over_representation`` nor ``elsewhere``, and of
        blame no shares.

    Returns
    -------
    DataFrame, the first of each ranking above the others, with the columns

    - ``layer``, ``neuron`` (its number there), ``in_channel`` and ``out_channel`` (-1: not one channel);
    - the measure, called as ``by``;
    - ``share`` of the total over all neurons that are ranked together, and ``cumulative``, the share of this neuron and
      those above it. For blame, the share of the region's squared error that is gone, which does not add up;
    - ``over_representation``: the measure divided by what it would be if the neuron's total over the frame were spread
      evenly, E in section 4.2 (1: as much as anywhere). NaN for a neuron whose total is 0. For blame there is
      ``elsewhere`` in its place: how much of the error in the rest of the frames is gone.

    Its ``attrs`` say in words what the region is and, in ``columns``, what each column is. For blame in one frame,
    ``verdict`` is that of `xinc.explain_error`: in most networks, no neuron is to blame.

    Raises
    ------
    InputError : not a canvas or layer; a box or pixel outside of the frame, a mask of another size or without pixels,
        more than one region; an unknown instance, layer, frame or measure; several frames of networks with one for each
        frame; maps that are not finite; a network, video or masks that are needed and not found, or of another canvas.

    Examples
    --------
    >>> import xinc
    >>> from xinc.models.storage import build
    >>> model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(8), 8)
    >>> found = xinc.top_neurons(xinc.dissect(model), box=(4, 8, 10, 20), frames=[3], count=2)
    >>> found["layer"].tolist()
    ['block1', 'block1', 'block2', 'block2', 'head', 'head']
    >>> found.attrs["region"]
    'rows 4 to 7, columns 10 to 19: 40 of 512 pixels, frame 3'
    """
    if by not in get_args(Measure):
        raise InputError(f"by is {by!r}: {nearest(str(by), get_args(Measure))}.")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1):
        raise InputError(f"count is {count!r}: a number of neurons from 1 on was expected, or None for all.")
    chosen = _layers(canvas, layers)
    where = _region(chosen[0], box, mask, pixel, instance, masks, frames)
    for layer in chosen[1:]:
        choose_frames(layer, where.frames)
    _check_one_network(chosen[0], where)
    _check_gain(chosen, by)

    def of_all(estimated: list[Measured]) -> None:
        if first is not None:  # shares of blame are of an error that is not known yet
            unknown = np.nan if by == "blame" else None
            first(_described(_table([estimated], by, count, where, unknown), by, where))

    if by == "blame":
        measured, error, verdict = measures.blame_of(chosen, where, model, video, count, probes, seed, of_all)
        found = _table([measured], by, count, where, error)
        found.attrs |= {"verdict": verdict} if verdict else {}
    elif by == "effect":
        found = _table([measures.effects_of(chosen, where, model, count, probes, seed, of_all)], by, count, where)
    else:
        parts = measures.summed(measures.gained(chosen, where, model) if by == "gained" else chosen, where)
        found = _table([parts] if by == "gained" else [[part] for part in parts], by, count, where)
    return _described(found, by, where)


def _described(found: pd.DataFrame, by: str, where: Region) -> pd.DataFrame:
    """A table that says what it is of, and what its columns are."""
    described = _COLUMNS | ({"share": _SHARE_OF_ERROR} if by == "blame" else {})
    found.attrs |= {"by": by, "region": str(where), "frames": where.frames}
    found.attrs["columns"] = {name: described[name] for name in found.columns}
    return found


def _layers(canvas: Any, layers: str | Iterable[str] | None) -> list[xr.Dataset]:
    """The layers that are ranked, in network order, their records with them."""
    if isinstance(canvas, str | Path):
        raise InputError(f"'{canvas}' is the path of a canvas, not a canvas: give xinc.open_canvas('{canvas}').")
    if isinstance(canvas, xr.DataTree) and canvas.children:
        names = choose_layers([str(name) for name in canvas.children], layers, "this canvas")
        return [as_layer(canvas.children[name]) for name in names]
    found = as_layer(canvas)
    if layers is not None:
        record = record_behind(found)
        choose_layers(["" if record is None else record.layer], layers, "what was given, one layer")
    return [found]


def _region(
    layer: xr.Dataset, box: Any, mask: Any, pixel: Any, instance: Any, masks: Any, frames: Sequence[int] | None
) -> Region:
    """The region asked for, in the frames asked for."""
    chosen = choose_frames(layer, frames)
    if len(set(chosen)) < len(chosen):
        twice = ranges(sorted({frame for frame in chosen if chosen.count(frame) > 1}))
        raise InputError(
            f"Frames {twice} were asked for more than once: list each frame once, for they are summed over."
        )
    size = layer.sizes["y"], layer.sizes["x"]
    record = record_behind(layer)
    if record is not None and record.resolution != size:
        raise InputError(
            f"The maps are a window of {size[0]}x{size[1]} of a frame of {record.resolution[0]}x"
            f"{record.resolution[1]}: give whole ones, of which box= and its like are the window."
        )
    given = {"box": box, "mask": mask, "pixel": pixel, "instance": instance}
    asked = [name for name, value in given.items() if value is not None]
    if len(asked) > 1:
        raise InputError(f"{', '.join(asked)} were given: choose one of them, a region is one of box, mask, pixel.")
    if masks is not None and instance is None:
        raise InputError("masks= was given without instance=: name the instance, or give your own region as mask=.")
    if box is not None:
        return region.of_box(box, size, chosen)
    if pixel is not None:
        return region.of_pixel(pixel, size, chosen)
    if mask is not None:
        return region.of_mask(mask, size, chosen)
    if instance is not None:
        return of_instance(instance, masks, layer, size, chosen)
    return region.whole(size, chosen)


def _check_one_network(layer: xr.Dataset, where: Region) -> None:
    """`InputError` where neurons of several frames are those of several networks."""
    record = record_behind(layer)
    if record is not None and not record.shared_weights and len(where.parts) > 1:
        raise InputError(
            f"Each frame of this {record.architecture or 'canvas'} has a network of its own, so that a number is "
            f"another neuron in each of the {len(where.parts)} frames: choose one, e.g. frames=[{where.frames[0]}]."
        )


def _check_gain(layers: Sequence[xr.Dataset], by: str) -> None:
    records = [record_behind(layer) for layer in layers]
    if by == "contribution" and any(record is not None and record.gain == "applied" for record in records):
        raise InputError("The maps are gained maps: rank by='gained', or open or dissect the canvas without gain=True.")


def _table(
    rankings: Sequence[Sequence[Measured]], by: str, count: int | None, where: Region, error: float | None = None
) -> pd.DataFrame:
    """The neurons of each ranking, which has one layer or several.

    ``error`` is the region's sum of squared errors, of which blame is a share.
    """
    import pandas as pd

    picks = [_best(ranking, count) for ranking in rankings]
    measured = [one for ranking in rankings for one in ranking]
    places = [
        place[of == at] for ranking, (of, place) in zip(rankings, picks, strict=True) for at in range(len(ranking))
    ]
    rows = iter(zip(measured, places, _even(measured, places, by, where), strict=True))
    parts = []
    for ranking, (of, _) in zip(rankings, picks, strict=True):
        each = [_rows(*next(rows), by).set_axis(np.flatnonzero(of == at)) for at in range(len(ranking))]
        found = pd.concat(each).sort_index()
        total = error if error is not None else sum(one.values.sum() for one in ranking)
        after = list(found.columns).index(by) + 1
        found.insert(after, "share", found[by] / total if total else np.nan)
        if error is None:
            found.insert(after + 1, "cumulative", found["share"].cumsum())
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def _best(ranking: Sequence[Measured], count: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The best candidates of some layers, first to last: which layer each is of, and its position there, both (n,)."""
    of = np.concatenate([np.full(len(one.values), at) for at, one in enumerate(ranking)])
    place = np.concatenate([np.arange(len(one.values)) for one in ranking])
    values = np.concatenate([one.values for one in ranking])
    listed = np.flatnonzero(np.concatenate([one.candidates for one in ranking]))
    order = listed[np.argsort(-values[listed], kind="stable")][:count]
    return of[order], place[order]


def _even(
    measured: Sequence[Measured], places: Sequence[np.ndarray], by: str, where: Region
) -> Sequence[np.ndarray | None]:
    """For each layer, the measure of the neurons at these positions if it were spread evenly over the frame."""
    if by in ("contribution", "gained"):
        return measures.spread_evenly([one.layer for one in measured], where, places)
    return [None if one.expected is None else one.expected[place] for one, place in zip(measured, places, strict=True)]


def _rows(one: Measured, picked: np.ndarray, even: np.ndarray | None, by: str) -> pd.DataFrame:
    """Neurons of one layer, by position."""
    import pandas as pd

    record = record_behind(one.layer)
    columns: dict[str, Any] = {
        "layer": np.full(len(picked), "" if record is None else record.layer, dtype=object),
        "neuron": one.layer["neuron"].values[picked],
    }
    for name in ("in_channel", "out_channel"):
        if name in one.layer.coords:
            columns[name] = one.layer[name].values[picked]
    columns |= {by: one.values[picked]} | {name: values[picked] for name, values in one.columns.items()}
    if even is not None:
        columns["over_representation"] = one.values[picked] / np.where(even > 0, even, np.nan)
    return pd.DataFrame(columns)
